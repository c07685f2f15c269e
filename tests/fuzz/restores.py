"""Target `restores`: `OrderTracker.restore` on snapshots that are valid, damaged, foreign, newer, or none at all.

What must hold, whatever is drawn:

- it restores, or raises `SnapshotError` with a message that can be read; nothing else;
- a refused snapshot changes nothing: not the metrics, not another tracker of it, not what was handed in;
- what is restored is what the snapshot says, less what the limits have no room for, each of which is counted;
- the tracker then works: a strict metrics hears of no error, every sample is a finite number, and its own snapshot, by
  way of JSON, restores to the same orders.

PYTEST_DONT_REWRITE: to explain a failed assertion, pytest would show what cannot be shown.
"""

from __future__ import annotations

import json
import math
from collections import OrderedDict
from dataclasses import dataclass, field
from reprlib import Repr
from typing import Any, Final

from hypothesis import strategies as st

from tests import budget_kit
from tests.fuzz.damage import ANYTHING, DAMAGE, DAMAGES, PLACES, SNAPSHOTS, Damage
from tests.fuzz.hostile import unboxed
from tests.fuzz.runner import Notes, Target
from tests.lifecycle_kit import Clock
from tradmetrics import OrderTracker, SnapshotError, TradingMetrics
from tradmetrics.testing.hostile import HostileError

# ── programs ─────────────────────────────────────────────────────────────────────────────────────────────────────────


FORMS: Final = ("as it is", "by way of JSON", "a subclass", "text", "bytes", "cut", "something else")


@dataclass(frozen=True)
class Event:
    """Something that happens to an order afterwards: the method, whose order it is, and its arguments."""

    method: str
    order: int
    fields: dict[str, Any]


_TIMES: Final = st.one_of(st.none(), st.integers(1_700_000_900, 1_700_001_100), st.just(1_700_000_000_000_000_000))
_PRICES: Final = st.one_of(st.none(), st.floats(-1e3, 1e3), st.sampled_from((1e99, 5e-324)))
_QUANTITIES: Final = st.one_of(st.none(), st.integers(0, 10), st.floats(0, 1e9))
_EVENTS: Final = st.one_of(
    st.builds(
        Event,
        st.just("updated"),
        PLACES,
        st.fixed_dictionaries(
            {
                "status": st.sampled_from((None, "accepted", "partially_filled", "filled", "rejected", "cancelled")),
                "filled": _QUANTITIES,
                "fill_id": st.sampled_from((None, "1", "a", "new")),
                "fill_quantity": _QUANTITIES,
                "price": _PRICES,
                "timestamp": _TIMES,
            }
        ),
    ),
    st.builds(Event, st.just("replaced"), PLACES, st.fixed_dictionaries({"quantity": _QUANTITIES})),
    st.builds(Event, st.just("alias"), PLACES, st.just({})),
    st.builds(Event, st.just("cancel_requested"), PLACES, st.just({})),
    st.builds(
        Event, st.just("submitted"), PLACES, st.fixed_dictionaries({"quantity": _QUANTITIES, "side": st.just("BUY")})
    ),
)


@dataclass(frozen=True)
class Program:
    """What one example does.

    Attributes:
        snapshot: A valid snapshot.
        damages: What is then done to it.
        form: What is handed in.
        other: What is handed in when the form is something else.
        options: Options of the tracker.
        now: What the clock says.
        events: What happens afterwards.
    """

    snapshot: dict[str, Any]
    damages: list[Damage]
    form: str
    other: Any
    options: dict[str, Any]
    now: float
    events: list[Event] = field(default_factory=list)

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        printer.text(spell(self))  # hypothesis asks for it, and what is in here cannot always be shown

    def input(self) -> Any:
        """What is handed in: built anew each time."""
        snapshot = _copied(self.snapshot)
        for damage in self.damages:
            damage.apply(snapshot)
        if self.form == "as it is":
            return snapshot
        if self.form == "a subclass":
            return OrderedDict(snapshot)
        if self.form == "something else":
            return self.other
        try:
            text = json.dumps(snapshot)
        except Exception:
            return snapshot  # not everything that it is damaged with has a JSON
        if self.form == "text":
            return text
        if self.form == "bytes":
            return text.encode()
        if self.form == "cut":
            spot = len(text) * len(self.damages) // 4
            text = text[:spot] + text[spot + 1 :]
        try:
            return json.loads(text)
        except ValueError:
            return text


