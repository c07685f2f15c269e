"""Regular expressions as Prometheus matches them."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Protocol

try:
    import re2  # type: ignore[import-not-found, import-untyped, unused-ignore]
except ImportError:
    re2 = None


class Pattern(Protocol):
    """A compiled expression."""

    def fullmatch(self, text: str, /) -> object:
        """Return whether the whole text matches."""
        ...

    def search(self, text: str, /) -> object:
        """Return whether a part of the text matches."""
        ...


@lru_cache(maxsize=1024)
def compiled(pattern: str) -> Pattern | None:
    """Compile an expression: by RE2, Prometheus's own engine, where `google-re2` is installed, else by Python's `re`.

    Args:
        pattern: The expression.

    Returns:
        The expression; None where its syntax is not understood. Go's syntax has a few things that Python's lacks.
    """
    if re2 is not None:
        try:
            found: Pattern = re2.compile(pattern)
        except re2.error:
            return None
        return found
    try:
        return re.compile(pattern)
    except re.error:
        return None
