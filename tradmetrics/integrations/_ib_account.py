"""The account values, positions, P&L and ticks that TWS sends to an IB bot."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final

from tradmetrics.integrations.kit import Account, Handle, Held, Settings, Ticks
from tradmetrics.integrations.kit.positions import Positions

_UNSET: Final = 1e300
"""Beyond this, a number is TWS's word for none."""
_TAGS: Final = {
    "NetLiquidation": ("total",),
    "AvailableFunds": ("available", "margin_available"),
    "InitMarginReq": ("used", "margin_used"),
}


class IbAccount:
    """Listens to what the bot has asked TWS for.

    Args:
        handle: Of the instrumentation.
        settings: The options.
        positions: The positions that the fills add up to.
    """

    def __init__(self, handle: Handle, settings: Settings, positions: Positions) -> None:
        self._account = Account(handle, settings, positions)
        self._ticks = Ticks(handle, settings)

    def events(self) -> Iterator[tuple[str, Callable[..., None]]]:
        """The events of an `IB` object to listen to, and who does."""
        if self._account.records:
            yield "accountValueEvent", self._value
            yield "accountSummaryEvent", self._value
            yield "positionEvent", self._position
            yield "updatePortfolioEvent", self._portfolio
            yield "pnlEvent", self._pnl
        if self._ticks.records:
            yield "pendingTickersEvent", self._tickers

    def _value(self, value: Any) -> None:
        if value.tag in _TAGS and value.value not in ("", None):
            names = dict.fromkeys(_TAGS[value.tag], value.value)
            currency = None if value.currency in ("", "BASE") else value.currency
            self._account.balance(account=value.account, currency=currency, **names)

    def _position(self, position: Any) -> None:
        self._hold(position.contract, position.position, None, position.account)

    def _portfolio(self, item: Any) -> None:
        self._hold(item.contract, item.position, _number(item.unrealizedPNL), item.account)

    def _hold(self, contract: Any, quantity: float, unrealized: float | None, account: str) -> None:
        symbol = str(contract.conId or label(contract))
        held = Held(symbol, quantity, unrealized, label=label(contract), currency=contract.currency or None)
        self._account.positions([held], account=account, complete=False)

    def _pnl(self, pnl: Any) -> None:
        self._account.pnl(
            account=pnl.account,
            daily=_number(pnl.dailyPnL),
            unrealized=_number(pnl.unrealizedPnL),
            realized=_number(pnl.realizedPnL),
        )

    def _tickers(self, tickers: Iterable[Any]) -> None:
        for ticker in tickers:
            # The time of a real-time trade; any other is when the message came.
            self._ticks.tick(label(ticker.contract), getattr(ticker, "rtTime", None))


def label(contract: Any) -> str:
    """The symbol of a contract as a label: the exchange's own, or the underlying's."""
    return str(contract.localSymbol or contract.symbol)


def _number(value: Any) -> float | None:
    if not isinstance(value, int | float) or not math.isfinite(value) or abs(value) > _UNSET:
        return None
    return float(value)
