"""API requests: each HTTP request of a client counts once, with its duration."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from typing import Any, Final

from tradmetrics import catalogue
from tradmetrics.integrations.kit.handle import Begin, Finish, Handle
from tradmetrics.vocabulary.outcomes import OK, reason_of, status_of_exception

_endpoint: Final[ContextVar[str | None]] = ContextVar("tradmetrics_endpoint", default=None)


def record_request(handle: Handle, endpoint: object, method: object, status: object, seconds: float) -> None:
    """Record one API request.

    Args:
        handle: Of the instrumentation.
        endpoint: The endpoint's template, never a path with ids in it.
        method: The HTTP method, or the word of a socket's request.
        status: The HTTP status, `ok`, or the name of an exception.
        seconds: How long it took.
    """
    handle.metrics.record(catalogue.API_REQUESTS, (endpoint, method, status), site=handle.site)
    handle.metrics.record(catalogue.API_REQUEST_DURATION, (endpoint, method), seconds, site=handle.site)


def request(
    handle: Handle, endpoint: object, method: object, status_of: Callable[[BaseException], object] = reason_of
) -> Finish:
    """Record an API request that begins now: `ok`, or the exception by its class name, `rate_limit_exceeded`.

    Args:
        handle: Of the instrumentation.
        endpoint: The endpoint's template.
        method: The HTTP method.
        status_of: Makes the status of an exception.

    Returns:
        What to call when it has ended.
    """
    started = time.perf_counter()

    def finish(result: Any, error: BaseException | None) -> None:
        seconds = time.perf_counter() - started
        record_request(handle, endpoint, method, OK if error is None else status_of(error), seconds)

    return finish


def watch_route(handle: Handle, client: Any, name: str, endpoint_of: Callable[[Mapping[str, Any]], object]) -> None:
    """Watch the method of a client that all its requests go through, for the endpoint's name and for whose they are.

    Args:
        handle: Of the instrumentation.
        client: The client.
        name: The method.
        endpoint_of: Makes the endpoint's template from the method's arguments.
    """

    def routing(arguments: Mapping[str, Any]) -> Finish:
        token = _endpoint.set(str(endpoint_of(arguments)))
        return lambda result, error: _endpoint.reset(token)

    handle.watch(client, name, routing)


def watch_session(handle: Handle, session: Any) -> None:
    """Record every HTTP request of a `requests.Session` that is sent from a method that `watch_route` watches.

    A session that a copy of the client shares is silent for the copy's requests.

    Args:
        handle: Of the instrumentation.
        session: The client's session. Its requests have their HTTP status, or the exception's: `error` without one.
    """
    handle.watch(session, "request", watched_request(handle))


def watched_request(handle: Handle) -> Begin:
    """Watch a method of an HTTP client that takes `method` and returns a response with `status_code`."""

    def request(arguments: Mapping[str, Any]) -> Finish | None:
        endpoint, method = _endpoint.get(), str(arguments["method"]).upper()
        if endpoint is None:
            return None
        started = time.perf_counter()

        def finish(response: Any, error: BaseException | None) -> None:
            seconds = time.perf_counter() - started
            status = getattr(response, "status_code", None) if error is None else status_of_exception(error)
            record_request(handle, endpoint, method, OK if status is None else status, seconds)

        return finish

    return request


def route() -> str | None:
    """The endpoint of the request that is being sent, as `watch_route` has it."""
    return _endpoint.get()
