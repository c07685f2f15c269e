"""`track_pnl`, `track_capital`, `track_market`, `track_strategy`: gauges from returned snapshots.

Put them on functions that return the state of things, and let a `Sampler` call these every few seconds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, ParamSpec, TypeVar, overload

from tradmetrics import catalogue
from tradmetrics.capture.call_context import CallContext
from tradmetrics.capture.readers import Field
from tradmetrics.capture.recipe import Recipe
from tradmetrics.capture.sources import LabelSource, Result, follow
from tradmetrics.capture.wrapping import Decorator, decorate, suggest_keywords
from tradmetrics.model.definition import MetricDefinition
from tradmetrics.model.missing import MISSING
from tradmetrics.record import snapshots
from tradmetrics.registry.metrics import TradingMetrics

P = ParamSpec("P")
R = TypeVar("R")

Apply = Callable[[CallContext, Mapping[str, object]], None]

_ALSO: Final[Mapping[str, tuple[str, ...]]] = {
    "daily": ("daily", "daily_pnl"),
    "daily_pct": ("daily_pct", "daily_pnl_pct", "daily_pnl_percent"),
    "unrealized": ("unrealized", "unrealized_pnl"),
    "realized": ("realized", "realized_pnl"),
}
"""Other names that fields of a snapshot go by."""
_MARKET: Final = (catalogue.MARKET_VIX, catalogue.MARKET_SESSION_OPEN, catalogue.MARKET_CONDITION)


def _recipe(decorator: str, given: Mapping[str, object], apply: Apply, gauges: Iterable[MetricDefinition]) -> Recipe:
    """A recipe that reads the named fields of every snapshot returned, and applies them."""
    fields = tuple(Field(name, from_arguments=name == "strategy", names=_ALSO.get(name, ())) for name in given)
    figures = [name for name in given if name != "strategy"]
    looked_for = ", ".join(" or ".join(_ALSO.get(name, (name,))) for name in figures)

    def effect(reading: CallContext) -> None:
        if reading.exception is not None or reading.result is None:
            return
        for item in snapshots.items_of(reading.result):
            values = {field.name: value_of(reading, field, given.get(field.name), item) for field in fields}
            if any(values[name] is not MISSING for name in figures):
                apply(reading, values)
            else:
                message = f"a {type(item).__name__} has none of the fields {looked_for}; say where: {example}"
                reading.fault("value", LookupError(message))

    example = f"@{decorator}({figures[0]}=result('…'))"
    return Recipe(decorator, fields, effect=effect, needs_result=True, also=tuple(gauges))


def value_of(reading: CallContext, field: Field, source: object, item: object) -> object:
    """A field of a snapshot: `MISSING` where there is none, and None where reading it failed, which is counted."""
    if source is None:
        for name in field.names or (field.name,):
            value = snapshots.read(reading.metrics, reading.site.name, item, name)
            if value is not MISSING:
                return value
        return reading(field.name) if field.from_arguments else MISSING
    if isinstance(source, Result):
        try:
            return follow(item, source.path)
        except Exception as error:
            reading.fault("source", error)
            return None
    value = reading(field.name)
    return None if value is MISSING else value


@overload
def track_pnl(function: Callable[P, R], /) -> Callable[P, R]: ...
@overload
def track_pnl(
    function: None = None,
    /,
    *,
    daily: LabelSource | None = None,
    daily_pct: LabelSource | None = None,
    unrealized: LabelSource | None = None,
    realized: LabelSource | None = None,
    metrics: TradingMetrics | None = None,
) -> Decorator: ...
@suggest_keywords
def track_pnl(
    function: Callable[..., Any] | None = None,
    /,
    *,
    daily: LabelSource | None = None,
    daily_pct: LabelSource | None = None,
    unrealized: LabelSource | None = None,
    realized: LabelSource | None = None,
    metrics: TradingMetrics | None = None,
) -> Any:
    """Set the P&L gauges from the snapshot that a function returns.

    Fields: `daily` or `daily_pnl`, `unrealized` or `unrealized_pnl`, `realized` or `realized_pnl` (currency), and
    `daily_pct` (percent). Those that are absent leave their gauge alone; a snapshot with none of them is an error that
    is counted. In a metrics object with `StrategyStats`, `daily` is not set: that comes from the trades.

    Example:
        ```python
        from tradmetrics import result, track_pnl


        @track_pnl(realized=result("closed.total"))
        def profit_and_loss():
            return {"daily": 1250.0, "closed": {"total": 900.0}}
        ```

    Args:
        function: The function, when the decorator is written without parentheses.
        daily: Source of the trading day's P&L, where it is not the result's `daily`.
        daily_pct: Likewise in percent of capital.
        unrealized: Likewise of the open positions.
        realized: Likewise of the closed positions.
        metrics: The metrics object to record to; by default the process's.
    """
    given = {"daily": daily, "daily_pct": daily_pct, "unrealized": unrealized, "realized": realized}

    def apply(reading: CallContext, values: Mapping[str, object]) -> None:
        snapshots.set_gauges(reading.metrics, snapshots.PNL, values, site=reading.site.name)

    return decorate(function, _recipe("track_pnl", given, apply, snapshots.PNL.values()), given, metrics)


@overload
def track_capital(function: Callable[P, R], /) -> Callable[P, R]: ...
@overload
def track_capital(
    function: None = None,
    /,
    *,
    total: LabelSource | None = None,
    used: LabelSource | None = None,
    available: LabelSource | None = None,
    utilization: LabelSource | None = None,
    margin_used: LabelSource | None = None,
    margin_available: LabelSource | None = None,
    metrics: TradingMetrics | None = None,
) -> Decorator: ...
@suggest_keywords
def track_capital(
    function: Callable[..., Any] | None = None,
    /,
    *,
    total: LabelSource | None = None,
    used: LabelSource | None = None,
    available: LabelSource | None = None,
    utilization: LabelSource | None = None,
    margin_used: LabelSource | None = None,
    margin_available: LabelSource | None = None,
    metrics: TradingMetrics | None = None,
) -> Any:
    """Set the capital and margin gauges from the snapshot that a function returns.

    Fields: `total`, `used`, `available`, `margin_used`, `margin_available` (currency) and `utilization` (percent, 0 to
    100). Those that are absent leave their gauge alone; a snapshot with none of them is an error that is counted.

    Example:
        ```python
        from tradmetrics import result, track_capital


        @track_capital(total=result("equity"))
        def account():
            return {"equity": 500_000.0, "used": 120_000.0}
        ```

    Args:
        function: The function, when the decorator is written without parentheses.
        total: Source of the capital of the account, where it is not the result's `total`.
        used: Likewise of the capital in use.
        available: Likewise of the capital that is free.
        utilization: Likewise of the capital in use, in percent.
        margin_used: Likewise of the margin that open positions hold.
        margin_available: Likewise of the margin that is free.
        metrics: The metrics object to record to; by default the process's.
    """
    given = {
        "total": total,
        "used": used,
        "available": available,
        "utilization": utilization,
        "margin_used": margin_used,
        "margin_available": margin_available,
    }

    def apply(reading: CallContext, values: Mapping[str, object]) -> None:
        snapshots.set_gauges(reading.metrics, snapshots.CAPITAL, values, site=reading.site.name)

    return decorate(function, _recipe("track_capital", given, apply, snapshots.CAPITAL.values()), given, metrics)


@overload
def track_market(function: Callable[P, R], /) -> Callable[P, R]: ...
@overload
def track_market(
    function: None = None,
    /,
    *,
    vix: LabelSource | None = None,
    condition: LabelSource | None = None,
    session_open: LabelSource | None = None,
    metrics: TradingMetrics | None = None,
) -> Decorator: ...
@suggest_keywords
def track_market(
    function: Callable[..., Any] | None = None,
    /,
    *,
    vix: LabelSource | None = None,
    condition: LabelSource | None = None,
    session_open: LabelSource | None = None,
    metrics: TradingMetrics | None = None,
) -> Any:
    """Set the market gauges from the snapshot that a function returns.

    Fields: `vix` (index points), `condition` (a word or enum member: `trading_market_condition` is 1 for it and 0 for
    those seen before) and `session_open` (true or false, 1 or 0, or one of the words open, closed, yes, no; alerts are
    muted while it is false). Those that are absent leave their gauge alone; a snapshot with none of them is an error
    that is counted.

    Example:
        ```python
        from tradmetrics import track_market


        @track_market
        def market():
            return {"vix": 14.2, "condition": "range_bound", "session_open": True}
        ```

    Args:
        function: The function, when the decorator is written without parentheses.
        vix: Source of the level of the volatility index, where it is not the result's `vix`.
        condition: Likewise of the market's condition.
        session_open: Likewise of whether the session is open.
        metrics: The metrics object to record to; by default the process's.
    """
    given = {"vix": vix, "condition": condition, "session_open": session_open}

    def apply(reading: CallContext, values: Mapping[str, object]) -> None:
        snapshots.set_market(reading.metrics, values, site=reading.site.name)

    return decorate(function, _recipe("track_market", given, apply, _MARKET), given, metrics)


@overload
def track_strategy(function: Callable[P, R], /) -> Callable[P, R]: ...
@overload
def track_strategy(
    function: None = None,
    /,
    *,
    strategy: LabelSource | None = None,
    win_rate: LabelSource | None = None,
    avg_pnl: LabelSource | None = None,
    sharpe_ratio: LabelSource | None = None,
    trades_today: LabelSource | None = None,
    metrics: TradingMetrics | None = None,
) -> Decorator: ...
@suggest_keywords
def track_strategy(
    function: Callable[..., Any] | None = None,
    /,
    *,
    strategy: LabelSource | None = None,
    win_rate: LabelSource | None = None,
    avg_pnl: LabelSource | None = None,
    sharpe_ratio: LabelSource | None = None,
    trades_today: LabelSource | None = None,
    metrics: TradingMetrics | None = None,
) -> Any:
    """Set a strategy's gauges from the snapshot, or list of snapshots, that a function returns.

    Fields: `strategy`, `win_rate` (ratio, 0 to 1), `avg_pnl` (currency), `sharpe_ratio` and `trades_today`. Those that
    are absent leave their gauge alone; a snapshot with no figure is an error that is counted. In a metrics object with
    `StrategyStats` none of these is set: they come from the trades.

    Example:
        ```python
        from tradmetrics import track_strategy


        @track_strategy
        def performance():
            return [{"strategy": "gamma_scalping", "win_rate": 0.58, "trades_today": 12}]
        ```

    Args:
        function: The function, when the decorator is written without parentheses.
        strategy: Source of the strategy, where it is not the snapshot's `strategy`; a parameter of that name counts.
        win_rate: Likewise of the share of winning trades.
        avg_pnl: Likewise of the average P&L of a trade.
        sharpe_ratio: Likewise of the Sharpe ratio.
        trades_today: Likewise of the number of trades of the day.
        metrics: The metrics object to record to; by default the process's.
    """
    given = {
        "strategy": strategy,
        "win_rate": win_rate,
        "avg_pnl": avg_pnl,
        "sharpe_ratio": sharpe_ratio,
        "trades_today": trades_today,
    }

    def apply(reading: CallContext, values: Mapping[str, object]) -> None:
        name = values["strategy"]
        snapshots.set_gauges(reading.metrics, snapshots.STRATEGY, values, (name,), site=reading.site.name)

    return decorate(function, _recipe("track_strategy", given, apply, snapshots.STRATEGY.values()), given, metrics)
