"""`python -m tradmetrics demo` as a process: its output, its end, its faults, its ledger, and a Prometheus on it."""

import json
import os
import pty
import re
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

pytest.importorskip("typer", reason="the extra [cli] is not installed")

from rich.console import Console

from tradmetrics.demo import scraper
from tradmetrics.demo.page import running_board

TIME_LIMIT = 60.0
URL = re.compile(r"http://127\.0\.0\.1:\d+\S*")


def _until(condition: Callable[[], Any], what: str) -> Any:
    """Wait until `condition()` is true, and return it."""
    deadline = time.monotonic() + TIME_LIMIT
    while time.monotonic() < deadline:
        met = condition()
        if met:
            return met
        time.sleep(0.05)
    raise AssertionError(f"waited {TIME_LIMIT:.0f} seconds for: {what}")


class Demo:
    """A running `python -m tradmetrics demo`, with its output so far."""

    def __init__(self, process: subprocess.Popen[bytes], output: int) -> None:
        self.process = process
        self._output = output
        self._read = b""
        self._thread = threading.Thread(target=self._collect, daemon=True)
        self._thread.start()

    def _collect(self) -> None:
        while True:
            try:
                some = os.read(self._output, 65536)
            except OSError:  # a terminal whose other end is closed
                return
            if not some:
                return
            self._read += some

    @property
    def text(self) -> str:
        return self._read.decode()

    def line(self, number: int) -> str:
        """One line of the output, as soon as it is whole."""
        return str(
            _until(lambda: self.text.split("\n")[number : number + 1] if self._whole(number) else "", "a line")[0]
        )

    def _whole(self, number: int) -> bool:
        return self.text.count("\n") > number

    def stop(self, number: signal.Signals = signal.SIGINT) -> int:
        self.process.send_signal(number)
        return self.wait()

    def wait(self) -> int:
        code = self.process.wait(TIME_LIMIT)
        self._thread.join(TIME_LIMIT)
        return code


@pytest.fixture
def demo(child_environment: dict[str, str], tmp_path: Path) -> Callable[..., Any]:
    """Start `python -m tradmetrics demo …`; leaving the block ends it if it still runs."""

    @contextmanager
    def demo(*arguments: str, terminal: bool = False, **environment: str) -> Iterator[Demo]:
        reading, writing = pty.openpty() if terminal else os.pipe()
        process = subprocess.Popen(
            [sys.executable, "-m", "tradmetrics", "demo", "--port", "0", *arguments],
            env=_quiet(child_environment) | environment,
            cwd=tmp_path,
            stdout=writing,
            stderr=writing,
            stdin=subprocess.DEVNULL,
        )
        os.close(writing)
        running = Demo(process, reading)
        try:
            yield running
        finally:
            if process.poll() is None:
                process.terminate()  # so that it ends its Prometheus too
                try:
                    process.wait(TIME_LIMIT)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()
            running._thread.join(TIME_LIMIT)
            os.close(reading)

    return demo


