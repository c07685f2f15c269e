"""The lock that recording takes where it needs one."""

from __future__ import annotations

from contextlib import nullcontext
from sys import is_finalizing
from threading import RLock
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

_ALONE: Final = nullcontext()


class RecordingLock:
    """A reentrant lock, for the sake of signal handlers and finalisers, that nobody waits for in vain.

    When the interpreter ends, Python stops the daemon threads wherever they are, also amid a recording, and runs what
    is left on one thread: finalisers, and the ends of generators that nobody ran to theirs. What these record must not
    wait for a thread that will never go on, or the program would not end.
    """

    __slots__ = ("_lock", "acquire", "release")

    def __init__(self) -> None:
        self._lock = RLock()
        self.acquire = self._lock.acquire
        self.release = self._lock.release

    def held(self) -> AbstractContextManager[object]:
        """The lock for a `with` block; nothing where one thread alone is left.

        Not a context manager in Python itself: a Ctrl-C between taking the lock and the block would never give it back.
        """
        return _ALONE if is_finalizing() else self._lock
