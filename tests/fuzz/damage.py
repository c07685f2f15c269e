"""What target `restores` draws: valid snapshots, and what is done to them."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from hypothesis import strategies as st

from tests.fuzz.hostile import LEAVES, ClassLies, unboxed

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
    st.dictionaries(_IDS, st.one_of(st.none(), _AMOUNTS), max_size=4),
    st.sampled_from((10, 11, 1_000)).map(lambda most: {str(number): None for number in range(most)}),
)
_SOME_IDS: Final = st.one_of(st.none(), st.lists(_IDS, max_size=3, unique=True))
_REVISED: Final = st.integers(0, 99).map(lambda revision: f"e.{revision}")
_ROWS: Final = st.fixed_dictionaries(
    {
        "ids": st.one_of(
            st.lists(_IDS, min_size=1, max_size=3, unique=True), st.just([f"id-{number}" for number in range(16)])
        ),
        "superseded": _SOME_IDS,
        "cancel_ids": _SOME_IDS,
        "symbol": st.sampled_from((None, None, "BTCUSDT", "ETHUSDT")),
        "broker_id": st.one_of(st.none(), _IDS),
        "stems": st.one_of(st.none(), st.dictionaries(_IDS, _REVISED, max_size=2)),
        "prices": st.one_of(st.none(), st.dictionaries(_IDS, _NUMBERS, max_size=2)),
        "asked": st.one_of(st.none(), _AMOUNTS.filter(bool)),
        "quoted": _FLAGS,
        "lot": st.one_of(st.none(), _AMOUNTS.filter(bool)),
        "resting": _FLAGS,
        "price": st.one_of(st.none(), _NUMBERS),
        "told": _AMOUNTS,
        "underfilled": _FLAGS,
        "ended_at": st.one_of(st.none(), _NUMBERS),
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


_HEAD_TIMES: Final = st.one_of(st.floats(-1e100, 1e100), st.sampled_from((1e100, -1e100, 1e301, -9e299)))
SNAPSHOTS: Final = st.fixed_dictionaries(
    {
        "version": st.just(2),
        "format": st.just("tradmetrics.orders"),
        "account": st.sampled_from(("", "U1")),
        "clock": st.one_of(st.sampled_from((1_000.0, 990, 0, 1_700_000_000.0)), _HEAD_TIMES),
        "unix_time": st.one_of(st.sampled_from((0, 1_700_000_000.0, 4e9)), _HEAD_TIMES),
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
# An object that says it is of another class is more than a damaged file can hold.
_OBJECTS: Final = LEAVES.filter(lambda each: type(unboxed(each)) is not ClassLies)
ANYTHING: Final = st.one_of(_JSON, _JSON, _OBJECTS)
PLACES: Final = st.integers(0, 1_000)


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
    snapshot["version"] = (3, 99, 10**400, 10**5_000, 0, -1, True, 1.0, "1")[damage.key % 9]


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
DAMAGE: Final = st.builds(Damage, st.sampled_from(sorted(DAMAGES)), PLACES, PLACES, st.one_of(ANYTHING).map(unboxed))
