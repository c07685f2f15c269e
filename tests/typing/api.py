"""What type checkers see of the public interface; checked, never run.

Right calls stand as a user would write them. Each wrong call carries the code of the error that mypy must find there:
`warn_unused_ignores`, part of `--strict`, reports those that have become right. pyright checks the same file with
`reportUnnecessaryTypeIgnoreComment`, so that a wrong call must be wrong to both.
"""

# pyright: strict, reportUnnecessaryTypeIgnoreComment=true
# ruff: noqa: D103 - the functions are there for their types alone

from __future__ import annotations

import functools
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Generator, Iterator
from enum import Enum
from typing import Any

from prometheus_client import CollectorRegistry
from typing_extensions import assert_type

from tradmetrics import (
    Call,
    Limits,
    MetricDefinition,
    MetricsExporter,
    OrderTracker,
    Sampler,
    StrategyStats,
    TradingMetrics,
    arg,
    configure,
    current_span,
    error,
    fill_timer,
    get_metrics,
    heartbeat,
    metrics_exporter,
    request_timer,
    result,
    start_metrics_server,
    track,
    track_capital,
    track_cash_flow,
    track_circuit_breaker,
    track_circuit_breaker_reset,
    track_connection,
    track_errors,
    track_market,
    track_market_data,
    track_order,
    track_pnl,
    track_positions,
    track_prediction,
    track_request,
    track_risk_check,
    track_strategy,
    track_trade,
    track_training,
    training_timer,
)

HEDGES = MetricDefinition("desk_hedges_total", "counter", "Hedges.", ("desk", ("side", ("BUY", "SELL"))))
orders = OrderTracker("s")


class Side(Enum):
    BUY = "BUY"


class Order:
    side: Side = Side.BUY


# ── the undecorated signature shows through every decorator, bare and called ─────────────────────────────────────


@track_order
def bare_order(strategy: str, side: str, size: int = 1) -> Order:
    return Order()


@track_order(strategy="s", side=arg("side"), status=result("status"), reason=error("code"), unknown_on=TimeoutError)
def order(side: str, size: int = 1) -> Order:
    return Order()


@track_trade
def bare_trade(strategy: str) -> float:
    return 0.0


@track_trade(strategy=Side.BUY, pnl=lambda call: call.result)
def trade(side: str) -> float:
    return 0.0


@track_market_data
def bare_data(symbol: str) -> None: ...


@track_market_data(symbol=arg("tick.symbol"), unit="ms", stale_after=5)
def data(tick: object) -> None: ...


@track_prediction
def bare_prediction(model: str) -> str:
    return ""


@track_prediction(model="m")
def prediction(features: list[float]) -> str:
    return ""


@track_training
def bare_training(model: str) -> float:
    return 0.0


@track_training(model="m", accuracy=result())
def training(history: list[float]) -> float:
    return 0.0


@track_request
def bare_request(endpoint: str) -> bytes:
    return b""


@track_request(endpoint="/x", method="GET")
def request(body: bytes) -> bytes:
    return body


@track_errors
def bare_errors(component: str) -> int:
    return 0


@track_errors(component="c", severity="critical")
def errors(n: int) -> int:
    return n


@track_circuit_breaker
def bare_trip(reason: str) -> bool:
    return True


@track_circuit_breaker(reason="r")
def trip(loss: float) -> bool:
    return True


@track_circuit_breaker_reset
def bare_reset() -> None: ...


@track_circuit_breaker_reset()
def reset(by: str) -> None: ...


@track_risk_check
def bare_check(limit_type: str) -> bool:
    return True


@track_risk_check(limit_type="l", breach=(ValueError, "LimitBreached"))
def check(size: int) -> bool:
    return True


@track_positions
def bare_positions() -> list[dict[str, float]]:
    return []


@track_positions(strategy="s", unrealized_pnl=result("pnl"), quantity=arg("account"))
def positions(account: str) -> list[dict[str, float]]:
    return []


@track_pnl
def bare_pnl() -> dict[str, float]:
    return {}


@track_pnl(daily=result("x"))
def pnl(account: str) -> dict[str, float]:
    return {}


@track_capital
def bare_capital() -> dict[str, float]:
    return {}


@track_capital(total=result("x"))
def capital(account: str) -> dict[str, float]:
    return {}


@track_market
def bare_market() -> dict[str, float]:
    return {}


@track_market(vix=result("x"))
def market(venue: str) -> dict[str, float]:
    return {}


@track_strategy
def bare_strategy() -> dict[str, float]:
    return {}


@track_strategy(strategy="s")
def strategy(name: str) -> dict[str, float]:
    return {}


