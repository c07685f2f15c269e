"""What `make bench` compares: each row is a decorated call, the bare one, and what one would write by hand."""

from __future__ import annotations

import contextlib
import itertools
import logging
import time
import uuid
from collections import namedtuple
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

from prometheus_client import CollectorRegistry

import tradmetrics
from tests.bench import by_hand, comparisons, lifecycle
from tests.bench.best_by_hand import tracked_by_hand
from tests.bench.builds import target
from tests.bench.harness import Comparison, Statement
from tests.bench.join_by_hand import JoinByHand
from tradmetrics import Limits, TradingMetrics, arg, fill_timer


@dataclass(slots=True)
class _Slotted:
    status: str


@dataclass(frozen=True)
class Case:
    """A decorated call, in code.

    Attributes:
        name: What is measured.
        code: The statement with this library.
        reference: The name of the statement that the ratio is to.
        bare: The same call undecorated, whose cost is taken off; empty when there is none.
        target: The ratio not to pass; None where none is set.
        asynchronous: Whether it awaits.
        tracked: Whether `make bench-check` watches its ratio.
    """

    name: str
    code: str
    reference: str
    bare: str = ""
    target: float | None = None
    asynchronous: bool = False
    tracked: bool = False


_PLAIN_LIFE = "order lifecycle, plain calls"
_JOIN = "a join by hand, with the same samples"
_ORDERED = '("s", "BUY", "LIMIT")'
ANSWERS: dict[str, tuple[Any, float | None, float | None]] = {
    "None": (None, target(0.15, 0.20), 0.7),
    "a dict, submitted": ({"id": 17, "status": "submitted"}, target(0.22, 0.30), 0.7),
    "a dict, filled": ({"id": 17, "status": "filled"}, target(0.40, 0.55), 0.7),
    "a dict, filled with quantities": ({"status": "filled", "filled": 5.0, "amount": 5.0}, None, None),
    "a dict, rejected with a reason": ({"status": "rejected", "reason": "no funds"}, None, None),
    "an object": (SimpleNamespace(id=17, status="submitted"), target(0.45, 0.60), 1.2),
    "a namedtuple": (namedtuple("Answer", "id status")(17, "submitted"), target(0.60, 0.80), None),
    "a dataclass with slots": (_Slotted("submitted"), target(0.60, 0.80), None),
}
"""What a function answers: the answer, the target against `labels(…).inc()`, and that against the best by hand."""
with contextlib.suppress(ImportError):
    import pydantic

    _Model = pydantic.create_model("_Model", id=(int, ...), status=(str, ...))
    ANSWERS["a pydantic model"] = (_Model(id=17, status="submitted"), target(0.60, 0.80), None)

