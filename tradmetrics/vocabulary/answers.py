"""HTTP answers of brokers that a function returned instead of raising, as `requests.post` does."""

from __future__ import annotations

import re
from collections.abc import Callable
from http import HTTPStatus
from typing import Any, Final, NamedTuple

from tradmetrics.vocabulary.http_status import as_http_status, leaves_unknown
from tradmetrics.vocabulary.numbers import is_missing

_NO_LETTERS: Final = re.compile("[^a-z]+")


class HttpError(NamedTuple):
    """An HTTP answer with an error status.

    Attributes:
        reason: The status's name in snake_case, such as `service_unavailable`.
        unknown: Whether the order may be live in spite of it.
    """

    reason: str
    unknown: bool


def http_status_in(value_at: Callable[[str], Any]) -> int | None:
    """Return the HTTP status of an answer, or None where the answer tells the order's state itself or is another kind.

    Args:
        value_at: Reads a field of the answer. A client calls the status `status_code`, or `status` beside `headers`.
    """
    status = value_at("status")
    beside = as_http_status(status)  # `503`, or `503 SERVICE UNAVAILABLE` beside a `status_code`
    if beside is None and not is_missing(status):
        return None  # the order's own word
    found = as_http_status(value_at("status_code"))
    if found is not None or issubclass(type(status), str):
        return found
    return None if beside is None or is_missing(value_at("headers")) else beside


def http_error_of(status: int | None) -> HttpError | None:
    """Return the error that an HTTP status stands for; None for a status below 400, and for none.

    408 and 5xx leave the order's fate unknown, and other 4xx are rejects, as after an exception.
    """
    unknown = None if status is None else leaves_unknown(status)
    return None if status is None or unknown is None else HttpError(_name_of(status), unknown)


def _name_of(status: int) -> str:
    try:
        phrase = HTTPStatus(status).phrase
    except ValueError:
        return f"http_{status}"
    return _NO_LETTERS.sub("_", phrase.lower().replace("'", "")).strip("_")
