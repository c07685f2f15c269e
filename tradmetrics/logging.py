"""Strategy and order id on your own log records, while a decorated call runs."""

from __future__ import annotations

import logging
import weakref
from collections.abc import MutableMapping
from typing import Any

from tradmetrics.capture.current_call import current_labels, follow_calls, unfollow_calls

__all__ = ["OrderContext"]


class OrderContext(logging.Filter):
    """Puts `strategy` and `order_id` on log records that are made inside a decorated call.

    A filter for a handler or a logger. It lets every record pass. A record that is made outside a decorated call gets
    the default, so a format with `%(strategy)s` always works. A field that the record has already, for example by
    `extra=`, is kept. An inner call without a strategy or an order id has those of the call around it.

    The strategy is the label of the decorator; the order id is the `order_id=` of a tracker's decorator, or a parameter
    or a field of the order named `order_id`, `orderId`, `client_order_id` or `clientOrderId` (`id` under `track_order`
    and `track_trade`). Only arguments and constants are read: inside the call there is no result yet. Generators are
    left out.

    While at least one `OrderContext` exists, decorated calls note themselves in a context variable. Without one, they
    cost what they always cost.

    Example:
        ```python
        import logging

        from tradmetrics.logging import OrderContext

        handler = logging.StreamHandler()
        handler.addFilter(OrderContext())
        handler.setFormatter(logging.Formatter("%(levelname)s [%(strategy)s %(order_id)s] %(message)s"))
        ```

    Args:
        default: The text of a field that no decorated call around the record has.
    """

    def __init__(self, default: str = "") -> None:
        super().__init__()
        self._default = default
        follow_calls()
        self._end = weakref.finalize(self, unfollow_calls)

    def filter(self, record: logging.LogRecord) -> bool:
        """Put the two fields on a record; return True, so that it passes. Never raises."""
        self._add(record.__dict__)
        return True

    def __call__(self, logger: object, name: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        """Put the two fields into an event of structlog: an `OrderContext` is one of its processors too."""
        self._add(event)
        return event

    def patch(self, record: Any) -> None:
        """Put the two fields into `extra` of a record of loguru: `logger.configure(patcher=OrderContext().patch)`."""
        self._add(record["extra"])

    def close(self) -> None:
        """Stop following calls for this filter; from then on it adds the default only."""
        self._end()

    def _add(self, fields: MutableMapping[str, Any]) -> None:
        if "strategy" in fields and "order_id" in fields:
            return
        strategy, order_id = current_labels()
        fields.setdefault("strategy", self._default if strategy is None else strategy)
        fields.setdefault("order_id", self._default if order_id is None else order_id)