def _scrape(url: str) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(url, timeout=10) as answer:
        text = answer.read().decode()
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def _ledger(file: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(file.read_text())
    return content


def _expected(rows: Sequence[dict[str, Any]], suffix: str = "") -> dict[Any, Any]:
    return {(row["metric"] + suffix, tuple(sorted(row["labels"].items()))): pytest.approx(row["value"]) for row in rows}


def test_demo_runs_its_time_and_prints_plain_lines(demo: Callable[..., Any]) -> None:
    """Without it the first line holds no URL for scripts to read, or a log file fills with control characters."""
    with demo("--seconds", "3", "--speed", "50", "--seed", "7") as running:
        assert 0 == running.wait()
    lines = running.text.splitlines()
    assert URL.search(lines[0])
    assert lines[-1].startswith("00:02:30")
    assert "stopped" in lines[-1]
    assert not re.search(r"[\r\x1b]", running.text)


def test_same_seed_gives_the_same_ledger(demo: Callable[..., Any], tmp_path: Path) -> None:
    """Without it a run of the command could not be repeated: pacing by the wall clock would change what happens."""
    files = tmp_path / "one.json", tmp_path / "other.json"
    for file in files:
        with demo("--seconds", "2", "--speed", "100", "--seed", "7", "--ledger", str(file)) as running:
            assert 0 == running.wait()
    one, other = map(_ledger, files)
    assert one == other
    assert 200 == one["simulated_seconds"]


def test_endpoint_lingers_with_what_the_ledger_says(demo: Callable[..., Any], tmp_path: Path) -> None:
    """Without it a last scrape comes too late, or finds other totals than what happened."""
    file = tmp_path / "ledger.json"
    with demo("--seconds", "3", "--speed", "50", "--seed", "7", "--linger", "600", "--ledger", str(file)) as running:
        _until(file.exists, "the ledger")
        samples = _scrape(running.line(0).split()[-1])
        assert 0 == running.stop()
    ledger = _ledger(file)
    expected = _expected(ledger["counters"]) | _expected(ledger["observations"], "_count")
    assert expected == {key: samples.get(key) for key in expected}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signal_stops_it_cleanly(demo: Callable[..., Any], tmp_path: Path, number: signal.Signals) -> None:
    """Without it Ctrl-C ends in a traceback, loses the ledger, or fails `make demo`."""
    file = tmp_path / "ledger.json"
    with demo("--speed", "50", "--ledger", str(file)) as running:
        url = running.line(0).split()[-1]
        _until(lambda: any(name == "trading_orders_submitted_total" for name, _ in _scrape(url)), "orders")
        assert 0 == running.stop(number)
    assert "Traceback" not in running.text
    assert "stopped" in running.text.splitlines()[-1]
    assert _ledger(file)["counters"]


def test_status_line_updates_in_place_on_a_terminal(demo: Callable[..., Any]) -> None:
    """Without it a person's terminal scrolls away under status lines."""
    with demo("--seconds", "2", "--speed", "50", terminal=True) as running:
        assert 0 == running.wait()
    lines = running.text.split("\n")
    assert URL.search(lines[0])
    assert running.text.count("orders") > 3
    # Besides the last line, only those that explain a trip and a reset of the breaker end with a newline.
    explained = running.text.count("circuit breaker: reset") + 1
    assert len([line for line in lines if "orders" in line]) <= 2 + explained
    assert re.search(r"\x1b\[[0-9;]*m", running.text)


def test_no_color_on_a_terminal(demo: Callable[..., Any]) -> None:
    """Without it NO_COLOR is not respected, which some people need to read the screen at all."""
    with demo("--seconds", "1", "--speed", "50", terminal=True, NO_COLOR="1") as running:
        assert 0 == running.wait()
    colours = re.findall(r"\x1b\[([0-9;]*)m", running.text)
    assert not [code for code in colours if re.search(r"\b([349][0-7]|10[0-7])\b", code)]


def test_fault_ends_on_a_signal(demo: Callable[..., Any]) -> None:
    """Without it an alert that was set off in a rehearsal never resolves while the demo runs."""
    with demo("--speed", "50", "--fault", "breaker") as running:
        url = running.line(0).split()[-1]
        trips = ("trading_circuit_breaker_triggers_total", (("reason", "manual_halt"),))
        _until(lambda: trips in _scrape(url), "a trip")
        running.process.send_signal(signal.SIGUSR1)
        active = ("trading_circuit_breaker_active", ())
        _until(lambda: _scrape(url)[active] == 0, "the reset")
        assert 0 == running.stop()


def test_exporter_goes_down_and_comes_back_on_its_port(demo: Callable[..., Any]) -> None:
    """Without it the alert for a target that is gone cannot be rehearsed."""

    def up(url: str) -> bool:
        try:
            return bool(_scrape(url))
        except OSError:
            return False

    with demo("--speed", "50", "--fault", "exporter-down", "--fault-seconds", "2") as running:
        url = running.line(0).split()[-1]
        _until(lambda: not up(url), "the endpoint to go")
        _until(lambda: up(url), "the endpoint to come back")
        assert 0 == running.stop()


@pytest.mark.needs("prometheus")
def test_prometheus_ends_with_the_same_numbers(demo: Callable[..., Any], tmp_path: Path) -> None:
    """Without it `--prometheus` starts a server that scrapes nothing, or leaves one behind."""
    file = tmp_path / "ledger.json"
    with demo(
        "--seconds", "4", "--speed", "50", "--seed", "7", "--linger", "600", "--ledger", str(file), "--prometheus"
    ) as running:
        prometheus = running.line(1).split()[-1]
        _until(file.exists, "the ledger")
        expected = _expected(_ledger(file)["counters"])
        _until(lambda: expected == _ask(prometheus, expected), "Prometheus to have the final totals")
        assert 0 == running.stop()
    with pytest.raises(OSError, match="refused"):
        _scrape(prometheus)


def _ask(prometheus: str, expected: dict[Any, Any]) -> dict[Any, float]:
    """What Prometheus has of the series in `expected`."""
    url = f"{prometheus}/api/v1/query?query=" + urllib.request.quote('{job="tradmetrics-demo"}')  # type: ignore[attr-defined]
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(url, timeout=10) as answer:
        rows = json.load(answer)["data"]["result"]
    found = {}
    for row in rows:
        labels = {name: value for name, value in row["metric"].items() if name not in ("job", "instance")}
        found[labels.pop("__name__"), tuple(sorted(labels.items()))] = float(row["value"][1])
    return {key: value for key, value in found.items() if key in expected}


def _quiet(environment: dict[str, str]) -> dict[str, str]:
    """The environment without what would change colours or widths."""
    changing = {"NO_COLOR", "FORCE_COLOR", "CLICOLOR_FORCE", "TTY_COMPATIBLE", "TTY_INTERACTIVE", "COLUMNS"}
    return {name: value for name, value in environment.items() if name not in changing} | {"TERM": "xterm-256color"}


def test_a_trip_is_explained_in_a_line_that_stays(demo: Callable[..., Any]) -> None:
    """A visitor would see orders stop for a while, and think that the demo is broken."""
    with demo("--seconds", "2", "--speed", "50", "--seed", "0") as running:
        assert 0 == running.wait()
    assert re.search(r"circuit breaker: volatility spike; trading resumes in \d+ s", running.text)
    assert "circuit breaker: reset; trading goes on" in running.text


def test_without_its_packages_the_board_is_left_out_with_a_word(monkeypatch: pytest.MonkeyPatch) -> None:
    """The demo would end with a traceback where only the metrics were installed."""
    monkeypatch.setattr("tradmetrics.demo.page.find_spec", lambda name: None)
    with running_board(8000, Console(), lambda: False) as line:
        assert "pip install 'tradmetrics[board]'" in line


def test_a_board_that_starts_slowly_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a small machine the visitor would read that there is no board, seconds before it comes."""
    came = iter([*[False] * 400, True])
    now = iter(range(10_000))

    def connect(*arguments: Any, **options: Any) -> Any:
        if next(came):
            return nullcontext()
        raise ConnectionRefusedError

    monkeypatch.setattr("tradmetrics.demo.page.find_spec", lambda name: True)
    monkeypatch.setattr("tradmetrics.demo.page.subprocess.Popen", lambda *arguments, **options: _Process())
    monkeypatch.setattr("tradmetrics.demo.page.socket.create_connection", connect)
    monkeypatch.setattr("tradmetrics.demo.page.monotonic", lambda: next(now) * 0.2)
    monkeypatch.setattr("tradmetrics.demo.page.sleep", lambda seconds: None)
    with running_board(8000, Console(), lambda: False) as line:
        assert re.fullmatch(r"Board: http://127\.0\.0\.1:\d+/", line)


def test_ctrl_c_is_heard_while_the_board_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    """The visitor would press it again and again until the board is there."""
    monkeypatch.setattr("tradmetrics.demo.page.find_spec", lambda name: True)
    monkeypatch.setattr("tradmetrics.demo.page.subprocess.Popen", lambda *arguments, **options: _Process())
    began = time.monotonic()
    with running_board(8000, Console(), lambda: time.monotonic() - began > 0.3) as line:
        assert "stopped" in line
    assert time.monotonic() - began < 10


class _Process:
    """A board that never answers."""

    def poll(self) -> None:
        """It runs."""

    def terminate(self) -> None:
        """End it."""

    def wait(self, seconds: float = 0.0) -> int:
        """It has ended."""
        return 0


@pytest.mark.parametrize("seconds", [5.0, 0.0])
def test_a_prometheus_that_does_not_start_is_told_with_its_last_words(
    seconds: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The visitor would wait half a minute for nothing, and would not read why."""
    program = tmp_path / "prometheus"
    program.write_text("#!/bin/sh\necho first\necho the disk is full >&2\nexit 3\n")
    program.chmod(0o755)
    monkeypatch.setattr(scraper, "_START_SECONDS", seconds)
    said = "ended with status 3: the disk is full" if seconds else "prometheus did not answer within 0 seconds"
    with pytest.raises(scraper.PrometheusError, match=said), scraper.running_prometheus(str(program), 1):
        pass


def test_without_a_prometheus_it_is_said_where_to_get_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """The visitor would read a traceback."""
    monkeypatch.setenv("PATH", "")
    with pytest.raises(scraper.PrometheusError, match="apt install prometheus"):
        scraper.find_prometheus()


class _Stubborn(_Process):
    """A program that ends only when it is killed."""

    def __init__(self) -> None:
        self.killed = False

    def wait(self, seconds: float = 0.0) -> int:
        """It has ended, once it was killed."""
        if not self.killed:
            raise subprocess.TimeoutExpired("board", seconds)
        return -9

    def kill(self) -> None:
        """Kill it."""
        self.killed = True


def test_programs_that_hang_are_killed_at_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """A board or a Prometheus would go on in the background after the demo, and hold its port."""
    board, prometheus = _Stubborn(), _Stubborn()
    monkeypatch.setattr("tradmetrics.demo.page.find_spec", lambda name: True)
    monkeypatch.setattr("tradmetrics.demo.page.subprocess.Popen", lambda *arguments, **options: board)
    with running_board(8000, Console(), lambda: True) as line:
        assert "stopped" in line
    assert board.killed
    monkeypatch.setattr("tradmetrics.demo.scraper.subprocess.Popen", lambda *arguments, **options: prometheus)
    monkeypatch.setattr(scraper, "_is_ready", lambda port: True)
    with scraper.running_prometheus("prometheus", 1) as url:
        assert url.startswith("http://127.0.0.1:")
    assert prometheus.killed
