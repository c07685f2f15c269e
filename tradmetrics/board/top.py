"""The command `tradmetrics top`: the board in a terminal, on Textual."""

import asyncio
import contextlib
import sys
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from tradmetrics.errors import ConfigurationError

if TYPE_CHECKING:
    from tradmetrics.board.assembly import Assembled

_LOOK_SECONDS = 0.5
_MOST_LOOKS = 20
_SCRAPES = 3
"""Scrapes of each bot that a snapshot waits for, unless it takes too long."""


def top(
    urls: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[URL]...",
            help="Addresses of your bots' /metrics; 8000 alone is a port of this machine.  [default: 8000]",
        ),
    ] = None,
    token: Annotated[
        str, typer.Option(metavar="TOKEN", envvar="TRADMETRICS_BOARD_TOKEN", help="Bearer token of the bots.")
    ] = "",
) -> None:
    """Watch your bots in a terminal, for example over ssh. Press q to quit.

    Without a terminal, print what there is now as text and end.
    """
    try:
        from tradmetrics.board import assembly
    except ImportError as error:
        _fail(f"the package {error.name!r} is missing; run `pip install 'tradmetrics[board]'`")
    try:
        built = assembly.assemble(assembly.Plan(tuple(urls or ["8000"]), port=0, history=1_800.0, token=token))
    except ConfigurationError as error:
        _fail(str(error))
    if not sys.stdout.isatty():
        print(asyncio.run(_snapshot(built)))
        return
    try:
        from tradmetrics.board.terminal import Top
    except ImportError as error:
        _fail(f"the package {error.name!r} is missing; run `pip install 'tradmetrics[board]'`")
    Top(built).run()


async def _snapshot(built: "Assembled") -> str:
    from tradmetrics.board.summary import as_text, summarise

    work = asyncio.ensure_future(built.watch.run())
    try:
        for _ in range(_MOST_LOOKS):
            await asyncio.sleep(_LOOK_SECONDS)
            if all(each.scrapes >= _SCRAPES for each in built.watch.scraper.watched):
                break
        return as_text(await summarise(built.watch, built.answers, built.dashboards["main"]))
    finally:
        work.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await work


def _fail(message: str) -> NoReturn:
    print(f"tradmetrics top: {message}", file=sys.stderr)
    raise typer.Exit(2)
