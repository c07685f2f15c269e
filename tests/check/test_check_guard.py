"""The guard of `tradmetrics check`, in this process: what ends an import, and what it may do."""

from __future__ import annotations

import functools
import json
import sys
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from tradmetrics.check import child


class Ended(BaseException):
    """The process would have ended."""


@pytest.fixture
def guard(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> child.Guard:
    """A guard that has not begun to watch, and whose process does not end."""

    def end(status: int) -> None:
        assert 0 == status
        raise Ended

    monkeypatch.setattr(child.os, "_exit", end)
    return child.Guard(tmp_path / "answer", 30.0)


def refusal(tmp_path: Path) -> str:
    """Why the import was refused."""
    return str(json.loads((tmp_path / "answer").read_text())["refused"])


def module(tmp_path: Path, text: str, **names: Any) -> None:
    """Run a module's text, as an import does."""
    path = tmp_path / "bot.py"
    path.write_text(text)
    exec(compile(text, str(path), "exec"), names)


@pytest.mark.parametrize(
    ("event", "arguments", "said"),
    [
        ("socket.connect", (None, ("192.0.2.1", 443)), "connected to ('192.0.2.1', 443)"),
        ("socket.sendto", (None, ("192.0.2.1", 53)), "connected to"),
        ("socket.getaddrinfo", ("broker.example", 443, 0, 0, 0), "connected to 'broker.example'"),
    ],
)
def test_a_connection_ends_the_import_and_its_line_is_named(
    event: str, arguments: tuple[Any, ...], said: str, guard: child.Guard, tmp_path: Path
) -> None:
    """A check in CI would send orders, and nobody would know which line did it."""
    with pytest.raises(Ended):
        module(tmp_path, "x = 1\nconnect()\n", connect=lambda: guard._audit(event, arguments))
    text = refusal(tmp_path)
    assert f"the import {said}" in text
    assert " at bot.py line 2, `connect()`; nothing was sent or recorded" in text
    assert 'below `if __name__ == "__main__":`' in text


@pytest.mark.parametrize(
    ("event", "arguments"),
    [
        ("socket.connect", (None, "/dev/log")),
        ("socket.getaddrinfo", ("localhost", 80, 0, 0, 0)),
        ("socket.getaddrinfo", (None, 80, 0, 0, 0)),
        ("open", ("file", "r", 0)),
    ],
)
def test_what_stays_on_the_machine_is_no_connection(
    event: str, arguments: tuple[Any, ...], guard: child.Guard, tmp_path: Path
) -> None:
    """A module that sets up its log could not be checked."""
    guard._audit(event, arguments)
    assert not (tmp_path / "answer").exists()


def test_after_the_imports_connections_are_nobodys_business(guard: child.Guard, tmp_path: Path) -> None:
    """The report would be replaced by a refusal."""
    guard.stop()
    guard._audit("socket.connect", (None, ("192.0.2.1", 443)))
    assert not (tmp_path / "answer").exists()


def test_a_call_of_a_decorated_function_ends_the_import(guard: child.Guard, tmp_path: Path) -> None:
    """The import would place the orders that the module places at its end."""

    def place() -> FrameType:
        return sys._getframe()

    guard._codes[place.__code__] = "place()"
    module(tmp_path, "frame = place()\n", place=place)
    guard._profile(sys._getframe(), "call", None)
    assert not (tmp_path / "answer").exists()
    with pytest.raises(Ended):
        module(tmp_path, "profile(place())\n", place=place, profile=lambda frame: guard._profile(frame, "call", None))
    assert "the import called place()" in refusal(tmp_path)


def test_an_import_that_takes_too_long_is_named_with_its_line(guard: child.Guard, tmp_path: Path) -> None:
    """A module that starts its loop would hold CI up without a word."""
    with pytest.raises(Ended):
        module(tmp_path, "import time\nwait()\n", wait=lambda: guard._too_long(30.0))
    assert "was still running after 30 s at bot.py line 2, `wait()`" in refusal(tmp_path)


def test_the_code_of_a_decorated_callable_is_found_below_its_wrappers() -> None:
    """A call through a classmethod or a partial would go unnoticed, and send."""

    def place() -> None: ...

    @functools.wraps(place)
    def wrapper() -> None: ...

    class Bot:
        def act(self) -> None: ...

    codes = lambda target: list(child._codes_of(target))  # noqa: E731
    assert [wrapper.__code__, place.__code__] == codes(wrapper)
    assert [place.__code__] == codes(functools.partial(place)) == codes(staticmethod(place))[-1:]
    assert Bot.act.__code__ in codes(Bot().act)
    assert Bot.act.__code__ in codes(classmethod(Bot.act))
    assert [] == codes(7)
    place.__wrapped__ = place  # type: ignore[attr-defined]
    assert {place.__code__} == set(codes(place))  # and it ends


@pytest.mark.parametrize(
    ("target", "said"), [("no_such_module", "cannot be imported"), ("json:nothing_here", "nothing_here")]
)
def test_a_target_that_is_not_there_is_said(
    target: str, said: str, guard: child.Guard, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """CI would show a traceback of the child, or nothing."""
    monkeypatch.setattr(child.Guard, "start", lambda self: None)  # an audit hook stays for ever
    monkeypatch.setattr(child.os, "dup2", lambda *numbers: None)
    with pytest.raises(Ended):
        child.main([str(tmp_path / "answer"), "30", target])
    assert said in refusal(tmp_path)


def test_a_target_without_anything_decorated_is_reported(
    guard: child.Guard, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A misspelt target would look like a module that needs no series."""
    monkeypatch.setattr(child.Guard, "start", lambda self: None)
    monkeypatch.setattr(child.os, "dup2", lambda *numbers: None)
    with pytest.raises(Ended):
        child.main([str(tmp_path / "answer"), "30", "json"])
    answer = json.loads((tmp_path / "answer").read_text())
    assert ["json"] == answer["bare"]
    assert "report" in answer
