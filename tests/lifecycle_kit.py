"""What the tests of `OrderTracker` share: a clock that moves when told, a metrics object, and short ways to read it."""

from __future__ import annotations

from typing import Any

from tradmetrics import OrderTracker, TradingMetrics, catalogue


class Clock:
    """A clock that moves when told."""

    def __init__(self, now: float = 1_000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        """The time."""
        return self.now


class Desk:
    """A tracker, its clock and its metrics.

    Args:
        strict: Whether instrumentation errors raise, so that a test that should have none notices one.
        options: Options of the tracker.
    """

    def __init__(self, *, strict: bool = True, **options: Any) -> None:
        self.clock = Clock()
        self.metrics = TradingMetrics(strict=strict)
        self.orders = OrderTracker("s", clock=self.clock, metrics=self.metrics, **options)

    def value(self, name: str, **labels: str) -> float:
        """A sample's value; 0 for one that is not there."""
        return self.metrics.registry.get_sample_value(name, labels) or 0.0

    def anomalies(self) -> dict[str, float]:
        """Every anomaly that was counted, by kind."""
        counts = {kind: self.value("trading_order_anomalies_total", kind=kind) for kind in catalogue.ANOMALIES}
        return {kind: count for kind, count in counts.items() if count}

    def ends(self) -> dict[str, float]:
        """How many orders were submitted and how they ended, over all labels."""
        names = {"submitted": "submitted", "filled": "filled", "rejected": "rejected", "cancelled": "cancelled"}
        counts = {word: self.total(f"trading_orders_{name}_total") for word, name in names.items()}
        return {word: count for word, count in counts.items() if count}

    def total(self, name: str) -> float:
        """A counter's sum over all its series."""
        return sum(
            sample.value
            for metric in self.metrics.registry.collect()
            for sample in metric.samples
            if sample.name == name
        )

    def times(self, what: str) -> tuple[float, Any]:
        """How many times were observed, and their sum: of `ack`, `first_fill` or `fill`."""
        name = f"trading_order_{what}_time_seconds"
        return self.value(f"{name}_count", strategy="s"), self.value(f"{name}_sum", strategy="s")

    def slippage(self, bound: str, side: str = "BUY") -> float:
        """How many slippages were at most `bound`, a bucket's text."""
        return self.value("trading_order_slippage_bps_bucket", strategy="s", side=side, le=bound)

    def errors(self) -> dict[str, float]:
        """Instrumentation errors by stage, over all sites."""
        counts: dict[str, float] = {}
        for metric in self.metrics.registry.collect():
            for sample in metric.samples:
                if sample.name == "tradmetrics_instrumentation_errors_total":
                    stage = sample.labels["stage"]
                    counts[stage] = counts.get(stage, 0.0) + sample.value
        return counts
