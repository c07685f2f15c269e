"""Reading files that other people wrote: bounded, and with the types that the format has."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

MOST_BYTES: Final = 16 * 2**20
"""Size of the largest file that is read. Grafana's and Prometheus's own files are a hundred times smaller."""


def read_text(path: Path) -> str:
    """Return a file's text.

    Args:
        path: The file.

    Raises:
        ValueError: When the file is larger than `MOST_BYTES`, or not UTF-8.
        OSError: When it cannot be read.
    """
    with path.open("rb") as file:
        content = file.read(MOST_BYTES + 1)
    if len(content) > MOST_BYTES:
        raise ValueError(f"the file is larger than {MOST_BYTES >> 20} MiB")
    return content.decode("utf-8")


def text_in(mapping: Any, key: str, place: str) -> str:
    """Return a text or a number that a mapping holds, as text.

    Args:
        mapping: The value that should be a mapping.
        key: The key.
        place: Where it stands, for messages.

    Raises:
        ValueError: When the value is another type, such as a list.
    """
    value = mapping.get(key, "") if isinstance(mapping, dict) else None
    if value is None or not isinstance(value, (str, int, float)):
        raise ValueError(f"{place}: `{key}` must be a text, not a {type(value).__name__}")
    return str(value)