@track_connection
def bare_connection(url: str) -> int:
    return 0


@track_connection(stream="orders")
def connection(url: str) -> int:
    return 0


@track_cash_flow
def bare_cash(kind: str, amount: float) -> int:
    return 0


@track_cash_flow(kind="funding", amount=arg("amount"), strategy="s", currency="USD")
def cash(amount: float) -> int:
    return 0


@track_trade(strategy="s", pnl=result("pnl"), currency="USD", fee=result("fee"), trade_id=arg("id"))
def trade_with_fee(id: str) -> dict[str, float]:
    return {}


@track(HEDGES, value=2.5, on="returned", desk="d", side=arg("side"))
def own(side: str) -> int:
    return 0


@track_order(strategy="s", exemplar=(arg("order_id"), {"desk": "delta"}, current_span))
def pointed(side: str, order_id: str) -> int:
    return 0


@track(HEDGES, desk="d", side="BUY", exemplar=lambda call: {"order_id": call.result})
def pointed_own() -> int:
    return 0


@orders.submit(exemplar={"order_id": arg("order.id")})
def pointed_submit(order: Order) -> None: ...


@fill_timer("s")
def fill(side: str) -> int:
    return 0


@training_timer("m")
def timed_training(side: str) -> int:
    return 0


@request_timer("/x", "GET")
def timed_request(side: str) -> int:
    return 0


@orders.submit(order_id=result("id"), side=arg("side"))
def submit(side: str) -> dict[str, str]:
    return {}


@orders.submit
def bare_submit(order_id: str) -> dict[str, str]:
    return {}


@orders.update(order_id=arg("message.id"))
def update(message: object) -> None: ...


assert_type(bare_order("s", "BUY", size=2), Order)
assert_type(order("BUY", 2), Order)
assert_type(bare_trade("s"), float)
assert_type(trade(side="BUY"), float)
assert_type(bare_prediction("m"), str)
assert_type(prediction([1.0]), str)
assert_type(bare_training("m"), float)
assert_type(training([1.0]), float)
assert_type(bare_request("/x"), bytes)
assert_type(request(b""), bytes)
assert_type(bare_errors("c"), int)
assert_type(errors(1), int)
assert_type(bare_trip("r"), bool)
assert_type(trip(1.0), bool)
assert_type(bare_check("l"), bool)
assert_type(check(1), bool)
assert_type(bare_positions(), list[dict[str, float]])
assert_type(positions("a"), list[dict[str, float]])
assert_type(bare_pnl(), dict[str, float])
assert_type(pnl("a"), dict[str, float])
assert_type(bare_capital(), dict[str, float])
assert_type(capital("a"), dict[str, float])
assert_type(bare_market(), dict[str, float])
assert_type(market("v"), dict[str, float])
assert_type(bare_strategy(), dict[str, float])
assert_type(strategy("n"), dict[str, float])
assert_type(bare_connection("u"), int)
assert_type(connection("u"), int)
assert_type(own("BUY"), int)
assert_type(fill("BUY"), int)
assert_type(timed_training("BUY"), int)
assert_type(timed_request("BUY"), int)
assert_type(submit("BUY"), dict[str, str])
assert_type(bare_submit("1"), dict[str, str])

bare_order("s")  # type: ignore[call-arg]
bare_order("s", 5)  # type: ignore[arg-type]
order("BUY", "many")  # type: ignore[arg-type]
order(direction="BUY")  # type: ignore[call-arg]
bare_trade()  # type: ignore[call-arg]
trade(5)  # type: ignore[arg-type]
bare_data(5)  # type: ignore[arg-type]
data()  # type: ignore[call-arg]
bare_prediction(5)  # type: ignore[arg-type]
prediction("features")  # type: ignore[arg-type]
bare_training(5)  # type: ignore[arg-type]
training(5)  # type: ignore[arg-type]
bare_request(5)  # type: ignore[arg-type]
request("text")  # type: ignore[arg-type]
bare_errors(5)  # type: ignore[arg-type]
errors("x")  # type: ignore[arg-type]
bare_trip(5)  # type: ignore[arg-type]
trip("x")  # type: ignore[arg-type]
bare_reset(5)  # type: ignore[call-arg]
reset(5)  # type: ignore[arg-type]
bare_check(5)  # type: ignore[arg-type]
check("x")  # type: ignore[arg-type]
bare_positions(5)  # type: ignore[call-arg]
positions(5)  # type: ignore[arg-type]
bare_pnl(5)  # type: ignore[call-arg]
pnl(5)  # type: ignore[arg-type]
bare_capital(5)  # type: ignore[call-arg]
capital(5)  # type: ignore[arg-type]
bare_market(5)  # type: ignore[call-arg]
market(5)  # type: ignore[arg-type]
bare_strategy(5)  # type: ignore[call-arg]
strategy(5)  # type: ignore[arg-type]
bare_connection(5)  # type: ignore[arg-type]
connection(5)  # type: ignore[arg-type]
own(5)  # type: ignore[arg-type]
fill(5)  # type: ignore[arg-type]
timed_training(5)  # type: ignore[arg-type]
timed_request(5)  # type: ignore[arg-type]
submit(5)  # type: ignore[arg-type]
bare_submit(5)  # type: ignore[arg-type]
update()  # type: ignore[call-arg]


