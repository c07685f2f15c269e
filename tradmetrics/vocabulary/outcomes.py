"""The fate of an order after an exception: rejected, or unknown because the order may be live.

One rule serves `track_order`, `OrderTracker.submit` and all adapters. The answer that came back last decides, and not
the class of the exception. `is_unknown` says how the answer is found.
"""

from __future__ import annotations

import errno
import inspect
import sys
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final, NamedTuple, TypeAlias, Union, cast

from tradmetrics.errors import ConfigurationError
from tradmetrics.model.text import snake_case
from tradmetrics.vocabulary import exception_names as known
from tradmetrics.vocabulary.http_status import (
    ERROR,
    OK,
    attributes_once,
    method_name,
    request_status,
    status_of_exception,
    status_of_result,
)
from tradmetrics.vocabulary.status_fate import fate_by_status
from tradmetrics.vocabulary.venue_codes import codes_of, is_venues

__all__ = [
    "ERROR",
    "OK",
    "UNKNOWN_ON",
    "ExceptionName",
    "Names",
    "UnknownOn",
    "UnknownOnSource",
    "is_one_of",
    "is_unknown",
    "method_name",
    "reason_in",
    "reason_of",
    "request_status",
    "status_of_exception",
    "status_of_result",
    "unknown_on",
]

ExceptionName: TypeAlias = Union[str, type[BaseException]]
Names: TypeAlias = frozenset[Union[str, type[BaseException]]]
Predicate: TypeAlias = Callable[[Any], object]
UnknownOnSource: TypeAlias = Union[ExceptionName, Predicate, Iterable[Union[ExceptionName, Predicate]]]
"""Values that `unknown_on=` takes: exception classes, class names, predicates, or several of them."""
Fault: TypeAlias = Callable[[Exception], object]
_Read: TypeAlias = Callable[[object, str], Any]


class UnknownOn(NamedTuple):
    """A user's own exceptions of unknown outcome, from `unknown_on`."""

    names: Names = frozenset()
    predicates: tuple[Predicate, ...] = ()


UNKNOWN_ON: Final = UnknownOn()
"""No exceptions beside those that the rule knows."""

_MOST_LOOKED_AT: Final = 100
_LONGEST_TEXT: Final = 2_000
_LOST: Final = frozenset(
    getattr(errno, name)
    for name in ("ENETRESET", "ENETDOWN", "ENETUNREACH", "EHOSTDOWN", "EHOSTUNREACH", "ENOTCONN", "ESHUTDOWN")
    if hasattr(errno, name)
)


def unknown_on(more: UnknownOnSource = ()) -> UnknownOn:
    """Check what a user gave for `unknown_on=`.

    Args:
        more: Exception classes, class names with or without their module, and predicates: functions that take an
            exception and return true if the order may be live after it.

    Raises:
        ConfigurationError: If one of them is neither an exception class, a name nor a function of one argument.
    """
    several = isinstance(more, Iterable) and not isinstance(more, str | type) and not callable(more)
    given: tuple[Any, ...] = tuple(more) if several else (more,)  # type: ignore[arg-type]
    names: set[Union[str, type[BaseException]]] = set()
    predicates: list[Predicate] = []
    for each in given:
        if (isinstance(each, str) and each.strip()) or (isinstance(each, type) and issubclass(each, BaseException)):
            names.add(each)
        elif _is_predicate(each):
            predicates.append(cast(Predicate, each))
        else:
            raise ConfigurationError(
                f"unknown_on={each!r}: write exception classes, their names, or functions that take the exception, "
                "e.g. unknown_on=(TimeoutError, 'RequestTimeout', lambda error: error.code == -1007)"
            )
    return UnknownOn(frozenset(names), tuple(predicates))


def _is_predicate(value: object) -> bool:
    if not callable(value) or isinstance(value, type) or inspect.iscoroutinefunction(value):
        return False
    try:
        inspect.signature(value).bind(None)
    except TypeError:
        return False
    except Exception:
        return True  # a builtin that does not tell its parameters
    return True


