"""Which alerts are muted by others, as the inhibit rules of the shipped Alertmanager configuration say."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from tradmetrics.board.query.samples import Labels, matching
from tradmetrics.board.query.tree import Matcher

SOURCES_ONLY: Final = frozenset(("MarketClosed", "Watchdog"))
"""Alerts that mute others or prove that alerting works; the board sends these to no person."""
_MATCHER: Final = re.compile(r'\{?\s*(\w+)\s*(=~|!~|!=|=)\s*"?(.*?)"?\s*\}?')


@dataclass(frozen=True)
class InhibitRule:
    """An alert that matches `source` mutes those that match `target` and have the same values of `equal`."""

    source: tuple[Matcher, ...]
    target: tuple[Matcher, ...]
    equal: tuple[str, ...]


def read(document: Mapping[str, Any]) -> list[InhibitRule]:
    """Read the inhibit rules of an Alertmanager configuration."""
    return [
        InhibitRule(_matchers(each, "source"), _matchers(each, "target"), tuple(each.get("equal") or ()))
        for each in document.get("inhibit_rules") or ()
    ]


def _matchers(rule: Mapping[str, Any], side: str) -> tuple[Matcher, ...]:
    found = [Matcher(name, "=", value) for name, value in (rule.get(f"{side}_match") or {}).items()]
    found += [Matcher(name, "=~", value) for name, value in (rule.get(f"{side}_match_re") or {}).items()]
    for text in rule.get(f"{side}_matchers") or ():
        match = _MATCHER.fullmatch(text.strip())
        if match is None:
            raise ValueError(f"the inhibit rule {text!r} cannot be read")
        found.append(Matcher(match[1], match[2], match[3]))
    return tuple(found)


def muted(labels: Labels, firing: Iterable[Labels], rules: Sequence[InhibitRule]) -> bool:
    """Tell whether an alert is muted by one of those that fire.

    Args:
        labels: Labels of the alert.
        firing: Labels of all alerts that fire.
        rules: The inhibit rules.

    Returns:
        True if the alert must not reach a person.
    """
    alerts = list(firing)
    for rule in rules:
        source = matching(rule.source)
        if not matching(rule.target)(labels) or source(labels):
            continue
        for other in alerts:
            alike = all(other.get(name, "") == labels.get(name, "") for name in rule.equal)
            if other is not labels and alike and source(other):
                return True
    return False


def is_told(labels: Labels) -> bool:
    """Tell whether an alert is one for people."""
    return labels.get("alertname") not in SOURCES_ONLY and labels.get("severity") != "none"
