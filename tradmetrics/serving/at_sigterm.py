"""SIGTERM ends a process without running its `atexit` functions: the work that must come first is done here.

The handler is installed only where SIGTERM has its default action, so no handler of the bot's is lost or changed. A
bot with a handler of its own ends in its own way: if that way leads to the end of the interpreter, `atexit` runs.
"""

from __future__ import annotations

import os
import signal
import threading
from types import FrameType
from typing import Final, Protocol


class AtSigterm(Protocol):
    """A piece of work for the end of the process."""

    @property
    def seconds(self) -> float:
        """How long it may take."""
        ...

    def at_sigterm(self) -> None:
        """Do it."""
        ...


class _Pushes:
    """The work that is done before SIGTERM ends the process."""

    def __init__(self) -> None:
        self._work: list[AtSigterm] = []
        self._installed = False

    def add(self, work: AtSigterm) -> None:
        """Do this before SIGTERM ends the process, if the signal has its default action and this is the main thread."""
        self._work.append(work)
        if not self._installed and threading.current_thread() is threading.main_thread():
            try:
                if signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
                    signal.signal(signal.SIGTERM, self._end)
                    self._installed = True
            except (ValueError, AttributeError, OSError):
                pass  # a subinterpreter, or a system without the signal

    def remove(self, work: AtSigterm) -> None:
        """Do it no longer; the signal has its default action again when nothing is left."""
        self._work = [each for each in self._work if each is not work]
        if self._installed and not self._work and threading.current_thread() is threading.main_thread():
            if signal.getsignal(signal.SIGTERM) == self._end:
                signal.signal(signal.SIGTERM, signal.SIG_DFL)
            self._installed = False

    def _end(self, number: int, frame: FrameType | None) -> None:
        # On a thread of its own: the code that the signal has interrupted may hold a lock that a push waits for.
        thread = threading.Thread(target=self._do, name="tradmetrics-sigterm", daemon=True)
        try:
            thread.start()
            thread.join(sum(each.seconds for each in self._work) + 1.0)
        except RuntimeError:
            pass  # no thread can be started any more
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)

    def _do(self) -> None:
        for each in list(self._work):
            try:
                each.at_sigterm()
            except Exception:  # of strict metrics; the process ends
                continue


pushes_at_sigterm: Final = _Pushes()
