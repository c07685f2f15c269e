"""The fields of a FIX message, whoever has built it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

_FIELD: Final = re.compile(r"(?:^|[\x01|])(\d+)=([^\x01|]*)")


class FixFields(Mapping[int, str]):
    """A message as a mapping from tag to text, each field read when it is asked for.

    Args:
        message: A message of quickfix or simplefix, a mapping from tag to value, or the text itself.
    """

    def __init__(self, message: Any) -> None:
        self._message = message
        self._texts: dict[int, str] | None = None
        if isinstance(message, bytes | bytearray):
            message = bytes(message).decode("utf-8", "replace")
        if isinstance(message, str):
            self._texts = {int(tag): value for tag, value in _FIELD.findall(message)}
        elif isinstance(message, Mapping):
            self._texts = {int(tag): _text(value) for tag, value in message.items()}

    def __getitem__(self, tag: int) -> str:
        if self._texts is not None:
            return self._texts[tag]
        value = (
            _simplefix(self._message, tag) if hasattr(self._message, "append_pair") else _quickfix(self._message, tag)
        )
        if value is None:
            raise KeyError(tag)
        return value

    def __iter__(self) -> Iterator[int]:
        if self._texts is None:
            found = _FIELD.findall(str(self._message))
            return iter([int(tag) for tag, _ in found])
        return iter(self._texts)

    def __len__(self) -> int:
        return len(list(iter(self)))


def _simplefix(message: Any, tag: int) -> str | None:
    value = message.get(tag)
    return None if value is None else _text(value)


def _quickfix(message: Any, tag: int) -> str | None:
    for part in (message, getattr(message, "getHeader", lambda: None)()):
        if part is not None and part.isSetField(tag):
            return _text(part.getField(tag))
    return None


def _text(value: Any) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
