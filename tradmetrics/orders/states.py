"""The states of an order by what they mean for its life. The only place that says which word ends an order."""

from __future__ import annotations

from typing import Final

from tradmetrics.vocabulary.words import CLOSED, UNCHANGED

UNFILLED_ENDS: Final = frozenset({"rejected", "cancelled", "expired"})
"""Words that end an order without filling it."""
ENDS: Final = UNFILLED_ENDS | {"filled"}
"""Words that end an order, whatever the quantities say."""
FILL_WORDS: Final = frozenset({"partially_filled", "filled"})
"""Words that report a fill."""
STILL_OPEN: Final = frozenset({"submitted", "accepted", UNCHANGED})
"""Words of an order that is live and has no fill. With a filled quantity, the order is partially filled."""
NOT_OF_A_FILL: Final = STILL_OPEN | UNFILLED_ENDS
"""With these words a cumulative quantity of 0 means that the broker does not report it. It is not a bust."""
BY_QUANTITIES: Final = CLOSED
"""The one word for every ambiguous spelling (`closed`, `done`, `finished`, `archive`): the quantities decide."""

ENOUGH: Final = 1 - 1e-9
TOO_MUCH: Final = 1 + 1e-9
"""Sums of float quantities miss the whole by rounding, so quantities that differ by less are equal."""
TOLERANCE: Final = 0.001
"""The share of an order that may be missing when the broker says `filled`: rounding, or a fee in the base currency."""


def is_short(filled: float, quantity: float, lot: float | None) -> bool:
    """True when `filled` misses `quantity` by more than 0.1 % and by more than the lot."""
    return quantity - filled > max(quantity * TOLERANCE, lot or 0.0) * TOO_MUCH
