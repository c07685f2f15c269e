"""Variables of a thread's or task's context, set where a finaliser may set them too."""

from __future__ import annotations

import gc
import sys
from contextvars import ContextVar
from typing import Final, TypeVar

T = TypeVar("T")

# Before Python 3.12 a garbage collection may begin in the middle of `ContextVar.set`, and a finaliser that sets one too
# would take away what it works on: https://github.com/python/cpython/issues/148891.
_COLLECTS_AMID_SET: Final = sys.version_info < (3, 12)


def put(variable: ContextVar[T], value: T) -> None:
    """Set a variable of the current context, with no garbage collected meanwhile."""
    if not (_COLLECTS_AMID_SET and gc.isenabled()):
        variable.set(value)
        return
    try:  # from before: a Ctrl-C must not leave the collector off
        gc.disable()
        variable.set(value)
    finally:
        gc.enable()
