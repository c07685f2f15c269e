"""`track_trade`: trades by outcome, and what they won or lost."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from http import HTTPStatus
from types import MappingProxyType, SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.recorded import errors, raising, recorded, sample
from tradmetrics import LabelSourceError, MetricsExporter, TradingMetrics, arg, get_metrics, result, track_trade
from tradmetrics.record.trades import PNL_WORDS

EXECUTED = "trading_trades_total s BUY executed"
PNL = "trading_trades_pnl_count s"
PROFIT = "trading_profit_total s"
LOSS = "trading_loss_total s"


@pytest.fixture
def metrics() -> TradingMetrics:
    """A metrics object of the test's own."""
    return TradingMetrics()


def closing_with(metrics: TradingMetrics, answer: object, **sources: Any) -> Callable[..., Any]:
    """A decorated `close(side)` that answers `answer`."""

    @track_trade(strategy="s", metrics=metrics, **sources)
    def close(side: object = "BUY") -> object:
        return answer

    return close


@pytest.mark.parametrize("answer", [None, {}, {"pnl": None, "status": None}, "the id", object()])
def test_a_trade_is_executed_unless_something_says_otherwise(metrics: TradingMetrics, answer: object) -> None:
    """Trades of functions that return nothing would have no status, or an error each."""
    close = closing_with(metrics, answer)
    for _ in range(3):
        close()
    assert {EXECUTED: 3} == recorded(metrics)


@pytest.mark.parametrize(
    ("pnl", "expected"),
    [
        (125.5, {PROFIT: 125.5}),
        (-40, {LOSS: 40}),
        (0, {}),
        (-0.0, {}),
        (Decimal("12.25"), {PROFIT: 12.25}),
        (Decimal("-12.25"), {LOSS: 12.25}),
        ("12.25", {PROFIT: 12.25}),
        (" -1e2 ", {LOSS: 100}),
        (Fraction(-1, 4), {LOSS: 0.25}),
        (5e-324, {PROFIT: 5e-324}),
    ],
)
def test_profit_and_loss_go_where_they_belong(metrics: TradingMetrics, pnl: object, expected: dict[str, float]) -> None:
    """What a strategy won and what it lost would be mixed, and no sum of either could be had."""
    closing_with(metrics, {"pnl": pnl})()
    assert {EXECUTED: 1, PNL: 1, **expected} == recorded(metrics)


def test_profit_and_loss_add_up_over_trades(metrics: TradingMetrics) -> None:
    """Later trades of the same strategy would be counted as the first one went."""
    results = iter([10, -4, 0, None, "2.5", -1, {"no": "number"}, 100, math.nan])

    @track_trade(strategy="s", pnl=result(), metrics=metrics)
    def close(side: str) -> Any:
        return next(results)

    for _ in range(9):
        close("BUY")
    assert {EXECUTED: 9, PNL: 6, PROFIT: 112.5, LOSS: 5} == {
        name: value for name, value in recorded(metrics).items() if name.startswith("trading_")
    }
    assert {("close", "value"): 2} == errors(metrics)


@pytest.mark.parametrize("pnl", [math.nan, math.inf, -math.inf, Decimal("NaN"), "inf", "a lot", [1], 1j, object()])
def test_a_pnl_that_is_no_number_is_a_counted_error_and_the_trade_still_counts(
    metrics: TradingMetrics, pnl: object
) -> None:
    """One NaN would make profit and loss useless for the life of the process."""
    closing_with(metrics, {"pnl": pnl})()
    assert {("close", "value"): 1} == errors(metrics)
    assert {EXECUTED: 1} == {name: value for name, value in recorded(metrics).items() if name.startswith("trading_")}


class Broken:
    """Something that refuses to be a number."""

    def __float__(self) -> float:
        raise RuntimeError("not today")


def test_a_pnl_that_raises_is_a_counted_error_too(metrics: TradingMetrics) -> None:
    """A broken money type would reach the caller as an exception from monitoring."""
    answer = {"pnl": Broken()}
    assert answer is closing_with(metrics, answer)()
    assert {("close", "value"): 1} == errors(metrics)
    assert 1 == recorded(metrics)[EXECUTED]


