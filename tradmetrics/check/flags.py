"""Which labels are suspect, before any call: by what they are read from."""

from __future__ import annotations

import re
from datetime import date, datetime, time
from decimal import Decimal
from enum import Enum
from typing import Any, Final, TypeAlias, Union
from uuid import UUID

from tradmetrics.capture.sources import Arg, Error, Mapped, Result
from tradmetrics.cardinality import FREE
from tradmetrics.model.text import snake_case
from tradmetrics.vocabulary.endpoints import ENDPOINT

Domain: TypeAlias = Union[tuple[str, ...], None]
"""The values that a label can have, or None where they are not known."""

IDENTIFIER: Final = "identifier"
UNBOUNDED: Final = "unbounded"
OVER_BUDGET: Final = "over_budget"
UNSOURCED: Final = "unsourced"

MEANINGS: Final = {
    IDENTIFIER: "looks like an identifier: each call brings a new value, and values over the budget become __other__",
    UNBOUNDED: "has a type with endless values, and values over the budget become __other__",
    UNSOURCED: "has no source: neither a parameter nor the result can yield it, so it stays unknown; write a source",
    OVER_BUDGET: "has more values than its budget has places: raise it, Limits(labels={…: …})",
}
"""The meaning of each flag."""

_ID_WORDS: Final = frozenset(
    {"id", "ids", "uid", "uuid", "guid", "ulid", "oid", "nonce", "hash", "digest", "checksum", "seq", "sequence"}
    | {"timestamp", "timestamps", "ts", "time", "datetime", "date", "epoch", "at", "email", "url", "uri", "ip"}
    | {"price", "quantity", "qty", "amount", "now", "ticket", "message", "msg"}
)
# Things that have a number, and the words for the number.
_NUMBERED: Final = frozenset(
    {"order", "trade", "exec", "execution", "client", "request", "session", "message", "fill", "deal", "transaction"}
    | {"account", "invoice", "idempotency"}
)
_NUMBER_WORDS: Final = frozenset({"no", "nr", "num", "number", "ref", "reference", "key"})
# Spelled as one word; those that end in "id" by chance (bid, paid) are not among them.
_ID_COMPOUND: Final = re.compile(
    r"(order|trade|exec|cl|ord|client|request|session|message|msg|user|fill|deal|txn|tx)id$"
)
_UNBOUNDED_TYPES: Final = (float, Decimal, datetime, date, time, UUID, bytes)


def flags_of(label: str, source: Any, hint: object, domain: Domain, budget: int) -> tuple[str, ...]:
    """Return the reasons to look at an open label.

    Args:
        label: Its name.
        source: Where it is read from.
        hint: The annotation of the source, or None.
        domain: Its known values, or None.
        budget: The most values that it may have.

    Returns:
        Keys of `MEANINGS`.
    """
    if domain is not None:
        return (OVER_BUDGET,) if len(set(domain) - FREE) > budget else ()
    if _is_id_like(source, label):
        return (IDENTIFIER,)
    unbounded = isinstance(hint, type) and issubclass(hint, _UNBOUNDED_TYPES) and not issubclass(hint, Enum)
    return (UNBOUNDED,) if unbounded else ()


def _is_id_like(source: Any, label: str) -> bool:
    if isinstance(source, Mapped):
        return _is_id_like(source.source, label)
    if isinstance(source, Error) and source.path[:1] in ((), ("args",)):
        return True  # its text, which holds amounts and ids
    if not isinstance(source, Arg | Result | Error) or not source.path:
        return False
    *stem, last = snake_case("_".join(source.path)).split("_")
    if label == ENDPOINT and last in ("url", "uri"):
        return False  # the label is the template of its path
    # Read from strategy_id or strategy.id, the label `strategy` has as many values as there are strategies.
    if "_".join(stem).endswith(label):
        return False
    if last in _NUMBER_WORDS and stem and stem[-1] in _NUMBERED:
        return True
    return last in _ID_WORDS or _ID_COMPOUND.search(last) is not None
