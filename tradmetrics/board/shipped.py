"""The dashboards, rules and stack that come with the package, with settings of one's own."""

import difflib
import json
import math
import re
from collections.abc import Iterable, Mapping
from copy import deepcopy
from dataclasses import dataclass
from importlib.resources import files
from typing import Any, Final

from tradmetrics.board.query.durations import seconds
from tradmetrics.errors import ConfigurationError

_PLACE: Final = re.compile(r"@(f?)\{([\w.]+)(?:\|(\w+))?\}")
_RULE: Final = re.compile(r"^( *)- alert: *(\w+)\n(?:^\1 .*\n|^\n)*", re.M)
Settings = dict[str, Any]


@dataclass(frozen=True)
class Shipped:
    """Templates, and the settings to fill them in with.

    Attributes:
        settings: The settings as shipped.
        rule_templates: The rule files by name.
        compliance_template: The file of the compliance rules.
        board_templates: The dashboards by file name.
        stack: Files of the Compose stack by path, beside rules and dashboards.
        runbooks: The first lines of each alert's runbook.
    """

    settings: Settings
    rule_templates: Mapping[str, str]
    compliance_template: str
    board_templates: Mapping[str, str]
    stack: Mapping[str, str]
    runbooks: Mapping[str, str]

    def changed(self, changes: Iterable[str]) -> Settings:
        """Return the settings with changes.

        Args:
            changes: Each `alerts.HighDailyLoss.threshold=-20000`, with the names of alerts/settings.yml.

        Returns:
            The settings.

        Raises:
            ConfigurationError: A change has another form, or names a setting that does not exist.
        """
        settings = deepcopy(self.settings)
        for change in changes:
            name, equals, text = change.partition("=")
            if not equals:
                raise ConfigurationError(
                    f"--set {change}: write KEY=VALUE, as in alerts.HighDailyLoss.threshold=-20000"
                )
            *path, last = name.strip().split(".")
            place: Any = settings
            for step in path:
                place = place[_known(change, step, place)]
            known = [*place, "enabled", "session", "keep_firing_for"] if "severity" in place else place
            place[_known(change, last, known)] = _value(change, text.strip(), place.get(last))
        return settings

    def rules(self, settings: Settings) -> dict[str, str]:
        """Return the rule files by name; an alert with `enabled: false` is left out."""
        return {
            name: _filled(_RULE.sub(lambda match: _rule(match, settings["alerts"][match[2]]), text), settings)
            for name, text in self.rule_templates.items()
        }

    def compliance(self, settings: Settings) -> dict[str, str]:
        """Return the file of the compliance rules by its name; an alert with `enabled: false` is left out."""
        own = settings["compliance"]["alerts"]
        text = _RULE.sub(lambda match: match[0] if own[match[2]].get("enabled", True) else "", self.compliance_template)
        return {"compliance.yml": _filled(text, settings)}

    def dashboards(self, settings: Settings) -> dict[str, str]:
        """Return the dashboards' JSON by file name."""
        return {
            name: json.dumps(json.loads(_filled(text, settings)), indent=2, sort_keys=True) + "\n"
            for name, text in self.board_templates.items()
        }

    def compose(self, settings: Settings) -> dict[str, str]:
        """Return every file of the Compose stack by its path."""
        return {
            **self.stack,
            **{f"alerts/rules/{name}": text for name, text in self.rules(settings).items()},
            **{f"dashboards/json/{name}": text for name, text in self.dashboards(settings).items()},
        }


def load() -> Shipped:
    """Read what the package ships."""
    folder = files("tradmetrics.board") / "data"
    read = {
        name: json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))
        for name in ("settings", "rules", "compliance", "dashboards", "stack", "runbooks")
    }
    return Shipped(*read.values())


def _known(change: str, name: str, place: Any) -> str:
    if isinstance(place, Mapping | list) and name in place:
        return name
    names = list(place) if isinstance(place, Mapping | list) else []
    near = difflib.get_close_matches(name, names, n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"known here: {', '.join(sorted(map(str, names)))}"
    raise ConfigurationError(f"--set {change}: there is no setting {name!r}; {hint}")


def _value(change: str, text: str, shipped: Any) -> Any:
    """Read a value as one of the kind that the shipped setting has."""
    if text in ("true", "false"):
        return text == "true"
    number: float | None = None
    if re.fullmatch(r"-?\d+", text):
        number = int(text)
    elif re.fullmatch(r"-?(\d+\.\d*|\.\d+|\d+)([eE][-+]?\d+)?", text):
        number = float(text)
    if isinstance(shipped, int | float) and not isinstance(shipped, bool) and number is None:
        raise ConfigurationError(f"--set {change}: expected a number, got {text!r}")
    if isinstance(shipped, str) and re.fullmatch(r"(\d+(ms|[smhdwy]))+", shipped):
        if not re.fullmatch(r"(\d+(ms|[smhdwy]))+", text):
            raise ConfigurationError(f"--set {change}: expected a duration such as 30s, 5m or 1h, got {text!r}")
        return text
    if isinstance(shipped, list):
        return [each.strip() for each in text.strip("[]").split(",") if each.strip()]
    return text if number is None else number


def _rule(match: re.Match[str], own: Mapping[str, Any]) -> str:
    """Give a rule what its settings may add or take away: the rule itself, its label `session`, `keep_firing_for`."""
    if not own.get("enabled", True):
        return ""
    inner = f"{match[1]}  "
    label = f"{inner}  session: open\n"
    text = match[0].replace(label, "")
    if own.get("session", True):
        text = re.sub(rf"^{inner}  severity: .*\n", lambda found: found[0] + label, text, count=1, flags=re.M)
    if "keep_firing_for" in own and f"{inner}keep_firing_for:" not in text:
        keep = f"{inner}keep_firing_for: {own['keep_firing_for']}\n"
        text = re.sub(rf"^{inner}for: .*\n", lambda found: found[0] + keep, text, count=1, flags=re.M)
    return text


def _filled(text: str, settings: Settings) -> str:
    def value(match: re.Match[str]) -> str:
        found: Any = settings
        for step in match[2].split("."):
            found = found[step]
        if match[2] == "docs":
            return str(found).rstrip("/")
        if match[3] == "percent":
            return f"{found * 100:.12g}%"
        if match[3] == "seconds":
            return f"{seconds(found):.12g}"
        if found == math.inf:
            return "+Inf"
        return str(float(found)) if match[1] else str(found)

    return _PLACE.sub(value, text)
