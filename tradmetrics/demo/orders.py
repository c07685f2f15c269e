"""The messages between the bot and the broker: orders, acknowledgements, updates and refusals."""

from dataclasses import dataclass
from typing import Final

CANONICAL: Final = {"MARKET": "MARKET", "LIMIT": "LIMIT", "SL": "STOP_LIMIT", "SL-M": "STOP"}
"""The broker's words for order types, and what they mean."""


class OrderError(Exception):
    """The broker refuses an order at once. Its text holds amounts, so it makes no label."""


class InsufficientFunds(OrderError):  # noqa: N818 - as brokers' libraries name it; the reason label is made of it
    """The account cannot pay for the order."""


@dataclass(frozen=True)
class Order:
    """An order as the bot writes it.

    Attributes:
        id: The client's own order id.
        reference_price: The price at which the strategy decided.
        attempt: How many times the same order was sent before.
    """

    id: str
    strategy: str
    symbol: str
    side: str
    order_type: str
    quantity: int
    reference_price: float
    attempt: int = 0


@dataclass(frozen=True)
class Acknowledgement:
    """The broker has the order; whether it stands in the market comes as an update."""

    id: str
    status: str


@dataclass(frozen=True)
class OrderUpdate:
    """The broker's report about an order.

    Attributes:
        status: In the broker's words.
        filled_quantity: Filled so far in all.
        trade_id: The id of the fill, when there is one.
        fill_quantity: Quantity of this fill.
        price: Price of this fill.
        reason: Why it was rejected or cancelled.
    """

    order_id: str
    status: str
    filled_quantity: int = 0
    trade_id: str | None = None
    fill_quantity: int = 0
    price: float | None = None
    reason: str | None = None
