"""The index of the runbooks, and the rule that stands at the top of each."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import yaml

from alerts.definitions import ALERTS
from docs.tools.markdown import generated, table

RULES: Final = Path(__file__).parent.parent.parent / "alerts" / "rules"
GRAPHS: Final = Path(__file__).parent.parent / "images" / "alerts"
BEGIN: Final = "<!-- The rule, written by `python -m docs.tools`. -->"
END: Final = "<!-- The end of the rule. -->"


def alerts() -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the alerts, each with the name of its group."""
    for path in sorted(RULES.glob("*.yml")):
        for group in yaml.safe_load(path.read_text(encoding="utf-8"))["groups"]:
            for rule in group["rules"]:
                if "alert" in rule:
                    yield group["name"], rule


def index() -> str:
    """Return the page that lists the runbooks."""
    titles = {alert.name: alert.title for group in ALERTS.values() for alert in group}
    rows = [
        (f"[{rule['alert']}]({rule['alert']}.md)", rule["labels"]["severity"], titles[rule["alert"]])
        for _, rule in sorted(alerts(), key=lambda each: str(each[1]["alert"]))
    ]
    parts = [
        generated(),
        "# Runbooks",
        "Each alert of `alerts/rules` has one page; the alert's annotation `runbook_url` leads to it. `critical` is "
        "meant to wake you, `warning` to be looked at in the session, `info` to be looked at some day. Alerts of "
        "severity `none` are sent to nobody.",
        "Thresholds and windows are in `alerts/settings.yml`; after a change, `python -m alerts.generate` writes the "
        "rules. Alertmanager mutes alerts about trading while the bot's market is closed: "
        "[at night](../how-to/stack.md#at-night).",
        "Rules that count events do so exactly, in steps of a scrape interval: `increase` extrapolates, and reads 0 at "
        "the first event of a kind ([why](../how-to/troubleshooting.md#first)).",
        table(("Alert", "Severity", "Meaning"), rows),
    ]
    return "\n\n".join(parts) + "\n"


def pages(folder: Path) -> dict[Path, str]:
    """Return the runbooks that exist in a folder, each with its rule brought up to date."""
    result = {}
    for _, rule in alerts():
        path = folder / f"{rule['alert']}.md"
        if path.exists():
            text = path.read_text(encoding="utf-8")
            before, _, rest = text.partition(BEGIN)
            result[path] = f"{before}{BEGIN}\n\n{_rule(rule)}\n\n{END}{rest.partition(END)[2]}"
    return result


def _rule(rule: dict[str, Any]) -> str:
    held = "at once" if rule["for"] == "0s" else f"after the condition has held for {rule['for']}"
    keeps = f", and stays for {rule['keep_firing_for']} after it has gone" if "keep_firing_for" in rule else ""
    return (
        f"Severity **{rule['labels']['severity']}**. Fires {held}{keeps}:\n\n"
        f"<!-- may be empty: unless the alert fires -->\n```promql\n{rule['expr']}\n```{_graph(rule['alert'])}"
    )


def _graph(alert: str) -> str:
    """The alert's graph, which `python -m docs.tools.alert_graphs` draws; nothing where there is none."""
    if not (GRAPHS / f"{alert}.svg").exists():
        return ""
    text = (
        "The figure that the rule compares, before, during and after a fault that begins at 0 min; dashed: the "
        "threshold; red: the alert fires."
    )
    return f"\n\n![{text}](../images/alerts/{alert}.svg)"
