"""The guard by itself: what has a place, what collapses, and who goes. No registry, no threads, no real clock."""

from __future__ import annotations

import math
from collections import Counter
from itertools import product
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from tradmetrics import Limits, MetricDefinition
from tradmetrics.cardinality import Guard
from tradmetrics.cardinality.budget import RECURS
from tradmetrics.cardinality.heavy_hitters import SIZE, HeavyHitters
from tradmetrics.model.identifiers import is_identifier
from tradmetrics.model.text import OTHER, UNKNOWN, clean

TWO = MetricDefinition("desk_orders_total", "counter", "Orders.", labels=("desk", ("leg", ("a", "b")), "venue"))
THREE = MetricDefinition("desk_fills_total", "counter", "Fills.", labels=("desk", "venue", "route"))
UUID = "123e4567-e89b-12d3-a456-426614174000"


def record(guard: Guard, *values: str, now: float = 0.0) -> tuple[str, ...]:
    """What a metrics object does for a call: the labels that it is recorded under."""
    labels, _ = guard.admit(values)
    guard.take(labels, now)
    return labels


# ── labels ───────────────────────────────────────────────────────────────────────────────────────────────────────


def test_only_the_label_over_budget_collapses() -> None:
    """One bad label would take the good ones with it."""
    guard = Guard(TWO, Limits(labels={"desk": 2}))
    for desk in ("x", "y", "z"):
        record(guard, desk, "a", "nse")
    assert ((OTHER, "b", "bse"), (0,)) == guard.admit(("z", "b", "bse"))
    assert (("x", "b", "bse"), ()) == guard.admit(("x", "b", "bse"))


def test_identifiers_collapse_though_there_is_room() -> None:
    """Order ids would fill every place of a label before the first strategy trades."""
    guard = Guard(TWO, Limits(allow={"venue": [UUID]}))
    assert ((OTHER, "a", UUID), (0,)) == guard.admit((UUID, "a", UUID))


@pytest.mark.parametrize("value", [OTHER, UNKNOWN])
def test_other_and_unknown_are_outside_every_budget(value: str) -> None:
    """A call without a strategy would cost a strategy its place, or collapse for want of one."""
    guard = Guard(TWO, Limits(labels={"desk": 1}, series={TWO.name: 1}))
    assert (value, "a", "nse") == record(guard, value, "a", "nse")
    assert ("x", "a", "nse") == record(guard, "x", "a", "nse")
    assert ((value, "b", "nse"), ()) == guard.admit((value, "b", "nse"))


def test_admitting_changes_nothing() -> None:
    """Labels that are only asked about would take places for good."""
    guard = Guard(TWO, Limits(labels={"desk": 1}))
    assert guard.admit(("x", "a", "nse")) == guard.admit(("x", "a", "nse"))
    assert (("y", "a", "nse"), ()) == guard.admit(("y", "a", "nse"))


def test_a_place_is_given_back_with_the_last_series() -> None:
    """Removed series would go on using up the budget."""
    guard = Guard(TWO, Limits(labels={"desk": 1}))
    first, second = record(guard, "x", "a", "nse"), record(guard, "x", "b", "nse")
    guard.release(first)
    assert OTHER == guard.admit(("y", "a", "nse"))[0][0]
    guard.release(second)
    assert "y" == guard.admit(("y", "a", "nse"))[0][0]


def test_an_allowed_value_keeps_its_place_without_series() -> None:
    """A strategy that must always be told apart would lose its place when it expires."""
    guard = Guard(TWO, Limits(labels={"desk": 1}, allow={"desk": ["x"]}))
    guard.release(record(guard, "x", "a", "nse"))
    assert OTHER == guard.admit(("y", "a", "nse"))[0][0]
    assert "x" == guard.admit(("x", "a", "nse"))[0][0]


# ── series ───────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_label_with_most_values_gives_way_first() -> None:
    """A metric with too many series would lose the label with three values for the sake of the one with hundreds."""
    guard = Guard(TWO, Limits(series={TWO.name: 3}))
    for venue in ("n1", "n2", "n3"):
        record(guard, "x", "a", venue)
    assert (("x", "a", OTHER), (2,)) == guard.admit(("x", "a", "n4"))
    assert (("y", "a", OTHER), (2,)) == guard.admit(("y", "a", "n4"))
    assert (("x", "b", OTHER), (2,)) == guard.admit(("x", "b", "n1"))


