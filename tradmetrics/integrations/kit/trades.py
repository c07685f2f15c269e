"""Which fills are trades, and what they won or lost: one rule for all adapters."""

from __future__ import annotations

import logging
import math
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any, Final

from tradmetrics import catalogue
from tradmetrics.integrations.kit.handle import Handle
from tradmetrics.integrations.kit.options import Settings
from tradmetrics.integrations.kit.positions import Positions
from tradmetrics.record.exporter import MetricsExporter
from tradmetrics.registry.money import currency_code
from tradmetrics.vocabulary import fold as vocabulary
from tradmetrics.vocabulary.numbers import number_of

_log: Final = logging.getLogger("tradmetrics")
_MOST_FILLS: Final = 100_000


@dataclass(frozen=True)
class Fill:
    """One execution.

    Attributes:
        fill_id: Its id, different from every other one.
        side: `BUY` or `SELL` in any spelling.
        symbol: The instrument.
        quantity: How much was traded, in units or contracts.
        price: The price of one unit.
        pnl: The profit or loss that the library reports, 0 for an opening execution; None if it reports none.
        fee: The commission that was paid (positive), or received.
        currency: The currency of price and P&L.
        fee_currency: The currency of the fee, where that is another one.
        contract_size: Units in one contract; None for a contract whose P&L is not linear in the price.
        opens_short: Whether selling without a position opens one, as contracts do. Spot does not.
        base: The currency of the quantity, where that is one: a fee in it is taken at the fill's price.
        closes: Whether it closes or reduces a position, where the library says so; with a position on each side, the
            quantities alone do not.
    """

    fill_id: str
    side: object
    symbol: str | None = None
    quantity: object = None
    price: object = None
    pnl: object = None
    fee: object = None
    currency: str | None = None
    fee_currency: str | None = None
    contract_size: float | None = 1.0
    opens_short: bool = False
    base: str | None = None
    closes: bool | None = None


