"""The subcommand `check`: imports modules in a child process, lists what they record, and fails past a limit."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any, Final, NoReturn

import typer

_GRACE_SECONDS: Final = 5.0


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
    seconds: Annotated[
        float, typer.Option("--seconds", metavar="SECONDS", min=0.1, help="The longest time that the imports may take.")
    ] = 30.0,
) -> None:
    """Count the series that your decorated functions can record, before they do.

    Imports your modules in a process of its own, lists every decorated function with its labels and values, where they
    are read from and which values they can have, and the most series that each metric can get. Labels read from what
    looks like an identifier (order_id, uuid, timestamp, ...) and labels without a source are flagged.

    Your bot does not run: the import stops, with the line to guard, at the first call of a decorated function, at
    start_metrics_server, and at the first outgoing connection.

    Exit status: 0 when all is well, 1 past --max-series or, with --strict, on a flag or where nothing is decorated,
    2 when a module cannot be imported.

    Args:
        targets: `module`, `module:function`, `module:Class` or `module:Class.method`; modules are looked for as
            `python -m` does, the current folder included.
        max_series: The most series that all of them may record together.
        strict: True to exit 1 on a flag, or when there is nothing decorated in one of the targets.
        as_json: True to print `functions[]`, `metrics[]` and `total` as JSON.
        seconds: The longest time that the imports may take together.

    Raises:
        typer.Exit: With the exit status.
    """
    from tradmetrics.check.report import Report
    from tradmetrics.registry.metrics import DISABLED_BY_ENVIRONMENT

    if DISABLED_BY_ENVIRONMENT:
        _fail("TRADMETRICS_DISABLED=1 is set, so the decorators leave the functions as they are; unset it")
    found = _imported(targets, seconds)
    if "refused" in found:
        _fail(found["refused"])
    report = Report.from_dict(found["report"])
    if as_json:
        print(json.dumps(asdict(report), indent=2))
    else:
        from tradmetrics.check.tables import show

        show(report, max_series)
    for target in found["bare"]:
        # A package's modules count once importing it has loaded them.
        print(f"tradmetrics check: {target}: no decorated function there, in what importing it loads", file=sys.stderr)
    too_many = max_series is not None and report.total > max_series
    raise typer.Exit(1 if too_many or (strict and (report.flagged or found["bare"])) else 0)


def _imported(targets: Sequence[str], seconds: float) -> dict[str, Any]:
    """Import the targets in a child process, and return its answer."""
    with tempfile.TemporaryDirectory() as folder:
        answer = Path(folder, "answer.json")
        paths = [os.getcwd(), *filter(None, [os.environ.get("PYTHONPATH")])]
        child = subprocess.Popen(
            [sys.executable, "-m", "tradmetrics.check.child", str(answer), str(seconds), *targets],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
        )
        try:
            status = child.wait(seconds + _GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            return {"refused": f"the import was still running after {seconds:g} s, and was ended"}
        finally:
            child.kill()
            child.wait()
        if not answer.exists():
            return {"refused": f"the import of {', '.join(targets)} ended Python itself, with status {status}"}
        found: dict[str, Any] = json.loads(answer.read_text(encoding="utf-8"))
        return found


def _fail(message: str) -> NoReturn:
    print(f"tradmetrics check: {message}", file=sys.stderr)
    raise typer.Exit(2)
