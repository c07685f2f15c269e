"""`track_cash_flow`: funding, fees, interest, dividends and transfers that a function receives or makes."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import Any, Final, ParamSpec, TypeVar, overload

from tradmetrics import catalogue
from tradmetrics.capture.call_context import CallContext
from tradmetrics.capture.readers import Field
from tradmetrics.capture.recipe import Recipe
from tradmetrics.capture.sources import LabelSource
from tradmetrics.capture.wrapping import Decorator, decorate, suggest_keywords
from tradmetrics.errors import ConfigurationError
from tradmetrics.model.missing import MISSING
from tradmetrics.record.cash import cash_kind, record_cash
from tradmetrics.registry.metrics import TradingMetrics

P = ParamSpec("P")
R = TypeVar("R")

_FIELDS: Final = (
    Field("kind", required=True),
    Field("amount", required=True, from_result=True),
    Field("strategy", from_result=True),
    Field("currency", from_result=True),
)


@overload
def track_cash_flow(function: Callable[P, R], /) -> Callable[P, R]: ...
@overload
def track_cash_flow(
    function: None = None,
    /,
    *,
    kind: LabelSource | None = None,
    amount: LabelSource | None = None,
    strategy: LabelSource | None = None,
    currency: LabelSource | None = None,
    metrics: TradingMetrics | None = None,
) -> Decorator: ...
@suggest_keywords
def track_cash_flow(
    function: Callable[..., Any] | None = None,
    /,
    *,
    kind: LabelSource | None = None,
    amount: LabelSource | None = None,
    strategy: LabelSource | None = None,
    currency: LabelSource | None = None,
    metrics: TradingMetrics | None = None,
) -> Any:
    """Record cash that the account receives or pays without a trade.

    Each call that returns adds to `trading_cash_received_total` or, for a negative amount, to
    `trading_cash_paid_total`. With `StrategyStats`, the amount also moves the day's P&L and the equity that the
    drawdown is computed from; a transfer moves the equity and its peak alike, and no P&L. It never counts as a trade
    and leaves win rate and average P&L alone. A call that raises records nothing.

    Example:
        ```python
        from tradmetrics import arg, track_cash_flow


        @track_cash_flow(kind="funding", amount=arg("event.amount"), strategy="carry")
        def on_funding(event): ...
        ```

    Args:
        function: The function, when the decorator is written without parentheses.
        kind: Source of the kind: `funding`, `fee`, `interest`, `dividend`, `transfer` or `other`; by default the
            parameter of that name. Usual synonyms, such as `commission` or `deposit`, are read as their kind.
        amount: Source of the amount in currency, positive where the account receives it; by default the parameter of
            that name, or the result's `amount`.
        strategy: Source of the strategy; by default the parameter of that name, or the result's; else `unknown`.
        currency: Source of the amount's currency; by default likewise, and else that of the metrics object.
        metrics: The metrics object to record to; by default the process's.

    Raises:
        LabelSourceError: When decorating, if `kind` has no possible source, or a source names no parameter.
        ConfigurationError: When decorating, if `kind` is a constant and no kind of cash flow.
    """
    if isinstance(kind, str | Enum) and cash_kind(kind) is None:
        raise ConfigurationError(
            f"track_cash_flow: kind is one of {', '.join(catalogue.CASH_KINDS)}, not {kind!r}; to read a parameter, "
            f"write kind=arg('…')"
        )
    given = {"kind": kind, "amount": amount, "strategy": strategy, "currency": currency}
    return decorate(function, _RECIPE, given, metrics)


def _effect(reading: CallContext) -> None:
    if reading.exception is not None:
        return
    amount = reading("amount")
    if amount is None or amount is MISSING:
        return
    record_cash(
        reading.metrics,
        reading("kind"),
        amount,
        reading.label("strategy"),
        reading("currency"),
        site=reading.site.name,
    )


_RECIPE: Final = Recipe(
    "track_cash_flow",
    _FIELDS,
    effect=_effect,
    also=(catalogue.CASH_RECEIVED, catalogue.CASH_PAID),
)
