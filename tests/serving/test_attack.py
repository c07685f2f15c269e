"""`make attack` prints a table that is right; the attacks with many sockets are left to it."""

import pytest

from tests.attack import __main__ as attack


def test_the_table_says_what_held(capsys: pytest.CaptureFixture[str]) -> None:
    """The docs would show figures of a command that does not work any more."""
    assert 0 == attack.main(["damaged", "sigterm"])
    lines = capsys.readouterr().out.splitlines()
    assert 4 == len(lines)
    assert "| 1.0 counted | no answer" in lines[2]
    assert lines[3].endswith("| 1 push, status -15 | has none | yes |")
