"""The command line: help, versions, errors in one line."""

import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tradmetrics.version import __version__

pytest.importorskip("typer", reason="the extra [cli] is not installed")

TIME_LIMIT = 60.0


def _quiet(environment: dict[str, str]) -> dict[str, str]:
    """The environment without what would change colours or widths."""
    changing = {"NO_COLOR", "FORCE_COLOR", "CLICOLOR_FORCE", "TTY_COMPATIBLE", "TTY_INTERACTIVE", "COLUMNS"}
    return {name: value for name, value in environment.items() if name not in changing} | {"TERM": "xterm-256color"}


@pytest.fixture
def run(child_environment: dict[str, str], tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run `python -m tradmetrics …` to its end."""

    def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "tradmetrics", *arguments],
            env=_quiet(child_environment) | environment,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=TIME_LIMIT,
        )

    return run


def test_help_names_the_commands(run: Callable[..., subprocess.CompletedProcess[str]]) -> None:
    """Without it nobody finds out what the command line can do."""
    answer = run("--help")
    assert 0 == answer.returncode
    assert "demo" in answer.stdout
    assert "--fault" in run("demo", "-h").stdout


def test_version(run: Callable[..., subprocess.CompletedProcess[str]]) -> None:
    """Without it a bug report cannot say which version it is about."""
    answer = run("--version")
    assert (0, f"tradmetrics {__version__}\n") == (answer.returncode, answer.stdout)


@pytest.mark.parametrize("missing", ["typer", "rich"])
def test_missing_extra_is_one_line(child_environment: dict[str, str], missing: str) -> None:
    """Without it a plain `pip install tradmetrics` answers `python -m tradmetrics` with a traceback."""
    code = f"import sys, runpy; sys.modules[{missing!r}] = None; runpy.run_module('tradmetrics', run_name='__main__')"
    answer = subprocess.run(
        [sys.executable, "-c", code], env=child_environment, capture_output=True, text=True, timeout=TIME_LIMIT
    )
    assert (2, "") == (answer.returncode, answer.stdout)
    assert 1 == answer.stderr.count("\n")
    assert "pip install 'tradmetrics[cli]'" in answer.stderr


def test_taken_port_is_one_line(run: Callable[..., subprocess.CompletedProcess[str]]) -> None:
    """Without it someone whose port 8000 is busy gets a traceback instead of the port's number."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        answer = run("demo", "--port", str(port), "--seconds", "1")
    assert (2, "") == (answer.returncode, answer.stdout)
    assert 1 == answer.stderr.count("\n")
    assert str(port) in answer.stderr


def test_unknown_fault_is_refused_with_the_choices(run: Callable[..., subprocess.CompletedProcess[str]]) -> None:
    """Without it a misspelt fault rehearses nothing, silently."""
    answer = run("demo", "--fault", "reject", "--seconds", "1")
    assert 2 == answer.returncode
    assert "rejects" in answer.stderr


def test_prometheus_that_is_missing_is_one_line(run: Callable[..., subprocess.CompletedProcess[str]]) -> None:
    """Without it `--prometheus` on a machine without it fails without saying where to get it."""
    answer = run("demo", "--port", "0", "--prometheus", PATH="")
    assert (2, "") == (answer.returncode, answer.stdout)
    assert 1 == answer.stderr.count("\n")
    assert "prometheus.io/download" in answer.stderr
