"""The decorated functions: which have been called, and how often.

Counting each call costs it some 20 ns, so calls are counted only where `TRADMETRICS_COUNT_CALLS=1` asks for it when a
function is decorated: its shell is written with the counting, or without it.
"""

from __future__ import annotations

import os
import weakref
from collections.abc import Mapping
from itertools import count
from typing import Final

from tradmetrics.storage.worker_directory import directory

COUNT_CALLS: Final = "TRADMETRICS_COUNT_CALLS"
"""The environment variable; `1`, `true`, `yes` or `on` count the calls of the functions that are decorated next."""


class KnownFunction:
    """A decorated function; functions of one name, such as closures, share it.

    Attributes:
        is_called: Whether it has been called.
        calls: Advancing it counts a call; None where calls are not counted.
    """

    __slots__ = ("_before", "calls", "is_called")

    def __init__(self) -> None:
        self.is_called = False
        is_counted = os.environ.get(COUNT_CALLS, "").strip().lower() in ("1", "true", "yes", "on")
        self.calls: count[int] | None = count() if is_counted else None
        self._before = 0

    def number(self) -> int | None:
        """Return how often this process has called it; None where calls are not counted."""
        return None if self.calls is None else int(repr(self.calls)[6:-1]) - self._before

    def begin(self) -> None:
        """Leave the calls until now to the process that this one was forked from."""
        self._before += self.number() or 0


_all: Final[weakref.WeakSet[Functions]] = weakref.WeakSet()


class Functions:
    """The functions that record to one metrics object, or to the process's default one."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str], KnownFunction] = {}
        _all.add(self)
        self.more: Functions | None = None
        """The functions that record here as long as this metrics object is the process's default one."""

    def add(self, site: str, decorator: str) -> KnownFunction:
        """Return what is kept about a function.

        Args:
            site: Its `module.qualname`.
            decorator: The name of its decorator.
        """
        return self._known.setdefault((site, decorator), KnownFunction())

    def called(self) -> Mapping[tuple[str, ...], float]:
        """Return 1 for each function that has been called, and 0 for the others."""
        return {key: float(each.is_called) for key, each in self._here().items()}

    def calls(self) -> Mapping[tuple[str, ...], float]:
        """Return how often each function has been called, where calls are counted."""
        numbers = {key: each.number() for key, each in self._here().items()}
        return {key: float(number) for key, number in numbers.items() if number is not None}

    def begin(self) -> None:
        """Begin to count in a process that was forked, where several processes add up."""
        for each in list(self._known.values()):
            each.begin()

    def _here(self) -> dict[tuple[str, str], KnownFunction]:
        more = {} if self.more is None else self.more._known
        return {**more, **self._known}


FOLLOWING: Final = Functions()
"""The functions that record to the process's default metrics object, whichever it is."""


def _after_fork() -> None:
    if directory() is not None:
        for each in list(_all):
            each.begin()


if hasattr(os, "register_at_fork"):  # pragma: no branch - absent on Windows only
    os.register_at_fork(after_in_child=_after_fork)
