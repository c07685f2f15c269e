"""The options of a metrics object, checked against the metrics there are."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import Any, Final, Protocol

from tradmetrics import catalogue
from tradmetrics.cardinality import LabelKey, Limits
from tradmetrics.errors import ConfigurationError, nearest
from tradmetrics.model.definition import MetricDefinition, is_label_name, known_definitions
from tradmetrics.model.text import UNKNOWN, shown, text_of

_TARGET_LABELS: Final = frozenset({"job", "instance"})
VERSION_VARIABLE: Final = "TRADMETRICS_VERSION"
"""The environment variable that names the version of the user's code."""
START_TIMESTAMPS_VARIABLE: Final = "TRADMETRICS_START_TIMESTAMPS"
"""The environment variable that shows in OpenMetrics when each series began."""


class DerivedStats(Protocol):
    """The methods of `StrategyStats` that a metrics object calls."""

    def expose(self, metrics: Any, /) -> None:
        """Expose the derived figures on a `TradingMetrics`."""
        ...

    def trade(
        self, metrics: Any, strategy: object, pnl: Any, *, site: str, status: object = ..., completes: bool = ...
    ) -> None:
        """Take a trade into account, or the P&L of an earlier one."""
        ...

    def cash(self, metrics: Any, amount: float, *, transfer: bool, site: str) -> None:
        """Take a cash flow into account."""
        ...

    def refuses(self, definition: MetricDefinition, *, site: str) -> bool:
        """Return whether the statistics work a metric out, so that a value given for it is left out."""
        ...


def limits_of(limits: Limits | Mapping[LabelKey, int] | None) -> Limits:
    """The limits as given, checked against the metrics there are; a plain mapping stands for their `labels`."""
    if limits is None:
        return Limits()
    checked = limits if isinstance(limits, Limits) else Limits(labels=limits)
    checked.check(known_definitions())
    return checked


def buckets_of(buckets: Mapping[str, Iterable[float]] | None) -> dict[str, tuple[float, ...]]:
    """Bucket bounds by metric as given, checked against the histograms there are."""
    histograms = [definition.name for definition in catalogue.CATALOGUE if definition.kind == "histogram"]
    result: dict[str, tuple[float, ...]] = {}
    if buckets is not None and not isinstance(buckets, Mapping):
        raise ConfigurationError(
            f"buckets: a mapping of a histogram's name to its bounds, e.g. {{{histograms[0]!r}: (0.1, 1, 10)}}, "
            f"not {shown(buckets)}"
        )
    for name, bounds in (buckets or {}).items():
        if name in catalogue.BY_NAME and name not in histograms:
            raise ConfigurationError(
                f"buckets: {name!r} is a {catalogue.BY_NAME[name].kind}; only histograms have buckets"
            )
        if name not in histograms:
            raise ConfigurationError(f"buckets: no histogram is called {name!r}{nearest(name, histograms)}")
        result[name] = catalogue.BY_NAME[name].with_buckets(bounds).buckets or ()
    return result


def constants_of(labels: object) -> tuple[tuple[str, str], ...]:
    """Constant labels as given, checked against the labels that the catalogue's metrics have."""
    if labels is None:
        return ()
    example = "labels={'venue': 'kraken', 'account': 'main'}"
    if not isinstance(labels, Mapping):
        raise ConfigurationError(f"TradingMetrics: {example} maps a label's name to its value, not {shown(labels)}")
    constants: list[tuple[str, str]] = []
    for name, value in labels.items():
        if not isinstance(name, str) or not is_label_name(name) or name in _TARGET_LABELS:
            reason = "Prometheus sets it itself" if name in _TARGET_LABELS else "letters, digits, underscores"
            raise ConfigurationError(f"TradingMetrics: labels= cannot name a label {name!r} ({reason}); e.g. {example}")
        if value is None or isinstance(value, bool) or text_of(value) == UNKNOWN:
            raise ConfigurationError(
                f"TradingMetrics: labels={{{name!r}: {shown(value)}}} has no value; a constant label has a text"
            )
        owner = next((each.name for each in catalogue.CATALOGUE if name in each.label_names), None)
        if owner is not None:
            raise ConfigurationError(
                f"TradingMetrics: labels= cannot name a label {name!r}, because {owner} has one of its own; give it "
                "another name"
            )
        constants.append((name, text_of(value)))
    return tuple(sorted(constants))


def version_of(version: object) -> str | None:
    """The version of the user's code: as given, or from the environment; None where nobody gives one."""
    given = os.environ.get(VERSION_VARIABLE) if version is None else version
    if given is None or (isinstance(given, str) and not given.strip()):
        return None
    if isinstance(given, bool) or not isinstance(given, str | int | float):
        raise ConfigurationError(f"TradingMetrics: version is a text such as 'a1b2c3d', not {shown(given)}")
    return text_of(given)


def start_timestamps_of(given: object) -> bool:
    """Whether OpenMetrics shows when each series began: as given, or from the environment."""
    return asked_for(START_TIMESTAMPS_VARIABLE) if given is None else flag("start_timestamps", given)


def asked_for(variable: str) -> bool:
    """Whether an environment variable says yes: `1`, `true`, `yes` or `on`."""
    return os.environ.get(variable, "").strip().lower() in ("1", "true", "yes", "on")


def flag(name: str, value: object) -> bool:
    """A flag as given: what merely passes for one, such as a text from the environment, would be read as True."""
    if not isinstance(value, bool):
        raise ConfigurationError(f"{name} is True or False, not {shown(value)}")
    return value