# ── every kind of callable ───────────────────────────────────────────────────────────────────────────────────────


@track_order(strategy="s")
async def later(side: str) -> Order:
    return Order()


@track_order(strategy="s")
def steps(side: str) -> Generator[str, int, Order]:
    received = yield "sent"
    assert_type(received, int)
    return Order()


@track_order(strategy="s")
async def stream(side: str) -> AsyncIterator[str]:
    yield "sent"


@track_order(strategy="s")
def promise(side: str) -> Awaitable[Order]:
    return later(side)


class Bot:
    name = "s"

    @track_order(strategy=arg("self.name"))
    def place(self, side: str) -> Order:
        return Order()

    @track_order(strategy=arg("self.name"))
    async def place_later(self, side: str) -> Order:
        return Order()

    @classmethod
    @track_order(strategy=arg("cls.name"))
    def by_class(cls, side: str) -> Order:
        return Order()

    @staticmethod
    @track_order(strategy="s")
    def by_nothing(side: str) -> Order:
        return Order()

    @track_order(strategy=arg("cls.name"))
    @classmethod
    def by_class_too(cls, side: str) -> Order:
        return Order()

    @track_order(strategy="s")
    @staticmethod
    def by_nothing_too(side: str) -> Order:
        return Order()

    @property
    @track_capital
    def account(self) -> dict[str, float]:
        return {}

    @fill_timer("s")
    def wait(self, side: str) -> float:
        return 0.0


class Placer:
    def __call__(self, side: str) -> Order:
        return Order()


async def main() -> None:
    coroutine: Coroutine[Any, Any, Order] = later("BUY")
    await coroutine
    assert_type(await later("BUY"), Order)
    assert_type(steps("BUY"), Generator[str, int, Order])
    assert_type(stream("BUY"), AsyncIterator[str])
    assert_type(await promise("BUY"), Order)
    assert_type(await Bot().place_later("BUY"), Order)
    await later(5)  # type: ignore[arg-type]
    await Bot().place_later()  # type: ignore[call-arg]
    async with fill_timer("s") as timing, track_connection(), track_errors(component="c"):
        assert_type(timing.seconds, float)
    async with Sampler(5.0) as sampler:
        assert_type(sampler, Sampler)


bot = Bot()
assert_type(bot.place("BUY"), Order)
assert_type(Bot.by_class("BUY"), Order)
assert_type(bot.by_nothing("BUY"), Order)
assert_type(bot.account, dict[str, float])
assert_type(bot.wait("BUY"), float)
assert_type(Bot.by_class_too("BUY"), Order)
assert_type(bot.by_nothing_too("BUY"), Order)
bot.place(5)  # type: ignore[arg-type]
bot.place("BUY", "LIMIT")  # type: ignore[call-arg]
Bot.by_class(5)  # type: ignore[arg-type]
bot.by_nothing()  # type: ignore[call-arg]

assert_type(track_order(strategy="s")(Placer())("BUY"), Order)
assert_type(track_order(strategy="s")(functools.partial(order, "BUY"))(), Order)
assert_type(track_order(strategy="s")(lambda: 5)(), int)
track_order(strategy="s")(Placer())(5)  # type: ignore[arg-type]


def takes_callback(callback: Callable[[str], Order]) -> None: ...


takes_callback(order)
takes_callback(bot.place)
takes_callback(trade)  # type: ignore[arg-type]


# ── wrong decorations ────────────────────────────────────────────────────────────────────────────────────────────

