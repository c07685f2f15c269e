"""The subcommand `doctor`: reads files and a running system, and says what is wrong."""

import importlib.util
import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Final

import typer

from tradmetrics.doctor.findings import Finding, Query, Sample
from tradmetrics.doctor.known import Known

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
    """Find queries that can never have data, and metrics that nobody records or looks at.

    Checks every query of rules and dashboards, yours included, against the catalogue, the running system and the
    recording rules. Exit status: 0 when all is well, 1 on a query that names a metric, a label or a value of a label
    that is not there, 2 when a file cannot be read or a system cannot be reached. Metrics that were never recorded,
    that no query uses, and labels that overflowed are reported; with --strict they are faults too.

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
    from tradmetrics.doctor.examine import examine
    from tradmetrics.doctor.grafana import read_dashboard
    from tradmetrics.doctor.rules import read_rules

    unreadable: list[Finding] = []
    queries = [
        *_read(rules or [], ("*.yml", "*.yaml"), read_rules, unreadable),
        *_read(dashboards or [], ("*.json",), read_dashboard, unreadable),
    ]
    known = Known()
    samples = _ask(url, prometheus, known, queries, unreadable)
    examination = examine(queries, samples, known)
    examination.unreadable[:0] = unreadable
    if as_json:
        print(json.dumps(asdict(examination), indent=2))
    else:
        _print(examination.unreadable, "cannot read")
        _print(examination.faults, "fault")
        _print(examination.reports, "report")
        print(
            f"{examination.queries} queries checked: {len(examination.faults)} faults, "
            f"{len(examination.reports)} reports, {len(examination.unreadable)} unreadable"
        )
    raise typer.Exit(examination.status(strict=strict))


def _read(
    paths: Sequence[Path], patterns: Sequence[str], read: Callable[[Path], list[Query]], unreadable: list[Finding]
) -> list[Query]:
    queries: list[Query] = []
    for path in paths:
        files = sorted(file for pattern in patterns for file in path.rglob(pattern)) if path.is_dir() else [path]
        if not files:
            unreadable.append(Finding("unreadable", f"no {' or '.join(patterns)} in this folder", str(path)))
        for file in files:
            try:
                queries += read(file)
            except OSError as error:
                unreadable.append(Finding("unreadable", error.strerror or str(error), str(file)))
            except ValueError as error:
                unreadable.append(Finding("unreadable", str(error), str(file)))
    return queries


def _ask(
    url: str | None, prometheus: str | None, known: Known, queries: Sequence[Query], unreadable: list[Finding]
) -> list[Sample] | None:
    from tradmetrics.doctor.promql import selected_names
    from tradmetrics.doctor.sources import UnreachableError, read_endpoint, read_prometheus

    try:
        if url:
            return read_endpoint(url, known)
        if prometheus:
            return read_prometheus(prometheus, known, selected_names(queries))
    except UnreachableError as error:
        unreadable.append(Finding("unreadable", str(error)))
    return None


def _print(findings: Sequence[Finding], word: str) -> None:
    for finding in findings:
        print(f"{word}: {finding}")
