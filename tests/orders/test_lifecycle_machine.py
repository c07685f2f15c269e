"""Random lives of orders, in any order and with restarts, against a simple model: every metric after every step."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from tests.lifecycle_kit import Desk
from tests.lifecycle_model import Event, Model, ModelOrder
from tradmetrics import OrderTracker

MOST, EXPIRE_AFTER, JOIN_WITHIN = 3, 100.0, 30.0

ids = st.sampled_from(["a", "b", "c", "d", "e"])
quantities = st.none() | st.integers(1, 6)
timestamps = st.none() | st.integers(1_700_000_000, 1_700_000_060)
statuses = st.none() | st.sampled_from(
    ["submitted", "accepted", "partially_filled", "filled", "rejected", "cancelled", "expired", "pending_cancel"]
)


class Lives(RuleBasedStateMachine):
    """Does the same to a tracker and to the model, and compares all that can be read."""

    def __init__(self) -> None:
        super().__init__()
        self.desk = Desk(max_open=MOST, expire_after=EXPIRE_AFTER, join_within=JOIN_WITHIN)
        self.model = Model(MOST, EXPIRE_AFTER, JOIN_WITHIN)

    @rule(
        order_id=ids,
        strategy=st.sampled_from(["s", "t"]),
        side=st.sampled_from(["BUY", "SELL"]),
        quantity=quantities,
        reference=st.none() | st.integers(90, 110),
        timestamp=timestamps,
    )
    def submit(
        self,
        order_id: str,
        strategy: str,
        side: str,
        quantity: int | None,
        reference: int | None,
        timestamp: int | None,
    ) -> None:
        """An order is sent."""
        self.desk.orders.submitted(
            order_id,
            strategy=strategy,
            side=side,
            order_type="LIMIT",
            quantity=quantity,
            reference_price=reference,
            timestamp=timestamp,
        )
        at = self.model.now if timestamp is None else float(timestamp)
        order = ModelOrder(strategy, side, quantity, reference, at, timestamp is not None, self.model.now, [order_id])
        self.model.submit(order, "LIMIT")

    @rule(
        order_id=ids,
        status=statuses,
        filled=st.none() | st.integers(0, 7),
        fill_id=st.none() | st.sampled_from(["1", "2", "3"]),
        fill_quantity=st.none() | st.integers(0, 4),
        price=st.none() | st.integers(90, 110),
        reason=st.none() | st.just("because"),
        timestamp=timestamps,
    )
    def update(self, order_id: str, timestamp: int | None, **fields: Any) -> None:
        """The broker says something, sense or nonsense."""
        self.desk.orders.updated(order_id, timestamp=timestamp, **fields)
        at = self.model.now if timestamp is None else float(timestamp)
        self.model.event(Event("update", order_id, at, timed=timestamp is not None, **fields))

    @rule(
        order_id=ids,
        fill_id=st.sampled_from(["1", "2", "3", "4"]),
        quantity=st.integers(1, 3),
        filled=st.none() | st.integers(1, 6),
        price=st.none() | st.integers(90, 110),
    )
    def fill(self, order_id: str, fill_id: str, quantity: int, filled: int | None, price: int | None) -> None:
        """A fill, as most brokers tell it: often new, sometimes known."""
        self.desk.orders.updated(order_id, fill_id=fill_id, fill_quantity=quantity, filled=filled, price=price)
        event = Event(
            "update", order_id, self.model.now, fill_id=fill_id, fill_quantity=quantity, filled=filled, price=price
        )
        self.model.event(event)

    @rule(order_id=ids, filled=st.integers(0, 7), price=st.none() | st.integers(90, 110))
    def cumulative(self, order_id: str, filled: int, price: int | None) -> None:
        """A cumulative quantity, and nothing else."""
        self.desk.orders.updated(order_id, filled=filled, price=price)
        self.model.event(Event("update", order_id, self.model.now, filled=filled, price=price))

    @rule(order_id=ids, status=st.sampled_from(["accepted", "filled", "rejected", "cancelled", "expired"]))
    def state(self, order_id: str, status: str) -> None:
        """A state, and nothing else."""
        self.desk.orders.updated(order_id, status=status)
        self.model.event(Event("update", order_id, self.model.now, status=status))

    @rule(order_id=ids, other_id=ids)
    def alias(self, order_id: str, other_id: str) -> None:
        """A second id."""
        self.desk.orders.alias(order_id, other_id)
        self.model.event(Event("alias", order_id, self.model.now, other_id=other_id))

    @rule(order_id=ids, new_id=ids, quantity=quantities)
    def replace(self, order_id: str, new_id: str, quantity: int | None) -> None:
        """A replace."""
        self.desk.orders.replaced(order_id, new_id, quantity=quantity)
        self.model.count("message", "modify")
        self.model.event(Event("replace", order_id, self.model.now, other_id=new_id, quantity=quantity))

    @rule(order_id=ids)
    def cancel(self, order_id: str) -> None:
        """A request to cancel."""
        self.desk.orders.cancel_requested(order_id)
        self.model.count("message", "cancel")
        self.model.event(Event("cancel", order_id, self.model.now))

    @rule(seconds=st.sampled_from([1.0, 1.0, 7.0, 31.0, 50.0]))
    def wait(self, seconds: float) -> None:
        """Time passes."""
        self.desk.clock.now += seconds
        self.model.advance(seconds)

    @rule(bad=st.sampled_from([None, "", "  ", [], 1.5, True]))
    def event_without_id(self, bad: object) -> None:
        """An event without an id."""
        self.desk.orders.updated(bad, status="filled")
        self.model.anomaly("missing_id")

    @rule(order_id=ids, bad=st.sampled_from(["many", float("nan"), float("inf"), [], True]))
    def bad_quantity(self, order_id: str, bad: object) -> None:
        """A quantity that is none: the state beside it still counts."""
        self.desk.orders.updated(order_id, status="accepted", filled=bad)
        self.model.anomaly("bad_quantity")
        self.model.event(Event("update", order_id, self.model.now, status="accepted"))

    @rule()
    def restart(self) -> None:
        """The process restarts; what was counted before stays in the metrics here, as in Prometheus."""
        saved = json.loads(json.dumps(self.desk.orders.snapshot()))
        self.desk.orders = OrderTracker.restore(
            saved,
            clock=self.desk.clock,
            metrics=self.desk.metrics,
            max_open=MOST,
            expire_after=EXPIRE_AFTER,
            join_within=JOIN_WITHIN,
        )
        self.model.restart()

    @invariant()
    def every_metric_is_right(self) -> None:
        """All that can be read says what the model says."""
        counts: Counter[tuple[str, ...]] = Counter()
        sums: dict[tuple[str, ...], float] = {}
        gauges: dict[tuple[str, ...], float] = {}
        for metric in self.desk.metrics.registry.collect():
            for sample in metric.samples:
                labels = tuple(sample.labels.values())
                key = (SHORT.get(sample.name, sample.name), *labels)
                if sample.name in COUNTERS and sample.value:
                    counts[key] = int(sample.value)
                elif sample.name in SUMS:
                    sums[key] = sample.value
                elif sample.name in GAUGES:
                    gauges[key] = sample.value
                elif sample.name == "trading_order_slippage_bps_count":
                    assert sum(self.slippages(*labels)) == sample.value
        model = self.model
        assert {key: count for key, count in model.counts.items() if key[0] != "slippage"} == counts
        assert dict(model.sums) == sums
        expected = {}
        for strategy in model.strategies:
            arrivals = [order.arrived for order in model.open if order.strategy == strategy]
            expected["open", strategy] = float(len(arrivals))
            expected["oldest", strategy] = model.now - arrivals[0] if arrivals else 0.0
        assert expected == gauges
        assert len(model.open) == self.desk.orders.open_orders()

    def slippages(self, strategy: str, side: str) -> list[int]:
        """How many slippages the model has: better, none, worse; checked against the buckets."""
        counts = [self.model.counts["slippage", strategy, side, how] for how in ("better", "none", "worse")]
        bucket = {
            bound: self.desk.value("trading_order_slippage_bps_bucket", strategy=strategy, side=side, le=bound)
            for bound in ("-0.5", "0.0")
        }
        # One in a hundred is the smallest price difference here, so nothing lies between -0.5 and 0 basis points.
        assert [counts[0], counts[0] + counts[1]] == [bucket["-0.5"], bucket["0.0"]]
        return counts


COUNTERS = {
    "trading_orders_submitted_total": "submitted",
    "trading_orders_filled_total": "filled",
    "trading_orders_rejected_total": "rejected",
    "trading_orders_cancelled_total": "cancelled",
    "trading_order_messages_total": "message",
    "trading_order_anomalies_total": "anomaly",
    "trading_order_foreign_total": "foreign",
    "trading_order_ack_time_seconds_count": "ack",
    "trading_order_first_fill_time_seconds_count": "first_fill",
    "trading_order_fill_time_seconds_count": "fill",
}
SUMS = {
    "trading_order_ack_time_seconds_sum": "ack",
    "trading_order_first_fill_time_seconds_sum": "first_fill",
    "trading_order_fill_time_seconds_sum": "fill",
}
GAUGES = {"trading_orders_open": "open", "trading_order_oldest_open_seconds": "oldest"}
SHORT = {**COUNTERS, **SUMS, **GAUGES}

TestLives = Lives.TestCase
TestLives.settings = settings(max_examples=80, stateful_step_count=40, deadline=None)
TestLives.__doc__ = (
    "Without it, some order in which messages can come would count an order twice, lose one, or time it wrongly."
)
