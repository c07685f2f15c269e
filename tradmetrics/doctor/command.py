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
    urls: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[URL]...", help="Bots to judge; 8000 alone is a port of this machine.", show_default=False
        ),
    ] = None,
    *,
    url: Annotated[str | None, typer.Option(metavar="URL", help="A running /metrics endpoint to ask.")] = None,
    prometheus: Annotated[str | None, typer.Option(metavar="URL", help="A Prometheus to ask instead.")] = None,
    rules: Annotated[list[Path] | None, typer.Option(metavar="PATH", help="A rule file, or a folder of them.")] = None,
    dashboards: Annotated[
        list[Path] | None,
        typer.Option(metavar="PATH", help="Grafana's JSON, manifests with it, or a folder of them."),
    ] = None,
    strict: Annotated[bool, typer.Option("--strict", help="Exit 1 on the reports too.")] = False,
    max_age: Annotated[
        float | None,
        typer.Option(
            metavar="SECONDS", help="With bots: the age after which their data, heartbeats and samplers are late."
        ),
    ] = None,
    myself: Annotated[bool, typer.Option("--self", help="Describe this installation, for a bug report.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object instead of lines.")] = False,
) -> None:
    """Judge running bots, find queries that can never have data, or describe this installation.

    With addresses of bots, it answers whether you are watched: each bot is LIVE, DEGRADED or SILENT by the age of its
    market data, heartbeats and samplers. A bot whose code has not recorded anything is SILENT. Exit status 0 when all
    bots are LIVE, else 1. The default limits are those of the alerts: 30 s for data, 120 s for heartbeats and samplers.
    While trading_market_session_open is 0, the age of data does not count. One scrape cannot tell when the last order
    was sent, so orders are counted and not judged by age.

    With --self, it prints the versions, adapters, limits and settings that a maintainer asks for. Values of secrets are
    left out.

    Otherwise it checks every query of rules and dashboards, yours included, against the catalogue, the running system
    and the recording rules. Exit status: 0 when all is well, 1 on a query that names a metric, a label or a value of a
    label that is not there, 2 when there is no such query but a file cannot be read or a system cannot be reached.
    Metrics that were never recorded, that no query uses, and labels that overflowed are reported; with --strict they
    are faults too. In a folder, files without rule groups, such as promtool's tests, are skipped.

    A password goes into the URL: https://user:password@host/metrics.

    Args:
        urls: Bots to judge: URLs of their `/metrics`, `host:port`, or ports of this machine.
        url: URL of a running `/metrics` endpoint.
        prometheus: URL of a Prometheus; not together with `url`.
        rules: Prometheus rule files, or folders of them.
        dashboards: Grafana dashboards, or folders of them.
        strict: True to exit 1 on reports.
        max_age: Seconds after which any sign of life of a bot is late.
        myself: True to describe this installation.
        as_json: True to print JSON: `live` and `bots[]` of bots; `queries`, `faults[]`, `reports[]` and `unreadable[]`
            of queries; the description with `--self`.

    Raises:
        typer.Exit: With the exit status.
    """
    if urls or myself:
        _refuse_a_mixture(urls, myself, url, prometheus, rules, dashboards)
        raise typer.Exit(_describe(as_json) if myself else _watch(urls or (), max_age, as_json))
    missing = [package for module, package in _NEEDED.items() if importlib.util.find_spec(module) is None]
    if missing:
        print(f"doctor needs {' and '.join(missing)}: pip install 'tradmetrics[cli]'", file=sys.stderr)
        raise typer.Exit(2)
    if url and prometheus:
        print("doctor asks --url or --prometheus, not both", file=sys.stderr)
        raise typer.Exit(2)
    if not (url or prometheus or rules or dashboards):
        print(
            "doctor has nothing to look at; name a bot's URL, --url, --prometheus, --rules, --dashboards or --self",
            file=sys.stderr,
        )
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


def _refuse_a_mixture(urls: Sequence[str] | None, myself: bool, *others: object) -> None:
    if not any(others) and not (urls and myself):
        return
    print(
        "doctor does one thing at a time: judge bots (URL...), describe this installation (--self), or check queries "
        "(--url, --prometheus, --rules, --dashboards)",
        file=sys.stderr,
    )
    raise typer.Exit(2)


def _watch(urls: Sequence[str], max_age: float | None, as_json: bool) -> int:
    from tradmetrics.doctor.sources import metrics_url
    from tradmetrics.doctor.supervisor import watch

    if max_age is not None and not max_age > 0:
        print(f"doctor: --max-age must be a number of seconds above 0, got {max_age:g}", file=sys.stderr)
        return 2
    bots = watch(list(dict.fromkeys(map(metrics_url, urls))), max_age)
    live = sum(each.state == "LIVE" for each in bots)
    if as_json:
        print(json.dumps({"live": live, "bots": [asdict(each) for each in bots]}, indent=2))
    else:
        for each in bots:
            print(each)
        print(f"{live} of {len(bots)} bots live")
    return 0 if live == len(bots) else 1


def _describe(as_json: bool) -> int:
    from tradmetrics.doctor.installation import describe, lines

    description = describe()
    print(json.dumps(description, indent=2) if as_json else "\n".join(lines(description)))
    return 0
