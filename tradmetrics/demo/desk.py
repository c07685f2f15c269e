"""The order desk: checks orders, sends them to the broker, follows them to their end, and books fills and trades."""

from dataclasses import dataclass, replace
from typing import Final

from tradmetrics import OrderTracker, arg, track_errors, track_trade
from tradmetrics.demo.account import Account, Trade
from tradmetrics.demo.broker import Broker
from tradmetrics.demo.clock import SimulatedClock
from tradmetrics.demo.ledger import Ledger
from tradmetrics.demo.market import Market
from tradmetrics.demo.orders import Acknowledgement, Order, OrderError, OrderUpdate
from tradmetrics.demo.risk import CircuitBreaker, RiskChecks, passes

_PATIENCE: Final = 5.3
"""Simulated seconds after which an order that rests is repriced, and after as many more cancelled."""
_RETRIES: Final = 3
_ENDED: Final = {"COMPLETE", "REJECTED", "CANCELLED", "EXPIRED"}


class SettlementError(Exception):
    """A trade could not be settled."""


@dataclass
class _Open:
    """An order that has not ended, as the desk knows it."""

    order: Order
    booked: int = 0
    repriced: bool = False


class OrderDesk:
    """Every order of every strategy goes through here.

    Args:
        clock: The session's clock.
        broker: Takes the orders.
        market: Where reference prices come from.
        account: Books the fills.
        risk: Checks each order.
        breaker: While it is active, nothing is sent.
        ledger: Records trades and errors.
    """

    def __init__(
        self,
        clock: SimulatedClock,
        broker: Broker,
        market: Market,
        account: Account,
        risk: RiskChecks,
        breaker: CircuitBreaker,
        ledger: Ledger,
    ) -> None:
        self._clock = clock
        self._market = market
        self._account = account
        self._risk = risk
        self._breaker = breaker
        self._ledger = ledger
        self._open: dict[str, _Open] = {}
        self._sent = 0
        self._trades = 0
        # The broker's methods are not ours to decorate in place, so they are wrapped here. One tracker joins what they
        # report by order id, in simulated time.
        self.tracker = tracker = OrderTracker(clock=clock.now)
        self._place = tracker.submit(
            order_id=arg("order.id"),
            strategy=arg("order.strategy"),
            side=arg("order.side"),
            order_type=arg("order.order_type"),
            quantity=arg("order.quantity"),
            reference_price=arg("order.reference_price"),
        )(broker.place)
        self._cancel = tracker.cancel(order_id=arg("order_id"))(broker.cancel)
        self._replace = tracker.replace(
            order_id=arg("order_id"), new_order_id=arg("order.id"), quantity=arg("order.quantity")
        )(broker.replace)
        broker.on_update = tracker.update(
            order_id=arg("update.order_id"),
            status=arg("update.status"),
            filled=arg("update.filled_quantity"),
            fill_id=arg("update.trade_id"),
            fill_quantity=arg("update.fill_quantity"),
            price=arg("update.price"),
            reason=arg("update.reason"),
        )(self._on_update)

    def is_working(self, strategy: str, symbol: str) -> bool:
        """Whether a strategy has an open order in an instrument."""
        return any(each.order.strategy == strategy and each.order.symbol == symbol for each in self._open.values())

    def send(self, strategy: str, symbol: str, side: str, order_type: str, quantity: int) -> None:
        """Send an order, unless the breaker or a risk check is against it.

        Args:
            strategy: Whose order it is.
            symbol: What to buy or sell.
            side: `BUY` or `SELL`.
            order_type: In the broker's words.
            quantity: How many.
        """
        self._send(Order(self._next_id(), strategy, symbol, side, order_type, quantity, self._market.price(symbol)))

    @track_errors(component="order_desk")
    def submit(self, order: Order) -> Acknowledgement:
        """Place an order with the broker.

        Raises:
            OrderError: When the broker refuses it.
            TimeoutError: When the broker does not answer.
        """
        return self._place(order)

    @track_trade(strategy=arg("trade.strategy"), side=arg("trade.side"), pnl=arg("trade.pnl"))
    def settle(self, trade: Trade, number: int) -> None:
        """Settle a closed position.

        Raises:
            SettlementError: For one trade in fifty.
        """
        if number % 50 == 20:
            raise SettlementError(f"trade {number} could not be settled")

    def settle_fill(self, strategy: str, symbol: str, side: str, quantity: int, price: float) -> None:
        """Book a fill, and settle the trade when it closed a position."""
        signed = quantity if side == "BUY" else -quantity
        trade = self._account.settle_fill(strategy, symbol, signed, price, self._clock.now())
        self._ledger.add("cash_paid", strategy, "fee", amount=-self._account.charge(strategy))
        if trade is not None:
            self._settle(trade)

    def _send(self, order: Order) -> None:
        if self._breaker.active:
            return
        for limit_type, check in (("order_size", self._risk.size_allowed), ("margin", self._risk.reserve_margin)):
            if not passes(self._ledger, limit_type, check, order):
                return
        self._open[order.id] = _Open(order)
        try:
            self.submit(order)
        except OrderError:
            self._ledger.add("errors", "order_desk", "error")
            del self._open[order.id]
            return
        except TimeoutError:
            # The order may still be live: it stays open until the broker reports its outcome.
            self._ledger.add("errors", "order_desk", "error")
            return
        self._clock.later(_PATIENCE, lambda: self._chase(order.id))

    def _chase(self, order_id: str) -> None:
        working = self._open.get(order_id)
        if working is None:
            return
        if working.booked or working.repriced:
            self._cancel(order_id)
            return
        order = replace(working.order, id=self._next_id())
        del self._open[order_id]
        self._open[order.id] = _Open(order, repriced=True)
        self._replace(order_id, order)
        self._clock.later(_PATIENCE, lambda: self._chase(order.id))

    def _on_update(self, update: OrderUpdate) -> None:
        working = self._open.get(update.order_id)
        if working is None:
            return  # the end of an order is reported twice now and then
        order = working.order
        if update.trade_id is not None and update.price is not None:
            working.booked += update.fill_quantity
            self.settle_fill(order.strategy, order.symbol, order.side, update.fill_quantity, update.price)
        if update.status in _ENDED:
            del self._open[update.order_id]
        if update.status == "REJECTED" and order.attempt < _RETRIES:
            again = replace(order, id=self._next_id(), attempt=order.attempt + 1)
            self._clock.later(0.05, lambda: self._send(again))

    def _settle(self, trade: Trade) -> None:
        self._trades += 1
        try:
            self.settle(trade, self._trades)
        except SettlementError:
            self._ledger.add("trades", trade.strategy, trade.side, "failed")
            return
        self._ledger.add("trades", trade.strategy, trade.side, "executed")
        self._ledger.add("trade_results", trade.strategy)
        if trade.pnl:
            self._ledger.add("profit" if trade.pnl > 0 else "loss", trade.strategy, amount=abs(trade.pnl))

    def _next_id(self) -> str:
        self._sent += 1
        return f"C{self._sent}"
