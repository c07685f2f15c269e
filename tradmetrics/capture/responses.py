"""The HTTP response that a decorated function returned, if it returned one."""

from __future__ import annotations

from typing import Any

from tradmetrics.capture.call_context import CallContext
from tradmetrics.capture.lookups import RESULT, Place
from tradmetrics.errors import is_interruption
from tradmetrics.model.missing import MISSING
from tradmetrics.vocabulary import answers


def response_status(reading: CallContext) -> int | None:
    """Return the HTTP status of what a function returned; None if it raised, or returned no HTTP response.

    Fields that cannot be read count as one error.
    """
    failed: list[str] = []

    def value_at(name: str) -> Any:
        try:
            return reading.of_result(name)
        except BaseException as error:
            if is_interruption(error):
                raise
            if not failed:  # an answer that raises at every field counts once
                reading.fault("source", error)
            failed.append(name)
            reading.places[Place(RESULT, (name,))] = MISSING  # nor does a field count its error again
            return MISSING

    return None if reading.result is None or reading.exception is not None else answers.http_status_in(value_at)
