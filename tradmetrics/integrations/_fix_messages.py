"""The fields of a FIX message of any library."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta, timezone
from typing import Any, Final

_FIELD: Final = re.compile(r"(?:^|\x01)(\d+)=([^\x01]*)")
_PRINTED: Final = re.compile(r"(?:^|\|)(\d+)=([^|]*)")
"""A message as logs print it, with bars in place of the separators."""
_TO_THE_SECOND: Final = 17


class FixFields(Mapping[int, str]):
    """A message as a mapping from tag to text. It reads a field when you ask for it.

    Where a tag occurs several times, in a repeating group, it is the first one.

    Args:
        message: A message of quickfix or simplefix, a mapping from tag to value, or the text itself.
    """

    def __init__(self, message: Any) -> None:
        self._message = message
        self._pairs: list[tuple[int, str]] | None = None
        self._texts: dict[int, str] | None = None
        if isinstance(message, str | bytes | bytearray):
            self._pairs = _pairs_of_text(_text(message))
        elif isinstance(message, Mapping):
            self._pairs = [(int(tag), _text(value)) for tag, value in message.items()]
        if self._pairs is not None:
            self._texts = dict(reversed(self._pairs))

    def __getitem__(self, tag: int) -> str:
        if self._texts is not None:
            return self._texts[tag]
        is_simplefix = hasattr(self._message, "append_pair")
        value = _simplefix(self._message, tag) if is_simplefix else _quickfix(self._message, tag)
        if value is None:
            raise KeyError(tag)
        return value

    def __iter__(self) -> Iterator[int]:
        return iter(dict.fromkeys(tag for tag, _ in self.pairs()))

    def __len__(self) -> int:
        return len({tag for tag, _ in self.pairs()})

    def pairs(self) -> list[tuple[int, str]]:
        """Return all fields in their order, those of repeating groups too."""
        if self._pairs is None:
            if hasattr(self._message, "append_pair"):
                self._pairs = [(int(tag), _text(value)) for tag, value in self._message.pairs]
            else:
                self._pairs = _pairs_of_text(_printed(self._message))
        return self._pairs

    def every(self, tag: int) -> list[str]:
        """Return the values of a tag in all repeating groups, each value once."""
        return list(dict.fromkeys(value for each, value in self.pairs() if each == tag))

    def sent_at(self) -> datetime | None:
        """Return when the market data was made (272 and 273), or else when the message was sent (52)."""
        date, time = self.get(272), self.get(273)
        return _time(f"{date}-{time}" if date and time else self.get(52))


def session_name(session: Any) -> str:
    """The name of a session: the same text for each object that quickfix makes of the same session."""
    return _printed(session)


def _pairs_of_text(text: str) -> list[tuple[int, str]]:
    pattern = _FIELD if "\x01" in text else _PRINTED
    return [(int(tag), value) for tag, value in pattern.findall(text)]


def _printed(item: Any) -> str:
    to_string = getattr(item, "toString", None)
    return str(to_string()) if callable(to_string) else str(item)


def _time(text: str | None) -> datetime | None:
    """Read a UTC timestamp of FIX: `20261130-21:05:00.123`, with any number of decimals."""
    if text is None:
        return None
    try:
        whole = datetime.strptime(text[:_TO_THE_SECOND], "%Y%m%d-%H:%M:%S").replace(tzinfo=timezone.utc)
        return whole + timedelta(seconds=float(f"0{text[_TO_THE_SECOND:].rstrip('Z')}"))
    except ValueError:
        return None


def _simplefix(message: Any, tag: int) -> str | None:
    value = message.get(tag)
    return None if value is None else _text(value)


def _quickfix(message: Any, tag: int) -> str | None:
    for part in (message, getattr(message, "getHeader", lambda: None)()):
        if part is not None and part.isSetField(tag):
            return _text(part.getField(tag))
    return None


def _text(value: Any) -> str:
    return bytes(value).decode("utf-8", "replace") if isinstance(value, bytes | bytearray) else str(value)
