"""Any value into a label's text: bounded in length, printable, valid UTF-8, and never an exception of its own."""

from __future__ import annotations

import re
from enum import Enum
from typing import Final

from tradmetrics.model.identifiers import is_identifier
from tradmetrics.model.redaction import logged, masked

UNKNOWN: Final = "unknown"
"""The value of a label that has none."""
OTHER: Final = "__other__"
"""The value of a label whose own value found no place in its budget."""
MAX_LENGTH: Final = 128
"""Longest label value, in characters."""
LONGEST_KEY: Final = 2 * MAX_LENGTH
"""Longest raw text that what remembers raw labels keeps, in characters: megabytes of them would be megabytes kept."""

_LOOKED_AT: Final = 64
"""Characters beyond the cut that are looked at: more than any identifier has but an e-mail address."""

_LONGEST_SHOWN: Final = 60

_WORD_STARTS: Final = re.compile("(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
# Invisible characters, and those that change the direction of a text.
_INVISIBLE: Final = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f"
    "\u3164\ufe00-\ufe0f\ufeff\uffa0\U000e0000-\U000e0fff]"
)
# C0 and C1 controls (NUL included), line and paragraph separators, and the surrogates that UTF-8 cannot encode.
_UNPRINTABLE: Final = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


def clean(text: str) -> str:
    """Return `text` as a label value: invisible characters removed, unprintable ones replaced, cut at `MAX_LENGTH`.

    Applying it twice gives the same as once.

    Args:
        text: Any text.

    Returns:
        The label value; `unknown` when nothing is left.
    """
    if len(text) <= MAX_LENGTH and text.isprintable():
        return text.strip() or UNKNOWN
    if len(text) > 4 * MAX_LENGTH:
        # A label of megabytes must not cost a pass over megabytes; enough is kept for blanks that are stripped.
        text = text[: 4 * MAX_LENGTH]
    if not text.isprintable():
        text = _INVISIBLE.sub("", text)
        text = _UNPRINTABLE.sub("\N{REPLACEMENT CHARACTER}", text)
    text = text.strip()
    if len(text) > MAX_LENGTH:
        start = _start(text)
        text = text[start : start + MAX_LENGTH].strip()
    return text or UNKNOWN


def _start(text: str) -> int:
    """Where the part of a long text begins that is kept: at 0, unless the cut would go through an identifier.

    Half of an identifier does not look like one, and each half would be a label of its own. Then the text around the
    identifier is kept.
    """
    word = text.rfind(" ", 0, MAX_LENGTH) + 1
    end = text.find(" ", MAX_LENGTH, MAX_LENGTH + _LOOKED_AT)
    end = min(len(text), MAX_LENGTH + _LOOKED_AT) if end < 0 else end
    if word < MAX_LENGTH < end and not is_identifier(text[:MAX_LENGTH]) and is_identifier(text[word:end]):
        return end - MAX_LENGTH
    return 0


def text_of(value: object) -> str:
    """Return the text of a raw label value, read once.

    An enum's `.value` is read before its name, so that `Side.BUY = "buy"` reads `buy` on every Python version; an
    enum whose value is not a text reads as its name.

    Args:
        value: The value that a label source gave. None is `unknown`.

    Returns:
        The cleaned label value.

    Raises:
        Exception: Any exception that the value's own `__str__` raises.
    """
    if type(value) is str:
        return clean(value)
    if value is None:
        return UNKNOWN
    if isinstance(value, Enum):
        return clean(value.value if isinstance(value.value, str) else value.name)
    if isinstance(value, (bytes, bytearray)):
        return clean(bytes(value[: 4 * MAX_LENGTH]).decode("utf-8", "replace"))
    return clean(str.__str__(str(value)))


def shown(value: object) -> str:
    """Return a value's `repr` for a message, cut short and without secrets; its class if it has no `repr`."""
    try:
        if isinstance(value, str | bytes | bytearray):
            value = value[:LONGEST_KEY]  # megabytes are not spelled out for a message of 60 characters
        if isinstance(value, str):
            value = masked(value)
        return logged(repr(value), _LONGEST_SHOWN)
    except Exception:
        return f"<{type(value).__name__}>"


def snake_case(name: str) -> str:
    """Return a class name in snake_case: `InsufficientFunds` is `insufficient_funds`, `HTTPError` is `http_error`."""
    return _WORD_STARTS.sub("_", name).lower()