CASES = (
    *(
        Case(
            f"track_order, answers {name}",
            f"answered[{name!r}]{_ORDERED}",
            by_hand.COUNT,
            f"answer[{name!r}]{_ORDERED}",
            most,
            tracked=True,
        )
        for name, (_, most, _) in ANSWERS.items()
    ),
    *(
        Case(
            f"track_order, answers {name}, against the best by hand",
            f"answered[{name!r}]{_ORDERED}",
            by_hand.BEST + name,
            f"answer[{name!r}]{_ORDERED}",
            most,
        )
        for name, (_, _, most) in ANSWERS.items()
        if most is not None
    ),
    Case(
        "track_order, raises, against the best by hand",
        f"refused(failing, {_ORDERED})",
        by_hand.BEST + "raises",
        f"refused(fail, {_ORDERED})",
        3,
    ),
    Case(
        "track_order, 5,000 strategies in turn",
        'many(turn(), "BUY", "LIMIT")',
        by_hand.COUNT,
        'place(turn(), "BUY", "LIMIT")',
        target(0.5, 0.7),
        tracked=True,
    ),
    Case(
        "exporter.record_order",
        'exporter.record_order("s", "BUY", "LIMIT", "submitted")',
        by_hand.COUNT,
        "",
        target(0.5, 0.7),
        tracked=True,
    ),
    Case("exporter.record_trade", 'exporter.record_trade("s", "BUY", "executed", 5.0)', by_hand.TRADE),
    Case(
        "track_order, positional",
        'placed("s", "BUY", "LIMIT")',
        by_hand.COUNT,
        'place("s", "BUY", "LIMIT")',
        target(0.15, 0.20),
        tracked=True,
    ),
    Case(
        "track_order, keywords",
        'placed(strategy="s", side="BUY", order_type="LIMIT")',
        by_hand.COUNT,
        'place(strategy="s", side="BUY", order_type="LIMIT")',
        target(0.15, 0.20),
        tracked=True,
    ),
    Case("track_order, dotted paths", "sent(order)", by_hand.COUNT, "send(order)", target(0.20, 0.27), tracked=True),
    Case(
        "track_order, method",
        'desk.placed("s", "BUY", "LIMIT")',
        by_hand.COUNT,
        'desk.bare("s", "BUY", "LIMIT")',
        target(0.15, 0.20),
        tracked=True,
    ),
    Case(
        "track_order, with an exemplar",
        'pointed("s", "BUY", "LIMIT", "O-17")',
        by_hand.COUNT,
        'point("s", "BUY", "LIMIT", "O-17")',
        tracked=True,
    ),
    Case(
        "track_order, coroutine",
        'await placed_later("s", "BUY", "LIMIT")',
        by_hand.COUNT,
        'await place_later("s", "BUY", "LIMIT")',
        target(0.20, 0.28),
        asynchronous=True,
        tracked=True,
    ),
    Case("with fill_timer(…)", 'with fill_timer("s"): pass', by_hand.TIMER, "", target(0.25, 0.33), tracked=True),
    Case("@fill_timer", "timed()", by_hand.TIMER, "nothing()"),
    Case("@fill_timer, coroutine", "await awaited()", by_hand.ASYNC, "await wait()", 0.50, True, tracked=True),
    Case("track_order, filled", 'filled("s", "BUY", "LIMIT")', by_hand.FILL, 'fill("s", "BUY", "LIMIT")'),
    Case(
        "order lifecycle: submit, ack, two partial fills, fill",
        "live()",
        by_hand.COUNT,
        "",
        target(6.5, 9),
        tracked=True,
    ),
    Case("order lifecycle, against a join by hand", "live()", _JOIN, "", 1.0, tracked=True),
    Case("order lifecycle, decorated, against its plain calls", "lived()", _PLAIN_LIFE, "", 1.5, tracked=True),
    Case(
        "track_order, a strategy not seen before",
        'cold(new(), "BUY", "LIMIT")',
        by_hand.NEW,
        'place(new(), "BUY", "LIMIT")',
    ),
    Case(
        "track_order, an order id as the strategy",
        'hostile(order_id(), "BUY", "LIMIT")',
        by_hand.COUNT,
        'place(order_id(), "BUY", "LIMIT")',
        tracked=True,
    ),
    Case(
        "track_trade, with a P&L",
        'closed("s", "BUY")',
        by_hand.TRADE,
        'close("s", "BUY")',
        target(0.30, 0.40),
        tracked=True,
    ),
    Case("track_market_data", 'ticked("NIFTY")', by_hand.TICK, 'tick("NIFTY")'),
    Case(
        "track_market_data, with an age",
        'aged("NIFTY", now() - 1.0)',
        by_hand.TICK,
        'aged_tick("NIFTY", now() - 1.0)',
    ),
    Case("track_request", "requested()", by_hand.REQUEST, "nothing()"),
    Case("track_prediction", "predicted()", by_hand.COUNT, "word()"),
    Case("track_training", "trained()", by_hand.TIMER, "nothing()"),
    Case("track_errors, no error", "checked()", by_hand.COUNT, "nothing()"),
    Case("track_risk_check, passed", "allowed()", by_hand.COUNT, "nothing()"),
    Case("track_circuit_breaker", "tripped()", by_hand.COUNT, "nothing()"),
    Case("track_circuit_breaker_reset", "reset()", by_hand.COUNT, "nothing()"),
    Case("track_connection", "connected()", by_hand.COUNT, "nothing()"),
    Case("track_positions", "positions()", by_hand.COUNT, "read_positions()"),
    Case("track_pnl", "pnl()", by_hand.COUNT, "read_pnl()"),
    Case("track_capital", "capital()", by_hand.COUNT, "read_capital()"),
    Case("track_market", "market()", by_hand.COUNT, "read_market()"),
    Case("track_strategy", "strategy()", by_hand.COUNT, "read_strategy()"),
)


