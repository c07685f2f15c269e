"""Snapshots of a tracker that trades on, and a tracker that goes on with one."""

from __future__ import annotations

import time
from typing import Any, Final

from tradmetrics.errors import is_interruption
from tradmetrics.orders.inputs import YEAR_2000
from tradmetrics.orders.running import LOCK, LockedOrders
from tradmetrics.orders.snapshot import Snapshot, document, dump, shift

_AT_A_TIME: Final = 1_000
"""Orders that are written into a snapshot without giving other threads a turn."""


class Restarts:
    """Snapshots of the orders, and back. `site` names the caller, for counting errors.

    Args:
        orders: The orders, behind their lock.
    """

    def __init__(self, orders: LockedOrders) -> None:
        self._orders = orders

    def snapshot(self, site: str) -> dict[str, Any]:
        """The orders as JSON."""
        reader, table = self._orders.reader, self._orders.core.table
        now = reader.clock(self._orders.target(site), site)
        with LOCK.held():
            orders = list(table)
        rows: list[dict[str, Any]] = []
        for start in range(0, len(orders), _AT_A_TIME):
            with LOCK.held():
                # An order that was dropped in the meantime no longer owns its ids.
                rows += [dump(each) for each in orders[start : start + _AT_A_TIME] if table.has(each)]
        return document(reader.account, reader.now if now is None else now, time.time(), rows)

    def restore(self, site: str, snapshot: Snapshot) -> None:
        """Go on with the orders of a snapshot."""
        metrics = self._orders.target(site)
        if not metrics.enabled:
            return
        try:
            reader, core = self._orders.reader, self._orders.core
            reader.clock(metrics, site)
            by = shift(snapshot, reader.local, reader.now, time.time())

            def put_all(*_: object) -> None:
                for order in snapshot.orders:
                    if order.timed and order.submitted_at is not None and order.submitted_at < YEAR_2000:
                        reader.simulated = True
                    order.arrived += by
                    if order.submitted_at is not None and not order.timed:
                        order.submitted_at += by
                    if order.ended_at is not None and not order.timed:
                        order.ended_at += by
                    core.put(order)

            self._orders.run(metrics, site, reader.now, (), put_all)
        except Exception as error:
            if is_interruption(error):
                raise
            metrics.fault(site, "record", error)
