"""Other libraries doing what `track_order` does, counting with three labels; and the floor below all of them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tests.bench.harness import Statement

OPENTELEMETRY = "OpenTelemetry SDK: counter.add(1, {…})"
PYTHEUS = "pytheus: labels(…).inc()"
CLOSURE = "a closure that does nothing but call"
BARE = "the bare call itself"


def statements() -> Iterator[tuple[Statement, Statement | None]]:
    """A statement for each library that is installed, and for the floor, with the bare call that is taken off."""

    def place(strategy: str, side: str, order_type: str) -> None: ...

    def wrapped(*args: Any, **kwargs: Any) -> Any:
        return place(*args, **kwargs)

    bare = Statement(BARE, 'place("s", "BUY", "LIMIT")', {"place": place})
    yield bare, None
    yield Statement(CLOSURE, 'wrapped("s", "BUY", "LIMIT")', {"wrapped": wrapped}), bare
    for build in (_opentelemetry, _pytheus):
        try:
            yield build(), None
        except ImportError:
            continue


def _opentelemetry() -> Statement:
    from opentelemetry.sdk.metrics import MeterProvider
    from opentelemetry.sdk.metrics.export import InMemoryMetricReader

    counter = MeterProvider([InMemoryMetricReader()]).get_meter("bench").create_counter("orders")
    return Statement(
        OPENTELEMETRY, 'add(1, {"strategy": "s", "side": "BUY", "order_type": "LIMIT"})', {"add": counter.add}
    )


def _pytheus() -> Statement:
    from pytheus.metrics import Counter
    from pytheus.registry import CollectorRegistry

    counter = Counter(
        "bench_orders",
        "Orders.",
        required_labels=["strategy", "side", "order_type"],
        registry=CollectorRegistry(),
    )
    code = 'labels({"strategy": "s", "side": "BUY", "order_type": "LIMIT"}).inc()'
    return Statement(PYTHEUS, code, {"labels": counter.labels})
