"""The compliance rules, as templates; see `alerts.model`."""

from typing import Final

from alerts.expressions import latest, rise
from alerts.model import Alert, Recording
from alerts.texts import BOT, COUNT, many

RATIO: Final = "trading:compliance_order_to_trade:ratio1d"
_MESSAGES: Final = rise("@ORDER_MESSAGES")
_STRATEGY: Final = "{{ $labels.strategy }}"
_UNKNOWN: Final = f"{rise('@ORDERS_UNKNOWN', 'strategy')}\n> 0"

RECORDINGS: Final = (
    # A day without a fill counts as one with one fill, so that messages without a trade have the highest ratio.
    Recording(
        RATIO,
        f"{_MESSAGES}\n/ clamp_min({rise('@ORDERS_FILLED')}\nor 0 * {_MESSAGES}, 1)\n"
        f"and on (job, instance)\n{_MESSAGES} > @minimum",
    ),
)


def _slab(number: int) -> Alert:
    return Alert(
        f"OrderToTradeSlab{number}",
        f"The order-to-trade ratio is in slab {number}",
        f"{RATIO} >= @low < @high",
        f"{BOT}: {COUNT} order messages for each filled order today, slab {number}",
        f"{BOT} sent {COUNT} order messages for each filled order within a day (slab {number} begins at @low).",
    )


def _rate(name: str, window: str, words: str) -> Alert:
    return Alert(
        name,
        f"Too many order messages within {words}",
        f'{latest(f"""@ORDER_MESSAGE_RATE_MAX{{window="{window}"}}""")} > @threshold',
        f"{BOT}: {COUNT} order messages within {words}",
        f"{BOT} sent {COUNT} order messages within {words} (threshold: @threshold).",
    )


ALERTS: Final = (
    _rate("OrdersPerSecondLimit", "1s", "one second"),
    _rate("OrdersPerFiveSecondsLimit", "5s", "five seconds"),
    *(_slab(number) for number in (1, 2, 3, 4)),
    Alert(
        "KillSwitchActive",
        "The kill switch is on",
        f"{latest('@CIRCUIT_BREAKER_ACTIVE')} == 1",
        f"{BOT}: the kill switch is on",
        f"The circuit breaker of {BOT} is active: trading is halted.",
    ),
    Alert(
        "BreakerEvent",
        "The circuit breaker tripped",
        f"{rise('@CIRCUIT_BREAKER_TRIGGERS', 'reason')}\n> @threshold",
        f"{BOT}: the circuit breaker tripped for {{{{ $labels.reason }}}}",
        f"The circuit breaker of {BOT} tripped for {{{{ $labels.reason }}}} {many('time', 'times')} within @window.",
    ),
    # A tracker knows whether an order is still open. Without one, an unknown outcome stays open.
    Alert(
        "UnknownOutcomeOpen",
        "An order of unknown outcome has been open for more than a minute",
        f"{_UNKNOWN}\nand on (job, instance, strategy)\n{latest('@ORDER_OLDEST_OPEN')} > @threshold\n"
        f"or\n{_UNKNOWN}\nunless on (job, instance, strategy)\n{latest('@ORDERS_OPEN')}",
        f"{BOT}: an order of {_STRATEGY} has an unknown outcome for more than a minute",
        f"{many('order', 'orders')} of {_STRATEGY} on {BOT} had an unknown outcome within @window, and an order is "
        "still open. Ask the broker whether it is live.",
    ),
    Alert(
        "DuplicateOrders",
        "Orders repeat each other within a second",
        f"{rise('@ORDER_DUPLICATES', 'strategy')}\n> @threshold",
        f"{BOT}: {_STRATEGY} sent {many('duplicate order', 'duplicate orders')} in @window",
        f"{_STRATEGY} on {BOT} sent {many('order', 'orders')} within @window that repeat the symbol, side, quantity "
        "and price of another one within a second.",
    ),
    Alert(
        "PriceCollarBreach",
        "An order was outside its price collar",
        rise('@RISK_LIMIT_BREACHES{limit_type="@limit_type"}') + "\n> @threshold",
        f"{BOT}: {many('order', 'orders')} outside the price collar in @window",
        f"{many('order', 'orders')} of {BOT} failed the check @limit_type within @window.",
    ),
)
"""The alerts, in the order of the page."""