class Trades:
    """Records fills as trades.

    Where the P&L is known, a trade is an execution that closes or reduces a position: the library tells it, or it is
    computed from the fills by average cost, net of commission. Where it is not known, every execution is a trade
    without a P&L.

    Args:
        handle: Of the instrumentation.
        settings: The options.
        tells_pnl: Whether the library tells the P&L.

    Attributes:
        positions: The positions that the fills add up to.
    """

    def __init__(self, handle: Handle, settings: Settings, *, tells_pnl: bool) -> None:
        self.positions = Positions()
        self._handle = handle
        self._exporter = MetricsExporter(handle.metrics)
        self._tells_pnl = tells_pnl
        self._from_fills = settings.pnl_from_fills
        self._account = settings.account
        self._seen: OrderedDict[str, None] = OrderedDict()
        self._told: OrderedDict[str, tuple[float, float]] = OrderedDict()
        self._unknown: set[str] = set()

    def first_time(self, fill_id: str) -> bool:
        """Whether a fill is seen for the first time."""
        if fill_id in self._seen:
            return False
        self._seen[fill_id] = None
        if len(self._seen) > _MOST_FILLS:
            self._seen.popitem(last=False)
        return True

    def fill(self, strategy: object, fill: Fill) -> None:
        """Take in a fill of an order of this bot; a fill that was seen before does nothing."""
        if not self.first_time(fill.fill_id):
            return
        signed, price = _signed(fill), _number(fill.price)
        fee, fee_currency = self._commission(fill, price)
        is_in_currency = fee_currency in (None, fill.currency)
        closing = None
        if fill.symbol is not None and signed is not None:
            cost = fee if is_in_currency else 0.0
            closing = self.positions.fill(
                fill.symbol, signed, price, cost, fill.contract_size, fill.opens_short, fill.fill_id
            )
        pnl = _number(fill.pnl)
        is_net = self._tells_pnl or (self._from_fills and pnl is None and is_in_currency)
        self.fee(strategy, fee, fee_currency or fill.currency, is_net=is_net)
        if self._tells_pnl or pnl is not None:
            # Libraries report an opening with a P&L of 0, or without one.
            closes = closing is not None and closing.reduces if fill.closes is None else fill.closes
            if pnl or (pnl == 0 and closes):
                self.trade(strategy, fill.side, pnl, fill.currency)
        elif not self._from_fills:
            self.trade(strategy, fill.side)
        elif closing is None or (closing.reduces and closing.pnl is None):
            self._say_unknown(fill.symbol)
            self.trade(strategy, fill.side)
        elif closing.reduces:
            self.trade(strategy, fill.side, closing.pnl, fill.currency)

    def _commission(self, fill: Fill, price: float | None) -> tuple[float, str | None]:
        """The fee of a fill and its currency: that of the fill itself, where the fee can be told in it."""
        fee, currency, money = _number(fill.fee) or 0.0, fill.fee_currency, self._handle.metrics.money
        if money.currency is None and fill.currency is not None:
            money.amount(0.0, fill.currency)  # not the fee's: it may be in coins, and nothing else is
        if not fee or currency in (None, fill.currency) or fill.currency is None:
            return fee, currency
        if currency == fill.base and price is not None:
            return fee * price, fill.currency
        if money.convert is not None and money.currency == currency_code(fill.currency):
            amount = self._in_our_currency(fee, currency)
            return (fee, currency) if amount is None else (amount, fill.currency)
        return fee, currency

    def correct(self, strategy: object, fill_id: str, right: Fill) -> None:
        """Take in that a fill was another one, or did not happen.

        It stays counted as it was, once. The position is what it would be if the right fill had come at first, and what
        the closings won or lost differently (with `pnl_from_fills`) moves profit or loss.

        Args:
            strategy: Whose fill it is.
            fill_id: The id of the fill, or of an earlier correction of it.
            right: The right fill, under an id of its own; with a quantity of 0 where it did not happen.
        """
        signed = _signed(right)
        if signed is not None and self.first_time(right.fill_id):
            cost = (_number(right.fee) or 0.0) if right.fee_currency in (None, right.currency) else 0.0
            pnl, fee = self.positions.correct(fill_id, right.fill_id, signed, _number(right.price), cost)
            self.fee(strategy, fee, right.currency, is_net=self._from_fills)
            if self._from_fills:
                self._correct(strategy, pnl, right.currency)

    def told(self, strategy: object, fill: Fill) -> None:
        """Take in the P&L and the commission of an execution, which came apart from it or are corrected.

        The first P&L that is not 0 makes it a trade. A later report that differs moves profit or loss by the
        difference.
        """
        pnl, fee = _number(fill.pnl) or 0.0, _number(fill.fee) or 0.0
        before = self._told.get(fill.fill_id)
        self._told[fill.fill_id] = pnl, fee
        if len(self._told) > _MOST_FILLS:
            self._told.popitem(last=False)
        pnl_before, fee_before = before or (0.0, 0.0)
        self.fee(strategy, fee - fee_before, fill.currency)
        if pnl and not pnl_before:
            self.trade(strategy, fill.side, pnl, fill.currency)
        elif pnl != pnl_before:
            self._correct(strategy, pnl - pnl_before, fill.currency)

    def _correct(self, strategy: object, difference: float, currency: str | None) -> None:
        amount = self._in_our_currency(difference, currency)
        metrics = self._handle.metrics
        if amount:
            definition = catalogue.PROFIT if amount > 0 else catalogue.LOSS
            metrics.record(definition, (strategy,), abs(amount), site=self._handle.site)
            if metrics.strategy_stats is not None:
                metrics.strategy_stats.cash(metrics, amount, transfer=False, site=self._handle.site)

    def fee(self, strategy: object, fee: float, currency: str | None, *, is_net: bool = True) -> None:
        """Record a commission that was paid (positive) or received, as cash.

        Args:
            strategy: Whose commission it is.
            fee: The amount.
            currency: Its currency.
            is_net: Whether the P&L of the trades is net of it, so that it must not move the day's P&L a second time.
        """
        if not fee or not self._account:
            return
        if not is_net:
            self.cash("fee", -fee, strategy, currency)
            return
        amount = self._in_our_currency(fee, currency)
        if amount:
            definition = catalogue.CASH_PAID if amount > 0 else catalogue.CASH_RECEIVED
            self._handle.metrics.record(definition, (strategy, "fee"), abs(amount), site=self._handle.site)

    def _in_our_currency(self, amount: float, currency: str | None) -> float | None:
        try:
            return self._handle.metrics.money.amount(amount, currency)
        except ValueError as error:
            self._handle.fault(error)
            return None

    def trade(self, strategy: object, side: object, pnl: float | None = None, currency: str | None = None) -> None:
        """Record a trade, with what it won or lost where that is known."""
        more: dict[str, Any] = {} if currency is None else {"currency": currency}
        self._exporter.record_trade(strategy, side, "executed", pnl, **more)

    def cash(self, kind: str, amount: float, strategy: object = None, currency: str | None = None) -> None:
        """Record money that was paid (negative) or received beside trades: a fee, funding, a dividend."""
        self._exporter.record_cash_flow(kind, amount, strategy, currency)

    def _say_unknown(self, symbol: str | None) -> None:
        if str(symbol) not in self._unknown and len(self._unknown) < 1000:
            self._unknown.add(str(symbol))
            _log.warning(
                "tradmetrics: the P&L of trades in %s is not known: the position began before this process, or the "
                "contract's size is not known. They count without a P&L",
                symbol,
                extra={"symbol": symbol},
            )


def _signed(fill: Fill) -> float | None:
    quantity, side = _number(fill.quantity), vocabulary.side(fill.side)
    if quantity is None or side not in ("BUY", "SELL"):
        return None
    return abs(quantity) if side == "BUY" else -abs(quantity)


def _number(value: object) -> float | None:
    if value is None or (isinstance(value, str) and not value.strip()):
        return None
    try:
        number = number_of(value)
    except Exception:
        return None
    return number if math.isfinite(number) else None