def test_pnl_buckets_reach_below_zero_and_have_no_sum(metrics: TradingMetrics) -> None:
    """Losses would all land in one bucket, and a sum that falls would look like a restart to Prometheus."""
    closing_with(metrics, {"pnl": -300})()
    closing_with(metrics, {"pnl": 30})()

    def below(bound: str) -> float | None:
        return sample(metrics, "trading_trades_pnl_bucket", strategy="s", le=bound)

    assert [0, 1, 1, 1, 2, 2] == [below(bound) for bound in ("-500.0", "-250.0", "0.0", "10.0", "50.0", "+Inf")]
    assert sample(metrics, "trading_trades_pnl_sum", strategy="s") is None


@pytest.mark.parametrize("word", PNL_WORDS)
@pytest.mark.parametrize("of", [dict, SimpleNamespace])
def test_the_pnl_goes_by_several_names(metrics: TradingMetrics, word: str, of: Any) -> None:
    """Brokers that call it otherwise would have no profit and no loss, and nothing would say so."""
    closing_with(metrics, of(**{word: -3}))()
    assert {EXECUTED: 1, PNL: 1, LOSS: 3} == recorded(metrics)


NUMBERS: dict[str, Any] = {
    "int": 3,
    "float": 3.0,
    "Decimal": Decimal("3.0"),
    "Fraction": Fraction(3),
}


@pytest.mark.parametrize("kind", NUMBERS)
def test_a_result_that_is_a_number_is_the_pnl(metrics: TradingMetrics, kind: str) -> None:
    """The plainest function of all, one that returns what it won, would record nothing."""
    closing_with(metrics, NUMBERS[kind])()
    assert {EXECUTED: 1, PNL: 1, PROFIT: 3} == recorded(metrics)


@pytest.mark.parametrize("answer", [True, False, "3", 3j, None, [3], HTTPStatus.OK])
def test_what_is_no_plain_number_is_no_pnl(metrics: TradingMetrics, answer: Any) -> None:
    """`return True` would be a profit of 1, and `return HTTPStatus.OK` one of 200."""
    closing_with(metrics, answer)()
    assert {EXECUTED: 1} == recorded(metrics)


def test_an_explicit_or_nearer_source_wins_over_the_result(metrics: TradingMetrics) -> None:
    """The id of an order, which is a number too, would be its P&L although the function says where that is."""

    @track_trade(strategy="s", pnl=arg("won"), metrics=metrics)
    def explicit(won: float | None, side: str = "BUY") -> int:
        return 1_000_001

    @track_trade(strategy="s", metrics=metrics)
    def nearer(trade: Any, side: str = "BUY") -> int:
        return 1_000_001

    explicit(2.0)
    explicit(None)
    nearer(SimpleNamespace(pnl=3.0))
    nearer({"realized_pnl": "4"})
    assert {EXECUTED: 4, PNL: 3, PROFIT: 9} == recorded(metrics)


@pytest.mark.parametrize("pnl", ["", " ", "-", "N/A", None])
def test_a_missing_pnl_is_no_error(metrics: TradingMetrics, pnl: Any) -> None:
    """OKX sends an empty text for each order that closed nothing."""
    closing_with(metrics, {"pnl": pnl})()
    assert {EXECUTED: 1} == recorded(metrics)


@pytest.mark.parametrize("answer", [None, {"status": "filled", "price": 101.5}, object()])
def test_twenty_trades_without_a_pnl_are_said_once(
    metrics: TradingMetrics, caplog: pytest.LogCaptureFixture, answer: Any
) -> None:
    """Profit, loss and win rate would stay empty, and nobody would know why."""
    close = closing_with(metrics, answer)
    for _ in range(19):
        close()
    assert "no P&L" not in caplog.text
    for _ in range(50):
        close()
    assert ["close: its first 20 trades have no P&L"] == [
        each.getMessage().partition("<locals>.")[2].partition(": neither")[0]
        for each in caplog.records
        if "P&L" in each.getMessage()
    ]
    assert "realized_pnl" in caplog.text
    assert "@track_trade(pnl=result('…'))" in caplog.text


