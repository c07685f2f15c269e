"""What is done before SIGTERM ends the process, with signals that do not end this one."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from tradmetrics.serving import at_sigterm


class Work:
    """A piece of work that notes that it was done."""

    seconds = 5.0

    def __init__(self, done: list[str], name: str, error: Exception | None = None) -> None:
        self.done, self.name, self.error = done, name, error

    def at_sigterm(self) -> None:
        """Do it."""
        self.done.append(f"{self.name} on {threading.current_thread().name}")
        if self.error is not None:
            raise self.error


@pytest.fixture
def killed(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """The signals that this process would have been ended by; SIGTERM has its default action at first."""
    before = signal.signal(signal.SIGTERM, signal.SIG_DFL)
    sent: list[int] = []
    monkeypatch.setattr(at_sigterm.os, "kill", lambda process, number: sent.append(number))
    yield sent
    signal.signal(signal.SIGTERM, before)


def test_all_work_is_done_and_then_the_signal_ends_the_process(killed: list[int]) -> None:
    """The last counts of a batch job that is stopped would never arrive, or the job would outlive `kill`."""
    pushes, done = at_sigterm._Pushes(), list[str]()
    pushes.add(Work(done, "first", ValueError("of strict metrics")))
    pushes.add(Work(done, "second"))
    signal.raise_signal(signal.SIGTERM)
    assert ["first on tradmetrics-sigterm", "second on tradmetrics-sigterm"] == done
    assert [signal.SIGTERM] == killed
    assert signal.SIG_DFL is signal.getsignal(signal.SIGTERM)


def test_where_no_thread_can_be_started_the_signal_still_ends_the_process(
    killed: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A bot that has used up its threads could only be ended by SIGKILL."""

    def refuse(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    pushes, done = at_sigterm._Pushes(), list[str]()
    pushes.add(Work(done, "first"))
    monkeypatch.setattr(threading.Thread, "start", refuse)
    signal.raise_signal(signal.SIGTERM)
    assert ([], [signal.SIGTERM]) == (done, killed)


def test_the_default_action_comes_back_with_the_last_piece_of_work(killed: list[int]) -> None:
    """A bot that has closed its push would keep a handler that nobody asked for."""
    pushes = at_sigterm._Pushes()
    first, second = Work([], "first"), Work([], "second")
    pushes.add(first)
    pushes.add(second)
    pushes.remove(first)
    assert pushes._end == signal.getsignal(signal.SIGTERM)
    pushes.remove(second)
    assert signal.SIG_DFL is signal.getsignal(signal.SIGTERM)


def test_a_handler_of_the_bot_is_neither_replaced_nor_taken_away(killed: list[int]) -> None:
    """A bot that closes its positions on SIGTERM would leave them open."""

    def own(number: int, frame: Any) -> None: ...

    pushes = at_sigterm._Pushes()
    work = Work([], "first")
    signal.signal(signal.SIGTERM, own)
    pushes.add(work)
    assert own is signal.getsignal(signal.SIGTERM)
    pushes.remove(work)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    pushes.add(work)
    signal.signal(signal.SIGTERM, own)
    pushes.remove(work)
    assert own is signal.getsignal(signal.SIGTERM)


def test_a_subinterpreter_that_may_not_set_signals_goes_on(killed: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    """A bot in a subinterpreter could not start its push."""

    def refuse(number: int, handler: Any) -> None:
        raise ValueError("signal only works in main thread of the main interpreter")

    with monkeypatch.context() as patched:
        patched.setattr(at_sigterm.signal, "signal", refuse)
        pushes = at_sigterm._Pushes()
        work = Work([], "first")
        pushes.add(work)
        pushes.remove(work)
    assert signal.SIG_DFL is signal.getsignal(signal.SIGTERM)
