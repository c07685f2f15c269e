"""`track_pnl`, `track_capital`: the P&L and the capital of an account, from the snapshots that a function returns.

Put them on functions that return the state of the account, and let a `Sampler` call these every few seconds.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ParamSpec, TypeVar, overload

from tradmetrics.capture.call_context import CallContext
from tradmetrics.capture.sources import LabelSource
from tradmetrics.capture.wrapping import Decorator, decorate, suggest_keywords
from tradmetrics.decorators.snapshot_fields import plain, snapshot_recipe
from tradmetrics.model.definition import MetricDefinition
from tradmetrics.record import gauges
from tradmetrics.registry.metrics import TradingMetrics

P = ParamSpec("P")
R = TypeVar("R")


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
    currency: LabelSource | None = None,
    account: LabelSource | None = None,
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
    currency: LabelSource | None = None,
    account: LabelSource | None = None,
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
        currency: Source of the amounts' currency; by default the result's `currency` or the parameter of that name, and
            else that of the metrics object. Amounts in another currency are converted, or left out and counted.
        account: Source of the account's name, where one metrics object has several; by default the result's `account`
            or the parameter of that name. The gauges show the sum over the accounts, each with its last snapshot.
        metrics: The metrics object to record to; by default the process's.
    """
    given = {
        "daily": daily,
        "daily_pct": daily_pct,
        "unrealized": unrealized,
        "realized": realized,
        "currency": currency,
        "account": account,
    }
    return _of_accounts(function, "track_pnl", gauges.PNL, given, metrics)


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
    currency: LabelSource | None = None,
    account: LabelSource | None = None,
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
    currency: LabelSource | None = None,
    account: LabelSource | None = None,
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
        currency: Source of the amounts' currency, as for `track_pnl`.
        account: Source of the account's name, as for `track_pnl`.
        metrics: The metrics object to record to; by default the process's.
    """
    given = {
        "total": total,
        "used": used,
        "available": available,
        "utilization": utilization,
        "margin_used": margin_used,
        "margin_available": margin_available,
        "currency": currency,
        "account": account,
    }
    return _of_accounts(function, "track_capital", gauges.CAPITAL, given, metrics)


def _of_accounts(
    function: Callable[..., Any] | None,
    decorator: str,
    definitions: Mapping[str, MetricDefinition],
    given: Mapping[str, LabelSource | None],
    metrics: TradingMetrics | None,
) -> Any:
    """A decorator that sets gauges, by field, from each snapshot of an account."""

    def apply(reading: CallContext, values: Mapping[str, object]) -> None:
        gauges.set_gauges(
            reading.metrics,
            definitions,
            values,
            currency=plain(values, "currency", given["currency"]),
            account=plain(values, "account", given["account"]),
            site=reading.site.name,
        )

    return decorate(function, snapshot_recipe(decorator, given, apply, definitions.values()), given, metrics)
