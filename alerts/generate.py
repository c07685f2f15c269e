"""Write the Prometheus rules from the settings: `python -m alerts.generate [--check]`.

`--check` writes nothing and exits 1 when a file is not what would be written, so that a build notices rules that
were edited by hand or forgotten.
"""

import argparse
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from string import Template
from typing import Any

import yaml

from alerts.definitions import ALERTS, RECORDINGS, Alert
from tradmetrics import catalogue
from tradmetrics.board.query import durations
from tradmetrics.model.definition import MetricDefinition
from tradmetrics.vocabulary import requests

HERE = Path(__file__).parent
SETTINGS = HERE / "settings.yml"
RULES = HERE / "rules"
_HEADER = "# Written by `python -m alerts.generate` from alerts/settings.yml and alerts/definitions.py.\n"
_METRICS = {name: value.name for name, value in vars(catalogue).items() if isinstance(value, MetricDefinition)}


# An alert may leave these out.
_OPTIONAL = ("enabled", "session", "keep_firing_for")


class SettingsError(ValueError):
    """The settings name something that does not exist, or lack something that an alert needs."""


class _Text(Template):
    """A template whose placeholders begin with `@`, because `$` is taken by Prometheus's own templates."""

    delimiter = "@"


class _Dumper(yaml.SafeDumper):
    """A dumper that keeps expressions of several lines readable."""


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _text)


def load(paths: Iterable[Path] = ()) -> dict[str, Any]:
    """Read the shipped settings and lay further files over them.

    Args:
        paths: Files of the same layout; what a later one names wins.

    Returns:
        The settings.

    Raises:
        SettingsError: When a file names an alert or a setting that does not exist, or has another layout.
    """
    settings: dict[str, Any] = yaml.safe_load(SETTINGS.read_text(encoding="utf-8"))
    for path in paths:
        _overlay(settings, yaml.safe_load(path.read_text(encoding="utf-8")) or {}, str(path))
    for name, patterns in (("failed", requests.FAILED), ("denied", requests.DENIED)):
        for alert in settings["alerts"].values():
            if name in alert and alert[name] is None:
                alert[name] = requests.pattern(patterns)
    return settings


def seconds(duration: str) -> float | None:
    """Return the seconds of a duration in Prometheus's notation, or None if the text has another form."""
    try:
        return durations.seconds(duration) if not duration.startswith("-") else None
    except durations.QueryError:
        return None


def _overlay(settings: Any, changes: Any, place: str) -> None:
    if not isinstance(settings, dict) or not isinstance(changes, Mapping):
        raise SettingsError(f"{place}: expected settings with the layout of {SETTINGS.name}, not {changes!r}")
    for key, value in changes.items():
        known = [*settings, *_OPTIONAL] if "severity" in settings else settings
        if key not in known:
            raise SettingsError(f"{place}: there is no setting {key!r}; known here: {', '.join(sorted(known))}")
        if isinstance(value, Mapping) or isinstance(settings.get(key), Mapping):
            _overlay(settings[key], value, f"{place}: {key}")
        else:
            settings[key] = value


def fill(template: str, settings: Mapping[str, Any], place: str) -> str:
    """Fill a template in; a duration also gives `@…_seconds`, and a number `@…_percent`.

    Args:
        template: An expression or a text; see `alerts.model`.
        settings: The settings that it may name.
        place: The rule's name, for the error.

    Returns:
        The text for Prometheus.

    Raises:
        SettingsError: When the template names a setting that is missing.
    """
    lengths = {name: seconds(value) for name, value in settings.items() if isinstance(value, str)}
    values = {f"{name}_seconds": f"{length:.12g}" for name, length in lengths.items() if length is not None}
    numbers = {name: value for name, value in settings.items() if isinstance(value, (int, float))}
    values |= {f"{name}_percent": f"{value * 100:.12g}%" for name, value in numbers.items()}
    try:
        return _Text(template).substitute(_METRICS, **values, **settings)
    except KeyError as error:
        raise SettingsError(f"{place}: the setting {error} is missing") from None


def _alert(alert: Alert, settings: Mapping[str, Any]) -> dict[str, Any] | None:
    own = settings["alerts"].get(alert.name)
    if own is None:
        raise SettingsError(f"settings.yml: alerts: there is no {alert.name!r}")
    if not own.get("enabled", True):
        return None
    values = {**_shared(settings), **own}
    built = {"alert": alert.name, "expr": fill(alert.expression, values, alert.name), "for": own["for"]}
    if "keep_firing_for" in own:
        built["keep_firing_for"] = own["keep_firing_for"]
    built["labels"] = {"severity": own["severity"]}
    if own.get("session", True):
        built["labels"]["session"] = "open"
    built["annotations"] = {
        "summary": fill(alert.summary, values, alert.name),
        "description": fill(alert.description, values, alert.name),
        "runbook_url": f"{settings['docs'].rstrip('/')}/runbooks/{alert.name}/",
    }
    return built


def _shared(settings: Mapping[str, Any]) -> dict[str, Any]:
    return {name: settings[name] for name in ("job", "step", "gap", "bridge")}


def rules(settings: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Build the rule files.

    Args:
        settings: What `load` returned.

    Returns:
        The content of each file by its name, as Prometheus's rule format has it.

    Raises:
        SettingsError: When a setting that an alert needs is missing.
    """
    recording = {**_shared(settings), **settings["recording"], "window": settings["recording"]["rate_window"]}
    groups = {
        name: [built for alert in alerts if (built := _alert(alert, settings))] for name, alerts in ALERTS.items()
    }
    groups["recording"] = [
        {"record": each.name, "expr": fill(each.expression, recording, each.name)} for each in RECORDINGS
    ]
    return {
        f"{name}.yml": {
            "groups": [{"name": f"trading_{name}", "interval": settings["evaluation_interval"], "rules": group}]
        }
        for name, group in groups.items()
    }


def dumped(content: Mapping[str, Any]) -> str:
    """Return the text of a rule file, with expressions of several lines readable."""
    text: str = yaml.dump(content, Dumper=_Dumper, sort_keys=False, width=1000, allow_unicode=True)
    return text


def render(settings: Mapping[str, Any]) -> dict[str, str]:
    """Build the text of the rule files by their name; see `rules`."""
    return {file: _HEADER + dumped(content) for file, content in rules(settings).items()}


def main(arguments: list[str] | None = None) -> int:
    """Run the command; see the module.

    Args:
        arguments: The command line, without the program's name.

    Returns:
        0, or 1 when `--check` found a difference, or 2 when the settings cannot be used.
    """
    parser = argparse.ArgumentParser(prog="python -m alerts.generate", description=__doc__)
    parser.add_argument("--settings", type=Path, action="append", default=[], help="a file laid over settings.yml")
    parser.add_argument("--output", type=Path, default=RULES, help="the folder to write to")
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 when a file would change")
    options = parser.parse_args(arguments)
    try:
        files = render(load(options.settings))
    except (SettingsError, OSError, yaml.YAMLError) as error:
        print(error, file=sys.stderr)
        return 2
    stale = [options.output / name for name, text in files.items() if _read(options.output / name) != text]
    if options.check:
        for path in stale:
            print(f"{path} is not what alerts/settings.yml says; run python -m alerts.generate", file=sys.stderr)
        return 1 if stale else 0
    options.output.mkdir(parents=True, exist_ok=True)
    for path in stale:
        path.write_text(files[path.name], encoding="utf-8")
    return 0


def _read(path: Path) -> str | None:
    return path.read_text(encoding="utf-8") if path.exists() else None


if __name__ == "__main__":
    sys.exit(main())