track_order("gamma_scalping")  # type: ignore[call-overload]
track_order(stratgey="s")  # type: ignore[call-overload]
track_order(strategy=["s"])  # type: ignore[call-overload]
track_order(strategy=lambda: "s")  # type: ignore[arg-type]
track_trade(strategy="s", metrics="mine")  # type: ignore[call-overload]
track_market_data(symbol="s", unit="hours")  # type: ignore[call-overload]
track_market_data(symbol="s", stale_after="5")  # type: ignore[call-overload]
track_risk_check(breach=5)  # type: ignore[call-overload]
track_circuit_breaker("max_daily_loss")  # type: ignore[call-overload]
track(HEDGES, on="done", desk="d")  # type: ignore[arg-type]
track("desk_hedges_total")  # type: ignore[arg-type]
track(HEDGES, desk=["d"])  # type: ignore[arg-type]
arg()  # type: ignore[call-arg]
arg(5)  # type: ignore[arg-type]
fill_timer()  # type: ignore[call-arg]
fill_timer("s", metrics="mine")  # type: ignore[arg-type]
seconds = Bot().place.seconds  # type: ignore[attr-defined]


# ── context managers ─────────────────────────────────────────────────────────────────────────────────────────────

with fill_timer("s") as fill_timing:
    assert_type(fill_timing.seconds, float)
    fill_timing.discard()
    fill_timing.accuracy = 0.5  # type: ignore[attr-defined]
with training_timer("m") as training_timing:
    training_timing.accuracy = 0.93
with request_timer("/x") as request_timing:
    request_timing.status = 200
with track_errors(component="c"), track_connection():
    pass


def after_the_block() -> int:
    # An exception goes through each of these, so what follows a returning block cannot be reached.
    with fill_timer("s"), track_errors(component="c"), track_connection():
        return 5


# ── metrics objects, sources, explicit calls ─────────────────────────────────────────────────────────────────────────

metrics = TradingMetrics(
    CollectorRegistry(),
    limits=Limits(labels={"symbol": 10, ("trading_orders_submitted_total", "strategy"): 5}, allow={"strategy": ["s"]}),
    buckets={"trading_trades_pnl": (-1, 0, 1)},
    strategy_stats=StrategyStats("09:15", "Asia/Kolkata"),
    labels={"venue": "kraken"},
    currency="USD",
    convert=lambda amount, source, target: amount,
    version="a1b2c3d",
    strict=True,
)
heartbeat("main", metrics=metrics)
track_connection(stream=5)  # type: ignore[call-overload]
TradingMetrics(labels={"venue": 5})  # type: ignore[dict-item]
TradingMetrics(convert="x")  # type: ignore[arg-type]
assert_type(configure(limits={"symbol": 10}, force=True), TradingMetrics)
assert_type(get_metrics().registry, CollectorRegistry)
assert_type(metrics.is_stale("NIFTY"), bool)
TradingMetrics(limits={"symbol": "many"})  # type: ignore[dict-item]
TradingMetrics(enabled="yes")  # type: ignore[arg-type]
configure(strickt=True)  # type: ignore[call-arg]
StrategyStats(timezone=5)  # type: ignore[arg-type]
MetricDefinition("x", "summary", "X.")  # type: ignore[arg-type]
MetricDefinition("x", "gauge")  # type: ignore[call-arg]


def by_hand(call: Call) -> str:
    assert_type(call.seconds, float)
    assert_type(call.exception, BaseException | None)
    return str(call.arguments["side"])


track_order(strategy=by_hand)(order)
metrics_exporter.record_order("s", "BUY", "LIMIT", "filled", fill_time=0.75)
MetricsExporter(metrics).update_pnl_metrics(daily=1.0, daily_pct=0.1)
metrics_exporter.record_order("s", "BUY")  # type: ignore[call-arg]
metrics_exporter.record_trade("s", "BUY", "filled", profit=5)  # type: ignore[call-arg]
metrics_exporter.record_trade("s", "BUY", "filled", 5, currency="USD", fee=1, trade_id="e1")
metrics_exporter.record_cash_flow("funding", -3.2, strategy="s", currency="USD")
metrics_exporter.record_cash_flow("funding")  # type: ignore[call-arg]
metrics_exporter.record_position_check("NIFTY", expected=50, actual=25)
MetricsExporter(metrics).update_capital_metrics(total=1.0, currency="USD", account="main")
orders.submitted("1", side="BUY", quantity=5)
orders.submitted("1", "BUY")  # type: ignore[call-arg]
assert_type(orders.open_orders(), int)

with Sampler(5.0) as running:

    @running.add
    def account() -> dict[str, float]:
        return {}

    assert_type(account(), dict[str, float])
    running.add(order)  # type: ignore[type-var]

with start_metrics_server(0) as server:
    assert_type(server.port, int)
    assert_type(server.url, str)


def iterate() -> Iterator[str]:
    yield from steps("BUY")
