"""The lock that recording takes where it needs one."""

from __future__ import annotations

import sys
from threading import RLock
from types import TracebackType


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

    def __enter__(self) -> None:
        self.acquire(not sys.is_finalizing())

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        try:
            self.release()
        except RuntimeError:
            # It was not had: a thread that is no more has it.
            if not sys.is_finalizing():
                raise
