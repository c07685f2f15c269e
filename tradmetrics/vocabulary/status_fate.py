"""The fate of an order by the HTTP or gRPC status that an exception carries."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from enum import Enum
from typing import Any, Final

from tradmetrics.vocabulary.http_status import as_http_status, http_status_of_exception, leaves_unknown

_RETRIED: Final = re.compile(r"too many (\d{3}) error responses", re.ASCII)
"""The text of urllib3's `ResponseError`, whose only trace of the last answer is this number."""
_RPC_UNKNOWN: Final = frozenset({"CANCELLED", "UNKNOWN", "DEADLINE_EXCEEDED", "INTERNAL", "UNAVAILABLE", "DATA_LOSS"})
"""The statuses of gRPC after which a request may have been carried out: the others, but for `OK`, refuse it."""


def fate_by_status(exception: BaseException, read: Callable[[object, str], Any]) -> bool | None:
    """Return True if the status of an exception leaves open what became of a request, False if it refuses it.

    None stands for an exception without a status, or with one that reports success.

    Args:
        exception: The exception.
        read: Returns an attribute of an object, or None; see `attributes_once`.
    """
    status = http_status_of_exception(exception, read)
    fate = None if status is None else leaves_unknown(status)
    if fate is not None:
        return fate
    if type(exception).__name__ == "ResponseError" and exception.args and type(exception.args[0]) is str:
        retried = _RETRIED.fullmatch(exception.args[0])
        status = None if retried is None else as_http_status(retried[1])
        return None if status is None else leaves_unknown(status)
    return _fate_by_rpc(exception, read)


def _fate_by_rpc(exception: BaseException, read: Callable[[object, str], Any]) -> bool | None:
    """The fate by a status of gRPC: `code()` of grpcio, `code` of clients that wrap it, `status` of grpclib."""
    for name in ("code", "status"):
        word = _rpc_word(read(exception, name))
        if word is not None:
            return None if word == "OK" else word in _RPC_UNKNOWN
    return None


def _rpc_word(code: Any) -> str | None:
    """The name of a status of gRPC, or None for anything else."""
    status = code
    if inspect.ismethod(code) and not inspect.iscoroutinefunction(code):
        try:
            status = code()
        except Exception:
            return None
    if not issubclass(type(status), Enum):
        return None
    # Nothing is imported: such an enum is known by the members that gRPC's has.
    return str(status.name) if {"DEADLINE_EXCEEDED", "UNAVAILABLE"} <= type(status).__members__.keys() else None
