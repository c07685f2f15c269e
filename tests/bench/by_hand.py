"""What one would write without this library: the statements that the rows of `tests.bench.cases` are compared with."""

from __future__ import annotations

import itertools
import time
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from tests.bench.harness import Statement

COUNT = "labels(strategy=…, side=…, order_type=…).inc()"
TIMER = "with labels(strategy=…).time()"
FILL = "by hand: submitted, filled and fill time"
TRADE = "by hand: trade, P&L and profit"
TICK = "by hand: update, age and last update"
REQUEST = "by hand: request and duration"
BEST = "the best by hand: "
NEW = "by hand, with a value not seen before"
ASYNC = "prometheus_async.aio.time"

Reference = tuple[Statement, Statement | None]
"""A statement, and the same without what it records, whose cost is taken off."""


def references() -> dict[str, Reference]:
    """Every statement by its name; without prometheus-async's where that is not installed."""
    registry = CollectorRegistry()
    order_labels = ["strategy", "side", "order_type"]
    numbers = itertools.count()
    names: dict[str, Any] = {
        "C": Counter("hand_orders", "Orders.", order_labels, registry=registry),
        "N": Counter("hand_new_orders", "Orders.", order_labels, registry=registry),
        "F": Counter("hand_fills", "Fills.", ["strategy", "side"], registry=registry),
        "T": Counter("hand_trades", "Trades.", ["strategy", "side", "status"], registry=registry),
        "W": Counter("hand_profit", "Profit.", ["strategy"], registry=registry),
        "U": Counter("hand_updates", "Updates.", ["symbol"], registry=registry),
        "R": Counter("hand_requests", "Requests.", ["endpoint", "method", "status"], registry=registry),
        "H": Histogram("hand_fill_time", "Fill time.", ["strategy"], registry=registry),
        "P": Histogram("hand_pnl", "P&L.", ["strategy"], registry=registry),
        "A": Histogram("hand_age", "Age.", ["symbol"], registry=registry),
        "D": Histogram("hand_duration", "Duration.", ["endpoint", "method"], registry=registry),
        "L": Gauge("hand_last_update", "Last update.", ["symbol"], registry=registry),
        "time": time.time,
        "new": lambda: f"s{next(numbers)}x",
    }
    codes = {
        COUNT: 'C.labels(strategy="s", side="BUY", order_type="LIMIT").inc()',
        TIMER: 'with H.labels(strategy="s").time(): pass',
        FILL: 'C.labels(strategy="s", side="BUY", order_type="LIMIT").inc(); '
        'F.labels(strategy="s", side="BUY").inc(); H.labels(strategy="s").observe(0.2)',
        TRADE: 'T.labels(strategy="s", side="BUY", status="executed").inc(); '
        'P.labels(strategy="s").observe(5.0); W.labels(strategy="s").inc(5.0)',
        TICK: 'U.labels(symbol="NIFTY").inc(); A.labels(symbol="NIFTY").observe(time() - 1.0); '
        'L.labels(symbol="NIFTY").set(time())',
        REQUEST: 'R.labels(endpoint="/orders", method="POST", status="ok").inc(); '
        'D.labels(endpoint="/orders", method="POST").observe(0.1)',
    }
    found: dict[str, Reference] = {name: (Statement(name, code, names), None) for name, code in codes.items()}
    found[NEW] = (
        Statement(NEW, 'N.labels(strategy=new(), side="BUY", order_type="LIMIT").inc()', names),
        Statement("a new value", "new()", names),
    )
    try:
        import prometheus_async
    except ImportError:
        return found

    async def wait() -> None: ...

    timed = prometheus_async.aio.time(names["H"].labels("s"))(wait)
    found[ASYNC] = (
        Statement(ASYNC, "await timed()", {"timed": timed}, True),
        Statement("bare coroutine", "await wait()", {"wait": wait}, True),
    )
    return found
