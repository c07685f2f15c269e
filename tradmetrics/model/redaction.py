"""Texts for log lines: secrets masked, control characters escaped, cut with the closing quote in place."""

from __future__ import annotations

import re
from functools import cache
from typing import Final

MASK: Final = "***"
LONGEST_LOGGED: Final = 200
"""Characters of an exception's text in a log line."""
_LONGEST_READ: Final = 4_000

_VALUE: Final = r"""(?:\\?"[^"]*(?:"|$)|\\?'[^']*(?:'|$)|[^\s&,;"'<>(){}\[\]\\]+)"""
_RULES: Final = (
    # https://user:password@host, whose password may hold an @ too
    (r"(?<=://)[^\s/?#'\"]+@", f"{MASK}@"),
    # https://api.telegram.org/bot<number>:<secret>/sendMessage
    (r"(?<=/bot)[0-9]+(?::|%3A)[\w-]+", MASK),
    # Cookie: name=…; name=…
    (r"(\bcookie\\?[\"']?\s*:\s*\\?[\"']?)[^\"'\r\n]+", rf"\1{MASK}"),
    # Authorization: Bearer …, with and without quotes; the scheme may be a broker's own
    (
        r"(\bauthorization\b\\?[\"']?\s*(?::|=|,|%3D)\s*)"
        r"(?:\\?\"[^\"]*(?:\"|$)|\\?'[^']*(?:'|$)|(?:[a-z][\w-]*[ \t]+)?[^\s,;\"'}]+)",
        rf"\1{MASK}",
    ),
    (r"\b(bearer|basic)\s+(?=[^\s'\"]*[0-9=._-]|[^\s'\"]{16})[^\s'\",;}]+", rf"\1 {MASK}"),
    # key=…, apiKey=…, "secret": "…", X-MBX-APIKEY: …
    (rf"((?<![a-z])key\\?[\"']?\s*(?:=|%3D)\s*){_VALUE}", rf"\1{MASK}"),
    (
        r"([\w-]*(?:api[_-]?key|access[_-]?key|private[_-]?key|secret[_-]?key|consumer[_-]?key|\w_key|\w-key|"
        r"token|secret|signature|password|passwd|passphrase|passcode|\bpwd|\bpin|\bsign|\bsig|\bhmac|totp|"
        r"credentials?|cookie|session[_-]?id)"
        rf"\\?[\"']?\s*(?:=|:(?!//)|%3D)\s*){_VALUE}",
        rf"\1{MASK}",
    ),
    (r"\beyJ[\w-]{10,}\.[\w-]+(?:\.[\w-]*)?", MASK),  # a JSON web token
    (r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*-----|$)", MASK),
)
_QUOTES: Final = {"'": "'", '"': '"', "(": ")", "[": "]", "{": "}", "<": ">"}


@cache
def _rules() -> tuple[tuple[re.Pattern[str], str], ...]:
    """Compile the rules when the first line is logged."""
    return tuple((re.compile(pattern, re.IGNORECASE), replacement) for pattern, replacement in _RULES)


def masked(text: str) -> str:
    """Return `text` with the values of keys, tokens, signatures and passwords as `***`."""
    text = text[:_LONGEST_READ]
    for pattern, replacement in _rules():
        text = pattern.sub(replacement, text)
    return text


def escaped(text: str) -> str:
    """Return `text` in one printable line: control and invisible characters as Python escapes them."""
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in text)


def cut(text: str, length: int) -> str:
    """Return `text` in at most `length` characters; a quote or bracket that it begins with is closed after the cut."""
    if len(text) <= length:
        return text
    opening = text.lstrip("bru")[:1]
    return f"{text[: length - 2]}…{_QUOTES.get(opening, '')}"


def logged(text: str, length: int = LONGEST_LOGGED) -> str:
    """Return a text of an exception or a value for a log line."""
    return cut(escaped(masked(text)), length)
