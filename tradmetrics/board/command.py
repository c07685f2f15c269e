"""The command `tradmetrics board`."""

import asyncio
import contextlib
import logging
import ssl
import sys
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from tradmetrics.board.query.durations import QueryError, seconds
from tradmetrics.errors import ConfigurationError

_SCRAPING = "Scraping"
_ALERTS = "Alerts"
_LONGEST = 7 * 86_400.0


def board(
    urls: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[URL]...",
            help="Addresses of your bots' /metrics; 8000 alone is a port of this machine.  [default: 8000]",
        ),
    ] = None,
    prometheus: Annotated[
        str,
        typer.Option(
            metavar="URL", help="Ask this Prometheus instead of scraping the bots; --set job=NAME chooses the job."
        ),
    ] = "",
    port: Annotated[int, typer.Option(metavar="PORT", min=0, max=65535, help="Port of the page.")] = 8050,
    host: Annotated[str, typer.Option(metavar="ADDRESS", help="Address to listen on.")] = "127.0.0.1",
    history: Annotated[
        str, typer.Option(metavar="TIME", help="How long to keep samples, such as 30m, 6h or 1d; in memory only.")
    ] = "6h",
    open_: Annotated[bool, typer.Option("--open", help="Open the page in a browser.")] = False,
    auth: Annotated[
        str,
        typer.Option(metavar="USER:PASSWORD", envvar="TRADMETRICS_BOARD_AUTH", help="Ask for this user and password."),
    ] = "",
    token: Annotated[
        str,
        typer.Option(
            metavar="TOKEN",
            envvar="TRADMETRICS_BOARD_TOKEN",
            help="Bearer token of the bots, or of the Prometheus. For a user and a password, write http://user:password@host:8000/metrics.",
            rich_help_panel=_SCRAPING,
        ),
    ] = "",
    ca: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Trust the certificates that this file signs.", rich_help_panel=_SCRAPING),
    ] = None,
    notify: Annotated[
        list[str] | None,
        typer.Option(
            metavar="URL",
            envvar="TRADMETRICS_NOTIFY",
            help="Send alerts there: tgram://, discord://, slack://, ntfy://, mailto://, json://. May be repeated.",
            rich_help_panel=_ALERTS,
        ),
    ] = None,
    notify_test: Annotated[
        bool, typer.Option("--notify-test", help="Send one message and stop.", rich_help_panel=_ALERTS)
    ] = False,
    ping: Annotated[
        str,
        typer.Option(
            metavar="URL",
            envvar="TRADMETRICS_PING",
            help="Call this address once a minute while all is well, so that others notice when the board is gone.",
            rich_help_panel=_ALERTS,
        ),
    ] = "",
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="KEY=VALUE",
            help="Change a setting of the alerts, as in alerts.HighDailyLoss.threshold=-20000. May be repeated.",
            rich_help_panel=_ALERTS,
        ),
    ] = None,
    no_page: Annotated[
        bool, typer.Option("--no-page", help="Watch and send alerts, with /metrics only.", rich_help_panel=_ALERTS)
    ] = False,
) -> None:
    """Watch your bots on a page that moves, and get a message when something is wrong.

    The board scrapes the bots once a second from a process of its own and keeps what it sees in memory. Nothing of it
    runs in the bots.
    """
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    logging.getLogger("httpx").setLevel(logging.WARNING)
    try:
        from tradmetrics.board import assembly
    except ImportError as error:
        _fail(f"the package {error.name!r} is missing; run `pip install 'tradmetrics[board]'`")
    try:
        plan = assembly.Plan(
            tuple(urls or (["8000"] if not prometheus else [])),
            prometheus,
            host,
            0 if notify_test else port,  # the board may be running already
            _history(history),
            auth,
            token,
            ca,
            tuple(each for text in notify or () for each in text.split()),
            ping,
            tuple(settings or ()),
        )
        if auth and ":" not in auth:
            raise ConfigurationError("--auth: write USER:PASSWORD")
        built = assembly.assemble(plan)
        if notify_test:
            _test(built)
            return
        assembly.collect_seldom()
        with contextlib.suppress(KeyboardInterrupt):
            if no_page:
                asyncio.run(assembly.run_without_page(built))
            else:
                assembly.run_with_page(built, show=open_)
    except (ConfigurationError, ssl.SSLError, OSError) as error:
        _fail(str(error))


def _test(built: object) -> None:
    from tradmetrics.board.assembly import Assembled

    assert isinstance(built, Assembled)
    if not built.plan.notify:
        _fail("--notify-test needs --notify URL or TRADMETRICS_NOTIFY")
    missing = asyncio.run(built.notifier.test())
    if missing:
        which = f"address {', '.join(map(str, missing))}" if len(built.plan.notify) > 1 else "the address"
        _fail(f"the message did not arrive; check {which} of --notify")
    print("the message was sent")


def _history(text: str) -> float:
    try:
        found = seconds(text)
    except QueryError:
        raise ConfigurationError(f"--history: expected a time such as 30m, 6h or 1d, got {text!r}") from None
    if not 60 <= found <= _LONGEST:
        raise ConfigurationError(f"--history: expected 1m to 7d, got {text}")
    return found


def _fail(message: str) -> NoReturn:
    print(f"tradmetrics board: {message}", file=sys.stderr)
    raise typer.Exit(2)
