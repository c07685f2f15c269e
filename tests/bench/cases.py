"""What `make bench` compares: each row is a decorated call, the bare one, and what one would write by hand."""

from __future__ import annotations

import itertools
import uuid
from dataclasses import dataclass, field
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Histogram

import tradmetrics
from tests.bench.comparisons import statements as others
from tests.bench.harness import Comparison, Statement
from tradmetrics import arg, fill_timer


@dataclass(frozen=True)
class Row:
    """One row of the table.

    Attributes:
        name: What is measured.
        code: The statement with this library.
        bare: The same call undecorated, whose cost is taken off; empty when there is none.
        reference: The name of the statement that the ratio is to.
        target: The ratio not to pass; None where none is set.
        names: Namespace of both statements.
        asynchronous: Whether they await.
    """

    name: str
    code: str
    reference: str
    bare: str = ""
    target: float | None = None
    names: dict[str, Any] = field(default_factory=dict)
    asynchronous: bool = False


REFERENCE = "labels(strategy=…, side=…, order_type=…).inc()"
REFERENCE_TIMER = "with labels(strategy=…).time()"
REFERENCE_FILL = "by hand: submitted, filled and fill time"
REFERENCE_TRADE = "by hand: trade, P&L and profit"
REFERENCE_TICK = "by hand: update, age and last update"
REFERENCE_REQUEST = "by hand: request and duration"
REFERENCE_ASYNC = "prometheus_async.aio.time"


class _Order:
    def __init__(self) -> None:
        self.strategy = "gamma_scalping"
        self.side = "BUY"
        self.order_type = "LIMIT"


def _by_hand() -> tuple[list[Statement], dict[str, Any]]:
    """What one would write with prometheus_client alone."""
    registry = CollectorRegistry()
    names: dict[str, Any] = {
        "C": Counter("hand_orders", "Orders.", ["strategy", "side", "order_type"], registry=registry),
        "F": Counter("hand_fills", "Fills.", ["strategy", "side"], registry=registry),
        "T": Counter("hand_trades", "Trades.", ["strategy", "side", "status"], registry=registry),
        "W": Counter("hand_profit", "Profit.", ["strategy"], registry=registry),
        "U": Counter("hand_updates", "Updates.", ["symbol"], registry=registry),
        "R": Counter("hand_requests", "Requests.", ["endpoint", "method", "status"], registry=registry),
        "H": Histogram("hand_fill_time", "Fill time.", ["strategy"], registry=registry),
        "P": Histogram("hand_pnl", "P&L.", ["strategy"], registry=registry),
        "A": Histogram("hand_age", "Age.", ["symbol"], registry=registry),
        "D": Histogram("hand_duration", "Duration.", ["endpoint", "method"], registry=registry),
    }
    from prometheus_client import Gauge

    names["L"] = Gauge("hand_last_update", "Last update.", ["symbol"], registry=registry)
    import time

    names["time"] = time.time
    statements = [
        Statement(REFERENCE, 'C.labels(strategy="s", side="BUY", order_type="LIMIT").inc()', names),
        Statement(REFERENCE_TIMER, 'with H.labels(strategy="s").time(): pass', names),
        Statement(
            REFERENCE_FILL,
            'C.labels(strategy="s", side="BUY", order_type="LIMIT").inc(); '
            'F.labels(strategy="s", side="BUY").inc(); H.labels(strategy="s").observe(0.2)',
            names,
        ),
        Statement(
            REFERENCE_TRADE,
            'T.labels(strategy="s", side="BUY", status="executed").inc(); '
            'P.labels(strategy="s").observe(5.0); W.labels(strategy="s").inc(5.0)',
            names,
        ),
        Statement(
            REFERENCE_TICK,
            'U.labels(symbol="NIFTY").inc(); A.labels(symbol="NIFTY").observe(time() - 1.0); '
            'L.labels(symbol="NIFTY").set(time())',
            names,
        ),
        Statement(
            REFERENCE_REQUEST,
            'R.labels(endpoint="/orders", method="POST", status="ok").inc(); '
            'D.labels(endpoint="/orders", method="POST").observe(0.1)',
            names,
        ),
    ]
    return statements, names


