"""`track_market`, `track_strategy`: gauges from returned snapshots.

Put them on functions that return the state of things, and let a `Sampler` call these every few seconds.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, ParamSpec, TypeVar, overload

from tradmetrics import catalogue
from tradmetrics.capture.call_context import CallContext
from tradmetrics.capture.sources import LabelSource
from tradmetrics.capture.wrapping import Decorator, decorate, suggest_keywords
from tradmetrics.decorators.snapshot_fields import snapshot_recipe
from tradmetrics.record import gauges
from tradmetrics.registry.metrics import TradingMetrics

P = ParamSpec("P")
R = TypeVar("R")

_MARKET: Final = (catalogue.MARKET_VIX, catalogue.MARKET_SESSION_OPEN, catalogue.MARKET_CONDITION)


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
        gauges.set_market(reading.metrics, values, site=reading.site.name)

    return decorate(function, snapshot_recipe("track_market", given, apply, _MARKET), given, metrics)


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
        gauges.set_gauges(reading.metrics, gauges.STRATEGY, values, (name,), site=reading.site.name)

    return decorate(function, snapshot_recipe("track_strategy", given, apply, gauges.STRATEGY.values()), given, metrics)
