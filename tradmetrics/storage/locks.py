"""The locks of the package: the one that recording takes where it needs one, and what a fork does with all of them."""

from __future__ import annotations

import logging  # noqa: F401 - see below, at `_forks`
import os
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from sys import is_finalizing
from threading import RLock
from typing import Final, Protocol

_ALONE: Final = nullcontext()

_REENTRANT: Final = type(RLock())

_PATIENCE: Final = 0.02
"""Seconds that a fork waits for one lock before it gives back those that it has, and begins again."""
_MOST_ROUNDS: Final = 250
"""Rounds after which a fork goes on without a lock: its own thread may hold it, when a signal handler forks."""


class Lockable(Protocol):
    """A lock of `threading`, or a `RecordingLock`."""

    def acquire(self, blocking: bool = ..., timeout: float = ...) -> bool:
        """Take the lock."""
        ...

    def release(self) -> None:
        """Give the lock back."""
        ...


class _Forks:
    """Takes the locks before a fork and gives them back after it, in the parent and in the child.

    A child has only the thread that forked. A lock that another thread held at that moment would stay held for ever.
    """

    def __init__(self) -> None:
        self._locks: list[Lockable] = []
        self._in_child: list[Callable[[], object]] = []
        self._taken: list[list[Lockable]] = []

    def add(self, lock: Lockable, in_child: Callable[[], object] | None) -> None:
        """Hold a lock over forks from now on."""
        self._locks.append(lock)
        if in_child is not None:
            self._in_child.append(in_child)

    def before(self) -> None:
        """Take all locks, in whatever order other threads take them."""
        taken: list[Lockable] = []
        waiting: list[Lockable] = []
        known = rounds = 0
        # The thread that holds a lock may make another one, which the child must find free as well.
        while waiting or known < len(self._locks):
            added = self._locks[known:]
            waiting += added
            known += len(added)
            if waiting[0].acquire(timeout=_PATIENCE):
                taken.append(waiting.pop(0))
                continue
            rounds += 1
            if rounds > _MOST_ROUNDS:
                del waiting[0]
                continue
            # A thread may hold this lock and wait for one that was taken here: let that thread go on first.
            for lock in reversed(taken):
                lock.release()
            waiting, taken = [waiting[0], *taken, *waiting[1:]], []
        self._taken.append(taken)

    def after(self) -> None:
        """Give back the locks that were taken, which are those that there were before the fork."""
        if self._taken:
            for lock in reversed(self._taken.pop()):
                lock.release()

    def after_in_child(self) -> None:
        """Give the locks back, and set right what belonged to the threads that are gone."""
        taken = {id(lock) for lock in self._taken[-1]} if self._taken else set()
        for lock in self._locks:
            # This thread would have got a reentrant lock of its own, so a thread that is gone holds this one.
            if id(lock) not in taken and isinstance(lock, (_REENTRANT, RecordingLock)):
                lock._at_fork_reinit()  # type: ignore[union-attr]
        for step in self._in_child:
            step()
        self.after()


# What is registered last is called first. A thread with one of our locks may log, so ours must be taken before the lock
# of `logging`, which is imported above for that reason.
_forks: Final = _Forks()
if hasattr(os, "register_at_fork"):  # pragma: no branch - absent on Windows only
    os.register_at_fork(before=_forks.before, after_in_parent=_forks.after, after_in_child=_forks.after_in_child)


def hold_over_forks(lock: Lockable, in_child: Callable[[], object] | None = None) -> None:
    """Let a fork wait until no thread holds `lock`, so that the child finds it free.

    Args:
        lock: A lock that lives as long as the process.
        in_child: Called in the child before the lock is free again.
    """
    _forks.add(lock, in_child)


class RecordingLock:
    """A reentrant lock, for the sake of signal handlers and finalisers, that no thread waits for without end.

    When the interpreter ends, Python stops the daemon threads wherever they are, also during a recording, and runs what
    is left on one thread: finalisers, and the ends of generators that were not run to theirs. Their recording must not
    wait for a thread that will never go on, or the program would not end.
    """

    __slots__ = ("_at_fork_reinit", "_lock", "acquire", "release")

    def __init__(self) -> None:
        self._lock = RLock()
        self.acquire = self._lock.acquire
        self.release = self._lock.release
        self._at_fork_reinit = self._lock._at_fork_reinit  # type: ignore[attr-defined]

    def held(self) -> AbstractContextManager[object]:
        """The lock for a `with` block; nothing where one thread alone is left.

        Not a context manager in Python itself: a Ctrl-C between taking the lock and the block would never give it back.
        """
        return _ALONE if is_finalizing() else self._lock
