"""What became of a call: an order's definite rejection or an outcome that nobody knows, and an API request's status."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from enum import Enum, IntEnum
from typing import Final, TypeAlias, Union

from tradmetrics.errors import ConfigurationError
from tradmetrics.model.missing import MISSING
from tradmetrics.model.text import snake_case, text_of

ExceptionName: TypeAlias = Union[str, type[BaseException]]
Names: TypeAlias = frozenset[Union[str, type[BaseException]]]

UNKNOWN_ON: Final[Names] = frozenset(
    {
        # ccxt: the request left, and nothing definite came back.
        "RequestTimeout",
        "NetworkError",
        "ExchangeNotAvailable",
        # requests; ConnectionError is not the builtin of that name.
        "Timeout",
        "ConnectionError",
        # httpx.
        "TimeoutException",
        "RemoteProtocolError",
        # aiohttp.
        "ServerTimeoutError",
        "ClientConnectionError",
        # asyncio and concurrent.futures, which were classes of their own before Python 3.11.
        "CancelledError",
        "TimeoutError",
    }
)
"""Exceptions, by class name so that nothing is imported, after which an order may or may not be live."""


def unknown_on(more: ExceptionName | Iterable[ExceptionName] = ()) -> Names:
    """Return the exceptions of unknown outcome, with `more` of them.

    Args:
        more: Exception classes, or class names, with or without their module.

    Raises:
        ConfigurationError: When one of them is neither an exception class nor a name.
    """
    given: Iterable[object] = more if isinstance(more, Iterable) and not isinstance(more, str | type) else (more,)
    result: set[str | type[BaseException]] = set(UNKNOWN_ON)
    for each in given:
        if (isinstance(each, str) and each.strip()) or (isinstance(each, type) and issubclass(each, BaseException)):
            result.add(each)
        else:
            raise ConfigurationError(
                f"unknown_on: exception classes or their names, e.g. ('RequestTimeout', TimeoutError), not {each!r}"
            )
    return frozenset(result)


def is_unknown(exception: BaseException, unknown: Names = UNKNOWN_ON) -> bool:
    """Whether the outcome of an order is unknown after `exception`.

    Timeouts, lost connections, cancellations and whatever is no `Exception` leave it unknown, and so do the classes
    in `unknown` and their subclasses; a group of exceptions does where one of them does.

    Args:
        exception: What the call raised.
        unknown: From `unknown_on`.
    """
    return any(
        not isinstance(each, Exception) or isinstance(each, (TimeoutError, ConnectionError)) or _is_named(each, unknown)
        for each in _members(exception)
    )


def is_one_of(exception: BaseException, names: Names) -> bool:
    """Whether an exception, or one in a group of them, is of these classes, given as such or by name."""
    return any(_is_named(each, names) for each in _members(exception))


def _is_named(exception: BaseException, names: Names) -> bool:
    return any(
        kind in names or kind.__name__ in names or f"{kind.__module__}.{kind.__qualname__}" in names
        for kind in type(exception).__mro__
    )


def _members(exception: BaseException) -> Iterator[BaseException]:
    """An exception, and those in it where it is a group, as a task group raises its tasks'."""
    yield exception
    # By name, for Python 3.10 has a library for them.
    if any(kind.__name__ == "BaseExceptionGroup" for kind in type(exception).__mro__):
        for each in exception.exceptions:  # type: ignore[attr-defined]
            yield from _members(each)


def reason_of(exception: BaseException) -> str:
    """The exception's class name in snake_case, which is bounded; its text, which holds amounts and ids, is not."""
    return snake_case(type(exception).__name__)


def reason_in(value: object) -> object:
    """What a source gave for a reason: an exception is its class name, and anything else stays as it is."""
    # Not isinstance(), which asks the object for its __class__.
    return reason_of(value) if issubclass(type(value), BaseException) else value  # type: ignore[arg-type]


OK: Final = "ok"
ERROR: Final = "error"


def request_status(status: object) -> object:
    """The status of a request that returned: what it says, `http.HTTPStatus` as its number, or `ok`."""
    if issubclass(type(status), IntEnum):
        return int(status)  # type: ignore[call-overload]
    return OK if status is None or status is MISSING else status


def status_of_exception(error: BaseException) -> object:
    """The status of a request that raised: the exception's `status_code` (or its response's), else `error`."""
    for holder in (error, getattr(error, "response", None)):
        status = getattr(holder, "status_code", None)
        if isinstance(status, (int, str)) and not isinstance(status, bool):
            return request_status(status)
    return ERROR


def method_name(method: object) -> object:
    """An HTTP method in capitals, an enum's member by its value; anything that is neither stays as it is."""
    kind = type(method)  # not isinstance(), which asks the object for its __class__
    if kind is str:
        return method.upper()  # type: ignore[attr-defined]
    if not issubclass(kind, (str, Enum)) or method is MISSING:
        return method
    try:
        return text_of(method).upper()
    except Exception:
        return method  # that it has no text is counted where it is recorded
