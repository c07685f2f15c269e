"""Words of brokers and libraries for sides, order types, order statuses and severities. Data only: `fold` applies it.

Each table goes from a dialect (None: without one) to its spellings: `word: spelling, spelling; word: …`. A dialect's
table lies on top of the one without a dialect, so it may repeat that one. Case and the characters `-`, `_` and blank
do not matter. A canonical word needs no entry.

Sources: FIX 4.4 tags 39, 40 and 54; the enums of alpaca-py 0.44, ib_async 2.1, nautilus_trader 1.221 (integers from its
`model.h`), python-binance 1.0, backtrader 1.9, schwab-py 1.5, tastytrade 13.2, kiteconnect 5.2 and dhanhq 2.3; the
status tables of ccxt 4.5; the documents of the other venues.
"""

from collections.abc import Mapping
from typing import Final, TypeAlias

Declared: TypeAlias = Mapping[str | None, Mapping[str, tuple[str, ...]]]

UNCHANGED: Final = "unchanged"
"""The word for a status that announces something and leaves the order as it was, such as `pending_cancel`."""
CLOSED: Final = "closed"
"""The word for an order that is filled or cancelled: only the quantities tell which."""


def _table(texts: Mapping[str | None, str]) -> Declared:
    groups = {dialect: [each.split(": ") for each in text.split("; ")] for dialect, text in texts.items()}
    return {dialect: {word: tuple(words.split(", ")) for word, words in each} for dialect, each in groups.items()}


