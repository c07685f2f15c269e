"""The account values, positions, P&L and ticks that TWS sends to an IB bot."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime, timezone
from typing import Any, Final
from weakref import WeakKeyDictionary

from tradmetrics.integrations.kit import Account, Handle, Held, Settings, Ticks
from tradmetrics.integrations.kit.positions import Positions

_UNSET: Final = 1e300
"""Beyond this, a number is TWS's word for none."""
_TAGS: Final = {
    "NetLiquidation": ("total",),
    "AvailableFunds": ("available", "margin_available"),
    "InitMarginReq": ("used", "margin_used"),
}
_TIMES: Final = ("rtTime", "lastTimestamp", "delayedLastTimestamp")
"""When the last trade of a ticker was, the most precise one first."""
_MOST_CONTRACTS: Final = 1_000


class IbAccount:
    """Listens to what the bot has asked TWS for.

    Args:
        handle: Of the instrumentation.
        settings: The options.
        positions: The positions that the fills add up to.
    """

    def __init__(self, handle: Handle, settings: Settings, positions: Positions) -> None:
        self._handle = handle
        self._account = Account(handle, settings, positions)
        self._ticks = Ticks(handle, settings)
        self._times: WeakKeyDictionary[Any, list[Any]] = WeakKeyDictionary()
        self._is_open: bool | None = None
        self._sessions: dict[str, Sequence[tuple[datetime, datetime]]] = {}

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
        self._tell_session()  # TWS sends these outside the session as well
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
            self._ticks.tick(label(ticker.contract), self._made(ticker))
        self._tell_session()

    def _made(self, ticker: Any) -> Any:
        """When the exchange made what is new in a ticker; None where TWS does not say. `Ticker.time` is our own."""
        for tick in reversed(ticker.tickByTicks):
            if not hasattr(tick, "midPoint"):  # that one has the time at which it came
                return tick.time
        times = [getattr(ticker, name, None) for name in _TIMES]
        before, self._times[ticker] = self._times.get(ticker), times
        # A quote leaves the time of the last trade as it was.
        return next((at for at in times if at is not None and at not in (before or ())), None)

    # ── sessions ─────────────────────────────────────────────────────────────────────────────────────────────────

    def watch(self, wrapper: Any) -> None:
        """Watch the contract details that TWS answers: they hold the hours of trading."""
        self._account.belongs_to(lambda: frozenset(wrapper.accounts))
        if self._ticks.records:
            self._handle.watch(wrapper, "contractDetails", lambda arguments: self._details(*arguments.values()))

    def _details(self, request_id: int, details: Any) -> None:
        sessions = details.liquidSessions() if details.timeZoneId else ()
        if sessions:
            self._sessions[str(details.contract.conId)] = sessions
            if len(self._sessions) > _MOST_CONTRACTS:
                del self._sessions[next(iter(self._sessions))]
            self._tell_session()

    def _tell_session(self) -> None:
        """Set whether the session of any contract is open now, by the hours of the days that TWS has told.

        TWS tells those of about a week. Later than that, a session counts as open: silent market data is then reported.
        """
        if self._sessions:
            now = datetime.now(timezone.utc)
            is_open = any(
                now >= sessions[-1][1] or any(start <= now < end for start, end in sessions)
                for sessions in self._sessions.values()
            )
            if is_open is not self._is_open:
                self._is_open = is_open
                self._ticks.session(is_open)


def label(contract: Any) -> str:
    """The symbol of a contract as a label: the exchange's own, or the underlying's."""
    return str(contract.localSymbol or contract.symbol)


def _number(value: Any) -> float | None:
    if not isinstance(value, int | float) or not math.isfinite(value) or abs(value) > _UNSET:
        return None
    return float(value)
