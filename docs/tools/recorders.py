"""The recorders of each metric, found by calling every recorder of the public API.

Nothing is declared by hand but the calls, so that the metric reference cannot say what the code does not do.
"""

import asyncio
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any, Final

import tradmetrics as tm
from tradmetrics import catalogue
from tradmetrics.asgi import MetricsMiddleware
from tradmetrics.model.definition import MetricDefinition

Probe = Callable[[tm.TradingMetrics], object]

ALWAYS: Final = "[every metrics object][tradmetrics.TradingMetrics]"
_OF_THE_BOOK: Final = {each.name for each in catalogue.CATALOGUE if each.family == "tradmetrics"} | {
    catalogue.SYSTEM_UPTIME.name
}


_STATUSES: Final = ("submitted", "filled", "rejected", "cancelled", "unknown")


def _returning(answer: object) -> Callable[..., Any]:
    def function(side: str = "BUY", order_type: str = "LIMIT") -> object:
        return answer

    return function


def _raising(error: BaseException) -> Callable[..., Any]:
    def function(side: str = "BUY", order_type: str = "LIMIT") -> object:
        raise error

    return function


def _call(function: Callable[..., Any], *arguments: object) -> None:
    with suppress(Exception):  # some probes raise on purpose
        function(*arguments)


def _orders(metrics: tm.TradingMetrics) -> None:
    track = tm.track_order(strategy="s", reason="r", metrics=metrics)
    for status in ("filled", "rejected", "cancelled"):
        _call(track(_returning({"status": status})))
    _call(track(_raising(TimeoutError())))


def _trades(metrics: tm.TradingMetrics) -> None:
    for pnl in (1.0, -1.0):
        tm.track_trade(strategy="s", pnl=tm.result(), metrics=metrics)(_returning(pnl))()


def _strategy_stats(metrics: tm.TradingMetrics) -> None:
    metrics.record(catalogue.CAPITAL_TOTAL, (), 100.0, site="docs")
    for pnl in (4.0, -2.0):
        tm.track_trade(strategy="s", pnl=tm.result(), metrics=metrics)(_returning(pnl))()


def _tracker(metrics: tm.TradingMetrics) -> None:
    orders = tm.OrderTracker(strategy="s", join_within=0.001, metrics=metrics)
    orders.updated("foreign", status="filled", filled=1)
    for order_id in ("filled", "rejected", "cancelled", "open"):
        orders.submitted(order_id, side="BUY", order_type="LIMIT", quantity=1, reference_price=100)
    for order_id in ("once", "twice"):
        orders.submitted(order_id, symbol="BTCUSDT", side="BUY", order_type="LIMIT", quantity=1, price=100)
    orders.updated("filled", status="accepted")
    orders.updated("filled", status="filled", filled=1, price=101)
    orders.updated("filled", fill_id="again", fill_quantity=1)
    orders.updated("rejected", status="rejected")
    orders.updated("cancelled", status="cancelled")
    time.sleep(0.002)  # then nothing waits for an order of another program
    _call(orders.submit(order_id="timed-out")(_raising(TimeoutError())))
    metrics.tracker = orders  # type: ignore[attr-defined] - its gauges last as long as it does
    short = tm.OrderTracker(strategy="s", metrics=metrics, join_within=1e-9)
    for order_id in ("another-program's", "one-more"):
        short.updated(order_id, status="filled", filled=1)


def _market_data(metrics: tm.TradingMetrics) -> None:
    tm.track_market_data(symbol="s", timestamp=time.time(), stale_after=1e-9, metrics=metrics)(_returning(None))()


def _breaker_reset(metrics: tm.TradingMetrics) -> None:
    tm.track_circuit_breaker_reset(metrics=metrics)(_returning(None))()


def _fill_timer(metrics: tm.TradingMetrics) -> None:
    with tm.fill_timer("s", metrics=metrics):
        pass


