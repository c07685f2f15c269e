"""What Bybit's answers, codes and symbols say."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from tradmetrics.integrations.kit import Arguments
from tradmetrics.vocabulary.outcomes import reason_of, status_of_exception

_ENDED_BY_BYBIT: Final = frozenset({"Rejected", "Cancelled", "PartiallyFilledCanceled", "Deactivated"})
_CURRENCIES: Final = ("USDT", "USDC", "USD")


class Refused(Exception):  # noqa: N818 - nothing raises it: it carries a code of an answer
    """Bybit has refused one request.

    Args:
        code: Bybit's code.
    """

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


def body_of(answer: Any) -> Arguments:
    """The body of an answer, which is the body alone, or one of three with `return_response_headers`."""
    body = answer[0] if isinstance(answer, tuple) else answer
    return body if isinstance(body, Mapping) else {}


def result_of(answer: Any) -> Arguments:
    """The result of an answer; empty where there is none."""
    result = body_of(answer).get("result")
    return result if isinstance(result, Mapping) else {}


def rows_of(answer: Any) -> list[Arguments]:
    """The rows of an answer."""
    return list(result_of(answer).get("list") or ())


def codes_of(answer: Any) -> list[int]:
    """The code of each order of a batch; 0 for one that was taken."""
    more = body_of(answer).get("retExtInfo") or {}
    return [int(each.get("code") or 0) for each in more.get("list") or ()]


def refusal_of(error: BaseException) -> str:
    """The reason of a reject: Bybit's code, or the exception's class."""
    code = error.code if isinstance(error, Refused) else getattr(error, "status_code", None)
    return f"code_{code}" if isinstance(code, int) and code else reason_of(error)


def status_of(error: BaseException) -> object:
    """The status of a request. A refusal carries Bybit's own code where others have an HTTP status."""
    status = status_of_exception(error)
    return status if isinstance(status, int) and status < 600 else reason_of(error)


def reason_in(order: Arguments) -> str | None:
    """Bybit's own word for a reject, or for a cancel that it did itself: a liquidation, reduce-only, an admin."""
    if order.get("orderStatus") not in _ENDED_BY_BYBIT:
        return None
    refusal, cancel = order.get("rejectReason"), str(order.get("cancelType") or "")
    if refusal not in (None, "", "EC_NoError"):
        return str(refusal).removeprefix("EC_").lower()
    if not cancel.startswith("Cancel") or cancel == "CancelByUser":
        return None
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", cancel.removeprefix("Cancel").removeprefix("By")).lower()


def quote_of(symbol: object) -> str | None:
    """The currency of a symbol's price."""
    return next((each for each in _CURRENCIES if str(symbol).endswith(each)), None)