def _copied(value: Any) -> Any:
    if type(value) is dict:
        return {key: _copied(each) for key, each in value.items()}
    return list(map(_copied, value)) if type(value) is list else value


_OPTIONS: Final = st.fixed_dictionaries(
    {
        "max_open": st.sampled_from((1, 2, 3, 100_000)),
        "expire_after": st.sampled_from((1.0, 100.0, 86_400.0, 1e308)),
        "strategy": st.sampled_from((None, "s")),
    },
    optional={"account": st.sampled_from(("", "U1", "U2"))},
)
PROGRAMS: Final = st.builds(
    Program,
    SNAPSHOTS,
    st.one_of(st.just([]), st.lists(DAMAGE, min_size=1, max_size=1), st.lists(DAMAGE, min_size=1, max_size=3)),
    st.sampled_from(("as it is",) * 4 + ("by way of JSON",) * 4 + ("cut", *FORMS)),
    ANYTHING.map(unboxed),
    _OPTIONS,
    st.one_of(st.just(1_000.0), st.sampled_from((0.0, 1_001.5, -5.0, 1e9, 1e15))),
    st.lists(_EVENTS, max_size=6),
)

_short: Final = Repr()
_short.maxother = _short.maxstring = 120
_short.maxdict = _short.maxlist = 20
_short.maxlong = 10**9  # its own way to cut an integer asks for all of its digits


def spell(program: Program) -> str:
    """Write a program down."""

    def write(value: object) -> str:
        try:
            return _short.repr(value)
        except Exception:
            return f"<{type(value).__name__}>"

    lines = [f"restore {program.form}: {write(program.input())}", f"options: {program.options}, now {program.now}"]
    lines += [f"damage: {each.kind}, row {each.row}, key {each.key}, {write(each.value)}" for each in program.damages]
    lines += [f"then {each.method}({each.order}, {each.fields})" for each in program.events]
    return "\n".join(f"  {line}" for line in lines)


# ── the check ────────────────────────────────────────────────────────────────────────────────────────────────────────


def check(program: Program, notes: Notes) -> None:
    """Run a program and check all that must hold."""
    snapshot = program.input()
    notes("form", program.form)
    notes("damage", *(each.kind for each in program.damages), *(() if program.damages else ("none",)))
    clock, metrics = Clock(program.now), TradingMetrics(strict=True)
    others = OrderTracker("theirs", metrics=metrics, clock=clock)
    others.submitted("theirs", side="BUY")
    before, handed_in = _state(metrics), _fingerprint(snapshot)
    try:
        tracker = OrderTracker.restore(snapshot, metrics=metrics, clock=clock, **program.options)
    except (SnapshotError, HostileError) as problem:
        # What an object raises when it is merely looked at is the object's own; no file holds one.
        reason = str(problem)
        hostile = type(problem) is HostileError
        notes("end", "hostile" if hostile else reason.split(":")[0] if ":" in reason[:10] else "no snapshot")
        if len(reason) > 2_000:
            raise AssertionError(f"the reason has {len(reason)} characters") from None
        assert_same(before, _state(metrics), "a refused snapshot changed the metrics")
        assert_same(handed_in, _fingerprint(snapshot), "a refused snapshot was changed")
        others.updated("theirs", status="filled")
        return
    except Exception as problem:
        raise AssertionError(f"restore raised {type(problem).__name__}: {str(problem)[:200]}") from None
    notes("end", "restored")
    assert_same(handed_in, _fingerprint(snapshot), "a snapshot was changed by restoring it")
    try:
        _check_restored(program, snapshot, tracker, metrics, clock, notes)
        _live(program, snapshot, tracker, clock)
        _check_alive(program, tracker, metrics)
    except AssertionError:
        raise
    except Exception as problem:
        raise AssertionError(f"the restored tracker: {type(problem).__name__}: {str(problem)[:200]}") from None


def assert_same(before: object, after: object, what: str) -> None:
    """Assert that nothing has changed."""
    assert before == after, what


def _state(metrics: TradingMetrics) -> object:
    found = budget_kit.scrape(metrics)
    found.pop("trading_system_uptime_seconds", None)
    return found


