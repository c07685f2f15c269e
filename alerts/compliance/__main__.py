"""Write the compliance rules from their settings: `python -m alerts.compliance [--check] [--settings FILE]`."""

import argparse
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from alerts.compliance.definitions import ALERTS, RECORDINGS
from alerts.generate import SettingsError, dumped, fill

HERE = Path(__file__).parent
SETTINGS = HERE / "settings.yml"
RULES = HERE / "rules.yml"
_HEADER = "# Written by `python -m alerts.compliance` from alerts/compliance/settings.yml and definitions.py.\n"


def render(settings: Mapping[str, Any]) -> str:
    """Build the text of the rule file.

    Args:
        settings: The content of settings.yml.

    Raises:
        SettingsError: When a setting that a rule needs is missing.
    """
    shared = {name: settings[name] for name in ("step", "gap", "bridge")}
    rules: list[dict[str, Any]] = [
        {"record": each.name, "expr": fill(each.expression, {**shared, **settings["ratio"]}, each.name)}
        for each in RECORDINGS
    ]
    for alert in ALERTS:
        own = settings["alerts"].get(alert.name)
        if own is None:
            raise SettingsError(f"compliance settings: alerts: there is no {alert.name!r}")
        values = {**shared, **{name: "+Inf" if value == float("inf") else value for name, value in own.items()}}
        rules.append(
            {
                "alert": alert.name,
                "expr": fill(alert.expression, values, alert.name),
                "for": own["for"],
                "labels": {"severity": own["severity"], "set": "compliance"},
                "annotations": {
                    "summary": fill(alert.summary, values, alert.name),
                    "description": fill(alert.description, values, alert.name),
                    "runbook_url": settings["docs"],
                },
            }
        )
    group = {"name": "trading_compliance", "interval": settings["evaluation_interval"], "rules": rules}
    return _HEADER + dumped({"groups": [group]})


def main(arguments: list[str] | None = None) -> int:
    """Run the command; see the module.

    Args:
        arguments: The command line, without the program's name.

    Returns:
        0, or 1 when `--check` found a difference, or 2 when the settings cannot be used.
    """
    parser = argparse.ArgumentParser(prog="python -m alerts.compliance", description=__doc__)
    parser.add_argument("--settings", type=Path, default=SETTINGS, help="another file of this layout")
    parser.add_argument("--output", type=Path, default=RULES, help="the rule file to write")
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 when the file would change")
    options = parser.parse_args(arguments)
    try:
        text = render(yaml.safe_load(options.settings.read_text(encoding="utf-8")))
    except (SettingsError, OSError, yaml.YAMLError, KeyError) as error:
        print(f"{options.settings}: {error}", file=sys.stderr)
        return 2
    is_stale = not options.output.exists() or options.output.read_text(encoding="utf-8") != text
    if options.check:
        if is_stale:
            print(f"{options.output} is stale; run python -m alerts.compliance", file=sys.stderr)
        return int(is_stale)
    if is_stale:
        options.output.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
