"""The venue's own codes that an exception carries, such as Binance's -1007 or Bybit's 110007."""

from __future__ import annotations

from typing import Final

from tradmetrics.vocabulary.http_status import attribute

_LEAST: Final = 1000
"""Venues number their refusals from 1000 on, or from -1000 down; smaller numbers are other things, errnos for one."""


def codes_of(exception: BaseException) -> frozenset[str]:
    """Return the texts of the codes that an exception carries in `code`, `error_code` and `status_code`."""
    return frozenset(_text(attribute(exception, name)) for name in ("code", "error_code", "status_code"))


def is_venues(code: str) -> bool:
    """Return whether a code is a venue's own, and not an HTTP status or an errno."""
    digits = code.removeprefix("-")
    return digits.isascii() and digits.isdecimal() and int(digits) >= _LEAST


def _text(code: object) -> str:
    if type(code) is int and abs(code) < 10**18:
        return str(code)
    return code.strip()[:20] if type(code) is str else ""