def test_one_pnl_is_enough_to_say_nothing(metrics: TradingMetrics, caplog: pytest.LogCaptureFixture) -> None:
    """A bot that opens and closes in one function would be told that it has no P&L."""
    answers = iter([{"pnl": None}] * 10 + [{"pnl": 0.0}] + [{}] * 60)
    close = track_trade(strategy="s", metrics=metrics)(lambda: next(answers))
    for _ in range(71):
        close()
    assert "no P&L" not in caplog.text


def test_trades_that_failed_have_no_pnl_to_miss(metrics: TradingMetrics, caplog: pytest.LogCaptureFixture) -> None:
    """A broker that is down for a while would be a reason to change the code."""
    close = closing_with(metrics, {"status": "rejected"})
    for _ in range(30):
        close()
    failing = track_trade(strategy="s", metrics=metrics)(raising(ConnectionError()))
    for _ in range(30):
        with pytest.raises(ConnectionError):
            failing()
    assert "no P&L" not in caplog.text


def test_calls_and_decorators_record_the_same(metrics: TradingMetrics) -> None:
    """Code that moves from one to the other would change its numbers."""
    explicit = TradingMetrics()
    for pnl in (5, -2.5, 0, None, "1.5", "-", math.nan, "x"):
        closing_with(metrics, {"pnl": pnl})()
        MetricsExporter(explicit).record_trade("s", "BUY", "executed", pnl)
    ours, theirs = (
        {name: value for name, value in recorded(each).items() if name.startswith("trading_")}
        for each in (metrics, explicit)
    )
    assert ours == theirs
    assert list(errors(metrics).values()) == list(errors(explicit).values())


# ── status ───────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("status", ["filled", "FILLED", "rejected", "partially_filled", "executed", "Failed"])
def test_the_status_is_the_answers(metrics: TradingMetrics, status: str) -> None:
    """A trade that the broker refused would count as executed."""
    closing_with(metrics, {"status": status})()
    assert {f"trading_trades_total s BUY {status.lower()}": 1} == recorded(metrics)


def test_an_unknown_status_is_counted_and_recorded_as_unknown(metrics: TradingMetrics) -> None:
    """A broker's new word would go unnoticed."""
    closing_with(metrics, {"status": "wonderful"})()
    assert 1 == sample(metrics, "trading_trades_total", strategy="s", side="BUY", status="unknown")
    assert {("close", "vocabulary"): 1} == errors(metrics)


@pytest.mark.parametrize("exception", [ValueError("no"), ConnectionError(), TimeoutError(), StopIteration()])
def test_a_trade_that_raised_has_failed(metrics: TradingMetrics, exception: Exception) -> None:
    """Failed trades would count as executed, or not at all."""
    close = track_trade(strategy="s", side="BUY", metrics=metrics)(raising(exception))
    with pytest.raises(type(exception)) as caught:
        close()
    assert exception is caught.value
    assert {"trading_trades_total s BUY failed": 1} == recorded(metrics)


@pytest.mark.parametrize("exception", [asyncio.CancelledError(), KeyboardInterrupt(), SystemExit(), GeneratorExit()])
def test_a_trade_that_was_cut_off_is_unknown(metrics: TradingMetrics, exception: BaseException) -> None:
    """Stopping a bot would show as failed trades."""
    close = track_trade(strategy="s", side="BUY", metrics=metrics)(raising(exception))
    with pytest.raises(type(exception)):
        close()
    assert {"trading_trades_total s BUY unknown": 1} == recorded(metrics)


