"""The command `tradmetrics demo`."""

import asyncio
import os
import shutil
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from tradmetrics.demo.faults import FaultName
from tradmetrics.errors import TradmetricsError
from tradmetrics.version import __version__

_FAULTS = "Faults"
_SCRAPING = "Scraping and comparing"


def demo(
    seconds: Annotated[
        float | None, typer.Option(metavar="WALL", min=0.1, help="Trade for this many seconds, not until Ctrl-C.")
    ] = None,
    speed: Annotated[
        float, typer.Option(metavar="X", min=1, max=500, help="Simulated seconds per second, 1 to 500.")
    ] = 1.0,
    seed: Annotated[int, typer.Option(metavar="N", help="The same seed gives the same session.")] = 0,
    port: Annotated[
        int, typer.Option(metavar="PORT", min=0, max=65535, help="Port of /metrics on this machine; 0 picks one.")
    ] = 8000,
    fault: Annotated[
        list[FaultName] | None,
        typer.Option(
            metavar="NAME",
            help=f"Let something go wrong: {', '.join(FaultName)}. May be repeated.",
            rich_help_panel=_FAULTS,
        ),
    ] = None,
    fault_seconds: Annotated[
        float | None,
        typer.Option(
            metavar="WALL",
            min=0,
            help="How long the faults last; without it until the process gets SIGUSR1.",
            rich_help_panel=_FAULTS,
        ),
    ] = None,
    prometheus: Annotated[
        bool,
        typer.Option(
            "--prometheus",
            help="Start this machine's prometheus on the demo, and print its URL.",
            rich_help_panel=_SCRAPING,
        ),
    ] = False,
    linger: Annotated[
        float,
        typer.Option(
            metavar="WALL",
            min=0,
            help="Keep /metrics up for so long after trading, for a last scrape.",
            rich_help_panel=_SCRAPING,
        ),
    ] = 0.0,
    board: Annotated[
        bool, typer.Option("--board/--no-board", help="Open a live page beside it; needs the extra [board].")
    ] = False,
    ledger: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Write down what happened, as JSON, when trading has stopped.",
            rich_help_panel=_SCRAPING,
        ),
    ] = None,
) -> None:
    """Trade on paper, with every metric live.

    Three strategies trade a simulated NIFTY and BANKNIFTY option chain through a simulated broker, all of it
    instrumented with the package's decorators. The first line printed is the address of /metrics.

    Ctrl-C and SIGTERM stop it cleanly, with exit status 0.
    """
    from rich.console import Console

    from tradmetrics.registry.functions import COUNT_CALLS

    os.environ.setdefault(COUNT_CALLS, "1")  # before the demo's functions are decorated
    from tradmetrics import configure
    from tradmetrics.demo.display import StatusLine
    from tradmetrics.demo.page import running_board
    from tradmetrics.demo.runner import Endpoint, Plan, listening_to_signals, play
    from tradmetrics.demo.scraper import PrometheusError, find_prometheus, running_prometheus

    if ledger is not None and not ledger.absolute().parent.is_dir():
        _fail(f"--ledger {ledger}: there is no folder {ledger.absolute().parent}")
    plan = Plan(seconds, speed, seed, tuple(fault or ()), fault_seconds, linger, ledger)
    console = Console()
    with ExitStack() as stack:
        wishes = stack.enter_context(listening_to_signals())
        try:
            program = find_prometheus() if prometheus else None
            configure(version=__version__)
            endpoint = Endpoint(port)
            stack.callback(endpoint.close)
            print(f"Metrics: {endpoint.url}", flush=True)
            if program is not None:
                url = stack.enter_context(running_prometheus(program, endpoint.port))
                print(f"Prometheus: {url}", flush=True)
            if board:
                page = running_board(endpoint.port, console, lambda: wishes.stop)
                print(stack.enter_context(page), flush=True)
                print(f"Ctrl-C stops both. Next: {_program()} demo --board --fault stale-feed", flush=True)
            line = stack.enter_context(StatusLine(console))
            asyncio.run(play(plan, endpoint, wishes, line))
        except (TradmetricsError, PrometheusError) as error:
            _fail(str(error))


def _program() -> str:
    """Return what to type for this program: in a checkout, its environment may not be active."""
    program = sys.argv[0]
    if Path(program).name == "__main__.py":
        return "python -m tradmetrics"
    found = shutil.which("tradmetrics")
    return "tradmetrics" if found and Path(found).resolve() == Path(program).resolve() else program


def _fail(message: str) -> NoReturn:
    print(f"tradmetrics demo: {message}", file=sys.stderr)
    raise typer.Exit(2)