def answering(answer: Any) -> Any:
    """A function that places an order and answers so."""

    def place(strategy: str, side: str, order_type: str) -> Any:
        return answer

    return place


class _Order:
    def __init__(self) -> None:
        self.strategy = "gamma_scalping"
        self.side = "BUY"
        self.order_type = "LIMIT"


class _Desk:
    def bare(self, strategy: str, side: str, order_type: str) -> None: ...

    placed = tradmetrics.track_order(bare)


def _names() -> dict[str, Any]:
    """What the codes of the cases speak of: the bare functions, and the same decorated."""

    def place(strategy: str, side: str, order_type: str) -> None: ...
    async def place_later(strategy: str, side: str, order_type: str) -> None: ...
    def point(strategy: str, side: str, order_type: str, order_id: str) -> None: ...
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

    def read_positions() -> list[dict[str, Any]]:
        return [{"strategy": "s", "quantity": 1, "unrealized_pnl": 2.0}]

    def read_pnl() -> dict[str, Any]:
        return {"daily": 1.0}

    def read_capital() -> dict[str, Any]:
        return {"total": 1.0}

    def read_market() -> dict[str, Any]:
        return {"vix": 14.0}

    def read_strategy() -> dict[str, Any]:
        return {"strategy": "s", "win_rate": 0.5}

    def fail(strategy: str, side: str, order_type: str) -> None:
        raise ValueError("refused")

    def refused(function: Any, arguments: tuple[str, str, str]) -> None:
        with contextlib.suppress(ValueError):
            function(*arguments)

    answer = {name: answering(each[0]) for name, each in ANSWERS.items()}
    # Of letters alone: numbers that follow a word are an order's.
    names = ["".join(letters) for letters in itertools.islice(itertools.product("bcdfghklmnprst", repeat=4), 5_000)]
    turns = itertools.cycle(names)
    wide = TradingMetrics(limits=Limits(labels={"strategy": 10_000}, default_series=10_000))
    many = tradmetrics.track_order(metrics=wide)(place)
    for name in names:
        many(name, "BUY", "LIMIT")
    filled, closed = {"status": "filled", "fill_time": 0.2}, {"pnl": 5.0}
    bare = (
        place, place_later, point, send, fill, close, tick, aged_tick, nothing, wait, word,
        read_positions, read_pnl, read_capital, read_market, read_strategy,
    )  # fmt: skip
    numbers, seeds = itertools.count(), itertools.count()
    roomy = TradingMetrics(limits=Limits(labels={"strategy": 10**9}, default_series=10**9))
    return {function.__name__: function for function in bare} | {
        "answer": answer,
        "answered": {name: tradmetrics.track_order(each) for name, each in answer.items()},
        "fail": fail,
        "failing": tradmetrics.track_order(fail),
        "refused": refused,
        "turn": lambda: next(turns),
        "many": many,
        "exporter": tradmetrics.metrics_exporter,
        "order": _Order(),
        "desk": _Desk(),
        "now": time.time,
        "new": lambda: f"s{next(numbers)}x",
        "order_id": lambda: str(uuid.UUID(int=next(seeds) * 0x9E3779B97F4A7C15 % 2**128)),
        "placed": tradmetrics.track_order(place),
        "pointed": tradmetrics.track_order(exemplar=arg("order_id"))(point),
        "placed_later": tradmetrics.track_order(place_later),
        "sent": tradmetrics.track_order(
            strategy=arg("order.strategy"), side=arg("order.side"), order_type=arg("order.order_type")
        )(send),
        "filled": tradmetrics.track_order(fill),
        "cold": tradmetrics.track_order(metrics=roomy)(place),
        "hostile": tradmetrics.track_order(strategy=arg("strategy"))(place),
        "live": lifecycle.one_life(lifecycle.tracker(lifecycle.FEW)),
        "lived": lifecycle.one_decorated_life(lifecycle.tracker(lifecycle.FEW)),
        "fill_timer": fill_timer,
        "timed": fill_timer("s")(nothing),
        "awaited": fill_timer("s")(wait),
        "closed": tradmetrics.track_trade(close),
        "ticked": tradmetrics.track_market_data(tick),
        "aged": tradmetrics.track_market_data(aged_tick),
        "requested": tradmetrics.track_request(endpoint="/orders", method="POST")(nothing),
        "predicted": tradmetrics.track_prediction(model="xgboost")(word),
        "trained": tradmetrics.track_training(model="xgboost")(nothing),
        "checked": tradmetrics.track_errors(component="desk")(nothing),
        "allowed": tradmetrics.track_risk_check(limit_type="size")(nothing),
        "tripped": tradmetrics.track_circuit_breaker(reason="drill")(nothing),
        "reset": tradmetrics.track_circuit_breaker_reset(nothing),
        "connected": tradmetrics.track_connection(nothing),
        "positions": tradmetrics.track_positions(read_positions),
        "pnl": tradmetrics.track_pnl(read_pnl),
        "capital": tradmetrics.track_capital(read_capital),
        "market": tradmetrics.track_market(read_market),
        "strategy": tradmetrics.track_strategy(read_strategy),
    }