def _training_timer(metrics: tm.TradingMetrics) -> None:
    with tm.training_timer("m", metrics=metrics) as timing:
        timing.accuracy = 0.9


def _request_timer(metrics: tm.TradingMetrics) -> None:
    with tm.request_timer("/orders", "POST", metrics=metrics):
        pass


def _stream(metrics: tm.TradingMetrics) -> None:
    connection = tm.track_connection(stream="orders", metrics=metrics)(lambda: (yield))
    metrics.connection = connection()  # type: ignore[attr-defined]
    next(metrics.connection)  # type: ignore[attr-defined]


def _cash(metrics: tm.TradingMetrics) -> None:
    for amount in (1.0, -1.0):
        tm.track_cash_flow(kind="funding", amount=amount, metrics=metrics)(_returning(None))()


def _sampler(metrics: tm.TradingMetrics) -> None:
    done = threading.Event()
    with tm.Sampler(interval=1e-3, metrics=metrics) as sampler:
        calls = iter([None, None])  # the first call has been recorded once the second one begins
        sampler.add(lambda: next(calls, done) and done.set())
        done.wait(5)


def _middleware(metrics: tm.TradingMetrics) -> None:
    async def application(scope: object, receive: object, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    async def nothing(*arguments: object) -> Any:
        return {}

    scope = {"type": "http", "method": "GET", "path": "/"}
    asyncio.run(MetricsMiddleware(application, metrics=metrics)(scope, nothing, nothing))


def _exporter(method: str, *calls: tuple[object, ...], **keywords: object) -> tuple[str, Probe]:
    def probe(metrics: tm.TradingMetrics) -> None:
        exporter = tm.MetricsExporter(metrics)
        for arguments in calls or ((),):
            getattr(exporter, method)(*arguments, **keywords)

    return f"[MetricsExporter.{method}][tradmetrics.MetricsExporter.{method}]", probe


def _decorator(name: str, answer: object, **sources: object) -> tuple[str, Probe]:
    def probe(metrics: tm.TradingMetrics) -> None:
        _call(getattr(tm, name)(metrics=metrics, **sources)(_returning(answer)))

    return _public(name), probe


def _public(name: str) -> str:
    return f"[{name}][tradmetrics.{name}]"


PROBES: Final[dict[str, Probe]] = dict(
    (
        (_public("track_order"), _orders),
        (_public("OrderTracker"), _tracker),
        (_public("fill_timer"), _fill_timer),
        (_public("track_trade"), _trades),
        (_public("StrategyStats"), _strategy_stats),
        (_public("track_market_data"), _market_data),
        _decorator("track_prediction", "buy", model="m"),
        _decorator("track_training", {"accuracy": 0.9}, model="m"),
        (_public("training_timer"), _training_timer),
        _decorator("track_request", None, endpoint="/orders", method="POST"),
        (_public("request_timer"), _request_timer),
        ("[MetricsMiddleware][tradmetrics.asgi.MetricsMiddleware]", _middleware),
        (
            _public("track_errors"),
            lambda metrics: _call(tm.track_errors(component="c", metrics=metrics)(_raising(ValueError()))),
        ),
        _decorator("track_circuit_breaker", None, reason="r"),
        (_public("track_circuit_breaker_reset"), _breaker_reset),
        _decorator("track_risk_check", False, limit_type="l"),
        _decorator("track_positions", [{"strategy": "s", "unrealized_pnl": 1.0}]),
        _decorator("track_pnl", {"daily": 1.0, "daily_pct": 1.0, "unrealized": 1.0, "realized": 1.0}),
        _decorator(
            "track_capital",
            dict.fromkeys(("total", "used", "available", "utilization", "margin_used", "margin_available"), 1.0),
        ),
        _decorator("track_market", {"vix": 1.0, "condition": "calm", "session_open": True}),
        _decorator(
            "track_strategy",
            {"win_rate": 0.5, "avg_pnl": 1.0, "sharpe_ratio": 1.0, "trades_today": 1},
            strategy="s",
        ),
        (_public("track_connection"), _stream),
        (_public("track_cash_flow"), _cash),
        (_public("heartbeat"), lambda metrics: tm.heartbeat("main", metrics=metrics)),
        (_public("Sampler"), _sampler),
        _exporter(
            "record_order",
            *(("s", "BUY", "LIMIT", status, 0.5, "r") for status in _STATUSES),
        ),
        _exporter("record_trade", ("s", "BUY", "filled", 1.0), ("s", "BUY", "filled", -1.0)),
        _exporter("record_cash_flow", ("funding", 1.0, "s"), ("funding", -1.0, "s")),
        _exporter("record_position_check", ("s", 1.0, 2.0)),
        _exporter("record_market_data_update", ("s", 1.0, 1e-9)),
        _exporter("record_ml_prediction", ("m", "buy")),
        _exporter("record_ml_training", (1.0, "m", 0.9)),
        _exporter("update_ml_accuracy", ("m", 0.9)),
        _exporter("record_api_request", ("/orders", "POST", 200, 0.1)),
        _exporter("record_system_error", ("c",)),
        _exporter("record_circuit_breaker_trigger", ("r",)),
        _exporter("update_circuit_breaker_metrics", (True,)),
        _exporter("record_risk_limit_breach", ("l",)),
        _exporter("update_position_metrics", ([{"strategy": "s", "unrealized_pnl": 1.0}],)),
        _exporter("update_pnl_metrics", daily=1.0, daily_pct=1.0, realized=1.0, unrealized=1.0),
        _exporter("update_capital_metrics", total=1.0, used=1.0, available=1.0, utilization=1.0),
        _exporter("update_margin_metrics", (1.0, 1.0)),
        _exporter("update_drawdown", (1.0,)),
        _exporter("update_market_metrics", (1.0, "calm")),
        _exporter("update_market_session", (True,)),
        _exporter("update_websocket_connections", (1,)),
        _exporter("update_strategy_metrics", ("s",), win_rate=0.5, avg_pnl=1.0, sharpe_ratio=1.0, trades_today=1),
    )
)
"""A call of every recorder, by its name as a link."""


def recorders() -> dict[str, list[str]]:
    """Return the recorders of each metric, as links, by the metric's name."""
    found: dict[str, list[str]] = {definition.name: [] for definition in catalogue.CATALOGUE}
    for name in _OF_THE_BOOK - {catalogue.SAMPLER_LAST_SUCCESS.name}:
        found[name].append(ALWAYS)
    found[catalogue.BUILD_INFO.name].append("[TradingMetrics(version=…)][tradmetrics.TradingMetrics]")
    for link, probe in PROBES.items():
        for name in _changed(link, probe):
            found[name].append(link)
    return found


def _changed(link: str, probe: Probe) -> Iterable[str]:
    stats = tm.StrategyStats() if "StrategyStats" in link else None
    metrics = tm.TradingMetrics(strategy_stats=stats)
    if "reset" in link:
        metrics.record(catalogue.CIRCUIT_BREAKER_ACTIVE, (), 1.0, site="docs")
    before = _samples(metrics)
    probe(metrics)
    after = _samples(metrics)
    names = {_metric(name) for (name, labels), value in after.items() if before.get((name, labels), 0.0) != value}
    if stats is not None:
        names -= {*_changed("", _trades), catalogue.CAPITAL_TOTAL.name}
    return [
        each.name
        for each in catalogue.CATALOGUE
        if each.name in names - _OF_THE_BOOK | (names & {catalogue.SAMPLER_LAST_SUCCESS.name})
    ]


def _samples(metrics: tm.TradingMetrics) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in metrics.registry.collect()
        for sample in family.samples
    }


def _metric(sample: str) -> str:
    definition: MetricDefinition | None = catalogue.BY_NAME.get(sample)
    return sample.rpartition("_")[0] if definition is None else definition.name
