"""How brokers spell sides, order types, order statuses and severities. Data only: `fold` applies it.

Each table goes from a dialect (None: without one) to the canonical words and their spellings. A dialect's table lies
on top of the one without a dialect, so it lists only what it adds or means differently. Case, and `-`, `_` or blank
between words, do not matter.

Sources: FIX 4.4 tags 39, 40 and 54; the enums of alpaca-py 0.44, ib_async 2.1 and nautilus_trader 1.221 (integers
from its `model.h`); ccxt's unified order statuses, which need no table of their own; Kite Connect 3's order statuses.
"""

from collections.abc import Mapping
from typing import Final, TypeAlias

Declared: TypeAlias = Mapping[str | None, Mapping[str, tuple[str, ...]]]

DIALECTS: Final = ("fix", "ccxt", "alpaca", "ib", "nautilus", "kite")

UNCHANGED: Final = "unchanged"
"""The word for what announces something and leaves the order as it was, such as `pending_cancel`."""
CLOSED: Final = "closed"
"""ccxt's word for an order that is filled or cancelled: only the quantities tell which."""

SIDE: Final[Declared] = {
    None: {
        "BUY": ("B", "BOT", "BOUGHT", "BID", "BUY_TO_OPEN", "BUY_TO_CLOSE", "BUY_TO_COVER"),
        "SELL": ("S", "SLD", "SOLD", "ASK", "SELL_TO_OPEN", "SELL_TO_CLOSE", "SELL_SHORT", "SHORT_SELL", "SSHORT"),
    },
    "fix": {  # tag 54; 3 buy minus, 4 sell plus, 5 and 6 sell short; the unknown ones are crosses and multi-leg orders
        "BUY": ("1", "3"),
        "SELL": ("2", "4", "5", "6"),
        "unknown": ("7", "8", "9", "A", "B", "C"),
    },
    "nautilus": {"BUY": ("1",), "SELL": ("2",), "unknown": ("0", "NO_ORDER_SIDE")},
}
# Long and short name positions: opening a long one buys, closing it sells.
POSITION_SIDE: Final[Declared] = {None: {"BUY": ("LONG",), "SELL": ("SHORT",)}}

ORDER_TYPE: Final[Declared] = {
    None: {
        "MARKET": ("MKT",),
        "LIMIT": ("LMT",),
        "STOP": ("STP", "STOP_MARKET", "STOPMARKET", "STOP_LOSS", "SL-M", "SLM"),
        "STOP_LIMIT": ("STP_LMT", "STOPLIMIT", "STOP_LOSS_LIMIT", "SL"),
        "TRAILING_STOP": ("STOP_TRAIL", "STOPTRAIL", "STOPTRAILLIMIT"),  # and whatever begins with TRAIL
    },
    "fix": {  # tag 40
        "MARKET": ("1",),
        "LIMIT": ("2",),
        "STOP": ("3",),
        "STOP_LIMIT": ("4",),
        "OTHER": tuple("56789ABCDEFGHIJKLMPQRS"),
    },
    "nautilus": {
        "MARKET": ("1",),
        "LIMIT": ("2",),
        "STOP": ("3",),
        "STOP_LIMIT": ("4",),
        "OTHER": ("5", "6", "7", "MARKET_TO_LIMIT", "MARKET_IF_TOUCHED", "LIMIT_IF_TOUCHED"),
        "TRAILING_STOP": ("8", "9"),
    },
}

STATUS: Final[Declared] = {
    # Left to the dialects: Submitted in IB's sense, Inactive, held, stopped, suspended, triggered, released, fill,
    # update: each is a plain English word, or names different states to different brokers.
    None: {
        "submitted": (
            *("pending_new", "pending_review", "PendingSubmit", "ApiPending"),
            *("PUT ORDER REQ RECEIVED", "VALIDATION PENDING", "OPEN PENDING"),
        ),
        # `new` is what a broker answers about an order it has taken (FIX, Alpaca, Binance); nobody means "unsent".
        "accepted": ("new", "open", "accepted_for_bidding", "PreSubmitted", "TRIGGER PENDING"),
        "partially_filled": ("partial_fill", "PartiallyFilled"),
        "filled": ("complete",),
        "rejected": ("denied",),
        "cancelled": ("canceled", "ApiCancelled"),
        "expired": ("done_for_day",),
        CLOSED: ("closed",),
        UNCHANGED: (
            *("pending_cancel", "pending_replace", "pending_update", "PendingCancel", "canceling", "cancelling"),
            *("MODIFY PENDING", "CANCEL PENDING", "MODIFY VALIDATION PENDING"),
            "replaced",  # ends the old id; the order goes on under the new one
        ),
    },
    "fix": {  # tag 39; 3 done for day, 5 replaced, 6 pending cancel, 7 stopped, 9 suspended, D accepted for bidding
        "submitted": ("A",),
        "accepted": ("0", "D", "7", "9", "stopped", "suspended"),
        "partially_filled": ("1",),
        "filled": ("2",),
        "rejected": ("8",),
        "cancelled": ("4",),
        "expired": ("C", "3"),
        UNCHANGED: ("6", "E", "5"),
    },
    "alpaca": {
        "accepted": ("held", "stopped", "suspended"),
        "filled": ("fill",),  # `fill` and `partial_fill` are events of the trade-update stream
        UNCHANGED: ("order_cancel_rejected", "order_replace_rejected"),
    },
    "ib": {
        "accepted": ("Submitted",),
        "rejected": ("Inactive",),
        UNCHANGED: ("ApiUpdate", "ValidationError"),  # ib_async: the order stays as active as it was
    },
    "nautilus": {
        "submitted": ("1", "3", "4", "5", "INITIALIZED", "EMULATED", "RELEASED"),
        "accepted": ("6", "10", "TRIGGERED"),
        "partially_filled": ("13",),
        "filled": ("14",),
        "rejected": ("2", "7"),
        "cancelled": ("8",),
        "expired": ("9",),
        UNCHANGED: ("11", "12"),
    },
    "kite": {
        "submitted": ("AMO REQ RECEIVED", "PUT ORDER REQUEST RECEIVED"),
        "cancelled": ("CANCELLED AMO",),  # after-market orders
        UNCHANGED: ("UPDATE", "MODIFIED", "NOT MODIFIED"),
    },
}

SEVERITY: Final[Declared] = {
    None: {
        "debug": ("trace",),
        "info": ("information", "notice"),
        "warning": ("warn",),
        "error": ("err", "severe"),
        "critical": ("crit", "fatal", "alert", "emerg", "emergency", "panic"),
    },
}
