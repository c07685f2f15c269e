"""Conditional futures orders: Binance gives them ids, statuses and lists of their own."""

from __future__ import annotations

from collections import OrderedDict
from typing import Final

from tradmetrics.integrations.kit import Arguments, Orders

_MOST: Final = 10_000
_STRATEGY: Final = {
    "strategyId": "algoId",
    "newClientStrategyId": "clientAlgoId",
    "strategyStatus": "algoStatus",
    "orderId": "actualOrderId",
    "si": "aid",
    "c": "caid",
    "os": "X",
    "i": "ai",
}
"""The names in portfolio margin's conditional orders, and those of USD-margined futures for the same."""
_WAITING: Final = frozenset({"NEW", "TRIGGERING", "TRIGGERED"})


class BinanceAlgos:
    """Follows conditional orders until they have ended, as the orders that they become once they are triggered.

    Args:
        orders: The orders of the client.
    """

    def __init__(self, orders: Orders) -> None:
        self._orders = orders
        self._symbols: OrderedDict[str, str] = OrderedDict()

    @staticmethod
    def is_one(answer: Arguments) -> bool:
        """Whether an answer is about a conditional order."""
        return bool(answer.get("algoId") or answer.get("strategyStatus"))

    @staticmethod
    def id_of(params: Arguments) -> str | None:
        """The id of the conditional order that parameters or an answer name; None where they name another order."""
        params = _as_algo(params)
        for name in ("algoId", "aid"):
            if params.get(name):
                return f"conditional {params[name]}"
        client_id = params.get("clientAlgoId") or params.get("caid")
        return None if not client_id else str(client_id)

    def answered(self, key: str, answer: Arguments) -> None:
        """Take in the answer to an order that was sent."""
        answer = _as_algo(answer)
        order_id = f"conditional {answer['algoId']}"
        self._symbols[order_id] = str(answer.get("symbol"))
        if len(self._symbols) > _MOST:
            self._symbols.popitem(last=False)
        self._orders.answer(key, order_id, answer.get("clientAlgoId"))
        self.told(answer)

    def told(self, order: Arguments, default: str | None = None) -> None:
        """Take in an order as an answer tells it.

        Args:
            order: The order.
            default: The status where the answer has none.
        """
        order = _as_algo(order)
        self._state(order, order.get("algoStatus") or default, order.get("actualOrderId"), order.get("symbol"))

    def update(self, order: Arguments) -> None:
        """Take in an order as the stream tells it (`ALGO_UPDATE`, `CONDITIONAL_ORDER_TRADE_UPDATE`)."""
        order = _as_algo(order)
        self._state(order, order.get("X"), order.get("ai"), order.get("s"))

    def _state(self, order: Arguments, word: object, becomes: object, symbol: str | None) -> None:
        order_id = next((each for each in self._names(order) if self._orders.find(each, symbol) is not None), None)
        if order_id is None:
            return
        if becomes:  # the order that it is from now on
            self._orders.alias(order_id, becomes, symbol)
        if word == "FINISHED" and self._orders.is_open(order_id, symbol):
            # The order that it became has ended. This message tells how much of it was filled.
            done, asked = float(order.get("aq") or 0), float(order.get("q") or order.get("quantity") or 0)
            word = "FILLED" if done and done >= asked else "CANCELED"
            self._orders.event(order_id, symbol=symbol, status=word, filled=done or None)
        elif word and word != "FINISHED":
            self._orders.event(order_id, symbol=symbol, status="NEW" if word in _WAITING else str(word))

    def _names(self, order: Arguments) -> list[str]:
        names = [self.id_of(order), order.get("clientAlgoId"), order.get("caid")]
        return [str(each) for each in names if each]

    def open_ones(self, symbol: str | None) -> list[str]:
        """The ids of the open conditional orders of a symbol."""
        return [
            order_id
            for order_id, each in self._symbols.items()
            if symbol in (None, each) and self._orders.is_open(order_id, each)
        ]


def _as_algo(order: Arguments) -> Arguments:
    """A conditional order under the names of USD-margined futures."""
    if "strategyId" not in order and "newClientStrategyId" not in order and "si" not in order:
        return order
    # A strategy does not tell what was filled at its end: the order that it became does.
    return {_STRATEGY.get(name, name): None if value == "FINISHED" else value for name, value in order.items()}
