"""What a broker says of an order, read and ready for the rules."""

from __future__ import annotations

from typing import TypeAlias

Update: TypeAlias = (
    "tuple[str, str | None, float | None, str | None, float | None, float | None, str | None, float | None, bool]"
)
"""One thing that a broker said of an order. A plain tuple: one is made for each event, and any class takes longer.

0. Any id that leads to the order.
1. Its state in the catalogue's words, `unchanged`, `closed` (quantities decide), or None.
2. The cumulative filled quantity, 0 or more, or None.
3. The fill's id, or None.
4. The fill's own quantity, 0 or more, or None.
5. The fill's price, or None.
6. Why the order was rejected or cancelled, as a label, or None.
7. When, in seconds of the local clock or of the event's own; None when it cannot be told.
8. True when that is the event's own time.
"""
