"""The subcommand `doctor`: reads files and a running system, and says what is wrong."""

import importlib.util
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Final

import typer

from tradmetrics.doctor.findings import Finding

_NEEDED: Final = {"promql_parser": "promql-parser", "yaml": "PyYAML"}


def doctor(
    url: Annotated[str | None, typer.Option(metavar="URL", help="A running /metrics endpoint to ask.")] = None,
    prometheus: Annotated[str | None, typer.Option(metavar="URL", help="A Prometheus to ask instead.")] = None,
    rules: Annotated[list[Path] | None, typer.Option(metavar="PATH", help="A rule file, or a folder of them.")] = None,
    dashboards: Annotated[
        list[Path] | None, typer.Option(metavar="PATH", help="A Grafana dashboard's JSON, or a folder of them.")
    ] = None,
    strict: Annotated[bool, typer.Option("--strict", help="Exit 1 on the reports too.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object instead of lines.")] = False,
) -> None:
    """Find queries that can never have data, and metrics that no code records or no query uses.

    Checks every query of rules and dashboards, yours included, against the catalogue, the running system and the
    recording rules. Exit status: 0 when all is well, 1 on a query that names a metric, a label or a value of a label
    that is not there, 2 when there is no such query but a file cannot be read or a system cannot be reached. Metrics
    that were never recorded, that no query uses, and labels that overflowed are reported; with --strict they are
    faults too. In a folder, files without rule groups, such as promtool's tests, are skipped.

    A password goes into the URL: https://user:password@host/metrics.

    Args:
        url: URL of a running `/metrics` endpoint.
        prometheus: URL of a Prometheus; not together with `url`.
        rules: Prometheus rule files, or folders of them.
        dashboards: Grafana dashboards, or folders of them.
        strict: True to exit 1 on reports.
        as_json: True to print `queries`, `faults[]`, `reports[]` and `unreadable[]` as JSON.

    Raises:
        typer.Exit: With the exit status.
    """
    missing = [package for module, package in _NEEDED.items() if importlib.util.find_spec(module) is None]
    if missing:
        print(f"doctor needs {' and '.join(missing)}: pip install 'tradmetrics[cli]'", file=sys.stderr)
        raise typer.Exit(2)
    if url and prometheus:
        print("doctor asks --url or --prometheus, not both", file=sys.stderr)
        raise typer.Exit(2)
    if not (url or prometheus or rules or dashboards):
        print("doctor has nothing to look at; name --url, --prometheus, --rules or --dashboards", file=sys.stderr)
        raise typer.Exit(2)
    from tradmetrics.doctor.supervisor import run

    examination = run(
        url=url,
        prometheus=prometheus,
        rules=[str(path) for path in rules or ()],
        dashboards=[str(path) for path in dashboards or ()],
    )
    if as_json:
        print(json.dumps(asdict(examination), indent=2))
    else:
        _print(examination.unreadable, "cannot read")
        _print(examination.passed_over, "passed over")
        _print(examination.faults, "fault")
        _print(examination.reports, "report")
        print(
            f"{examination.queries} queries checked: {len(examination.faults)} faults, "
            f"{len(examination.reports)} reports, {len(examination.unreadable)} unreadable"
        )
    raise typer.Exit(examination.status(strict=strict))


def _print(findings: Sequence[Finding], word: str) -> None:
    for finding in findings:
        print(f"{word}: {finding}")
