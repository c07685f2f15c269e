"""The HTTP requests of brokers' clients that are built on `requests`."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from tradmetrics import catalogue
from tradmetrics.integrations._hooks import Finish, Handle


def watch_session(handle: Handle, session: Any, endpoint_of: Callable[[Mapping[str, Any]], object]) -> None:
    """Record every HTTP request of a `requests.Session`, with its HTTP status; `error` when none came back.

    Args:
        handle: The adapter's.
        session: The client's session.
        endpoint_of: Returns the endpoint's label from the arguments of `session.request`: a template, never a path
            with ids in it.
    """

    def request(arguments: Mapping[str, Any]) -> Finish:
        endpoint, method = endpoint_of(arguments), arguments["method"]
        started = time.perf_counter()

        def finish(response: Any, error: BaseException | None) -> None:
            seconds = time.perf_counter() - started
            status = response.status_code if error is None else "error"
            handle.metrics.record(catalogue.API_REQUESTS, (endpoint, method, status), site=handle.site)
            handle.metrics.record(catalogue.API_REQUEST_DURATION, (endpoint, method), seconds, site=handle.site)

        return finish

    handle.watch(session, "request", request)