_SIDE_TEXTS: Final[Mapping[str | None, str]] = {
    None: (
        "BUY: B, BOT, BOUGHT, BID, BUY_TO_OPEN, BUY_TO_CLOSE, BUY_TO_COVER; "
        "SELL: S, SLD, SOLD, ASK, SELL_TO_OPEN, SELL_TO_CLOSE, SELL_SHORT, SELL_SHORT_EXEMPT, SHORT_SELL, SSHORT; "
        # Names of positions: closing a long one sells.
        "unknown: LONG, SHORT, BOTH, NET"
    ),
    "alpaca": "BUY: buy_to_open, buy_to_close; SELL: sell_to_open, sell_to_close",
    "backtrader": "BUY: 0; SELL: 1",
    "fix": "BUY: 1, 3; SELL: 2, 4, 5, 6; unknown: 7, 8, 9, A, B, C",
    "fyers": "BUY: 1; SELL: -1",
    "hyperliquid": "BUY: B; SELL: A",
    "ib": "BUY: BOT; SELL: SLD, SSHORT",
    "kraken": "BUY: b; SELL: s",
    "lumibot": "BUY: buy_to_open, buy_to_close, buy_to_cover; SELL: sell_short, sell_to_open, sell_to_close",
    "mt5": (
        "BUY: BUY_LIMIT, BUY_STOP, BUY_STOP_LIMIT, 0, 2, 4, 6; SELL: SELL_LIMIT, SELL_STOP, SELL_STOP_LIMIT, 1, 3, 5, 7"
    ),
    "nautilus": "BUY: 1; SELL: 2; unknown: NO_ORDER_SIDE, 0",
    "schwab": (
        "BUY: BUY_TO_COVER, BUY_TO_OPEN, BUY_TO_CLOSE; SELL: SELL_SHORT, SELL_TO_CLOSE, SELL_TO_OPEN, SELL_SHORT_EXEMPT"
    ),
    "shoonya": "BUY: B; SELL: S",
    "tastytrade": "BUY: Buy to Open, Buy to Close; SELL: Sell to Open, Sell to Close",
    "vnpy": "BUY: LONG, 多; SELL: SHORT, 空; unknown: NET, 净",
}
_ORDER_TYPE_TEXTS: Final[Mapping[str | None, str]] = {
    None: (
        # STOP_LOSS is a stop at Binance and a stop limit at Dhan, so it means nothing without a dialect.
        "MARKET: MKT; LIMIT: LMT, LIMIT_MAKER, POST_ONLY, MARKETABLE LIMIT; "
        "STOP: STP, STOP_MARKET, SL-M, SL-MKT, STOPLOSS_MARKET; "
        "STOP_LIMIT: STP_LMT, STOP_LOSS_LIMIT, SL, SL-LMT; "
        "TRAILING_STOP: STOP_TRAIL, STOP_TRAIL_LIMIT; "  # and words that begin with TRAIL
        "OTHER: TAKE_PROFIT, MARKET_ON_OPEN, MARKET_ON_CLOSE, LIMIT_IF_TOUCHED, BRACKET, TWAP, STOP_LOSS"
    ),
    "angel": "STOP: STOPLOSS_MARKET; STOP_LIMIT: STOPLOSS_LIMIT",
    "backtrader": "MARKET: 0; LIMIT: 2; STOP: 3; STOP_LIMIT: 4; TRAILING_STOP: 5, 6; OTHER: Close, Historical, 1, 7",
    "binance": (
        "LIMIT: LIMIT_MAKER; STOP: STOP_LOSS, STOP_MARKET; STOP_LIMIT: STOP_LOSS_LIMIT; TRAILING_STOP: "
        "TRAILING_STOP_MARKET; OTHER: TAKE_PROFIT, TAKE_PROFIT_LIMIT, TAKE_PROFIT_MARKET"
    ),
    "coinbase": "OTHER: BRACKET, TWAP, LIQUIDATION; unknown: UNKNOWN_ORDER_TYPE",
    "deribit": "STOP: stop_market; OTHER: take_limit, take_market, market_limit",
    "dhan": "STOP: STOP_LOSS_MARKET; STOP_LIMIT: STOP_LOSS",
    "fix": (
        "MARKET: 1; LIMIT: 2; STOP: 3; STOP_LIMIT: 4; OTHER: 5, 6, 7, 8, 9, A, B, C, D, E, F, G, H, I, J, K, L, "
        "M, P, Q, R, S"
    ),
    "fyers": "MARKET: 2; LIMIT: 1; STOP: 3; STOP_LIMIT: 4",
    "hummingbot": "LIMIT: LIMIT_MAKER",
    "hyperliquid": "STOP: Stop Market; OTHER: Take Profit Limit, Take Profit Market",
    "ib": (
        "MARKET: MKT; LIMIT: LMT; STOP: STP; STOP_LIMIT: STP LMT; TRAILING_STOP: TRAIL, TRAIL LIMIT; OTHER: MOC, "
        "LOC, MIT, LIT, REL, MIDPRICE, VOL, PEG MID"
    ),
    "kite": "STOP: SL-M; STOP_LIMIT: SL",
    "kraken": (
        "STOP: stop-loss; STOP_LIMIT: stop-loss-limit; TRAILING_STOP: trailing-stop-limit; OTHER: take-profit, "
        "take-profit-limit, settle-position"
    ),
    "mt5": (
        "MARKET: BUY, SELL, 0, 1; LIMIT: BUY_LIMIT, SELL_LIMIT, 2, 3; STOP: BUY_STOP, SELL_STOP, 4, 5; "
        "STOP_LIMIT: BUY_STOP_LIMIT, SELL_STOP_LIMIT, 6, 7; OTHER: CLOSE_BY, 8"
    ),
    "nautilus": (
        "MARKET: 1; LIMIT: 2; STOP: STOP_MARKET, 3; STOP_LIMIT: 4; TRAILING_STOP: TRAILING_STOP_MARKET, "
        "TRAILING_STOP_LIMIT, 8, 9; OTHER: MARKET_TO_LIMIT, MARKET_IF_TOUCHED, LIMIT_IF_TOUCHED, 5, 6, 7"
    ),
    "okx": (
        "MARKET: optimal_limit_ioc; LIMIT: post_only, fok, ioc; TRAILING_STOP: move_order_stop; OTHER: oco, "
        "iceberg, twap"
    ),
    "schwab": (
        "TRAILING_STOP: TRAILING_STOP_LIMIT; OTHER: MARKET_ON_CLOSE, LIMIT_ON_CLOSE, NET_DEBIT, NET_CREDIT, "
        "NET_ZERO, EXERCISE, CABINET"
    ),
    "shoonya": "MARKET: MKT; LIMIT: LMT; STOP: SL-MKT; STOP_LIMIT: SL-LMT",
    "tastytrade": "MARKET: Notional Market; LIMIT: Marketable Limit",
    "upstox": "STOP: SL-M; STOP_LIMIT: SL",
    "vnpy": "MARKET: 市价; LIMIT: 限价; OTHER: RFQ",
}
_STATUS_TEXTS: Final[Mapping[str | None, str]] = {
    # Some words need a dialect: Submitted in IB's sense, Inactive, held, stopped, suspended, triggered, released, fill,
    # update. Each is a plain English word, or names different states to different brokers. Words that end in
    # cancelled, canceled, rejected or expired need no entry.
    None: (
        "submitted: pending_new, pending_review, PendingSubmit, ApiPending, PUT ORDER REQ RECEIVED, "
        "VALIDATION PENDING, OPEN PENDING; "
        # `new` is a broker's answer about an order that it has taken (FIX, Alpaca, Binance).
        "accepted: new, open, live, active, working, placed, booked, untouched, unfilled, untriggered, not_triggered, "
        "not_trigger, awaiting_trigger, TRIGGER PENDING, accepted_for_bidding, PreSubmitted, ORDER_NEW, "
        "ORDER_INSERTED, ORDER_STATUS_PLACED; "
        "partially_filled: partial, partial_fill, partial_filled, partially_fill, partially_matched, "
        "partially_completed, pfilled, ORDER_PARTIALLY_TRANSACTED; "
        "filled: complete, completed, full_fill, fully_filled, filled_fully, fully_matched, fully_executed, "
        "ORDER_FULLY_TRANSACTED; "
        "rejected: denied, order_failed, fail_execute, fail_trigger, trigger_failed, DELEGATION_FAILED, "
        "INSUFFICIENT_FUNDS, INSUFFICIENT_LIQUIDITY; "
        "cancelled: canceled, CANCELED_PARTIALLY_FILLED, CANCELED_UNFILLED, USER_REVOCATION, canceledAuction, "
        "canceledFOK, canceledIOC, canceledMarketProtection, canceledPostOnly, canceledSelfTradePrevention, "
        "canceled-child, canceled-liquidation, canceled-not-enough-liquidity, canceled-oco, canceled-post-only, "
        "canceled-reduce-only, canceled-self-trade, canceled-too-much-slippage; "
        "expired: EXPIRED_IN_MATCH; "
        "closed: done, finish, finished, archive, ORDER_STATUS_CLOSED; "
        "unchanged: pending_cancel, pending_replace, pending_update, canceling, cancelling, cancel_requested, "
        "replace_requested, CANCEL PENDING, MODIFY PENDING, MODIFY VALIDATION PENDING, not_modified, EDIT_SENT, "
        "UpdateSubmitted, replaced, done_for_day"
    ),
    "alpaca": (
        "submitted: pending_new, pending_review; accepted: new, accepted_for_bidding, held, stopped, suspended; "
        "partially_filled: partial_fill; filled: calculated, fill; cancelled: canceled; unchanged: done_for_day, "
        "replaced, pending_cancel, pending_replace, restated, order_cancel_rejected, order_replace_rejected"
    ),
    "angel": (
        "submitted: put order req received, validation pending, open pending, AMO SUBMITTED; accepted: open, "
        "trigger pending; filled: complete; cancelled: AMO CANCELLED; unchanged: modified, modify pending, "
        "cancel pending, AMO MODIFIED"
    ),
    "backtrader": (
        "submitted: Created, 0, 1; accepted: 2; partially_filled: Partial, 3; filled: Completed, 4; "
        "cancelled: Canceled, 5; expired: 6; rejected: Margin, 7, 8"
    ),
    "binance": (
        "submitted: PENDING_NEW; accepted: NEW; cancelled: CANCELED; expired: EXPIRED_IN_MATCH; closed: "
        "FINISHED; unchanged: TRIGGERING, PENDING_CANCEL"
    ),
    "bybit": "accepted: Triggered, Created, Active, New, Untriggered; cancelled: Deactivated, PartiallyFilledCanceled",
    "ccxt": "accepted: open; cancelled: canceled; closed: closed; unchanged: canceling",
    "coinbase": (
        "submitted: QUEUED, PENDING; accepted: pending, OPEN; rejected: FAILED; unchanged: CANCEL_QUEUED, EDIT_QUEUED; "
        "unknown: UNKNOWN_ORDER_STATUS"
    ),
    "deribit": "accepted: open, untriggered; closed: archive",
    "dhan": (
        "submitted: TRANSIT; accepted: PENDING, CONFIRM; partially_filled: PART_TRADED; filled: TRADED; "
        "unchanged: MODIFIED"
    ),
    "fix": (
        "submitted: A; accepted: 0, 7, 9, D, stopped, suspended; partially_filled: 1; filled: 2; rejected: 8; "
        "cancelled: 4; expired: C; unchanged: 3, 5, 6, E"
    ),
    "freqtrade": "accepted: open; cancelled: canceled; closed: closed",
    "fyers": "submitted: 4; accepted: 6; filled: 2; rejected: 5; cancelled: 1; expired: 7",
    "hummingbot": (
        "submitted: PENDING_CREATE, PENDING_APPROVAL, APPROVED; accepted: OPEN, CREATED; rejected: FAILED; "
        "cancelled: CANCELED; unchanged: PENDING_CANCEL"
    ),
    "hyperliquid": (
        "accepted: triggered, open, resting; rejected: tickRejected, minTradeNtlRejected, perpMarginRejected, "
        "reduceOnlyRejected, badAloPxRejected, iocCancelRejected, badTriggerPxRejected, "
        "marketOrderNoLiquidityRejected, oracleRejected; cancelled: canceled, marginCanceled, "
        "vaultWithdrawalCanceled, openInterestCapCanceled, selfTradeCanceled, reduceOnlyCanceled, "
        "siblingFilledCanceled, delistedCanceled, liquidatedCanceled, scheduledCancel"
    ),
    "ib": (
        "submitted: PendingSubmit, ApiPending; accepted: PreSubmitted, Submitted; rejected: Inactive; cancelled: "
        "ApiCancelled; unchanged: PendingCancel, ApiUpdate, ValidationError"
    ),
    "jesse": "submitted: QUEUED; accepted: ACTIVE; filled: EXECUTED; cancelled: CANCELED",
    "kite": (
        "submitted: PUT ORDER REQ RECEIVED, VALIDATION PENDING, OPEN PENDING, AMO REQ RECEIVED, PUT ORDER "
        "REQUEST RECEIVED; accepted: OPEN, TRIGGER PENDING; filled: COMPLETE; cancelled: CANCELLED AMO; "
        "unchanged: MODIFY VALIDATION PENDING, MODIFY PENDING, CANCEL PENDING, UPDATE, MODIFIED, NOT MODIFIED, "
        "NOT CANCELLED, MODIFY AMO REQ RECEIVED"
    ),
    "kraken": (
        "submitted: pending_new; accepted: pending, ENTERED_BOOK, UNTOUCHED, TRIGGER_PLACED, new, open, "
        "triggered; rejected: clientOrderIdAlreadyExist, clientOrderIdTooLong, insufficientAvailableFunds, "
        "invalidOrderType, invalidPrice, invalidSide, invalidSize, iocWouldNotExecute, marketInactive, "
        "marketSuspended, maxPositionViolation, outsidePriceCollar, postWouldExecute, selfFill, "
        "tooManySmallOrders, wouldNotReducePosition; cancelled: canceled; closed: closed; unchanged: edited, "
        "amended, restated, iceberg_refill"
    ),
    "kucoin": (
        "accepted: 2, open, new, active, received; partially_filled: 4, match; filled: 3; cancelled: 5, 6, "
        "canceled; closed: done; unchanged: update"
    ),
    "lumibot": (
        "submitted: unprocessed; accepted: open, new; partially_filled: partial_fill, partial_filled; filled: "
        "fill; rejected: error; cancelled: canceled; unchanged: canceling, cancelling"
    ),
    "mt5": (
        "submitted: STARTED, REQUEST_ADD, 0, 7; accepted: PLACED, 1; partially_filled: PARTIAL, 3; filled: 4; "
        "rejected: 5; cancelled: CANCELED, 2; expired: 6; unchanged: REQUEST_MODIFY, REQUEST_CANCEL, 8, 9"
    ),
    "nautilus": (
        "submitted: INITIALIZED, EMULATED, RELEASED, 1, 3, 4, 5; accepted: TRIGGERED, 6, 10; partially_filled: "
        "13; filled: 14; rejected: DENIED, 2, 7; cancelled: CANCELED, 8; expired: 9; unchanged: PENDING_UPDATE, "
        "PENDING_CANCEL, 11, 12"
    ),
    "okx": "accepted: partially_effective, live; rejected: order_failed; cancelled: canceled, mmp_canceled",
    "polymarket": (
        "accepted: armed, triggered, untriggered, LIVE, DELAYED; filled: MATCHED; rejected: zero_quantity, "
        "duplicate_order, reduce_only_invalid, INVALID; cancelled: fok_unfilled, ioc_no_fill, position_closed, "
        "position_flipped, reduce_only_invalid_at_trigger, CANCELED, CANCELED_MARKET_RESOLVED"
    ),
    "schwab": (
        "submitted: AWAITING_MANUAL_REVIEW, PENDING_ACTIVATION, PENDING_ACKNOWLEDGEMENT; accepted: WORKING, NEW, "
        "AWAITING_PARENT_ORDER, AWAITING_CONDITION, AWAITING_STOP_CONDITION, AWAITING_RELEASE_TIME, QUEUED; "
        "cancelled: CANCELED; unchanged: PENDING_CANCEL, PENDING_REPLACE, REPLACED, AWAITING_UR_OUT, "
        "PENDING_RECALL"
    ),
    "shoonya": "submitted: PENDING; accepted: OPEN, TRIGGER_PENDING; filled: COMPLETE; cancelled: CANCELED",
    "tastytrade": (
        "submitted: Received, Routed, In Flight; accepted: Live, Contingent; cancelled: Removed, Partially "
        "Removed; unchanged: Cancel Requested, Replace Requested"
    ),
    "upstox": (
        "submitted: put order req received, validation pending, open pending, after market order req received; "
        "accepted: open, trigger pending; filled: complete; cancelled: cancelled after market order; unchanged: "
        "modify pending, modify validation pending, modified, not modified, not cancelled, cancel pending, "
        "modify after market order req received"
    ),
    "vnpy": (
        "submitted: SUBMITTING, 提交中; accepted: NOTTRADED, 未成交; partially_filled: PARTTRADED, 部分成交; filled: "
        "ALLTRADED, 全部成交; rejected: 拒单; cancelled: 已撤销"
    ),
}

