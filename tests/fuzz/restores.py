"""Target `restores`: `OrderTracker.restore` on snapshots that are valid, damaged, foreign, newer, or none at all.

What must hold, whatever is drawn:

- it restores, or raises `SnapshotError` with a message that can be read; nothing else;
- a refused snapshot changes nothing: not the book, not another tracker of it, not what was handed in;
- what is restored is what the snapshot says, less what the limits have no room for, each of which is counted;
- the tracker then works: a strict book hears of no error, every sample is a finite number, and its own snapshot, by
  way of JSON, restores to the same orders.
"""

from __future__ import annotations

import json
import math
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from reprlib import Repr
from typing import Any, Final

from hypothesis import strategies as st

from tests import budget_kit
from tests.fuzz.hostile import LEAVES, unboxed
from tests.fuzz.runner import Notes, Target
from tests.lifecycle_kit import Clock
from tradmetrics import OrderTracker, SnapshotError, TradingMetrics
from tradmetrics.testing.hostile import HostileError

# ── valid snapshots ──────────────────────────────────────────────────────────────────────────────────────────────────

_EDGES: Final = (0, -0.0, 1, 5e-324, 1e-9, 0.1, 2**53 + 1, 1e100, 9.9e299, 10**299, -1, -9.9e299, 1_000, 999.5)
_NUMBERS: Final = st.one_of(
    st.integers(-1_000, 2_000), st.floats(-1e6, 1e6), st.sampled_from(_EDGES), st.floats(-9e299, 9e299)
)
_AMOUNTS: Final = _NUMBERS.map(abs)
_FLAGS: Final = st.booleans()
_IDS: Final = st.one_of(
    st.text("abc", min_size=1, max_size=2), st.text(min_size=1, max_size=8), st.integers(1, 256).map(lambda n: "i" * n)
)
_FILL_IDS: Final = st.one_of(
    st.none(),
    st.lists(_IDS, max_size=4, unique=True),
    st.sampled_from((10, 11, 1_000)).map(lambda most: [str(number) for number in range(most)]),
)
_ROWS: Final = st.fixed_dictionaries(
    {
        "ids": st.one_of(
            st.lists(_IDS, min_size=1, max_size=3, unique=True), st.just([f"id-{number}" for number in range(16)])
        ),
        "superseded": st.one_of(st.none(), st.lists(_IDS, max_size=3, unique=True)),
        "strategy": st.one_of(st.sampled_from(("s", "t")), st.text(min_size=1, max_size=128)),
        "side": st.sampled_from(("BUY", "SELL", "unknown")),
        "quantity": st.one_of(st.none(), _AMOUNTS.filter(bool)),
        "reference_price": st.one_of(st.none(), _NUMBERS),
        "submitted_at": st.one_of(st.none(), _NUMBERS),
        "timed": _FLAGS,
        "arrived": _NUMBERS,
        "filled": _AMOUNTS,
        "booked": _AMOUNTS,
        "fill_ids": _FILL_IDS,
        "acknowledged": _FLAGS,
        "first_fill": _FLAGS,
        "ended": st.sampled_from((None, None, "filled", "rejected", "cancelled", "expired")),
        "renumbered": _FLAGS,
        "cost": _NUMBERS,
        "volume": _AMOUNTS,
    }
)


