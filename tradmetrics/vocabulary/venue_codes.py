"""The venue's own codes that an exception carries, such as Binance's -1007 or Bybit's 110007."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

_LEAST: Final = 1000
"""Venues number their refusals from 1000 on, or from -1000 down; smaller numbers are other things, errnos for one."""


def codes_of(exception: BaseException, read: Callable[[object, str], Any]) -> frozenset[str]:
    """Return the texts of the codes that an exception carries in `code`, `error_code` and `status_code`.

    Args:
        exception: The exception.
        read: Reads an attribute by its name.
    """
    return frozenset(_text(read(exception, name)) for name in ("code", "error_code", "status_code"))


def is_venues(code: str) -> bool:
    """Return whether a code is a venue's own, and not an HTTP status or an errno."""
    digits = code.removeprefix("-")
    return digits.isascii() and digits.isdecimal() and int(digits) >= _LEAST


def _text(code: object) -> str:
    if type(code) is int and abs(code) < 10**18:
        return str(code)
    return code.strip()[:20] if type(code) is str else ""
