"""`tradmetrics top`: the board in a terminal, and as text without one."""

import asyncio
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from prometheus_client import CollectorRegistry

from tests.stack.servers import free_port
from tradmetrics import MetricsExporter, TradingMetrics, catalogue, start_metrics_server, track_order

pytest.importorskip("nicegui")
pytest.importorskip("textual")

from textual.pilot import Pilot
from textual.widgets import DataTable, Sparkline, Static

from tradmetrics.board import assembly
from tradmetrics.board.terminal import Top

HOSTILE = "[bold red]evil[/] [link"


@contextmanager
def bot() -> Iterator[str]:
    """A bot whose numbers are known; its address."""
    metrics = TradingMetrics(CollectorRegistry())
    exporter = MetricsExporter(metrics=metrics)
    place = track_order(strategy=HOSTILE, side="BUY", order_type="LIMIT", metrics=metrics)(lambda answer: answer)
    for _ in range(3):
        place({"status": "filled"})
    place({"status": "rejected", "reason": "margin"})
    exporter.update_pnl_metrics(daily=-1_234.5)
    exporter.update_position_metrics([{"strategy": HOSTILE, "symbol": "SPY", "quantity": 2}])
    metrics.record(catalogue.MARKET_DATA_LAST_UPDATE, ("SPY",), time.time() - 40, site="test")
    exporter.record_system_error("broker", "error")
    with start_metrics_server(port=0, metrics=metrics) as server:
        yield server.url.removeprefix("http://").removesuffix("/metrics")


def run(*arguments: str, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """`tradmetrics top` without a terminal."""
    command = [sys.executable, "-m", "tradmetrics", "top", *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)


def test_without_a_terminal_it_prints_what_there_is_and_ends(child_environment: dict[str, str]) -> None:
    """`tradmetrics top | mail` would hang, print escape codes, or leave out the bot that is down."""
    dead = f"127.0.0.1:{free_port()}"
    with bot() as address:
        answer = run(address, dead, environment=child_environment)
    assert 0 == answer.returncode, answer.stderr
    assert "\x1b" not in answer.stdout
    table, *lists = re.split(r"\n\n(?=\w)", answer.stdout.strip())
    heading, up, down = table.splitlines()
    assert ["Bot", "Up"] == heading.split()[:2]
    assert [address, "Up", "-1,234"] == up.split()[:3]
    assert [dead, "Down", "-"] == down.split()[:3]
    sections = {name: lines for name, _, *lines in (part.partition(":\n") for part in lists)}
    found = {name: lines[0].splitlines() for name, lines in sections.items()}
    assert f"  {address}  submitted 4  filled 3  rejected 1  cancelled -  unknown -" in found["Orders"]
    assert [f"  {address} {HOSTILE}  1"] == found["Positions"]
    (silent,) = found["Silent symbols"]
    assert re.fullmatch(rf"  {address} SPY  \S+ (s|min)", silent), silent
    assert [f"  {address} broker error  1"] == found["Errors"]
    assert "Alerts" in found


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["ftp://x"], "tradmetrics top: cannot read the address 'ftp://x'; write http://host:8000/metrics"),
        (["99999"], "tradmetrics top: "),
    ],
)
def test_an_address_that_cannot_be_one_is_said(
    child_environment: dict[str, str], arguments: list[str], said: str
) -> None:
    """A typing error would be a traceback, or an empty screen."""
    answer = run(*arguments, environment=child_environment)
    assert 2 == answer.returncode
    assert answer.stderr.startswith(said)
    assert "Traceback" not in answer.stderr


async def eventually(pilot: Pilot[None], holds: Callable[[], bool]) -> None:
    """Let the program run until something holds."""
    for _ in range(200):
        await pilot.pause(0.1)
        if holds():
            return
    raise AssertionError("it did not hold within twenty seconds")


@pytest.mark.parametrize("width", [60, 140])
def test_the_screen_shows_the_bots_and_q_ends_it(width: int) -> None:
    """Over ssh a trader would see no numbers, a label would be taken for markup, or the terminal would stay taken."""
    dead = f"127.0.0.1:{free_port()}"

    async def work(address: str) -> None:
        built = assembly.assemble(assembly.Plan((address, dead), port=0, history=1_800.0))
        app = Top(built)
        async with app.run_test(size=(width, 40)) as pilot:
            table = app.query_one("#bots", DataTable)
            below = app.query_one("#sections", Static)

            def rows() -> list[list[str]]:
                return [[str(cell) for cell in table.get_row_at(place)] for place in range(table.row_count)]

            await eventually(pilot, lambda: "-1,234" in str(rows()) and "Down" in str(rows()))
            assert [[address, "Up"], [dead, "Down"]] == [row[:2] for row in rows()]
            await eventually(pilot, lambda: table.virtual_size.width <= width)
            await eventually(pilot, lambda: HOSTILE in str(below.visual))
            assert "submitted 4  filled 3  rejected 1" in str(below.visual)
            await eventually(pilot, lambda: -1_234.5 in (app.query(Sparkline).first().data or []))
            await pilot.press("q")
            await eventually(pilot, lambda: not app.is_running or app._exit)
        assert app.return_code == 0

    with bot() as address:
        asyncio.run(work(address))
