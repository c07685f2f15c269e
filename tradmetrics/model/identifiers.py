"""Values that name one single thing, such as an order id: as labels, each would be a new series for ever."""

from __future__ import annotations

import re
from typing import Final

_HEX: Final = "[0-9a-fA-F]"
_IDENTIFIER: Final = re.compile(
    rf"""
    (?<![0-9])(?:
        [0-9]{{13}}                                              # snowflakes, unix milliseconds, brokers' order ids
      | [0-9]{{4,}}-?[01][0-9]-?[0-3][0-9]                       # ISO 8601 date-times, extended or basic: a date,
        (?: [Tt][0-2][0-9][:-]?[0-5][0-9]                        # then a time,
          | [ _-][0-2][0-9]:[0-5][0-9] )                         # which without a T needs its colon, because strikes
    )                                                            # follow dates: "C ODAX 20241220 1850 M"
    | (?<!{_HEX})(?:
        (?={_HEX}{{24}})(?:[0-9]+[a-fA-F]|[a-fA-F]+[0-9])        # digests, object ids, compact UUIDs
      | {_HEX}{{8,}}(?:[-_]{_HEX}{{4}}){{3}}[-_]{_HEX}{{12}}     # UUIDs
    )
    """,
    re.VERBOSE,
)
# One of these two is in everything above, and most names pass them at a quarter of its price.
_LONG_RUN: Final = re.compile(f"{_HEX}{_HEX}{{7}}")
_YEAR_MONTH: Final = re.compile("[0-9][0-9]{3}-[01]")
# The most frequent identifiers, long numbers and UUIDs, cost half as much to recognise.
_DIGITS: Final = re.compile("[0-9]{13}")
_UUID: Final = re.compile("-".join(_HEX + f"{{{digits}}}" for digits in (8, 4, 4, 4, 12)))
_UUID_LENGTH: Final = 36
_SHORTEST: Final = 13
# https://github.com/ulid/spec: 26 digits of Crockford's base 32, in either case; 128 bits leave 0 to 7 for the first.
_ULID: Final = re.compile("[0-7][0-9A-HJKMNP-TV-Za-hjkmnp-tv-z]{25}")
_ULID_LENGTH: Final = 26
_EMAIL: Final = re.compile(r"[^\s@]@[\w-]+(?:\.[\w-]+)*\.[^\W\d_]{2}")  # the top-level domain tells it from "scalp@1.5"

_ADDRESS: Final = re.compile(f" at 0x{_HEX}{{6}}")  # in the text of an object that has none of its own


def is_identifier(text: str) -> bool:
    """Return whether `text` is, or contains, a value that names one single thing.

    These are: 13 or more digits in a run, 24 or more hexadecimal digits in a run with letters and digits among them, a
    UUID, a ULID, an ISO 8601 date-time (a date alone is not), an e-mail address and an object's place in memory (` at
    0x7f30188c4b70`), each also within a longer value (`order-<uuid>`). Symbols of stocks, futures and options, and
    names of strategies are not identifiers.

    Args:
        text: A label's value. Takes about half a microsecond for most names, a few where there is more to look at.
    """
    length = len(text)
    if length >= _SHORTEST and (_UUID.fullmatch(text) if length == _UUID_LENGTH else _DIGITS.search(text)):
        return True
    if "@" in text and _EMAIL.search(text):
        return True
    if length < _SHORTEST:
        return False
    if " at 0x" in text and _ADDRESS.search(text):
        return True
    if (_LONG_RUN.search(text) or ("-" in text and _YEAR_MONTH.search(text))) and _IDENTIFIER.search(text):
        return True
    return length >= _ULID_LENGTH and _ULID.search(text) is not None
