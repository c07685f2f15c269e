"""The events of a session in plain numbers: the truth that the metrics are compared with.

The simulated world and the callers of decorated functions write here, never the instrumentation: the ledger would
hold the same numbers if the package recorded nothing at all.
"""

from collections import Counter
from collections.abc import Mapping
from typing import Any, Final

from tradmetrics import catalogue
from tradmetrics.model.definition import MetricDefinition

_COUNTERS: Final[Mapping[str, MetricDefinition]] = {
    "submitted": catalogue.ORDERS_SUBMITTED,
    "filled": catalogue.ORDERS_FILLED,
    "rejected": catalogue.ORDERS_REJECTED,
    "cancelled": catalogue.ORDERS_CANCELLED,
    "unknown": catalogue.ORDERS_UNKNOWN,
    "anomalies": catalogue.ORDER_ANOMALIES,
    "messages": catalogue.ORDER_MESSAGES,
    "trades": catalogue.TRADES,
    "profit": catalogue.PROFIT,
    "loss": catalogue.LOSS,
    "trips": catalogue.CIRCUIT_BREAKER_TRIGGERS,
    "breaches": catalogue.RISK_LIMIT_BREACHES,
    "ticks": catalogue.MARKET_DATA_UPDATES,
    "predictions": catalogue.ML_PREDICTIONS,
    "errors": catalogue.SYSTEM_ERRORS,
    "requests": catalogue.API_REQUESTS,
    "connections": catalogue.STREAM_CONNECTS,
    "cash_received": catalogue.CASH_RECEIVED,
    "cash_paid": catalogue.CASH_PAID,
}
_OBSERVATIONS: Final[Mapping[str, MetricDefinition]] = {
    "fill_times": catalogue.ORDER_FILL_TIME,
    "acknowledged": catalogue.ORDER_ACK_TIME,
    "first_fills": catalogue.ORDER_FIRST_FILL_TIME,
    "slippages": catalogue.ORDER_SLIPPAGE,
    "trade_results": catalogue.TRADES_PNL,
    "tick_ages": catalogue.MARKET_DATA_AGE,
    "request_times": catalogue.API_REQUEST_DURATION,
    "trainings": catalogue.ML_TRAINING_DURATION,
}


class Ledger:
    """Totals by label values, in the order of the metric's labels."""

    def __init__(self) -> None:
        self._totals: dict[str, Counter[tuple[str, ...]]] = {name: Counter() for name in (*_COUNTERS, *_OBSERVATIONS)}

    def add(self, entry: str, *labels: str, amount: float = 1) -> None:
        """Write down that something happened.

        Args:
            entry: What: `submitted`, `filled`, `rejected`, … (the keys of the two tables above).
            *labels: The values that tell it apart, in canonical spelling.
            amount: How much; only `profit` and `loss` are other than 1.
        """
        self._totals[entry][labels] += amount  # type: ignore[assignment]  # profit and loss are amounts of money

    def total(self, entry: str) -> float:
        """The total of one entry over all label values."""
        return sum(self._totals[entry].values())

    def counters(self) -> dict[str, dict[tuple[str, ...], float]]:
        """The value that each counter must have: by the metric's name, then by label values."""
        return {definition.name: dict(self._totals[entry]) for entry, definition in _COUNTERS.items()}

    def observations(self) -> dict[str, dict[tuple[str, ...], float]]:
        """How many observations each histogram should hold: by the metric's name, then by label values."""
        return {definition.name: dict(self._totals[entry]) for entry, definition in _OBSERVATIONS.items()}

    def as_json(self) -> dict[str, Any]:
        """The ledger for `json.dump`: `counters` and `observations`, each a list of metric, labels and value."""
        return {
            "counters": _rows(self.counters()),
            "observations": _rows(self.observations()),
        }


def _rows(totals: Mapping[str, Mapping[tuple[str, ...], float]]) -> list[dict[str, Any]]:
    return [
        {"metric": metric, "labels": dict(zip(catalogue.BY_NAME[metric].label_names, labels, strict=True)), "value": n}
        for metric, by_labels in totals.items()
        for labels, n in sorted(by_labels.items())
    ]