def test_a_new_value_gives_way_before_one_that_has_its_place() -> None:
    """A strategy of old would go to `__other__` because it was rejected for a reason that nobody had seen before."""
    guard = Guard(TWO, Limits(series={TWO.name: 3}))
    for desk, venue in (("x", "n1"), ("y", "n1"), ("z", UNKNOWN), ("z", "n2")):
        record(guard, desk, "a", venue)
    assert (("x", "a", OTHER), (2,)) == guard.admit(("x", "a", "n3"))
    assert ((OTHER, "a", "n1"), (0,)) == guard.admit(("w", "a", "n1"))


def test_the_same_values_lead_to_the_same_series_however_many_came_between() -> None:
    """One strategy's rejections would be told apart by reason today, and tomorrow no more."""
    guard = Guard(TWO, Limits(labels={"desk": 6, "venue": 6}, series={TWO.name: 4}))
    for desk, venue in (("x", "n1"), ("x", "n2"), ("y", "n1"), ("z", "n1")):
        record(guard, desk, "a", venue)
    pairs = list(product((*"xyzuvw", *"klmn", OTHER), (*(f"n{number}" for number in range(9)), UNKNOWN)))
    first = {(desk, venue): record(guard, desk, "a", venue) for desk, venue in pairs}
    assert first == {(desk, venue): record(guard, desk, "a", venue) for desk, venue in reversed(pairs)}


def test_a_value_that_found_room_later_has_its_place() -> None:
    """A strategy that started on a full day would give way to every new reason, though it has had its series since."""
    guard = Guard(TWO, Limits(series={TWO.name: 3}))
    for desk, venue in (("x", "n1"), ("y", "n1"), ("w", "n1"), ("z", UNKNOWN)):
        record(guard, desk, "a", venue)
    guard.release(("w", "a", "n1"))
    assert ("z", "a", "n1") == record(guard, "z", "a", "n1")
    assert (("z", "a", OTHER), (2,)) == guard.admit(("z", "a", "n2"))


def test_values_that_came_and_went_are_counted_nowhere() -> None:
    """The label with hundreds of values would be told apart at the cost of the one with three, once many had gone."""
    guard = Guard(TWO, Limits(series={TWO.name: 4}))
    for desk, venue in (("x", "n1"), ("y", "n1"), ("w", "n1"), ("x", "n2")):
        record(guard, desk, "a", venue)
    for desk in ("u", "v"):
        guard.release(record(guard, desk, "a", UNKNOWN))
    assert ((OTHER, "a", "n3"), (0,)) == guard.admit(("q", "a", "n3"))


def test_allowed_values_stay_though_the_series_are_used_up() -> None:
    """A strategy that is to be told apart always would be in `__other__` because the others made too many series."""
    guard = Guard(TWO, Limits(series={TWO.name: 2}, allow={"desk": ["vip"]}))
    for desk in ("x", "y"):
        record(guard, desk, "a", "n1")
    assert (("vip", "a", OTHER), (2,)) == guard.admit(("vip", "a", "n1"))
    assert (("vip", "a", OTHER), (2,)) == guard.admit(("vip", "a", "n2"))


