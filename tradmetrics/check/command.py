"""The subcommand `check`: imports modules, lists what they record, and fails where that can become too much."""

import contextlib
import json
import os
import sys
from dataclasses import asdict
from typing import Annotated, NoReturn

import typer


def check(
    targets: Annotated[
        list[str], typer.Argument(metavar="MODULE[:ATTR]…", help="Modules, or functions and classes in them.")
    ],
    max_series: Annotated[
        int | None, typer.Option(metavar="TOTAL", min=0, help="Exit 1 when more series than these are possible.")
    ] = None,
    strict: Annotated[
        bool, typer.Option("--strict", help="Exit 1 when a label is flagged, or nothing is decorated.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object instead of tables.")] = False,
) -> None:
    """Count the series that your decorated functions can record, before they do.

    Imports your modules, lists every decorated function with its labels, where they are read from and which values
    they can have, and the most series that each metric can get. Labels read from what looks like an identifier
    (order_id, uuid, timestamp, ...) are flagged.

    Exit status: 0 when all is well, 1 past --max-series or, with --strict, on a flag or where nothing is decorated,
    2 when a module cannot be imported.

    Args:
        targets: `module`, `module:function`, `module:Class` or `module:Class.method`; modules are looked for as
            `python -m` does, the current folder included.
        max_series: The most series that all of them may record together.
        strict: True to exit 1 on a flag, or when there is nothing decorated in one of the targets.
        as_json: True to print `functions[]`, `metrics[]` and `total` as JSON.

    Raises:
        typer.Exit: With the exit status.
    """
    from tradmetrics.capture.call_site import CallSite
    from tradmetrics.check.count import report_on
    from tradmetrics.check.found import sites_of
    from tradmetrics.errors import ConfigurationError
    from tradmetrics.registry.metrics import DISABLED_BY_ENVIRONMENT

    if DISABLED_BY_ENVIRONMENT:
        _fail("TRADMETRICS_DISABLED=1 is set, so the decorators leave the functions as they are; unset it")
    if (folder := os.getcwd()) not in sys.path:
        sys.path.insert(0, folder)
    sites: dict[int, CallSite] = {}
    bare: list[str] = []
    for target in targets:
        try:
            # What a module prints while it is imported would spoil the JSON.
            with contextlib.redirect_stdout(sys.stderr):
                found = list(sites_of(target))
        except ConfigurationError as error:
            _fail(str(error))
        except (Exception, SystemExit) as error:
            _fail(f"{target} cannot be imported: {type(error).__name__}: {error}")
        sites.update((id(site), site) for site in found)
        if not found:
            bare.append(target)
    report = report_on(sites.values())
    if as_json:
        print(json.dumps(asdict(report), indent=2))
    else:
        from tradmetrics.check.tables import show

        show(report, max_series)
    for target in bare:
        # A package's modules count once importing it has loaded them.
        print(f"tradmetrics check: {target}: no decorated function there, in what importing it loads", file=sys.stderr)
    too_many = max_series is not None and report.total > max_series
    raise typer.Exit(1 if too_many or (strict and (report.flagged or bare)) else 0)


def _fail(message: str) -> NoReturn:
    print(f"tradmetrics check: {message}", file=sys.stderr)
    raise typer.Exit(2)
