"""The values of the label `status` that mean a failed API request: one list for adapters, alerts and dashboards."""

from __future__ import annotations

import re
from typing import Final

FAILED: Final = (
    "401",
    "403",
    "408",
    "418",
    "429",
    "5..",
    # Bybit's own codes, which pybit's exceptions carry: all that are not about the parameters of one request.
    "100(0[02-9]|[12][0-9])",
    "10429",
    "33004",
    # Every other word than `ok`: `error`, `timeout`, and the name of any exception, such as ccxt's
    # `rate_limit_exceeded`. `__other__`, which may stand for anything, is not a failure.
    "[a-zA-Z][a-zA-Z0-9_]{2,}",
)
"""Patterns of failures. A client error such as 404 is the usual answer to many a question, and not among them."""

UNKNOWN: Final = "unknown"
"""The status of a request whose source of the status failed: it is neither an answer nor a failure."""

DENIED: Final = (
    "401",
    "403",
    "418",
    "authentication_error",
    "permission_denied",
    "account_suspended",
    "account_not_enabled",
    "restricted_location",
    "token_exception",
    "permission_exception",
    "unauthorized.*",
    "forbidden.*",
    "1000[34578]",
    "10009",
    "10010",
    "33004",
)
"""Patterns of failures where the API refuses the token, the key, the account or the address."""


def pattern(patterns: tuple[str, ...]) -> str:
    """Join patterns into one regular expression for a PromQL matcher, which is anchored at both ends."""
    return "|".join(patterns)


def is_failure(status: str) -> bool:
    """Return True if a request with this status failed."""
    return status != UNKNOWN and re.fullmatch(pattern(FAILED), status) is not None