def _fingerprint(value: Any) -> list[object]:
    """All of a value, however deep, by contents where these are known to compare, else by identity."""
    found: list[object] = []
    stack, seen = [value], set()
    while stack:
        each = stack.pop()
        kind = type(each)
        found.append(kind)
        if kind in (dict, OrderedDict, list, tuple, set):
            if id(each) in seen:
                continue
            seen.add(id(each))
            found.append(len(each))
            stack.extend((*each.keys(), *each.values()) if kind in (dict, OrderedDict) else each)
        elif kind is float:
            found.append(each.hex())
        else:
            found.append(each if kind in (str, int, bool, bytes) else id(each))
    return found


def _check_restored(
    program: Program, snapshot: Any, tracker: OrderTracker, metrics: TradingMetrics, clock: Clock, notes: Notes
) -> None:
    """What was restored is what the snapshot says, within the limits."""
    rows = snapshot["orders"]
    opened = [row for row in rows if row["ended"] is None]
    ended = [row for row in rows if row["ended"] is not None]
    most, expire_after = program.options["max_open"], program.options["expire_after"]
    evicted = max(0, len(opened) - most)
    del opened[:evicted]
    ended = ended[-most:]
    goes_on = clock.now >= snapshot["clock"]
    notes("clock", "goes on" if goes_on else "has started over")
    taken = tracker.snapshot()
    found = {row["ids"][0]: row for row in taken["orders"]}
    assert list(found) == [row["ids"][0] for row in (*ended, *opened)], f"restored {list(found)}"
    for row in (*ended, *opened):
        after = found[row["ids"][0]]
        for name, value in row.items():
            if name in ("superseded", "cancel_ids"):
                value = None if value is None else sorted(set(value) & set(row["ids"]))
                after = {**after, name: None if after[name] is None else sorted(after[name])}
            local = name == "arrived" or (name in ("submitted_at", "ended_at") and not row["timed"])
            if local and value is not None and not goes_on:
                continue
            assert after[name] == (float(value) if type(value) is int else value), (
                f"{name} is {after[name]!r:.100} after restoring {value!r:.100}"
            )
    assert taken["account"] == snapshot["account"], f"the account is {taken['account']!r}"
    notes("orders", *(["evicted"] if evicted else []), "none" if not rows else "some")
    while goes_on and opened and opened[0]["arrived"] <= clock.now - expire_after:
        del opened[0]
        evicted += 1
        notes("orders", "expired")
    if goes_on:
        number = tracker.open_orders()
        assert number == len(opened), f"{number} open orders, not {len(opened)}"
        counted = budget_kit.values_of(metrics, "trading_order_anomalies_total")
        expected = {("evicted",): float(evicted)} if evicted else {}
        assert counted == expected, f"the anomalies are {counted}, not {expected}"


def _live(program: Program, snapshot: Any, tracker: OrderTracker, clock: Clock) -> None:
    """Let things happen to the orders that there are, to one that is new, and to one that nobody knows."""
    ids = ["new", "nobody's", *(each for row in snapshot["orders"] for each in row["ids"])]
    for event in program.events:
        order_id, other = ids[event.order % len(ids)], ids[event.order // 7 % len(ids)]
        arguments = (order_id, other) if event.method in ("replaced", "alias") else (order_id,)
        getattr(tracker, event.method)(*arguments, **event.fields)
        clock.now += 0.25


def _check_alive(program: Program, tracker: OrderTracker, metrics: TradingMetrics) -> None:
    """The tracker is in order, and so is what it would leave behind now."""
    number = tracker.open_orders()
    assert 0 <= number <= program.options["max_open"], f"{number} open orders"
    for name, series in budget_kit.scrape(metrics).items():
        for labels, value in series.items():
            assert math.isfinite(value), f"{name}{labels} is {value}"
    taken = tracker.snapshot()
    text = json.dumps(taken, allow_nan=False)
    options = {**program.options, "account": taken["account"]}
    again = OrderTracker.restore(
        json.loads(text), metrics=TradingMetrics(strict=True), clock=lambda: taken["clock"], **options
    )
    assert again.snapshot()["orders"] == taken["orders"], "a snapshot of the restored tracker restores to other orders"


TARGET: Final = Target(
    "restores",
    PROGRAMS,
    check,
    spell,
    {
        "form": FORMS,
        "damage": ("none", *DAMAGES),
        "end": ("restored", "damaged", "newer", "foreign", "no snapshot", "hostile"),
        "orders": ("none", "some", "evicted", "expired"),
        "clock": ("goes on", "has started over"),
    },
)
