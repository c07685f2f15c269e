"""The items of a snapshot, such as positions, and their fields."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import reduce
from typing import Any, Final

from tradmetrics.capture.sources import find
from tradmetrics.model.missing import MISSING
from tradmetrics.model.text import shown
from tradmetrics.registry.metrics import TradingMetrics

OPTIONAL: Final = frozenset({"symbol", "currency", "account"})
"""Fields that say what an amount is of; hardly any snapshot has all of them."""


def read(metrics: TradingMetrics, site: str, item: Any, name: str, *, optional: bool = False) -> Any:
    """A field of an item; `MISSING` where there is none, and None where reading it failed, which is counted.

    Args:
        metrics: The metrics object that counts a failure.
        site: The reading site, for counting errors.
        item: The item.
        name: The field.
        optional: Whether a failure is a missing field.
    """
    try:
        return find(item, name)
    except Exception as error:
        if optional:
            return MISSING
        metrics.fault(site, "source", error)
        return None


def items_of(snapshot: Any) -> Iterable[Any]:
    """The snapshots in what a function returned: a list's, tuple's or set's items, a table's rows, or the object."""
    kind = type(snapshot)  # not isinstance(), which asks the object for its __class__
    if hasattr(kind, "itertuples"):  # a DataFrame of pandas
        return snapshot.to_dict("records")  # type: ignore[no-any-return]
    return snapshot if issubclass(kind, (list, tuple, set, frozenset)) and not hasattr(kind, "_fields") else (snapshot,)


def positions_in(positions: Any, marks: Sequence[tuple[str, ...]]) -> list[Any]:
    """The positions in a report: an iterable's items, a mapping's values, or the one position.

    Raises:
        TypeError: If it is anything else.
    """
    if isinstance(positions, (str, bytes)):
        raise TypeError("a text is not a list of positions")
    items = list(items_of(positions))
    if len(items) != 1 or items[0] is not positions:
        return items
    if marks and is_position(positions, marks):
        return [positions]
    if isinstance(positions, Mapping):
        return list(positions.values())
    if not isinstance(positions, Iterable):
        raise TypeError(f"{shown(positions)} is neither a position nor a list of them; {lacks(marks)}")
    return list(positions)


def is_position(item: Any, marks: Sequence[tuple[str, ...]]) -> bool:
    """Whether one of the paths leads to a value, even to one that cannot be read."""
    try:
        return not marks or any(reduce(_step, path, item) is not MISSING for path in marks)
    except Exception:
        return True


def _step(item: Any, name: str) -> Any:
    return MISSING if item is MISSING else find(item, name)


def lacks(marks: Sequence[tuple[str, ...]]) -> str:
    """The fields that a position lacks, for a message."""
    return f"it has none of the fields {', '.join(map('.'.join, marks))}"