@pytest.mark.parametrize("sources", [{}, {"status": arg("status")}, {"status": "filled"}, {"status": lambda call: 1}])
def test_an_exception_wins_over_every_source_of_the_status(metrics: TradingMetrics, sources: Any) -> None:
    """A failed trade would count as what it was meant to become; also when such a trade went well before."""

    @track_trade(strategy="s", side="BUY", pnl=5, metrics=metrics, **sources)
    def close(status: str, fails: bool) -> None:
        if fails:
            raise ValueError

    for _ in range(2):
        close("filled", False)
        with pytest.raises(ValueError, match=r"^$"):
            close("filled", True)
    assert 2 == sample(metrics, "trading_trades_total", strategy="s", side="BUY", status="failed")
    assert 10 == recorded(metrics)[PROFIT]


# ── where labels and the P&L come from ───────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("kind", [SimpleNamespace, dict, lambda **values: MappingProxyType(values)])
def test_everything_is_read_from_the_trade(metrics: TradingMetrics, kind: Any) -> None:
    """The bare decorator would work on no callback that takes a trade."""

    @track_trade(metrics=metrics)
    def on_trade(trade: object) -> None:
        pass

    even = kind(strategy="s", side="buy")
    won = kind(strategy="s", side="buy", status="filled", pnl="7.5")
    for trade in (even, won, even, won):
        on_trade(trade)
    assert {
        EXECUTED: 2,
        "trading_trades_total s BUY filled": 2,
        PNL: 2,
        PROFIT: 15,
    } == recorded(metrics)


def test_with_two_subjects_the_first_that_has_a_value_counts(metrics: TradingMetrics) -> None:
    """A profit that only one of a callback's two objects knows would be lost once the other had been seen."""

    @track_trade(strategy="s", side="BUY", metrics=metrics)
    def on_trade(order: object, trade: object) -> None:
        pass

    for _ in range(2):
        on_trade({}, {})
        on_trade({}, {"pnl": 5})
        on_trade({"pnl": 2}, {"pnl": 5})
    assert {EXECUTED: 6, PNL: 4, PROFIT: 14} == recorded(metrics)


@pytest.mark.parametrize(
    ("source", "answer"),
    [
        (arg("gain"), None),
        (result("pnl"), {"pnl": 8.0}),
        (result("fills.1.pnl"), {"fills": [{"pnl": 1.0}, {"pnl": 8.0}]}),
        (result(), 8.0),
        (8, None),
        ("8", None),
        (lambda call: call.result * 2, 4.0),
        (lambda call: call.arguments["gain"], None),
    ],
)
def test_the_pnl_can_come_from_any_source(metrics: TradingMetrics, source: Any, answer: object) -> None:
    """Some functions' profits could not be recorded at all."""

    @track_trade(strategy="s", side="BUY", pnl=source, metrics=metrics)
    def close(gain: float) -> object:
        return answer

    for _ in range(2):
        close(8.0)
    assert {EXECUTED: 2, PNL: 2, PROFIT: 16} == recorded(metrics)


def test_a_source_of_the_pnl_that_fails_is_counted_and_the_trade_too(metrics: TradingMetrics) -> None:
    """A wrong path would go unnoticed, or take the trade with it."""
    closing_with(metrics, {"profit": 5}, pnl=result("pnl"))()
    assert 1 == recorded(metrics)[EXECUTED]
    assert {("close", "source"): 1} == errors(metrics)


def test_async_functions_and_methods_count_the_same(metrics: TradingMetrics) -> None:
    """An async bot would see other figures than a threaded one for the same trades."""

    class Bot:
        name = "s"

        @track_trade(strategy=arg("self.name"), metrics=metrics)
        async def close(self, side: str) -> dict[str, float]:
            await asyncio.sleep(0)
            return {"pnl": 3.0}

        @track_trade(strategy=arg("self.name"), metrics=metrics)
        def close_now(self, side: str) -> dict[str, float]:
            return {"pnl": -1.0}

    asyncio.run(Bot().close("BUY"))
    Bot().close_now("BUY")
    assert {EXECUTED: 2, PNL: 2, PROFIT: 3, LOSS: 1} == recorded(metrics)