def is_unknown(exception: BaseException, unknown: UnknownOn = UNKNOWN_ON, fault: Fault | None = None) -> bool:
    """Return True if an order may be live after `exception`, and False if the venue refused it.

    The rule looks at the exception first, then at what it wraps: exceptions of a group, `reason`, arguments that are
    exceptions, and its `__cause__` or, without one, its `__context__`. The first of them that tells an answer
    decides, so a retry that got a 400 after a timeout is a reject. These tell an answer, in this order:

    1. `unknown`, the user's own classes, names and predicates: unknown;
    2. an exception that is not an `Exception`, a cancellation, or a closed websocket: unknown;
    3. a venue's code that says so (Binance's -1006 and -1007), or a text "execution status unknown": unknown;
    4. a refusal by its class (ccxt's `RateLimitExceeded` and `DDoSProtection`): a reject;
    5. an HTTP status: 408 and 5xx are unknown, other 4xx are rejects; or a status of gRPC: `UNAVAILABLE`,
       `DEADLINE_EXCEEDED` and the like are unknown, others are rejects;
    6. a timeout, a lost connection, a body that broke off or cannot be read: unknown;
    7. a venue's own code (from 1000 on, or -1000 down), or ccxt's `ExchangeError`: a reject, unless the exception
       names another as its cause that tells an answer.

    If no exception tells an answer, the order is rejected. A caller's exception that was being handled when the
    decorated function was called is not looked at.

    Args:
        exception: The exception that the call raised.
        unknown: The result of `unknown_on`.
        fault: Takes the first exception that a predicate raises; such a predicate counts as no.
    """
    return _Search(unknown, fault).fate(exception) is True


class _Search:
    """One walk through an exception and what it wraps. A fate is True (unknown), False (rejected), or None (silent)."""

    def __init__(self, unknown: UnknownOn, fault: Fault | None) -> None:
        self._unknown = unknown
        self._fault = fault
        self._seen: set[int] = set()
        self._read = attributes_once()

    def fate(self, exception: BaseException) -> bool | None:
        if id(exception) in self._seen or len(self._seen) >= _MOST_LOOKED_AT:
            return None
        self._seen.add(id(exception))
        if self._is_users(exception):
            return True
        own = _answer_of(exception, self._read)
        if own is not None and not _is_server_side(exception):
            return own
        inside = [each for each in map(self.fate, _inside(exception, self._read)) if each is not None]
        if inside:
            return any(inside)  # of orders that were sent side by side, one may be live
        weak = _refusal_in(exception, self._read) if own is None else own
        origin = exception.__cause__
        if origin is None:
            if weak is not None and own is None:
                return weak
            origin = exception.__context__
            if origin is None or _is_callers(origin):
                return weak
        found = self.fate(origin)
        return weak if found is None else found

    def _is_users(self, exception: BaseException) -> bool:
        if self._unknown.names and _is_named(exception, self._unknown.names):
            return True
        for predicate in self._unknown.predicates:
            try:
                if predicate(exception):
                    return True
            except Exception as error:
                fault, self._fault = self._fault, None
                if fault is not None:
                    fault(error)
        return False


def _answer_of(exception: BaseException, read: _Read) -> bool | None:
    """The answer that an exception tells by itself: steps 2 to 6 of the rule."""
    if not isinstance(exception, Exception) or _is_named(exception, known.CLOSED_CONNECTIONS):
        return True
    if _has_unknown_code(exception, read) or _says_unknown(exception):
        return True
    if _is_named(exception, known.REFUSED) or _is_refused_with_status(exception, read):
        return False
    if _is_made_up(exception, read):
        return True
    fate = fate_by_status(exception, read)
    if fate is not None:
        return fate
    is_lost = isinstance(exception, TimeoutError | ConnectionError) or _is_named(exception, known.NO_ANSWER)
    return True if is_lost or (isinstance(exception, OSError) and exception.errno in _LOST) else None


