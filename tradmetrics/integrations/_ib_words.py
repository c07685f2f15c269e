"""What TWS's error codes, statuses and executions say about an order.

By https://www.interactivebrokers.com/campus/ibkr-api-page/twsapi-doc/#api-error-codes. ib_async marks an order
Cancelled for nearly all of them, but most end nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

COMBO: Final = "BAG"
"""The kind of a contract that is several ones."""
ACKNOWLEDGED: Final = frozenset({"PreSubmitted", "Submitted"})
REJECTED: Final = 201
CANCELLED: Final = 202
INFORMS: Final[Mapping[int, str]] = {
    399: "a message about an order that was taken, such as the session in which it will work",
    404: "the order is held while shares for the short sale are located",
    492: "a warning about the price",
    10167: "delayed market data instead of live data",
    10349: "the time in force was set by the order preset",
}
"""Codes that only inform, beside those from 2100 to 2199."""
CANCEL_REFUSED: Final[Mapping[int, str]] = {
    161: "the order is not in a state in which it can be cancelled",
    10147: "the order that is to be cancelled was not found",
    10148: "the order that is to be cancelled cannot be cancelled in its state",
}
MODIFY_REFUSED: Final[Mapping[int, str]] = {
    104: "a filled order cannot be modified",
    105: "the modified order does not match the original one",
    134: "the modification failed",
    329: "the order type cannot be changed",
}
LOST: Final = frozenset({1100, 2110})
"""Codes that say that the connection to IB's servers is lost, while the socket to TWS stands."""
RESTORED: Final = frozenset({1101, 1102})


def ends_nothing(code: int) -> bool:
    """Whether a code leaves every order as it is."""
    return code in INFORMS or code in CANCEL_REFUSED or code in MODIFY_REFUSED or 2100 <= code < 2200


def execution_of(execution_id: str) -> str:
    """The part of an execution's id that its corrections share: the id up to the last dot."""
    return execution_id.rpartition(".")[0] if execution_id.count(".") >= 3 else execution_id


def filled(trade: Any) -> float:
    """The filled quantity: that of the status or TWS's count in the executions, the larger of the two."""
    is_combo = trade.contract.secType == COMBO
    counts = [each.execution.cumQty for each in trade.fills if not is_combo or each.contract.secType == COMBO]
    return float(max([trade.orderStatus.filled, *counts]))


def is_changing(trade: Any) -> bool:
    """Whether a modification or a cancel was sent that TWS has not answered with a status yet."""
    for entry in reversed(trade.log):
        if entry.message == "Modify" or entry.status == "PendingCancel":
            return True
        if not entry.errorCode and entry.status in ACKNOWLEDGED and not entry.message.startswith("Fill"):
            return False
    return False