def test_where_all_values_are_allowed_the_series_may_be_more(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the values that are always admitted, only those of the first days would be."""
    monkeypatch.setattr("tradmetrics.cardinality.limits.MOST_OUTSIDE", 1)
    guard = Guard(TWO, Limits(series={TWO.name: 1}, allow={"desk": ["vip"], "venue": ["nse"]}))
    for desk, venue in (("x", "n1"), ("x", OTHER), ("vip", "nse"), ("vip", OTHER), (OTHER, "nse"), (UNKNOWN, "nse")):
        assert (desk, "a", venue) == record(guard, desk, "a", venue)
    assert (OTHER, "a", OTHER) == record(guard, "y", "a", "n1")
    assert ("vip", "b", OTHER) == record(guard, "vip", "b", "n1")


def test_then_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three open labels would make many more series with `__other__` in them than anybody has room for."""
    monkeypatch.setattr("tradmetrics.cardinality.limits.MOST_OUTSIDE", 2)
    guard = Guard(THREE, Limits(series={THREE.name: 2}))
    record(guard, "x", "n1", "r1")
    record(guard, "x", "n2", "r2")
    for number in range(2):
        assert ("x", OTHER, f"r{number + 1}") == record(guard, "x", OTHER, f"r{number + 1}")
    # Two series within the budget, two with `__other__`: from here on only what there is, or nothing but `__other__`.
    assert (("x", OTHER, "r1"), (1,)) == guard.admit(("x", "n3", "r1"))
    assert ((OTHER, OTHER, OTHER), (1, 2, 0)) == guard.admit(("y", "n3", "r3"))


def test_a_metric_without_open_labels_has_no_budget() -> None:
    """Closed labels are bounded by themselves; collapsing one would invent a value that it does not have."""
    closed = MetricDefinition("desk_legs_total", "counter", "Legs.", labels=(("leg", ("a", "b", "c")),))
    guard = Guard(closed, Limits(series={closed.name: 1}))
    assert [("a",), ("b",), ("c",)] == [record(guard, leg) for leg in "abc"]
    assert not guard.is_open


# ── who goes ─────────────────────────────────────────────────────────────────────────────────────────────────────


def full_guard(limits: Limits) -> Guard:
    """A guard whose label `desk` is full with x and y, both active at 0."""
    guard = Guard(TWO, limits)
    record(guard, "x", "a", "nse")
    record(guard, "x", "b", "nse")
    record(guard, "y", "a", "nse")
    return guard


def ask(guard: Guard, desk: str, now: float, times: int = 1) -> list[tuple[str, ...]]:
    """Call so many times with a value that has no place, and return who goes for it the last time."""
    gone: list[tuple[str, ...]] = []
    guard.mark_scanned(now)
    for _ in range(times):
        recurring = guard.note_miss((desk, "a", "nse"), [0])
        gone = guard.displaced_by((desk, "a", "nse"), 0, now) if recurring else []
    return gone


def test_the_value_idle_for_longest_goes_with_all_its_series() -> None:
    """A strategy deployed on Friday would stay in `__other__` until the next restart."""
    guard = full_guard(Limits(labels={"desk": 2}, idle_after=10))
    guard.touch(("x", "b", "nse"), 5)
    assert [("y", "a", "nse")] == ask(guard, "z", 20, RECURS)
    guard.touch(("y", "a", "nse"), 12)
    assert [("x", "a", "nse"), ("x", "b", "nse")] == ask(guard, "z", 20)


@pytest.mark.parametrize("times", range(RECURS))
def test_a_value_has_to_keep_coming(times: int) -> None:
    """An order id that comes a few times would throw out a strategy that sleeps over the weekend."""
    assert [] == ask(full_guard(Limits(labels={"desk": 2}, idle_after=10)), "z", 20, times)


def test_nobody_goes_before_being_idle_for_long_enough() -> None:
    """A strategy that trades once an hour would flap in and out of `__other__`."""
    guard = full_guard(Limits(labels={"desk": 2}, idle_after=10))
    assert [] == ask(guard, "z", 9.9, RECURS * 2)
    assert [] != ask(guard, "z", 10.0)


@pytest.mark.parametrize("active", ["a", "b"])
def test_one_active_series_keeps_all_of_its_value(active: str) -> None:
    """A strategy that only buys would be removed because it no longer sells."""
    guard = full_guard(Limits(labels={"desk": 2}, idle_after=10))
    guard.touch(("x", active, "nse"), 15)
    guard.touch(("y", "a", "nse"), 15)
    assert [] == ask(guard, "z", 20, RECURS * 2)
    assert [] == guard.note_miss(("z", "a", "nse"), [0])


def test_identifiers_never_displace() -> None:
    """An order id that is retried for ever would take a strategy's place."""
    assert [] == ask(full_guard(Limits(labels={"desk": 2}, idle_after=10)), UUID, 20, RECURS * 3)


def test_allowed_and_pinned_values_are_never_displaced() -> None:
    """Values that a user named, or wants to see at 0, would be gone when they are quiet."""
    guard = full_guard(Limits(labels={"desk": 2}, allow={"desk": ["x"]}, idle_after=10))
    guard.pin(("y", "a", "nse"))
    assert [] == ask(guard, "z", 20, RECURS * 2)
    assert [("x", "a", "nse"), ("x", "b", "nse")] == guard.idle(10, 10)
    assert [] == guard.idle(9.9, 10)


def test_what_is_pinned_stays_though_it_is_taken_and_touched() -> None:
    """A series that was asked for would be removed when it has been quiet after its first call."""
    guard = full_guard(Limits())
    guard.pin(("y", "a", "nse"))
    guard.take(("y", "a", "nse"), 5)
    guard.touch(("y", "a", "nse"), 6)
    assert ("y", "a", "nse") not in guard.idle(20, 10)


def test_a_retried_identifier_is_asked_about_only_now_and_then() -> None:
    """Each call with an order id that is retried for ever would take the long way."""
    guard = full_guard(Limits(labels={"desk": 2}))
    (budget, *_) = guard.budgets
    assert budget is not None
    for _ in range(RECURS):
        assert [] == guard.note_miss((UUID, "a", "nse"), [0])
    assert not budget.note_miss(UUID)


def test_a_value_is_asked_about_with_the_call_that_lets_it_displace() -> None:
    """While something is idle, or where nothing is ever removed, each call without a place would take the long way."""
    guard = full_guard(Limits(labels={"desk": 2}, idle_after=10))
    (budget, *_) = guard.budgets
    assert budget is not None
    for _ in range(RECURS):
        budget.note_miss("early")
    assert not budget.is_due("early")
    guard.mark_scanned(20)
    assert budget.is_due("early")
    due = []
    for _ in range(RECURS):
        due.append(budget.is_due("late"))
        budget.note_miss("late")
    assert [False] * (RECURS - 1) + [True] == due


def test_what_was_idle_a_moment_ago_may_be_active_by_now() -> None:
    """A strategy that trades again would be removed all the same, or nothing in its stead."""
    for limits in (Limits(labels={"desk": 2}, idle_after=10), Limits(series={TWO.name: 3}, idle_after=10)):
        guard = full_guard(limits)
        guard.mark_scanned(20)
        for labels in (("x", "a", "nse"), ("x", "b", "nse"), ("y", "a", "nse")):
            guard.touch(labels, 20)
        assert [] == guard.displaced_by(("z", "a", "nse"), 0, 20)


def test_the_budget_of_series_holds_after_some_have_gone() -> None:
    """Each series that is removed would make room for more than one, and the budget would be no bound."""
    guard = full_guard(Limits(series={TWO.name: 3}))
    guard.release(("y", "a", "nse"))
    assert ("z", "a", "nse") == record(guard, "z", "a", "nse")
    assert (OTHER, "a", "nse") == record(guard, "w", "a", "nse")


def test_past_the_series_budget_the_idle_series_goes_alone() -> None:
    """For one new pair of a strategy and a reason, all of a strategy's series would be thrown out."""
    guard = full_guard(Limits(series={TWO.name: 3}, idle_after=10))
    guard.touch(("x", "b", "nse"), 15)
    guard.touch(("y", "a", "nse"), 5)
    assert ((OTHER, "a", "nse"), (0,)) == guard.admit(("z", "a", "nse"))
    assert [("x", "a", "nse")] == ask(guard, "z", 20, RECURS)
    guard.release(("x", "a", "nse"))
    assert (("z", "a", "nse"), ()) == guard.admit(("z", "a", "nse"))


@pytest.mark.parametrize("first", ["a", "b"])
def test_past_the_series_budget_the_one_idle_for_longest_goes(first: str) -> None:
    """The series of last week would stay, and that of this morning go."""
    guard = full_guard(Limits(series={TWO.name: 3}, idle_after=10))
    for leg in "ab":
        guard.touch(("x", leg, "nse"), 4 if leg == first else 5)
    guard.touch(("y", "a", "nse"), 15)
    assert [] == guard.displaced_by(("z", "a", "nse"), 0, 13.9)
    for now in (14, 16):
        assert [("x", first, "nse")] == guard.displaced_by(("z", "a", "nse"), 0, now)


def test_past_the_series_budget_allowed_series_stay() -> None:
    """Values that are always admitted would be recorded under `__other__`, or vanish."""
    guard = full_guard(Limits(series={TWO.name: 3}, allow={"desk": ["y"]}, idle_after=10))
    guard.touch(("x", "a", "nse"), 15)
    guard.pin(("x", "b", "nse"))
    assert [] == ask(guard, "z", 20, RECURS)


def test_whoever_displaces_starts_from_nothing_the_next_time() -> None:
    """Two values that take turns would displace each other at every call."""
    guard = full_guard(Limits(labels={"desk": 2}, idle_after=10))
    for labels in ask(guard, "z", 20, RECURS):
        guard.release(labels)
    guard.release(record(guard, "z", "a", "nse", now=20))
    record(guard, "w", "a", "nse", now=20)
    guard.touch(("w", "a", "nse"), 20)
    assert [] == ask(guard, "z", 40)


def test_while_nothing_is_idle_nobody_is_asked_to_go() -> None:
    """Each call of a busy value without a place would search all series for an idle one, and find none."""
    guard = full_guard(Limits(labels={"desk": 2}, idle_after=10))
    for now, expected in ((5, []), (30, [0]), (31, [0])):
        guard.mark_scanned(now)
        for _ in range(RECURS):
            found = guard.note_miss(("z", "a", "nse"), [0])
        assert expected == found


def test_what_is_taken_again_is_active() -> None:
    """What is computed at each scrape would be taken for idle."""
    guard = full_guard(Limits())
    guard.take(("x", "a", "nse"), 15)
    assert [("x", "b", "nse"), ("y", "a", "nse")] == guard.idle(20, 10)


def test_what_is_gone_is_not_touched() -> None:
    """A series that was removed in the middle of looking would hold a place that nobody can give back."""
    guard = full_guard(Limits(labels={"desk": 2}))
    guard.release(("y", "a", "nse"))
    guard.touch(("y", "a", "nse"), 5)
    assert ("y", "a", "nse") not in guard
    assert 2 == len(guard)


def test_looks_are_no_more_than_a_minute_apart() -> None:
    """With `idle_after` of an hour, a value would be idle for up to an hour and a half before it may go."""
    for limits, interval in ((Limits(), 60), (Limits(idle_after=80), 10), (Limits(expire_after=16), 2)):
        guard = Guard(TWO, limits)
        guard.mark_scanned(100)
        assert 100 + interval == guard.look_at


def test_where_nothing_can_be_removed_it_is_never_time_to_look() -> None:
    """In one of several workers, each call with an order id as a label would take the long way, to no end."""
    for removable, at in ((True, 0.0), (False, math.inf)):
        guard = Guard(TWO, Limits(), removable=removable)
        assert [at, at, at] == [guard.look_at, *(budget.look_at for budget in guard.budgets if budget is not None)]


# ── the sketch ───────────────────────────────────────────────────────────────────────────────────────────────────


@settings(max_examples=50)
@given(st.lists(st.integers(0, 400).map(str), max_size=3_000))
def test_the_sketch_never_counts_too_much_nor_loses_what_is_frequent(values: list[str]) -> None:
    """A value seen once would count as one that keeps coming, or the one that keeps coming would drown in a flood."""
    sketch, seen = HeavyHitters(), Counter[str]()
    for value in values:
        seen[value] += 1
        count = sketch.add(value)
        assert seen[value] - sum(seen.values()) / (SIZE + 1) - 1 <= count <= seen[value]
        assert len(sketch) <= SIZE


def test_the_sketch_gives_up_one_of_each_for_a_value_that_finds_no_counter() -> None:
    """Order ids that come twice in a day would add up to values that keep coming."""
    sketch = HeavyHitters()
    for number in range(SIZE):
        assert 1 == sketch.add(f"v{number}")
    assert (2, 3, 2) == tuple(sketch.add(value) for value in ("v0", "v0", "v1"))
    assert (0, 2) == (sketch.add("late"), len(sketch))
    assert 0 == sketch.count("late")
    assert (3, 2, 1) == tuple(sketch.add(value) for value in ("v0", "v1", "v2"))


def test_the_sketch_is_bounded_in_a_flood() -> None:
    """A million values that come once each would all be remembered."""
    sketch = HeavyHitters()
    highest = max(sketch.add(f"v{number}") for number in range(100_000))
    assert (1, True) == (highest, len(sketch) <= SIZE)


# ── all of it ────────────────────────────────────────────────────────────────────────────────────────────────────

DESKS = st.sampled_from(["d0", "d1", "d2", "d3", "d4", "kept", OTHER, UNKNOWN, UUID])
VENUES = st.sampled_from(["v0", "v1", "v2", OTHER, UNKNOWN, "kept"])


class GuardMachine(RuleBasedStateMachine):
    """A guard against a model that only knows the rules: budgets, places, and that no count is lost."""

    @initialize(
        desks=st.integers(1, 4),
        venues=st.integers(1, 3),
        series=st.integers(1, 8),
        allow=st.sampled_from([{}, {"desk": ("kept",)}, {"desk": ("kept",), "venue": ("kept",)}]),
        definition=st.sampled_from([TWO, THREE]),
        outside=st.integers(1, 8),
    )
    def start(
        self, desks: int, venues: int, series: int, allow: Any, definition: MetricDefinition, outside: int
    ) -> None:
        self.limits = Limits(
            labels={"desk": desks, "venue": venues, "route": 2},
            series={definition.name: series},
            allow=allow,
            idle_after=10,
        )
        self.definition = definition
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("tradmetrics.cardinality.limits.MOST_OUTSIDE", outside)
            self.guard = Guard(definition, self.limits)
        self.outside = max(outside, series)
        self.now = 0.0
        self.active: dict[tuple[str, ...], float] = {}
        self.counts: Counter[tuple[str, ...]] = Counter()
        self.gone = 0
        self.calls = 0
        self.led: dict[tuple[str, ...], tuple[str, ...]] = {}

    def values(self, desk: str, venue: str, third: str) -> tuple[str, ...]:
        return (desk, third, venue) if self.definition is TWO else (desk, venue, third)

    @rule(desk=DESKS, venue=VENUES, third=st.sampled_from("ab"))
    def call(self, desk: str, venue: str, third: str) -> None:
        values = self.values(desk, venue, third)
        labels, collapsed = self.guard.admit(values)
        # Only what collapsed differs, and it is `__other__` now.
        assert collapsed == tuple(dict.fromkeys(collapsed))
        for position, (value, label) in enumerate(zip(values, labels, strict=True)):
            assert label == OTHER if position in collapsed else label == value, (values, labels, collapsed)
        assert not {position for position in collapsed if values[position] in (OTHER, UNKNOWN)}
        if values in self.active:
            assert labels == values
        for position in collapsed:
            assert values[position] not in self.limits.allowed(self.definition.labels[position].name)
        assert labels == self.led.setdefault(values, labels), "the same input leads to the same series, until some go"
        self.guard.take(labels, self.now)
        self.active[labels] = self.now
        self.counts[labels] += 1
        self.calls += 1

    @rule(seconds=st.floats(0.1, 15))
    def wait(self, seconds: float) -> None:
        self.now += seconds

    @precondition(lambda self: self.active)
    @rule(data=st.data())
    def touch(self, data: Any) -> None:
        labels = data.draw(st.sampled_from(sorted(self.active)))
        self.guard.touch(labels, self.now)
        self.active[labels] = self.now

    def remove(self, labels: tuple[str, ...]) -> None:
        assert self.active.pop(labels) <= self.now - 10, "only what is idle goes"
        self.guard.release(labels)
        self.gone += self.counts.pop(labels)
        self.led.clear()

    @rule()
    def expire(self) -> None:
        expired = self.guard.idle(self.now, 10)
        assert {labels for labels, since in self.active.items() if since <= self.now - 10} == set(expired)
        for labels in expired:
            self.remove(labels)

    @rule(desk=DESKS, venue=VENUES, third=st.sampled_from("ab"))
    def displace(self, desk: str, venue: str, third: str) -> None:
        values = self.values(desk, venue, third)
        self.guard.mark_scanned(self.now)
        for _ in range(RECURS):
            collapsed = self.guard.admit(values)[1]
            for position in self.guard.note_miss(values, collapsed):
                assert values[position] != UUID
                gone = self.guard.displaced_by(values, position, self.now)
                for labels in gone:
                    assert labels[position] not in self.limits.allowed(self.definition.labels[position].name)
                    self.remove(labels)
                if gone:
                    budget = self.guard.budgets[position]
                    assert budget is not None
                    assert not budget.refuses(values[position]), "there is a place now"
                    return

    @invariant()
    def budgets_hold(self) -> None:
        for position, label in enumerate(self.definition.labels):
            found = {labels[position] for labels in self.active} - {OTHER, UNKNOWN}
            if label.values is None:
                assert len(found | set(self.limits.allowed(label.name))) <= self.limits.label_budget(
                    self.definition.name, label.name
                )
                assert UUID not in found
        open_positions = [i for i, label in enumerate(self.definition.labels) if label.values is None]
        within = {
            labels for labels in self.active if not {OTHER, UNKNOWN} & {labels[position] for position in open_positions}
        }
        # What cannot give way: `__other__`, `unknown`, and values that are always admitted.
        firm = {
            labels
            for labels in self.active
            if all(
                labels[i] in (OTHER, UNKNOWN, *self.limits.allowed(self.definition.labels[i].name))
                for i in open_positions
            )
        }
        assert len(within - firm) <= self.limits.series_budget(self.definition.name)
        assert len(self.active.keys() - within - firm) <= self.outside

    @invariant()
    def nothing_is_lost(self) -> None:
        assert self.calls == sum(self.counts.values()) + self.gone

    @invariant()
    def places_are_counted_right(self) -> None:
        """What comes and goes leaves no place taken."""
        for position, budget in enumerate(self.guard.budgets):
            if budget is not None:
                held = Counter(labels[position] for labels in self.active)
                held.update({OTHER: 1, UNKNOWN: 1, **dict.fromkeys(self.limits.allowed(budget.name), 1)})
                assert held == budget.places
                assert budget.full == (len(held) - 2 >= budget.limit)


GuardMachine.TestCase.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
TestGuardMachine = GuardMachine.TestCase


# ── cleaned values ───────────────────────────────────────────────────────────────────────────────────────────────


@given(st.text(max_size=700))
def test_cleaning_is_idempotent_and_bounded(text: str) -> None:
    """The same value would be two series, or one of megabytes."""
    once = clean(text)
    assert once == clean(once)
    assert 1 <= len(once) <= 128
    once.encode()


@pytest.mark.parametrize("identifier", [UUID, "01ARZ3NDEKTSV4RRFFQ69G5FAV", "a1" * 32, "170405000616033" * 3])
@pytest.mark.parametrize("before", ["x", "x ", "order-"])
def test_an_identifier_is_seen_though_the_cut_goes_through_it(before: str, identifier: str) -> None:
    """Messages that are just so long that half an order id fits in would each be a label of their own."""
    for visible, after in product(range(1, len(identifier)), ("", " is gone", "-1 " + "y" * 500)):
        cut = clean(("z" * 128 + before)[-128 + visible :] + identifier + after)
        assert is_identifier(cut)
        assert cut == clean(cut)
        assert len(cut) <= 128


def test_what_comes_after_the_cut_is_not_looked_at() -> None:
    """A reason that says at its very end which order it is about would be no reason any more."""
    for reason in ("margin exceeded " * 8, "margin exceeded " * 9, "x" * 128 + " ", "x" * 127 + "  "):
        assert reason[:128].strip() == clean(f"{reason}{UUID}")
