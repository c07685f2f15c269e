"""The HTTP status that an exception or a result carries, and the labels of an API request."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import Enum, IntEnum
from typing import Any, Final

from tradmetrics.model.missing import MISSING
from tradmetrics.model.text import text_of

OK: Final = "ok"
ERROR: Final = "error"

# Words of a body that mean `ok`, which no list of failures may hold.
_SUCCESS: Final = frozenset((OK, "success", "succeeded", "successful", "true"))

_LOWEST, _HIGHEST = 100, 599
_TIMEOUT: Final = 408
_CLIENT_ERRORS: Final = 400
_SERVER_ERRORS: Final = 500
_DIGITS: Final = 3
_ON_EXCEPTIONS: Final = ("status_code", "status", "code", "http_status")
# Django answers these exceptions with statuses that they do not carry.
_BY_CLASS: Final = {
    "django.http.response.Http404": 404,
    "django.core.exceptions.PermissionDenied": 403,
    "django.core.exceptions.BadRequest": 400,
    "django.core.exceptions.SuspiciousOperation": 400,
}
_NOT_BODIES: Final = (int, float, complex)


def as_http_status(value: object) -> int | None:
    """Return an HTTP status: a whole number from 100 to 599, or a text that begins with one (`404 NOT FOUND`)."""
    kind = type(value)  # not isinstance(), which asks the object for its __class__
    if kind is int or issubclass(kind, IntEnum):
        number = int(value)  # type: ignore[call-overload]
    elif issubclass(kind, str):
        word = str.partition(str.strip(value), " ")[0]  # type: ignore[arg-type]
        if len(word) != _DIGITS or not word.isdecimal() or not word.isascii():
            return None
        number = int(word)
    else:
        return None
    return number if _LOWEST <= number <= _HIGHEST else None


def attribute(holder: object, name: str) -> Any:
    """Return an attribute, or None if there is none or its property raises."""
    try:
        return getattr(holder, name, None)
    except Exception:
        return None


def attributes_once(ask: Callable[[object, str], Any] = attribute) -> Callable[[object, str], Any]:
    """Return `ask` with a memory for one exception: a property is asked once, however many rules look at it."""
    seen: dict[tuple[int, str], tuple[object, Any]] = {}

    def read(holder: object, name: str) -> Any:
        key = (id(holder), name)
        if key not in seen:
            seen[key] = (holder, ask(holder, name))
        return seen[key][1]

    return read


def http_status_of_exception(
    error: BaseException, read: Callable[[object, str], Any] = lambda holder, name: getattr(holder, name, None)
) -> int | None:
    """Return the HTTP status that an exception carries itself, or on its `response`; None if it carries none.

    Raises:
        Exception: The exception of a property, unless `read` is `attribute`.
    """
    for name in _ON_EXCEPTIONS:
        status = as_http_status(read(error, name))
        if status is not None:
            return status
    for kind in type(error).__mro__:
        if f"{kind.__module__}.{kind.__qualname__}" in _BY_CLASS:
            return _BY_CLASS[f"{kind.__module__}.{kind.__qualname__}"]
    response = read(error, "response")
    found = (as_http_status(read(response, name)) for name in _ON_EXCEPTIONS[:2])
    return next((status for status in found if status is not None), None)


def http_status_of_result(result: object) -> int | None:
    """Return the HTTP status of what a function returned, or None if the result is not an HTTP answer.

    An HTTP answer is a number from 100 to 599, a response object of a client or a framework (`status_code`, or a
    numeric `status`), or Flask's `(body, status)` and `(body, status, headers)`. The `status` key of a parsed body is
    the order's and not the request's.
    """
    kind = type(result)
    if kind is int or issubclass(kind, IntEnum):
        return as_http_status(result)
    if kind is tuple:
        return _of_tuple(result)  # type: ignore[arg-type]
    return None if result is None or issubclass(kind, str | bytes) else _of_response(result)


def leaves_unknown(status: int) -> bool | None:
    """Return whether an HTTP status leaves open what became of a request: yes after 408 and 5xx, no after other 4xx.

    None stands for a status below 400, which reports success.
    """
    if status < _CLIENT_ERRORS:
        return None
    return status == _TIMEOUT or status >= _SERVER_ERRORS


def _of_tuple(answer: tuple[Any, ...]) -> int | None:
    if len(answer) not in (2, 3) or issubclass(type(answer[0]), _NOT_BODIES):
        return None
    status = as_http_status(answer[1])
    is_flask = len(answer) == 2 or issubclass(type(answer[2]), Mapping | list | tuple)
    if status is not None:
        return status if is_flask else None
    body = answer[0]  # Flask's (response, headers)
    is_plain = issubclass(type(body), str | bytes | Mapping | list | tuple) or body is None
    return None if is_plain or not is_flask else _of_response(body)


def _of_response(answer: object) -> int | None:
    if issubclass(type(answer), Mapping) and not hasattr(type(answer), "headers"):  # aiohttp's responses are mappings
        return as_http_status(answer.get("status_code"))  # type: ignore[attr-defined]
    status = as_http_status(attribute(answer, "status_code"))
    if status is not None:
        return status
    raw = attribute(answer, "status")
    is_text = issubclass(type(raw), str)  # an order's word, unless HTTP headers stand beside it
    return None if raw is None or (is_text and attribute(answer, "headers") is None) else as_http_status(raw)


def request_status(status: object) -> object:
    """The status of a request, as its caller gives it: `HTTPStatus` as its number; nothing or success is `ok`."""
    kind = type(status)
    if issubclass(kind, IntEnum):
        return int(status)  # type: ignore[call-overload]
    if kind is bool:
        return OK if status else ERROR
    if kind is str and status.strip().lower() in _SUCCESS:  # type: ignore[attr-defined]
        return OK
    return OK if status is None or status is MISSING else status


def status_of_result(result: object) -> str:
    """The status of a request that returned: its HTTP status, else `ok`."""
    status = http_status_of_result(result)
    return OK if status is None else str(status)


def status_of_exception(error: BaseException) -> object:
    """The status of a request that raised: the exception's HTTP status, else its `status_code`, else `error`."""
    read = attributes_once(lambda holder, name: getattr(holder, name, None))
    status = http_status_of_exception(error, read)
    if status is not None:
        return status
    code = read(error, "status_code")  # a venue's own code, such as pybit's
    is_code = issubclass(type(code), int | str) and not isinstance(code, bool) and code != ""
    return request_status(code) if is_code else ERROR


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