def test_a_generators_trade_counts_at_its_end_with_what_it_returned(metrics: TradingMetrics) -> None:
    """A position closed in steps would count before its profit was known, or be executed although abandoned."""

    @track_trade(strategy="s", metrics=metrics)
    def close(side: str) -> Any:
        yield 1
        return {"pnl": 6}

    for _ in close("BUY"):
        assert {} == recorded(metrics)
    steps = close("BUY")
    next(steps)
    steps.close()
    assert {EXECUTED: 1, PNL: 1, PROFIT: 6, "trading_trades_total s BUY unknown": 1} == recorded(metrics)


def test_the_default_metrics_is_used_and_bare_works() -> None:
    """The shortest way to write the decorator would record nowhere."""

    @track_trade
    def close(strategy: str, side: str, pnl: float) -> None:
        pass

    close("s", "BUY", 1.5)
    assert {EXECUTED: 1, PNL: 1, PROFIT: 1.5} == recorded(get_metrics())


def test_a_strategy_without_a_source_fails_when_decorating() -> None:
    """All trades would count for a strategy called `unknown`."""
    with pytest.raises(LabelSourceError, match="'strategy' has no source"):
        track_trade(lambda side: None)


amounts = st.one_of(st.integers(-(10**6), 10**6), st.sampled_from([None, 0.25, -0.5, Decimal("-2.5"), "16", "0"]))


@given(st.lists(st.tuples(st.sampled_from("ab"), amounts, st.booleans())))
def test_profit_less_loss_is_what_the_trades_won(trades: list[tuple[str, Any, bool]]) -> None:
    """The money that the metrics show would not be the money that was made."""
    metrics = TradingMetrics(strict=True)

    @track_trade(side="BUY", pnl=result(), metrics=metrics)
    def close(strategy: str, pnl: Any, fails: bool) -> Any:
        if fails:
            raise ArithmeticError
        return pnl

    for strategy, pnl, fails in trades:
        if fails:
            with pytest.raises(ArithmeticError):
                close(strategy, pnl, fails)
        else:
            assert pnl is close(strategy, pnl, fails)
    counted = recorded(metrics)
    for strategy in "ab":
        done = [pnl for name, pnl, fails in trades if name == strategy and not fails]
        known = [float(pnl) for pnl in done if pnl is not None]
        assert len(done) == counted.get(f"trading_trades_total {strategy} BUY executed", 0)
        assert len(known) == counted.get(f"trading_trades_pnl_count {strategy}", 0)
        profit = counted.get(f"trading_profit_total {strategy}", 0.0)
        assert sum(known) == profit - counted.get(f"trading_loss_total {strategy}", 0.0)
    assert len(trades) == sum(value for name, value in counted.items() if name.startswith("trading_trades_total"))


def test_trades_without_end_cost_no_memory_without_end(
    metrics: TradingMetrics, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A bot of many trades would keep the id of each one; or a report that comes twice at once would count twice."""
    monkeypatch.setattr("tradmetrics.record.trades.MOST_TRADES", 3)
    exporter = MetricsExporter(metrics)
    for number in range(10):
        for _ in range(2):
            exporter.record_trade("s", "BUY", "executed", trade_id=str(number), pnl=1.0)
    assert 10 == recorded(metrics)[EXECUTED]
    exporter.record_trade("s", "BUY", "executed", trade_id="0", pnl=1.0)  # forgotten
    assert 11 == recorded(metrics)[EXECUTED]


def test_an_id_that_cannot_be_read_costs_no_trade() -> None:
    """A trade would be missing because its id is an object that fails."""

    class Broken:
        def __str__(self) -> str:
            raise RuntimeError("no text")

        __repr__ = __str__

    metrics = TradingMetrics()
    MetricsExporter(metrics).record_trade("s", "BUY", "executed", trade_id=Broken(), pnl=1.0)
    assert 1 == recorded(metrics)[EXECUTED]
    assert "label" in {stage for _, stage in errors(metrics)}
