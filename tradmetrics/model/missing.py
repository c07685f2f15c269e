"""The value of a label or field that has nothing to read."""

from __future__ import annotations

from enum import Enum
from typing import Final


class Missing(Enum):
    """The type of `MISSING`."""

    MISSING = "missing"


MISSING: Final = Missing.MISSING
"""A source that has nothing to read gives this value, and no error is counted."""
