"""Scrapes the bots every second on one event loop, with connections that stay open."""

import asyncio
import logging
import os
import ssl
import time
from array import array
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Final

import aiohttp

from tradmetrics.board.exposition import Exposition, ExpositionError
from tradmetrics.board.store import Rows, Store
from tradmetrics.board.targets import Target

INTERVAL: Final = 1.0
TIMEOUT: Final = 1.8
"""A bot that hangs is down after one interval and this."""
LARGEST_BODY: Final = 32_000_000
_OWN: Final = ("up", "scrape_duration_seconds", "scrape_samples_scraped")
_ACCEPT: Final = "text/plain;version=0.0.4"
_log = logging.getLogger("tradmetrics.board")


@dataclass
class Watched:
    """One bot and how its scrapes go.

    Attributes:
        target: Its address and name.
        rows: Its samples.
        up: True if the last scrape succeeded; None before the first one.
        error: Why the last scrape failed; empty when it did not.
        seen: When the last scrape succeeded, in seconds since 1970; 0 for never.
    """

    target: Target
    rows: Rows
    up: bool | None = None
    error: str = ""
    seen: float = 0.0
    scrapes: int = field(default=0)
    failures: int = field(default=0)


class Scraper:
    """Scrapes targets into a store.

    Args:
        store: Takes the samples.
        targets: The bots.
        interval: Seconds between two scrapes of a bot.
        tls: How to check certificates; None for the system's authorities.
        clock: The time in seconds since 1970.

    Attributes:
        watched: The bots.
        error: Always empty: each bot has its own.
    """

    error = ""

    def __init__(
        self,
        store: Store,
        targets: Iterable[Target],
        *,
        interval: float = INTERVAL,
        tls: ssl.SSLContext | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._store = store
        self._interval = interval
        self._tls = tls
        self._clock = clock
        self._expositions: dict[str, Exposition] = {}
        self.watched = [self._watch(target) for target in targets]

    def _watch(self, target: Target) -> Watched:
        exposition = Exposition({"job": target.job, "instance": target.name}, _OWN)
        self._expositions[target.name] = exposition
        return Watched(target, self._store.target(target.name, exposition.series))

    async def run(self) -> None:
        """Scrape until cancelled."""
        timeout = aiohttp.ClientTimeout(total=TIMEOUT)
        connector = aiohttp.TCPConnector(ssl=self._tls if self._tls is not None else True, limit=0)
        async with aiohttp.ClientSession(timeout=timeout, connector=connector, auto_decompress=True) as session:
            await asyncio.gather(*(self._follow(session, each) for each in self.watched))

    async def _follow(self, session: aiohttp.ClientSession, watched: Watched) -> None:
        loop = asyncio.get_running_loop()
        due = loop.time()
        while True:
            await self.scrape(session, watched)
            due = max(due + self._interval, loop.time())
            await asyncio.sleep(due - loop.time())

    async def scrape(self, session: aiohttp.ClientSession, watched: Watched) -> None:
        """Scrape one bot once; a failure becomes `up` 0 and a text, never an exception."""
        start = self._clock()
        error, body = "", b""
        try:
            body = await self._fetch(session, watched.target)
            row = self._expositions[watched.target.name].read(body)
        except (ExpositionError, aiohttp.ClientError, OSError, asyncio.TimeoutError, ValueError) as failure:
            error = _reason(failure)
            row = array("d", [0.0, 0.0, 0.0])
        took = self._clock() - start
        row[0], row[1], row[2] = (0.0 if error else 1.0), took, float(max(len(row) - 3, 0))
        self._store.add(watched.rows, start, row)
        self._note(watched, error, start)

    async def _fetch(self, session: aiohttp.ClientSession, target: Target) -> bytes:
        headers = {"Accept": _ACCEPT, "Accept-Encoding": "identity" if _is_local(target.url) else "gzip"}
        if target.authorization:
            headers["Authorization"] = target.authorization
        async with session.get(target.url, headers=headers) as response:
            if response.status != 200:
                raise ExpositionError(f"the bot answers {response.status} {response.reason or ''}".strip())
            parts, size = list[bytes](), 0
            async for part in response.content.iter_chunked(1 << 20):
                size += len(part)
                if size > LARGEST_BODY:
                    raise ExpositionError(f"the answer is longer than {LARGEST_BODY // 1_000_000} MB")
                parts.append(part)
            return b"".join(parts)

    def _note(self, watched: Watched, error: str, time: float) -> None:
        watched.scrapes += 1
        if error:
            watched.failures += 1
            if watched.up is not False:
                _log.warning("cannot scrape %s: %s", watched.target.url, error)
            watched.up, watched.error = False, error
            return
        if watched.up is False:
            _log.warning("%s answers again", watched.target.url)
        left_out = self._expositions[watched.target.name].left_out
        if left_out and not watched.error:
            watched.error = f"{left_out} series have no place and are left out"
            _log.warning("%s: %s", watched.target.url, watched.error)
        elif not left_out:
            watched.error = ""
        watched.up, watched.seen = True, time


def _is_local(url: str) -> bool:
    return url.partition("://")[2].startswith(("127.", "localhost", "[::1]"))


def _reason(error: BaseException) -> str:
    if isinstance(error, asyncio.TimeoutError):
        return f"no answer within {TIMEOUT:g} s"
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return f"the certificate is not trusted: {error.certificate_error}"
    if isinstance(error, aiohttp.ClientConnectorError):
        number = error.os_error.errno
        return os.strerror(number).lower() if number and number > 0 else "the address cannot be found"
    if isinstance(error, aiohttp.ServerDisconnectedError):
        return "the bot closed the connection"
    return str(error) or type(error).__name__