@dataclass(frozen=True)
class Row:
    """One row of the table.

    Attributes:
        name: What is measured.
        comparison: What is timed for it.
        target: The ratio not to pass; None where none is set.
        tracked: Whether `make bench-check` watches its ratio.
    """

    name: str
    comparison: Comparison
    target: float | None = None
    tracked: bool = False


def best_references(names: dict[str, Any]) -> dict[str, by_hand.Reference]:
    """The best by hand for each answer, and its bare call."""
    found: dict[str, by_hand.Reference] = {
        _PLAIN_LIFE: (Statement(_PLAIN_LIFE, "live()", names), None),
        _JOIN: (Statement(_JOIN, "live()", {"live": lifecycle.one_life(JoinByHand("s"))}), None),
    }
    for name, bare in names["answer"].items():
        space = {"best": tracked_by_hand(bare), "bare": bare}
        title = by_hand.BEST + name
        found[title] = (
            Statement(title, f"best{_ORDERED}", space),
            Statement(f"{title}: bare", f"bare{_ORDERED}", space),
        )
    space = {"best": tracked_by_hand(names["fail"]), "bare": names["fail"], "refused": names["refused"]}
    title = by_hand.BEST + "raises"
    found[title] = (
        Statement(title, f"refused(best, {_ORDERED})", space),
        Statement(f"{title}: bare", f"refused(bare, {_ORDERED})", space),
    )
    return found


def rows(*, others: bool = True) -> list[Row]:
    """The rows of the table; those whose library is not installed are left out.

    The default metrics is built on a registry of its own.

    Args:
        others: Whether to include what other libraries do, and the floor.
    """
    # Order ids as a label are meant here; the warning about them would stand in the middle of the table.
    logging.getLogger("tradmetrics").setLevel(logging.ERROR)
    tradmetrics.configure(CollectorRegistry())
    references, names = by_hand.references(), _names()
    references |= best_references(names)
    found = []
    for case in CASES:
        if case.reference in references:
            by_hand_code, by_hand_bare = references[case.reference]
            own = Statement(case.name, case.code, names, case.asynchronous)
            bare = Statement(f"{case.name}: bare", case.bare, names, case.asynchronous) if case.bare else None
            comparison = Comparison(own, by_hand_code, bare, by_hand_bare)
            found.append(Row(case.name, comparison, case.target, case.tracked))
    if others:
        reference, _ = references[by_hand.COUNT]
        found += [Row(own.name, Comparison(own, reference, bare)) for own, bare in comparisons.statements()]
    return found
