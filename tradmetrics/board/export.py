"""The command `tradmetrics export`: dashboards, rules or the whole stack as files."""

import sys
from enum import Enum
from pathlib import Path
from typing import Annotated

import typer

from tradmetrics.board.shipped import load
from tradmetrics.errors import ConfigurationError


class What(str, Enum):
    """A part of the package that can be written as files."""

    DASHBOARDS = "dashboards"
    ALERTS = "alerts"
    COMPOSE = "compose"


def export(
    what: Annotated[What, typer.Argument(help="dashboards, alerts, or compose for the whole stack.")],
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="The folder to write to.")],
    compliance: Annotated[
        bool,
        typer.Option("--compliance", help="With alerts: write compliance.yml too, the rules of a desk's duties."),
    ] = False,
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="KEY=VALUE",
            help="Change a setting, as in alerts.HighDailyLoss.threshold=-20000. May be repeated.",
        ),
    ] = None,
) -> None:
    """Write Grafana dashboards, Prometheus rules, or a Compose stack with both.

    A threshold changed with --set moves the rule, its text and the dashed line in the dashboards.
    """
    shipped = load()
    try:
        if compliance and what is not What.ALERTS:
            raise ConfigurationError(f"--compliance belongs to `export alerts`, not to `export {what.value}`")
        chosen = shipped.changed(settings or ())
    except ConfigurationError as error:
        print(f"tradmetrics export: {error}", file=sys.stderr)
        raise typer.Exit(2) from None
    build = {
        What.DASHBOARDS: shipped.dashboards,
        What.ALERTS: shipped.rules,
        What.COMPOSE: shipped.compose,
    }[what]
    written = {**build(chosen), **(shipped.compliance(chosen) if compliance else {})}
    try:
        for name, text in written.items():
            path = directory / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
    except OSError as error:
        print(f"tradmetrics export: cannot write to {directory}: {error.strerror}", file=sys.stderr)
        raise typer.Exit(2) from None
    print(f"wrote {len(written)} files to {directory}")