SIDE: Final = _table(_SIDE_TEXTS)
ORDER_TYPE: Final = _table(_ORDER_TYPE_TEXTS)
STATUS: Final = _table(_STATUS_TEXTS)
SEVERITY: Final = _table(
    {
        None: (
            "debug: trace; info: information, notice; warning: warn; error: err, severe; "
            "critical: crit, fatal, alert, emerg, emergency, panic"
        )
    }
)
# Long and short name positions: opening a long one buys.
POSITION_SIDE: Final = _table({None: "BUY: LONG; SELL: SHORT"})

DIALECTS: Final = (
    *("fix", "ccxt", "alpaca", "ib", "nautilus", "kite"),
    *(
        "angel",
        "backtrader",
        "binance",
        "bybit",
        "coinbase",
        "deribit",
        "dhan",
        "freqtrade",
        "fyers",
        "hummingbot",
        "hyperliquid",
    ),
    *("jesse", "kraken", "kucoin", "lumibot", "mt5", "okx", "polymarket", "schwab", "shoonya", "tastytrade", "upstox"),
    "vnpy",
)

ENDS: Final = {"cancelled": "cancelled", "canceled": "cancelled", "rejected": "rejected", "expired": "expired"}
"""Endings of words that end an order, whatever stands before them."""
NO_ENDS: Final = (
    *("not", "never", "cancel", "cancellation", "replace", "replacement", "modify", "modification"),
    *("amend", "amendment", "edit", "update", "tobe", "willbe", "being", "notbe", "notbeen"),
)
"""Words before such an ending after which the order goes on: a cancel was rejected, and not the order."""
NO_ENDS_BETWEEN: Final = ("request", "requests", "order", "orders", "req")
"""Words that may stand between the two: `cancel_request_rejected`."""