def _numbered(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rows, with ids that lead to one order each."""
    seen: set[str] = set()
    for i, row in enumerate(rows):
        row["ids"] = [each if each not in seen else f"{i}/{j}" for j, each in enumerate(row["ids"])]
        seen.update(row["ids"])
    return rows


_SNAPSHOTS: Final = st.fixed_dictionaries(
    {
        "version": st.just(1),
        "format": st.just("tradmetrics.orders"),
        "account": st.sampled_from(("", "U1")),
        "clock": st.one_of(st.sampled_from((1_000.0, 990, 0, 1_700_000_000.0)), _NUMBERS),
        "unix_time": st.one_of(st.sampled_from((0, 1_700_000_000.0, 4e9)), _NUMBERS),
        "orders": st.lists(_ROWS, max_size=4).map(_numbered),
    }
)

# ── damage ───────────────────────────────────────────────────────────────────────────────────────────────────────────

_JSON: Final = st.recursive(
    st.one_of(
        st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5),
        st.sampled_from((10**400, -(10**400), 1e301, math.nan, math.inf, 2, "1", "x" * 300, 0, [], {})),
    ),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=5), inner, max_size=3)),
    max_leaves=6,
)  # fmt: skip
_ANYTHING: Final = st.one_of(_JSON, _JSON, LEAVES)
_PLACES: Final = st.integers(0, 1_000)


_PLAIN: Final = (str, int, float, bool, type(None))


@dataclass(frozen=True)
class Damage:
    """One thing that is done to a snapshot: what, where (by numbers, modulo what there is), and with what."""

    kind: str
    row: int
    key: int
    value: Any

    def apply(self, snapshot: dict[Any, Any]) -> None:
        """Do it, in place."""
        DAMAGES[self.kind](snapshot, self)

    def spot(self, snapshot: dict[Any, Any]) -> tuple[dict[Any, Any], Any]:
        """A place in the snapshot, an order's as often as one at the top: what holds it, and its key."""
        rows = snapshot.get("orders")
        holder = snapshot
        if type(rows) is list and rows and self.row % 2:
            holder = rows[self.row % len(rows)]
        if type(holder) is not dict or not holder:
            holder = snapshot
        keys = list(holder)
        return holder, keys[self.key % len(keys)] if keys else "version"


def _replace(snapshot: dict[Any, Any], damage: Damage) -> None:
    holder, key = damage.spot(snapshot)
    holder[key] = damage.value


def _replace_inside(snapshot: dict[Any, Any], damage: Damage) -> None:
    holder, key = damage.spot(snapshot)
    if type(holder[key]) is list and holder[key]:
        holder[key][damage.row % len(holder[key])] = damage.value


def _delete(snapshot: dict[Any, Any], damage: Damage) -> None:
    holder, key = damage.spot(snapshot)
    holder.pop(key, None)


def _add(snapshot: dict[Any, Any], damage: Damage) -> None:
    holder, _ = damage.spot(snapshot)
    holder[damage.value if type(damage.value) in _PLAIN else "extra"] = damage.value


def _repeat(snapshot: dict[Any, Any], damage: Damage) -> None:
    rows = snapshot.get("orders")
    if type(rows) is list and rows:
        rows.append(rows[damage.row % len(rows)])


def _as_text(snapshot: dict[Any, Any], damage: Damage) -> None:
    holder, key = damage.spot(snapshot)
    holder[key] = str(holder[key])[:50] if type(holder[key]) in (str, float, bool) else "text"


def _version(snapshot: dict[Any, Any], damage: Damage) -> None:
    snapshot["version"] = (2, 99, 10**400, 10**5_000, 0, -1, True, 1.0, "1")[damage.key % 9]


def _format(snapshot: dict[Any, Any], damage: Damage) -> None:
    snapshot["format"] = damage.value


DAMAGES: Final[Mapping[str, Callable[[dict[Any, Any], Damage], None]]] = {
    "replace": _replace,
    "replace inside": _replace_inside,
    "delete": _delete,
    "add": _add,
    "repeat": _repeat,
    "as text": _as_text,
    "version": _version,
    "format": _format,
}
_DAMAGE: Final = st.builds(
    Damage, st.sampled_from(sorted(DAMAGES)), _PLACES, _PLACES, st.one_of(_ANYTHING).map(unboxed)
)

FORMS: Final = ("as it is", "by way of JSON", "a subclass", "text", "bytes", "cut", "something else")


# ── programs ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class Event:
    """Something that happens to an order afterwards: the method, whose order it is, and its arguments."""

    method: str
    order: int
    fields: dict[str, Any]


_TIMES: Final = st.one_of(st.none(), st.integers(900, 1_100), st.just(1_700_000_000_000_000_000))
_PRICES: Final = st.one_of(st.none(), st.floats(-1e3, 1e3), st.sampled_from((1e99, 5e-324)))
_QUANTITIES: Final = st.one_of(st.none(), st.integers(0, 10), st.floats(0, 1e9))
_EVENTS: Final = st.one_of(
    st.builds(
        Event,
        st.just("updated"),
        _PLACES,
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
    st.builds(Event, st.just("replaced"), _PLACES, st.fixed_dictionaries({"quantity": _QUANTITIES})),
    st.builds(Event, st.just("alias"), _PLACES, st.just({})),
    st.builds(Event, st.just("cancel_requested"), _PLACES, st.just({})),
    st.builds(
        Event, st.just("submitted"), _PLACES, st.fixed_dictionaries({"quantity": _QUANTITIES, "side": st.just("BUY")})
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
    _SNAPSHOTS,
    st.one_of(st.just([]), st.lists(_DAMAGE, min_size=1, max_size=1), st.lists(_DAMAGE, min_size=1, max_size=3)),
    st.sampled_from(("as it is",) * 4 + ("by way of JSON",) * 4 + ("cut", *FORMS)),
    _ANYTHING.map(unboxed),
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
    clock, book = Clock(program.now), TradingMetrics(strict=True)
    others = OrderTracker("theirs", metrics=book, clock=clock)
    others.submitted("theirs", side="BUY")
    before, handed_in = _state(book), _fingerprint(snapshot)
    try:
        tracker = OrderTracker.restore(snapshot, metrics=book, clock=clock, **program.options)
    except (SnapshotError, HostileError) as problem:
        # What an object raises when it is merely looked at is the object's own; no file holds one.
        reason = str(problem)
        hostile = type(problem) is HostileError
        notes("end", "hostile" if hostile else reason.split(":")[0] if ":" in reason[:10] else "no snapshot")
        if len(reason) > 2_000:
            raise AssertionError(f"the reason has {len(reason)} characters") from None
        assert_same(before, _state(book), "a refused snapshot changed the book")
        assert_same(handed_in, _fingerprint(snapshot), "a refused snapshot was changed")
        others.updated("theirs", status="filled")
        return
    except Exception as problem:
        raise AssertionError(f"restore raised {type(problem).__name__}: {str(problem)[:200]}") from None
    notes("end", "restored")
    assert_same(handed_in, _fingerprint(snapshot), "a snapshot was changed by restoring it")
    try:
        _check_restored(program, snapshot, tracker, book, clock, notes)
        _live(program, snapshot, tracker, clock)
        _check_alive(program, tracker, book)
    except AssertionError:
        raise
    except Exception as problem:
        raise AssertionError(f"the restored tracker: {type(problem).__name__}: {str(problem)[:200]}") from None


def assert_same(before: object, after: object, what: str) -> None:
    """Assert that nothing has changed."""
    assert before == after, what


def _state(book: TradingMetrics) -> object:
    found = budget_kit.scrape(book)
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
    program: Program, snapshot: Any, tracker: OrderTracker, book: TradingMetrics, clock: Clock, notes: Notes
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
            if name == "superseded":
                value = None if value is None else sorted(set(value) & set(row["ids"]))
                after = {**after, name: None if after[name] is None else sorted(after[name])}
            local = name == "arrived" or (name == "submitted_at" and not row["timed"])
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
        counted = budget_kit.values_of(book, "trading_order_anomalies_total")
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


def _check_alive(program: Program, tracker: OrderTracker, book: TradingMetrics) -> None:
    """The tracker is in order, and so is what it would leave behind now."""
    number = tracker.open_orders()
    assert 0 <= number <= program.options["max_open"], f"{number} open orders"
    for name, series in budget_kit.scrape(book).items():
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
