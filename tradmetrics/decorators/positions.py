"""`track_positions`: open positions and what they would bring, from the positions that a function returns."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from contextvars import ContextVar
from functools import partial
from typing import Any, Final, ParamSpec, TypeVar, overload
from weakref import WeakValueDictionary, finalize

from tradmetrics import catalogue
from tradmetrics.capture.call_context import CallContext, DecoratedFunction
from tradmetrics.capture.context_variables import put
from tradmetrics.capture.readers import Field
from tradmetrics.capture.recipe import Recipe
from tradmetrics.capture.sources import LabelSource, Result
from tradmetrics.capture.wrapping import Decorator, decorate, name_of, suggest_keywords
from tradmetrics.decorators.snapshot_fields import value_of
from tradmetrics.model.text import text_of
from tradmetrics.record import snapshots
from tradmetrics.registry.metrics import TradingMetrics
from tradmetrics.vocabulary.numbers import is_missing

P = ParamSpec("P")
R = TypeVar("R")

_FIELDS: Final = {
    **{name: Field(name, from_arguments=name == "strategy", names=names) for name, names in snapshots.POSITION.items()},
    "lot": Field("lot", from_arguments=False),
    "account": Field("account", from_arguments=False),
}
Report = Callable[[], None]


class _Call:
    """A call that is going on, or was the last one here.

    Attributes:
        metrics: The metrics object that it records to.
        outer: The call that it was made within, through however many other functions.
        within: The reports made within it, by reporter. They wait for the call's own answer, which stands for them.
        is_over: Whether it has ended.
    """

    __slots__ = ("is_over", "metrics", "outer", "within")

    def __init__(self, site: DecoratedFunction) -> None:
        outer: _Call | None = _calls.get()
        while outer is not None and outer.is_over:
            outer = outer.outer
        self.metrics = site.metrics
        self.outer: _Call | None = outer
        self.within: dict[snapshots.Reporter, Report] = {}
        self.is_over: bool = False
        # Not set back at the end, which may be in another context than the beginning.
        put(_calls, self)


class _Reporters:
    """The reporters of a decorator: one for each function and account."""

    __slots__ = ("_by_name",)

    def __init__(self) -> None:
        self._by_name: dict[tuple[object, ...], snapshots.Reporter] = {}  # a decorator may be put on several functions

    def of(self, call: CallContext) -> snapshots.Reporter:
        """The reporter of a call; the same one for a function that was defined again."""
        account = call("account")
        key = (*_identity(call.site), "" if is_missing(account) else text_of(account))
        reporter = self._by_name.get(key)
        if reporter is None:
            if len(self._by_name) >= _MOST_REPORTERS:
                self._by_name.clear()
            reporter = snapshots.Reporter()
            if _LOCAL not in call.site.name:
                reporter = _named.setdefault(key, reporter)
            self._by_name[key] = reporter
        return reporter

    def last_as_long_as(self, tracked: object) -> None:
        """Forget what a local function has reported as soon as it is gone, rather than at the next garbage collection.

        Args:
            tracked: The decorated function.
        """
        with suppress(TypeError):  # an object without weak references waits for the collection
            finalize(tracked, self._by_name.clear).atexit = False


def _identity(site: DecoratedFunction) -> tuple[object, ...]:
    """The identity of a function: its name, the object of a bound method, and the function itself where it is local.

    A factory may make several local functions of one name, one for each broker, which all report.
    """
    function = site.function
    owner = getattr(function, "__self__", None)
    return (site.name, id(function if _LOCAL in site.name else owner) if owner or _LOCAL in site.name else 0)


_LOCAL: Final = "<"
"""In the names of functions that are local to another, and of lambdas."""
_MOST_REPORTERS: Final = 1_000
_named: Final[WeakValueDictionary[tuple[object, ...], snapshots.Reporter]] = WeakValueDictionary()

_calls: Final[ContextVar[_Call | None]] = ContextVar("tradmetrics positions", default=None)
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
    symbol: LabelSource | None = None,
    currency: LabelSource | None = None,
    lot: LabelSource | None = None,
    account: LabelSource | None = None,
    metrics: TradingMetrics | None = None,
) -> Decorator: ...
@suggest_keywords
def track_positions(
    function: Callable[..., Any] | None = None,
    /,
    *,
    strategy: LabelSource | None = None,
    unrealized_pnl: LabelSource | None = None,
    quantity: LabelSource | None = None,
    symbol: LabelSource | None = None,
    currency: LabelSource | None = None,
    lot: LabelSource | None = None,
    account: LabelSource | None = None,
    metrics: TradingMetrics | None = None,
) -> Any:
    """Set `trading_positions_open` by strategy and `trading_unrealized_pnl` from the positions a function returns.

    A position has at least one of the fields `strategy`, `unrealized_pnl` (currency) and `quantity` (0 is closed), as
    keys or attributes; any other item counts as an error and not as a position. A rest below a billionth of the
    largest size seen of a strategy's position in a symbol is closed too, as sums of floats leave such rests behind.
    None, or an exception, changes nothing.

    A function's answer takes the place of its last one: a strategy whose positions are gone reads 0. Answers of
    several functions, such as one for each broker, and of `update_position_metrics` add up, so let a position be in
    one of them only; a function that calls others stands for them, once it has an answer of its own. A method of
    several objects is one function here; where each object has an account of its own, decorate what is bound to it:
    `track_positions(zerodha.positions)`.

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
        function: A function that returns a position, an iterable of positions, a mapping whose values they are, or a
            DataFrame whose rows they are.
        strategy: Source of a position's strategy, where it is not the position's `strategy`: `result("…")` reads the
            position. A parameter of the function of that name counts where a position has none.
        unrealized_pnl: Likewise of its unrealized P&L.
        quantity: Likewise of its quantity.
        symbol: Likewise of its symbol, which tells positions of different sizes apart; by default its `symbol`,
            `tradingsymbol`, `instrument`, `ticker`, `contract` or `pair`.
        currency: Likewise of the currency of its P&L. A P&L in another currency than that of the metrics object is
            converted, or left out and counted.
        lot: A number, or a source of one: the smallest size that can be traded. A position below it is closed.
        account: Source of the account's name, where one function reports several. Their positions add up, each with the
            last answer.
        metrics: The metrics object to record to; by default the process's.
    """
    given = {
        "strategy": strategy,
        "unrealized_pnl": unrealized_pnl,
        "quantity": quantity,
        "symbol": symbol,
        "currency": currency,
        "lot": lot,
        "account": account,
    }
    paths = {name: (name,) if source is None else getattr(source, "path", None) for name, source in given.items()}
    marks = [
        path
        for name, path in paths.items()
        if name in snapshots.MARKS and path and isinstance(given[name], Result | None)
    ]
    reporters = _Reporters()

    def effect(reading: CallContext) -> None:
        call = reading.entered
        if call is None:
            return
        call.is_over = True
        reports = call.within
        if issubclass(type(reading.result), Iterator):
            reading.fault("value", TypeError("an iterator can be read once, and that is for the caller; return a list"))
        elif reading.exception is None and reading.result is not None:
            reporter = reporters.of(reading)
            report = partial(
                snapshots.set_positions,
                reading.metrics,
                reading.result,
                site=reading.site.name,
                marks=marks,
                field=lambda position, name: value_of(reading, _FIELDS[name], given[name], position),
                lot=reading("lot"),
                reporter=reporter,
                stands_for=tuple(call.within),
            )
            reports = {reporter: report}
        outer = call.outer
        if outer is not None and outer.metrics is reading.metrics and not outer.is_over:
            outer.within.update(reports)
            return
        for report in reports.values():
            report()

    fields = tuple(_FIELDS.values())
    recipe = Recipe("track_positions", fields, effect=effect, enter=_Call, needs_result=True, also=_GAUGES)

    def put_on(target: Any) -> Any:
        tracked = decorate(target, recipe, given, metrics)
        if _LOCAL in name_of(target):
            reporters.last_as_long_as(tracked)
        return tracked

    return put_on if function is None else put_on(function)
