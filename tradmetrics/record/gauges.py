"""P&L, capital, market and strategy figures into their gauges, for the decorators and for the exporter alike."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Any, Final

from tradmetrics import catalogue
from tradmetrics.model.definition import MetricDefinition
from tradmetrics.model.missing import MISSING
from tradmetrics.model.text import shown, text_of
from tradmetrics.record.accounts import ACCOUNT_GAUGES, set_of_account
from tradmetrics.registry.metrics import TradingMetrics
from tradmetrics.vocabulary.numbers import is_missing, is_truth_value, number_of

PNL: Final[Mapping[str, MetricDefinition]] = {
    "daily": catalogue.DAILY_PNL,
    "daily_pct": catalogue.DAILY_PNL_PERCENT,
    "unrealized": catalogue.UNREALIZED_PNL,
    "realized": catalogue.REALIZED_PNL,
}
CAPITAL: Final[Mapping[str, MetricDefinition]] = {
    "total": catalogue.CAPITAL_TOTAL,
    "used": catalogue.CAPITAL_USED,
    "available": catalogue.CAPITAL_AVAILABLE,
    "utilization": catalogue.CAPITAL_UTILIZATION,
    "margin_used": catalogue.MARGIN_USED,
    "margin_available": catalogue.MARGIN_AVAILABLE,
}
STRATEGY: Final[Mapping[str, MetricDefinition]] = {
    "win_rate": catalogue.STRATEGY_WIN_RATE,
    "avg_pnl": catalogue.STRATEGY_AVG_PNL,
    "sharpe_ratio": catalogue.STRATEGY_SHARPE_RATIO,
    "trades_today": catalogue.STRATEGY_TRADES_TODAY,
}
"""Fields of a snapshot and the gauge each sets."""
_SESSION: Final[Mapping[str, bool]] = {
    **dict.fromkeys(("open", "yes", "true", "1"), True),
    **dict.fromkeys(("closed", "no", "false", "0"), False),
}


def set_gauges(
    metrics: TradingMetrics,
    gauges: Mapping[str, MetricDefinition],
    values: Mapping[str, object],
    raw: tuple[object, ...] = (),
    *,
    currency: object = None,
    account: object = None,
    site: str,
) -> None:
    """Set each gauge whose field has a value.

    Args:
        metrics: The metrics object to record to.
        gauges: Definitions by field.
        values: Values by field. Absent ones are skipped. Figures that the metrics object's
            `StrategyStats` computes are skipped too, with one log line.
        raw: Label values, the same for all of them.
        currency: The currency of the amounts; None is that of the metrics object.
        account: The account that P&L and capital are of; those of several accounts add up.
        site: The recording site, for counting errors.
    """
    stats = metrics.strategy_stats
    for field, definition in gauges.items():
        value = values.get(field)
        if is_missing(value) or (stats is not None and stats.refuses(definition, site=site)):
            continue
        if definition in ACCOUNT_GAUGES:
            if metrics.enabled:
                set_of_account(metrics, definition, value, currency, account, site=site)
        else:
            metrics.record(definition, raw, value, site=site)


def set_market(metrics: TradingMetrics, values: Mapping[str, object], *, site: str) -> None:
    """Set the market's gauges: `vix`, `condition` (one-hot over the conditions seen), `session_open`."""
    set_gauges(metrics, {"vix": catalogue.MARKET_VIX}, values, site=site)
    session_open = values.get("session_open")
    if session_open is not None and session_open is not MISSING:
        try:
            is_open = _is_open(session_open)
        except Exception as error:
            metrics.fault(site, "value", error)
        else:
            metrics.record(catalogue.MARKET_SESSION_OPEN, (), float(is_open), site=site)
    condition = values.get("condition")
    if condition is not None and condition is not MISSING:
        resolved = metrics.resolve(catalogue.MARKET_CONDITION, (condition,), site=site)
        resolved.series.set(1.0)
        metrics.instrument(catalogue.MARKET_CONDITION).forget_others([resolved.labels], 0.0)


def _is_open(session: Any) -> bool:
    """Whether a session is open: a truth value of any library's, 1 or 0, or one of a few words.

    Raises:
        ValueError: When it is anything else.
    """
    if not isinstance(session, str | Enum):
        number = float(session) if is_truth_value(session) else number_of(session)
        if number in (0, 1):
            return number == 1
    word = text_of(session).lower()
    if word not in _SESSION:
        raise ValueError(f"session_open={shown(session)} is neither true or false nor one of {', '.join(_SESSION)}")
    return _SESSION[word]
