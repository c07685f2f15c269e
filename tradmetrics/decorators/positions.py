"""`track_positions`: open positions and what they would bring, from the positions that a function returns."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final, ParamSpec, TypeVar, overload

from tradmetrics import catalogue, snapshots
from tradmetrics.book import TradingMetrics
from tradmetrics.decorators.snapshots import value_of
from tradmetrics.instrument import Reading
from tradmetrics.labels import LabelSource, Result
from tradmetrics.readers import Field
from tradmetrics.recipe import Recipe
from tradmetrics.wrapping import Decorator, decorate, taught

P = ParamSpec("P")
R = TypeVar("R")

_FIELDS: Final = {name: Field(name, from_arguments=name == "strategy") for name in snapshots.POSITION}
_GAUGES: Final = (catalogue.POSITIONS_OPEN, catalogue.UNREALIZED_PNL)


@overload
def track_positions(function: Callable[P, R], /) -> Callable[P, R]: ...
@overload
def track_positions(
    function: None = None,
    /,
    *,
    strategy: LabelSource | None = None,
    unrealized_pnl: LabelSource | None = None,
    quantity: LabelSource | None = None,
    metrics: TradingMetrics | None = None,
) -> Decorator: ...
@taught
def track_positions(
    function: Callable[..., Any] | None = None,
    /,
    *,
    strategy: LabelSource | None = None,
    unrealized_pnl: LabelSource | None = None,
    quantity: LabelSource | None = None,
    metrics: TradingMetrics | None = None,
) -> Any:
    """Set `trading_positions_open` by strategy and `trading_unrealized_pnl` from the positions a function returns.

    A position has at least one of the fields `strategy`, `unrealized_pnl` (currency) and `quantity` (0 is closed), as
    keys or attributes; what has none is counted as an error and not as a position. None, or an exception, changes
    nothing.

    A function's answer takes the place of its last one: a strategy whose positions are gone reads 0. Answers of
    several functions, such as one for each broker, and of `update_position_metrics` add up, so let a position be in
    one of them only. A method of several objects is one function here; where each object has an account of its own,
    decorate what is bound to it: `track_positions(zerodha.positions)`.

    Example:
        ```python
        from tradmetrics import result, track_positions


        @track_positions
        def open_positions():
            return [{"strategy": "gamma_scalping", "quantity": 50, "unrealized_pnl": 120.5}]


        @track_positions(strategy="momentum", unrealized_pnl=result("pnl"))
        def kite_positions():
            return [{"tradingsymbol": "NIFTY25JUNFUT", "quantity": 50, "pnl": 120.5}]
        ```

    Args:
        function: A function that returns a position, an iterable of positions, or a mapping whose values they are.
        strategy: Source of a position's strategy, where it is not the position's `strategy`: `result("…")` reads the
            position. A parameter of the function of that name counts where a position has none.
        unrealized_pnl: Likewise of its unrealized P&L.
        quantity: Likewise of its quantity.
        metrics: The book to record to; by default the process's.
    """
    given = {"strategy": strategy, "unrealized_pnl": unrealized_pnl, "quantity": quantity}
    paths = {name: (name,) if source is None else getattr(source, "path", None) for name, source in given.items()}
    marks = [path for name, path in paths.items() if path and isinstance(given[name], Result | None)]
    reporters: dict[int, snapshots.Reporter] = {}

    def effect(reading: Reading) -> None:
        if reading.exception is not None or reading.result is None:
            return
        if issubclass(type(reading.result), Iterator):
            reading.fault("value", TypeError("an iterator can be read once, and that is for the caller; return a list"))
            return
        snapshots.set_positions(
            reading.book,
            reading.result,
            site=reading.site.name,
            marks=marks,
            field=lambda position, name: value_of(reading, _FIELDS[name], given[name], position),
            reporter=reporters.setdefault(id(reading.site), snapshots.Reporter()),
        )

    recipe = Recipe("track_positions", tuple(_FIELDS.values()), effect=effect, needs_result=True, also=_GAUGES)
    return decorate(function, recipe, given, metrics)
