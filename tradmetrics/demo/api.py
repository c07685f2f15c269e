"""The broker's HTTP API as the bot polls it: requests that take a while, and sometimes fail."""

import asyncio
from functools import partial
from random import Random
from typing import Final

from tradmetrics import arg, request_timer, track_errors, track_request
from tradmetrics.demo.clock import SimulatedClock
from tradmetrics.demo.faults import FaultSwitch
from tradmetrics.demo.feed import Spawn
from tradmetrics.demo.ledger import Ledger

_POLLS: Final = {"/quote": 2.0, "/orders": 3.0, "/positions": 5.0, "/margins": 7.0}
"""Each endpoint, and the simulated seconds between two requests to it."""
_USUAL_SECONDS: Final = 0.06
_RETRIES: Final = 2


class ApiError(Exception):
    """The API answered with an error.

    Attributes:
        status_code: The HTTP status.
    """

    def __init__(self, status_code: int) -> None:
        super().__init__(f"HTTP status {status_code}")
        self.status_code = status_code


class Response:
    """A successful answer."""

    status_code = 200


class ApiClient:
    """Polls the API while the session runs.

    The answer to a request is decided when the request is due, in simulated time; it takes its time on the wall clock.

    Args:
        clock: The session's clock.
        random: The API's own source of chance.
        switch: The conditions that faults change.
        ledger: Records requests and their errors.
        spawn: Starts the requests' coroutines.
        waiting: False for requests that take no time.
    """

    def __init__(
        self,
        clock: SimulatedClock,
        random: Random,
        switch: FaultSwitch,
        ledger: Ledger,
        spawn: Spawn,
        *,
        waiting: bool = True,
    ) -> None:
        self._random = random
        self._switch = switch
        self._ledger = ledger
        self._spawn = spawn
        self._waiting = waiting
        self._clock = clock
        self._asked = 0
        for endpoint, interval in _POLLS.items():
            clock.every(interval, partial(self._poll, endpoint))

    def log_in(self) -> None:
        """Get a session token; a block of code is timed with `request_timer`."""
        with request_timer("/session/token", "POST"):
            self._token = self._random.getrandbits(128)
        self._written("/session/token", "POST", "ok")

    @track_errors(component="api", severity="warning")
    @track_request(endpoint=arg("endpoint"), method=arg("method"))
    async def request(self, endpoint: str, method: str, seconds: float, status: int) -> Response:
        """Ask the API.

        Args:
            endpoint: The path asked for.
            method: The HTTP method.
            seconds: How long the simulated server takes.
            status: The HTTP status that it answers with.

        Raises:
            ApiError: When the status is 400 or higher.
        """
        await asyncio.sleep(seconds)
        if status >= 400:
            raise ApiError(status)
        return Response()

    def _poll(self, endpoint: str, attempt: int = 0) -> None:
        conditions = self._switch.conditions
        self._asked += 1
        failed = self._random.random() < conditions.api_error_share
        seconds = self._random.lognormvariate(0.0, 0.5) * _USUAL_SECONDS + conditions.api_slowdown
        # One in a hundred fails on a good day, the first of them early.
        status = 503 if failed else 429 if self._asked % 100 == 10 else 200
        self._spawn(self._ask(endpoint, seconds if self._waiting else 0.0, status))
        self._written(endpoint, "GET", str(status))
        if status != 200:
            self._ledger.add("errors", "api", "warning")
            if attempt < _RETRIES:
                self._clock.later(0.5, partial(self._poll, endpoint, attempt + 1))

    async def _ask(self, endpoint: str, seconds: float, status: int) -> None:
        try:
            await self.request(endpoint, "GET", seconds, status)
        except ApiError:
            return  # the decorator counted the error, and the next round requests it again

    def _written(self, endpoint: str, method: str, status: str) -> None:
        self._ledger.add("requests", endpoint, method, status)
        self._ledger.add("request_times", endpoint, method)