def _refusal_in(exception: BaseException, read: _Read) -> bool | None:
    """False if an exception is a venue's refusal, unless what it wraps says otherwise: step 7 of the rule."""
    if _is_named(exception, known.ANSWERED):
        return False
    return False if any(map(is_venues, codes_of(exception, read))) else None


def _has_unknown_code(exception: BaseException, read: _Read) -> bool:
    codes = codes_of(exception, read)
    return not codes.isdisjoint(known.UNKNOWN_CODES) or any(
        not codes.isdisjoint(of_venue) and _is_named(exception, frozenset({name}))
        for name, of_venue in known.UNKNOWN_CODES_OF.items()
    )


def _is_refused_with_status(exception: BaseException, read: _Read) -> bool:
    return any(
        _is_named(exception, frozenset({name})) and read(exception, "code") == status
        for name, status in known.REFUSED_WITH.items()
    )


def _says_unknown(exception: BaseException) -> bool:
    first = exception.args[0] if exception.args else None
    return type(first) is str and known.UNKNOWN_TEXT in first[:_LONGEST_TEXT].casefold()


def _is_made_up(exception: BaseException, read: _Read) -> bool:
    """Whether a library made the status up, because no answer came back or none that it could read."""
    for name, name_of_answer in known.MADE_UP_STATUS.items():
        if _is_named(exception, frozenset({name})) and read(exception, name_of_answer) is None:
            return True
    # aiohttp says 400 for an answer that is not HTTP.
    cause = exception.__cause__
    return cause is not None and _is_named(cause, frozenset({"HttpProcessingError"}))


def _is_server_side(exception: BaseException) -> bool:
    return f"{type(exception).__module__}.".startswith(known.SERVER_SIDE)


def _inside(exception: BaseException, read: _Read) -> Iterator[BaseException]:
    """The exceptions that an exception holds: the members of a group, its `reason`, and its arguments."""
    yield from _members(exception)
    for each in (read(exception, "reason"), *exception.args[:10]):
        if issubclass(type(each), BaseException):
            yield each


def _is_callers(context: BaseException) -> bool:
    """Whether an exception is being handled by a function that has not returned: it is older than the call."""
    traceback = context.__traceback__
    if traceback is None:
        return False
    frame = sys._getframe(1)
    while frame is not None:
        if frame is traceback.tb_frame:
            return True
        frame = frame.f_back  # type: ignore[assignment]
    return False


def is_one_of(exception: BaseException, names: Names) -> bool:
    """Return True if an exception, or one in a group of them, is of these classes, given as such or by name."""
    return _is_named(exception, names) or any(is_one_of(each, names) for each in _members(exception))


def _is_named(exception: BaseException, names: frozenset[Any]) -> bool:
    return any(
        kind in names or kind.__name__ in names or f"{kind.__module__}.{kind.__qualname__}" in names
        for kind in type(exception).__mro__
    )


def _members(exception: BaseException) -> tuple[BaseException, ...]:
    """The exceptions in a group, as a task group raises those of its tasks."""
    # By name, because on Python 3.10 a library provides the class.
    if any(kind.__name__ == "BaseExceptionGroup" for kind in type(exception).__mro__):
        members: tuple[BaseException, ...] = exception.exceptions  # type: ignore[attr-defined]
        return members
    return ()


def reason_of(exception: BaseException) -> str:
    """Return the exception's class name in snake_case. Its text holds amounts and ids, so it is not used."""
    return snake_case(type(exception).__name__)


def reason_in(value: object) -> object:
    """Return the class name of an exception that a source gave for a reason, and any other value as it is."""
    # Not isinstance(), which asks the object for its __class__.
    return reason_of(value) if issubclass(type(value), BaseException) else value  # type: ignore[arg-type]
