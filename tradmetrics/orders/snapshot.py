"""Orders as JSON, and back: so that a fill after a restart is still timed, and not booked twice."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from reprlib import repr as short
from typing import Any, Final, NamedTuple

from tradmetrics.catalogue import SIDES
from tradmetrics.errors import SnapshotError
from tradmetrics.model.text import MAX_LENGTH
from tradmetrics.orders.inputs import LARGEST, LONGEST_ID
from tradmetrics.orders.order import MOST_FILL_IDS, MOST_IDS, Order
from tradmetrics.orders.states import ENDS

FORMAT: Final = "tradmetrics.orders"
VERSION: Final = 2

_HEAD: Final = ("account", "clock", "format", "orders", "unix_time", "version")
_LARGEST: Final = 1e300
_SAME_CLOCK: Final = 1.0
"""The monotonic clock and the calendar may differ by this many seconds over a restart on the same machine."""


class Snapshot(NamedTuple):
    """A snapshot that was checked.

    Attributes:
        account: The account of its orders.
        clock: The local clock's reading when it was taken.
        unix_time: When it was taken, by the calendar.
        orders: Its orders, the ended ones first.
    """

    account: str
    clock: float
    unix_time: float
    orders: list[Order]


def document(account: str, clock: float, unix_time: float, orders: list[dict[str, Any]]) -> dict[str, Any]:
    """The snapshot of orders that were dumped."""
    return {
        "version": VERSION,
        "format": FORMAT,
        "account": account,
        "clock": clock,
        "unix_time": unix_time,
        "orders": orders,
    }


def dump(order: Order) -> dict[str, Any]:
    """An order as JSON: its attributes, with lists for the types that JSON does not have."""
    row = {name: getattr(order, name) for name in _RIGHT}
    for name in ("ids", "superseded", "cancel_ids"):
        if row[name] is not None:
            row[name] = list(row[name])
    for name in ("fill_ids", "stems", "prices"):
        if row[name] is not None:
            row[name] = dict(row[name])
    return row


def load(snapshot: object) -> Snapshot:
    """Check a snapshot and read it.

    Raises:
        SnapshotError: When it is damaged, foreign, or of a newer version, with what is wrong.
    """
    if not isinstance(snapshot, dict):
        raise SnapshotError(
            f"a snapshot is the dict that OrderTracker.snapshot() returned, not {type(snapshot).__name__}; "
            "read a file with json.load first"
        )
    version, kind = snapshot.get("version"), snapshot.get("format")
    if kind != FORMAT:
        raise SnapshotError(
            f"foreign: its format is {_short(kind)}, not {FORMAT!r}: no OrderTracker took this snapshot"
        )
    if type(version) is not int or version < 1:
        raise SnapshotError(f"damaged: version is {_short(version)}, not a whole number above zero")
    if version > VERSION:
        raise SnapshotError(
            f"newer: it is of version {_short(version)}, and this release reads up to {VERSION}; upgrade tradmetrics, "
            "or start without the snapshot"
        )
    _check_keys("the snapshot", snapshot, _HEAD)
    if not isinstance(snapshot["account"], str):
        raise SnapshotError(f"damaged: account is {_short(snapshot['account'])}, not text")
    for name in ("clock", "unix_time"):
        # Orders' times are shifted by these, and must stay numbers that the next snapshot may have.
        if not _is_number(snapshot[name]) or abs(snapshot[name]) > LARGEST:
            raise SnapshotError(f"damaged: {name} is {_short(snapshot[name])}, not a finite number, or absurdly large")
    if not isinstance(snapshot["orders"], list):
        raise SnapshotError(f"damaged: orders is {_short(snapshot['orders'])}, not a list")
    seen: set[tuple[str, str]] = set()
    read = _order if version == VERSION else _order_of_version_1
    orders = [read(f"orders[{i}]", row, seen) for i, row in enumerate(snapshot["orders"])]
    return Snapshot(snapshot["account"], float(snapshot["clock"]), float(snapshot["unix_time"]), orders)


def shift(snapshot: Snapshot, clock: Callable[[], float], now: float, unix_time: float) -> float:
    """By how much a snapshot's local times differ from the clock that goes on with them.

    `time.monotonic` goes on over a restart of the process and starts over with the machine, which its agreement with
    the calendar tells apart. A clock of the user's own is taken to go on unless it has gone backwards. Where a clock
    has started over, the calendar says how long the restart took.

    Args:
        snapshot: The snapshot.
        clock: The clock that goes on.
        now: Its reading.
        unix_time: The calendar's time.
    """
    by_calendar = max(0.0, unix_time - snapshot.unix_time)
    by_clock = now - snapshot.clock
    if by_clock >= 0 and (clock is not time.monotonic or abs(by_clock - by_calendar) < _SAME_CLOCK):
        return 0.0
    return by_clock - by_calendar


def _short(value: object) -> str:
    """A value for a message, whatever it is."""
    try:
        return short(value)
    except ValueError:  # an integer of more digits than Python writes
        return f"<{type(value).__name__}>"


def _check_keys(where: str, row: Mapping[Any, Any], names: tuple[str, ...]) -> None:
    missing = [name for name in names if name not in row]
    if missing:
        raise SnapshotError(f"damaged: {where} lacks {', '.join(missing)}")
    surplus = [key for key in row if key not in names]
    if surplus:
        raise SnapshotError(f"damaged: {where} has {_short(surplus[0])}, which must be one of {', '.join(names)}")


def _order_of_version_1(where: str, row: object, seen: set[tuple[str, str]]) -> Order:
    """Read an order of the first format, which has fewer fields, and a list for the ids of fills."""
    if not isinstance(row, dict):
        raise SnapshotError(f"damaged: {where} is {_short(row)}, not an object")
    _check_keys(where, row, _VERSION_1)
    fill_ids = row["fill_ids"]
    if fill_ids is not None and not _is_ids(fill_ids, 0, MOST_FILL_IDS):
        raise SnapshotError(
            f"damaged: {where}.fill_ids is {_short(fill_ids)}, not null or a list of at most {MOST_FILL_IDS} ids"
        )
    added = {name: _DEFAULTS[name] for name in _RIGHT if name not in row}
    fills = None if fill_ids is None else dict.fromkeys(fill_ids)
    return _order(where, {**row, **added, "asked": row["quantity"], "fill_ids": fills}, seen)


def _order(where: str, row: object, seen: set[tuple[str, str]]) -> Order:
    if not isinstance(row, dict):
        raise SnapshotError(f"damaged: {where} is {_short(row)}, not an object")
    _check_keys(where, row, tuple(_RIGHT))
    for name, (is_right, what) in _RIGHT.items():
        if not is_right(row[name]):
            raise SnapshotError(f"damaged: {where}.{name} is {_short(row[name])}, not {what}")
    for order_id in row["ids"]:
        key = (row["symbol"] or "", order_id)
        if key in seen:
            raise SnapshotError(f"damaged: {where} has the id {order_id!r}, which leads to an earlier order")
        seen.add(key)
    order = Order(None, "", "", None, None, False, 0.0)
    for name, default in _DEFAULTS.items():
        value = row[name]
        if type(value) is int:
            value = float(value)
        if value != default or type(value) is not type(default):
            setattr(order, name, value)
    order.ids = tuple(row["ids"])
    for name in ("superseded", "cancel_ids"):
        setattr(order, name, None if row[name] is None else set(row[name]) & set(order.ids))
    for name in ("fill_ids", "stems", "prices"):
        setattr(order, name, None if row[name] is None else dict(row[name]))
    return order


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and -_LARGEST < value < _LARGEST


def _is_revised(value: object) -> bool:
    last = value.rpartition(".")[2] if isinstance(value, str) and len(value) <= LONGEST_ID else ""
    return last.isascii() and last.isdecimal()


def _is_map(value: object, is_right: Callable[[object], bool]) -> bool:
    return value is None or (
        isinstance(value, dict)
        and len(value) <= MOST_FILL_IDS
        and all(isinstance(key, str) and 0 < len(key) <= LONGEST_ID and is_right(each) for key, each in value.items())
    )


def _is_ids(value: object, fewest: int, most: int) -> bool:
    return (
        isinstance(value, list)
        and fewest <= len(value) <= most
        and all(isinstance(each, str) and 0 < len(each) <= LONGEST_ID for each in value)
        and len(set(value)) == len(value)
    )


_Check = tuple[Callable[[Any], bool], str]
_FLAG: Final[_Check] = (lambda value: isinstance(value, bool), "true or false")
_NUMBER: Final[_Check] = (_is_number, "a finite number")
_AMOUNT: Final[_Check] = (lambda value: _is_number(value) and value >= 0, "a finite number of 0 or more")
_RIGHT: Final[Mapping[str, _Check]] = {
    "ids": (lambda value: _is_ids(value, 1, MOST_IDS), f"a list of 1 to {MOST_IDS} different ids"),
    **dict.fromkeys(
        ("superseded", "cancel_ids"),
        (lambda value: value is None or _is_ids(value, 0, MOST_IDS), "null or a list of different ids"),
    ),
    "fill_ids": (
        lambda value: _is_map(value, lambda each: each is None or (_is_number(each) and each >= 0)),  # type: ignore[operator]
        "null or quantities by fill id",
    ),
    "stems": (lambda value: _is_map(value, _is_revised), "null or fill ids that end in a number, by their stem"),
    "prices": (lambda value: _is_map(value, _is_number), "null or prices by fill id"),
    **dict.fromkeys(
        ("symbol", "broker_id"),
        (lambda value: value is None or (isinstance(value, str) and 0 < len(value) <= LONGEST_ID), "null or text"),
    ),
    "strategy": (lambda value: isinstance(value, str) and 0 < len(value) <= MAX_LENGTH, "a label"),
    "side": (lambda value: value in SIDES, f"one of {', '.join(SIDES)}"),
    **dict.fromkeys(
        ("quantity", "asked", "lot"),
        (lambda value: value is None or (_is_number(value) and value > 0), "null or a number above zero"),
    ),
    **dict.fromkeys(
        ("reference_price", "price", "submitted_at", "ended_at"),
        (lambda value: value is None or _is_number(value), "null or a finite number"),
    ),
    "ended": (
        lambda value: value is None or (isinstance(value, str) and value in ENDS),
        "null, filled, rejected, cancelled or expired",
    ),
    **dict.fromkeys(("timed", "acknowledged", "first_fill", "renumbered", "quoted", "resting", "underfilled"), _FLAG),
    **dict.fromkeys(("arrived", "cost"), _NUMBER),
    **dict.fromkeys(("filled", "told", "booked", "volume"), _AMOUNT),
}
_NEW: Final = Order(None, "", "", None, None, False, 0.0)
_DEFAULTS: Final = {name: getattr(_NEW, name) for name in _RIGHT}
_VERSION_1: Final = (
    "acknowledged", "arrived", "booked", "cost", "ended", "fill_ids", "filled", "first_fill", "ids", "quantity",
    "reference_price", "renumbered", "side", "strategy", "submitted_at", "superseded", "timed", "volume",
)  # fmt: skip