def _rows() -> list[Row]:
    order = _Order()
    identifiers = (str(uuid.UUID(int=i * 0x9E3779B97F4A7C15 % 2**128)) for i in itertools.count())

    def place(strategy: str, side: str, order_type: str) -> None: ...
    def send(order: Any) -> None: ...
    def fill(strategy: str, side: str, order_type: str) -> dict[str, Any]:
        return filled

    def close(strategy: str, side: str) -> dict[str, Any]:
        return closed

    def tick(symbol: str) -> None: ...
    def aged_tick(symbol: str, timestamp: float) -> None: ...
    def nothing() -> None: ...
    async def wait() -> None: ...
    def word() -> str:
        return "take_trade"

    class Desk:
        def bare(self, strategy: str, side: str, order_type: str) -> None: ...

        placed = tradmetrics.track_order(bare)

    import time

    names: dict[str, Any] = {
        "place": place,
        "order": order,
        "send": send,
        "fill": fill,
        "close": close,
        "tick": tick,
        "aged_tick": aged_tick,
        "nothing": nothing,
        "wait": wait,
        "word": word,
        "desk": Desk(),
        "now": time.time,
        "next_identifier": identifiers.__next__,
        "placed": tradmetrics.track_order(place),
        "sent": tradmetrics.track_order(
            strategy=arg("order.strategy"), side=arg("order.side"), order_type=arg("order.order_type")
        )(send),
        "filled": tradmetrics.track_order(fill),
        "closed": tradmetrics.track_trade(close),
        "ticked": tradmetrics.track_market_data(tick),
        "aged": tradmetrics.track_market_data(aged_tick),
        "requested": tradmetrics.track_request(endpoint="/orders", method="POST")(nothing),
        "hostile": tradmetrics.track_order(strategy=arg("strategy"))(place),
        "fill_timer": fill_timer,
        "timed": fill_timer("s")(nothing),
        "awaited": fill_timer("s")(wait),
        "predicted": tradmetrics.track_prediction(model="xgboost")(word),
        "trained": tradmetrics.track_training(model="xgboost")(nothing),
        "checked": tradmetrics.track_errors(component="desk")(nothing),
        "allowed": tradmetrics.track_risk_check(limit_type="size")(nothing),
        "tripped": tradmetrics.track_circuit_breaker(reason="drill")(nothing),
        "reset": tradmetrics.track_circuit_breaker_reset(nothing),
        "connected": tradmetrics.track_connection(nothing),
        "positions": tradmetrics.track_positions(lambda: [{"strategy": "s", "quantity": 1, "unrealized_pnl": 2.0}]),
        "pnl": tradmetrics.track_pnl(lambda: {"daily": 1.0}),
        "capital": tradmetrics.track_capital(lambda: {"total": 1.0}),
        "market": tradmetrics.track_market(lambda: {"vix": 14.0}),
        "strategy": tradmetrics.track_strategy(lambda: {"strategy": "s", "win_rate": 0.5}),
    }
    filled = {"status": "filled", "fill_time": 0.2}
    closed = {"pnl": 5.0}

    def row(name: str, code: str, reference: str, bare: str = "", target: float | None = None, **more: Any) -> Row:
        return Row(name, code, reference, bare, target, names, **more)

    return [
        row("track_order, positional", 'placed("s", "BUY", "LIMIT")', REFERENCE, 'place("s", "BUY", "LIMIT")', 0.30),
        row(
            "track_order, keywords",
            'placed(strategy="s", side="BUY", order_type="LIMIT")',
            REFERENCE,
            'place(strategy="s", side="BUY", order_type="LIMIT")',
            0.45,
        ),
        row("track_order, dotted paths", "sent(order)", REFERENCE, "send(order)", 0.55),
        row(
            "track_order, method",
            'desk.placed("s", "BUY", "LIMIT")',
            REFERENCE,
            'desk.bare("s", "BUY", "LIMIT")',
            0.35,
        ),
        row("with fill_timer(…)", 'with fill_timer("s"): pass', REFERENCE_TIMER, "", 0.40),
        row("@fill_timer", "timed()", REFERENCE_TIMER, "nothing()"),
        row("@fill_timer, coroutine", "await awaited()", REFERENCE_ASYNC, "await wait()", 0.50, asynchronous=True),
        row("track_order, filled", 'filled("s", "BUY", "LIMIT")', REFERENCE_FILL, 'fill("s", "BUY", "LIMIT")'),
        row("track_trade, with a P&L", 'closed("s", "BUY")', REFERENCE_TRADE, 'close("s", "BUY")'),
        row("track_market_data", 'ticked("NIFTY")', REFERENCE_TICK, 'tick("NIFTY")'),
        row(
            "track_market_data, with an age",
            'aged("NIFTY", now() - 1.0)',
            REFERENCE_TICK,
            'aged_tick("NIFTY", now() - 1.0)',
        ),
        row("track_request", "requested()", REFERENCE_REQUEST, "nothing()"),
        row("track_prediction", "predicted()", REFERENCE, "word()"),
        row("track_training", "trained()", REFERENCE_TIMER, "nothing()"),
        row("track_errors, no error", "checked()", REFERENCE, "nothing()"),
        row("track_risk_check, passed", "allowed()", REFERENCE, "nothing()"),
        row("track_circuit_breaker", "tripped()", REFERENCE, "nothing()"),
        row("track_circuit_breaker_reset", "reset()", REFERENCE, "nothing()"),
        row("track_connection", "connected()", REFERENCE, "nothing()"),
        row("track_positions", "positions()", REFERENCE),
        row("track_pnl", "pnl()", REFERENCE),
        row("track_capital", "capital()", REFERENCE),
        row("track_market", "market()", REFERENCE),
        row("track_strategy", "strategy()", REFERENCE),
        row("hostile label (an order id)", 'hostile(next_identifier(), "BUY", "LIMIT")', REFERENCE),
    ]


def everything() -> tuple[list[Row], list[Comparison]]:
    """The rows of the table, and what to time for each.

    The default book is built on a registry of its own.
    """
    tradmetrics.configure(CollectorRegistry())
    statements, names = _by_hand()
    references = {statement.name: statement for statement in statements}
    reference_bare: Statement | None = None
    rows = _rows()
    try:
        import prometheus_async
    except ImportError:
        rows = [row for row in rows if row.reference != REFERENCE_ASYNC]
    else:

        async def wait() -> None: ...

        timed = prometheus_async.aio.time(names["H"].labels("s"))(wait)
        references[REFERENCE_ASYNC] = Statement(REFERENCE_ASYNC, "await timed()", {"timed": timed}, True)
        reference_bare = Statement("bare coroutine", "await wait()", {"wait": wait}, True)
    comparisons = [
        Comparison(
            Statement(row.name, row.code, row.names, row.asynchronous),
            references[row.reference],
            Statement(f"{row.name}: bare", row.bare, row.names, row.asynchronous) if row.bare else None,
            reference_bare if row.reference == REFERENCE_ASYNC else None,
        )
        for row in rows
    ]
    for statement in others():
        rows.append(Row(statement.name, statement.code, REFERENCE))
        comparisons.append(Comparison(statement, references[REFERENCE]))
    return rows, comparisons
