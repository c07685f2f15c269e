"""`tradmetrics check`: what it lists, what it counts, what it flags, and how it ends."""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.budget_kit import unlogged, values_of
from tradmetrics import (
    Limits,
    MetricDefinition,
    OrderTracker,
    TradingMetrics,
    arg,
    configure,
    error,
    result,
    track,
    track_errors,
    track_order,
    track_request,
    underlying,
)
from tradmetrics.capture.wrapping import CALL_SITES_ATTRIBUTE
from tradmetrics.catalogue import ORDERS_SUBMITTED
from tradmetrics.check.count import report_on, worst_case
from tradmetrics.check.flags import IDENTIFIER, MEANINGS, OVER_BUDGET, UNBOUNDED, UNSOURCED, flags_of
from tradmetrics.check.report import Report

pytest.importorskip("typer", reason="the extra [cli] is not installed")

if TYPE_CHECKING:
    from typer.testing import Result

Run: TypeAlias = "Callable[..., Result]"

BOT = '''
    """A bot."""

    from __future__ import annotations

    import functools
    from enum import Enum
    from typing import Literal

    from tradmetrics import arg, result, track_errors, track_order, track_positions, track_request, track_trade

    print("the bot says hello")


    class Side(Enum):
        BUY = "buy"
        SELL = "sell"


    @track_order(strategy="gamma_scalping")
    def place(side: Side, order_type: Literal["MARKET", "LIMIT"]): ...


    class Base:
        @track_request(endpoint="/orders", method="post", status="sent")
        def send(self): ...


    class Bot(Base):
        class Inner:
            @track_errors(component="inner")
            def run(self): ...

        @classmethod
        @track_trade(strategy="gamma_scalping", side=arg("side"), status="executed")
        def close(cls, side: Side): ...

        @staticmethod
        @track_positions
        def positions(): ...

        @property
        @track_errors(component="state")
        def state(self): ...


    partly = functools.partial(place, Side.BUY)
'''
BAD = """
    from tradmetrics import arg, track_trade


    @track_trade(strategy=arg("order_id"), status="executed")
    def close(order_id, side): ...
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with the modules `bot`, `bad`, `plain`, `broken` and `leaving`, and the package `desk`."""
    for name, text in {
        "bot.py": BOT,
        "bad.py": BAD,
        "plain.py": "x = 1\n",
        "broken.py": "raise RuntimeError('no such broker')\n",
        "leaving.py": "raise SystemExit(0)\n",
        "desk/__init__.py": "from desk import orders\n",
        "desk/orders.py": BAD.replace("close", "close_at_desk"),
        "desk/unused.py": "raise RuntimeError('must not be imported')\n",
    }.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(textwrap.dedent(text))
    return tmp_path


@pytest.fixture
def run(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Run]:
    """Run `tradmetrics check …` in that folder."""
    from typer.testing import CliRunner

    from tradmetrics.cli import build

    monkeypatch.chdir(folder)
    monkeypatch.setattr(sys, "path", [*sys.path])
    before = set(sys.modules)

    def run(*arguments: str) -> Result:
        environment = {"COLUMNS": "160", "NO_COLOR": "1", "TERM": "dumb"}
        return CliRunner().invoke(build(), ["check", *arguments], env=environment, prog_name="tradmetrics")

    yield run
    for name in set(sys.modules) - before:
        if name.split(".")[0] in ("bot", "bad", "plain", "desk"):
            del sys.modules[name]


def listed(answer: Result) -> dict[tuple[str, str], dict[str, Any]]:
    """The functions of a JSON report by name and decorator."""
    assert answer.exit_code in (0, 1), answer.stderr
    return {(each["name"], each["decorator"]): each for each in json.loads(answer.stdout)["functions"]}


# ── what is listed ───────────────────────────────────────────────────────────────────────────────────────────────


def test_every_decorated_function_is_listed(run: Run) -> None:
    """A function that is not listed is not counted, and what it adds is no part of the total."""
    assert {
        ("bot.place", "track_order"),
        ("bot.Base.send", "track_request"),
        ("bot.Bot.Inner.run", "track_errors"),
        ("bot.Bot.close", "track_trade"),
        ("bot.Bot.positions", "track_positions"),
        ("bot.Bot.state", "track_errors"),
    } == set(listed(run("bot", "--json")))


@pytest.mark.parametrize(
    ("target", "names"),
    [
        ("bot:place", {"bot.place"}),
        ("bot:partly", {"bot.place"}),
        ("bot:Bot.close", {"bot.Bot.close"}),
        ("bot:Bot.Inner", {"bot.Bot.Inner.run"}),
        ("bot:Base", {"bot.Base.send"}),
        ("bot:Side", set()),
        ("plain", set()),
        ("desk", {"desk.orders.close_at_desk"}),
        ("desk.orders", {"desk.orders.close_at_desk"}),
    ],
)
def test_a_target_may_be_a_part_of_a_module(run: Run, target: str, names: set[str]) -> None:
    """A large bot could only be checked as a whole, or its package not at all."""
    answer = run(target, "--json")
    assert (0, names) == (answer.exit_code, {name for name, _ in listed(answer)})


def test_what_is_named_twice_counts_once(run: Run) -> None:
    """The total would depend on how the modules are named."""
    once, twice = run("bot", "--json"), run("bot:place", "bot", "bot:Bot", "--json")
    assert len(listed(once)) == len(json.loads(twice.stdout)["functions"])
    assert json.loads(once.stdout)["total"] == json.loads(twice.stdout)["total"]


def test_the_json_has_the_documented_shape(run: Run) -> None:
    """Scripts in CI that read it would break."""
    report = json.loads(run("bot:place", "--json").stdout)
    (function,) = report["functions"]
    assert ("bot.place", "track_order") == (function["name"], function["decorator"])
    labels = {each.pop("name"): each for each in function["labels"]}
    assert {"strategy", "side", "order_type", "reason"} == set(labels)
    assert {"source": "'gamma_scalping'", "domain": ["gamma_scalping"], "budget": 50, "flags": []} == labels["strategy"]
    assert {"source": "arg('side')", "domain": ["BUY", "SELL"], "budget": None, "flags": []} == labels["side"]
    assert ["MARKET", "LIMIT"] == labels["order_type"]["domain"]
    assert {"source": "result('reason')", "domain": None, "budget": 50, "flags": []} == labels["reason"]
    counts = {each["name"]: each["worst_case_series"] for each in function["metrics"]}
    assert {
        "trading_orders_submitted_total": 4,
        "trading_orders_filled_total": 2,
        "trading_order_fill_time_seconds": 1,
        "trading_orders_rejected_total": 52,
        "trading_orders_cancelled_total": 52,
        "trading_orders_unknown_total": 52,
    } == counts
    samples = {each["name"]: each["worst_case_samples"] for each in report["metrics"]}
    assert (4, 16 + 3) == (samples["trading_orders_submitted_total"], samples["trading_order_fill_time_seconds"])
    assert 163 == report["total"] == function["total"] == sum(counts.values())
    assert counts == {each["name"]: each["worst_case_series"] for each in report["metrics"]}


def test_the_text_says_it_all(run: Run) -> None:
    """Whoever reads it would not see which label is at fault, or by how much."""
    answer = run("bot", "bad")
    assert 0 == answer.exit_code
    for text in (
        "bot.place  @track_order",
        "gamma_scalping",
        "BUY, SELL",
        "MARKET, LIMIT",
        "not known, at most 50",
        "! strategy=arg('order_id') looks like an identifier",
        "156 × trading_trades_total",
        "set by @track_positions",
        "1 flag",
    ):
        assert text in answer.stdout, answer.stdout
    assert "series of 10 allowed" in run("bot", "--max-series", "10").stdout
    assert "No decorated function there" in run("plain").stdout


def test_a_target_without_anything_decorated_is_named(run: Run) -> None:
    """A typing error in the name of a module, or a forgotten decorator, would look as if all were well."""
    said = "tradmetrics check: plain: no decorated function there, in what importing it loads"
    for arguments in (["plain"], ["bot", "plain"], ["plain", "bot", "--json"]):
        answer = run(*arguments)
        assert 0 == answer.exit_code
        assert [said] == [line for line in answer.stderr.splitlines() if line.startswith("tradmetrics")]
    assert said not in run("bot").stderr


def in_a_process(folder: Path, environment: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run `python -m tradmetrics check …` in a folder."""
    command = [sys.executable, "-m", "tradmetrics", "check", *arguments]
    return subprocess.run(command, env=environment, cwd=folder, capture_output=True, text=True, timeout=60)


def test_what_modules_print_stays_out_of_the_report(folder: Path, child_environment: dict[str, str]) -> None:
    """One print in a module would make the JSON unreadable; and modules must be found in the current folder."""
    answer = in_a_process(folder, child_environment, "bot", "bad", "--json", "--strict")
    assert (1, "the bot says hello\n") == (answer.returncode, answer.stderr)
    assert 7 == len(json.loads(answer.stdout)["functions"])


# ── how it ends ──────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        (["bot"], 0),
        (["bot", "--strict"], 0),
        (["bad"], 0),
        (["bad", "--strict"], 1),
        (["bot:place", "--max-series", "163"], 0),
        (["bot:place", "--max-series", "162"], 1),
        (["bot:Side", "--max-series", "0"], 0),
        (["bad", "--strict", "--max-series", "100000"], 1),
        (["bad", "--strict", "--json"], 1),
        (["broken"], 2),
        (["leaving"], 2),
        (["nowhere"], 2),
        (["bot", "nowhere"], 2),
        (["bot:plcae"], 2),
        (["bot:Bot.plcae"], 2),
        ([""], 2),
        ([":place"], 2),
        ([".bot"], 2),
        (["bot.py"], 2),
        (["./bot.py"], 2),
        (["desk/"], 2),
        (["plain"], 0),
        (["plain", "--strict"], 1),
        (["bot", "plain", "--strict"], 1),
        ([], 2),
        (["bot", "--max-series", "-1"], 2),
        (["bot", "--max-series", "many"], 2),
    ],
)
def test_the_exit_status(run: Run, arguments: list[str], status: int) -> None:
    """CI would let through what it should stop, or stop what is fine."""
    answer = run(*arguments)
    assert status == answer.exit_code, answer.stdout + answer.stderr
    assert "Traceback" not in answer.stderr


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("broken", "broken cannot be imported: RuntimeError: no such broker"),
        ("leaving", "leaving cannot be imported: SystemExit: 0"),
        ("nowhere", "nowhere cannot be imported: ModuleNotFoundError: No module named 'nowhere'"),
        ("bot:plcae", "bot:plcae: there is no 'plcae'; did you mean 'place'?"),
        ("bot.py", "bot.py is a file; write the module, bot"),
        ("./bot.py:place", "./bot.py:place is a file; write the module, bot:place"),
        ("desk/orders.py", "desk/orders.py is a file; write the module, desk.orders"),
        ("desk/", "desk/ is a file; write the module, desk"),
        ("desk/__init__.py", "desk/__init__.py is a file; write the module, desk"),
        ("./", "./ is a file; write the module, its name"),
        ("bot:Bot.clsoe", "bot:Bot.clsoe: there is no 'clsoe'; did you mean 'close'?"),
    ],
)
def test_what_cannot_be_imported_is_said_in_a_line(run: Run, target: str, expected: str) -> None:
    """A traceback through importlib would hide which of the modules it was, and why."""
    assert f"tradmetrics check: {expected}" in run(target).stderr.splitlines()


PLACE = "@track_order(strategy='s')\n{}def place(side):\n    open('ran', 'w')\n"
RUNNING = {
    "a decorated function": PLACE.format("") + "place('BUY')",
    "a coroutine": "import asyncio\n" + PLACE.format("async ") + "asyncio.run(place('BUY'))",
    "a class method": "class Bot:\n"
    + textwrap.indent("@classmethod\n" + PLACE.format(""), "    ").replace("(side", "(cls, side")
    + "Bot.place('BUY')",
    "a thread": "import threading\n" + PLACE.format("") + "worker = threading.Thread(target=place, args=('BUY',))\n"
    "worker.start()\nworker.join()",
    "the server": "import tradmetrics\ntradmetrics.start_metrics_server(port=0)\nopen('ran', 'w')",
    "a connection": "import socket\ntry:\n    socket.create_connection(('127.0.0.1', 9))\n"
    "except OSError:\n    open('ran', 'w')",
    "a loop": "import time\nwhile True:\n    time.sleep(0.01)",
}


@pytest.mark.parametrize("what", RUNNING)
def test_a_bot_without_a_guard_is_not_run(folder: Path, run: Run, what: str) -> None:
    """`check` would trade until a person kills it."""
    source = "from tradmetrics import track_order\n" + RUNNING[what] + "\n"
    (folder / "unguarded.py").write_text(source, encoding="utf-8")
    answer = run("unguarded", "--seconds", "2" if what == "a loop" else "20")
    assert 2 == answer.exit_code
    assert not (folder / "ran").exists()
    assert "if __name__ ==" in answer.stderr
    assert what == "a thread" or "unguarded.py line " in answer.stderr


def test_a_module_that_ends_python_is_named(folder: Path, run: Run) -> None:
    """The report would be empty, and the reason unknown."""
    (folder / "ending.py").write_text("import os\nos._exit(3)\n", encoding="utf-8")
    answer = run("ending")
    assert 2 == answer.exit_code
    assert "the import of ending ended Python itself, with status 3" in answer.stderr


def test_disabled_metrics_are_said(folder: Path, child_environment: dict[str, str]) -> None:
    """With TRADMETRICS_DISABLED=1 nothing is decorated, and everything would seem to be fine."""
    answer = in_a_process(folder, {**child_environment, "TRADMETRICS_DISABLED": "1"}, "bad", "--strict")
    assert (2, True) == (answer.returncode, "TRADMETRICS_DISABLED=1 is set" in answer.stderr)


# ── flags ────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("source", "flags"),
    [
        (arg("order_id"), (IDENTIFIER,)),
        (arg("orderId"), (IDENTIFIER,)),
        (arg("orderid"), (IDENTIFIER,)),
        (arg("id"), (IDENTIFIER,)),
        (arg("order.id"), (IDENTIFIER,)),
        (arg("order.client_order_id"), (IDENTIFIER,)),
        (arg("uuid"), (IDENTIFIER,)),
        (arg("trade_uuid"), (IDENTIFIER,)),
        (arg("timestamp"), (IDENTIFIER,)),
        (arg("created_at"), (IDENTIFIER,)),
        (arg("exchange_ts"), (IDENTIFIER,)),
        (arg("limit_price"), (IDENTIFIER,)),
        (result("info.order_id"), (IDENTIFIER,)),
        (underlying(arg("order_id")), (IDENTIFIER,)),
        *((arg(name), (IDENTIFIER,)) for name in ("txid", "order_no", "order_number", "orderRef", "ticket", "now")),
        *((arg(name), (IDENTIFIER,)) for name in ("idempotency_key", "message", "msg", "client_reference")),
        (result("info.message"), (IDENTIFIER,)),
        (error(), (IDENTIFIER,)),
        (error("message"), (IDENTIFIER,)),
        (error("args.0"), (IDENTIFIER,)),
        (underlying(error()), (IDENTIFIER,)),
        (error("code"), ()),
        (arg("message.side"), ()),
        (arg("key"), ()),
        (arg("number"), ()),
        (arg("api_key"), ()),
        (arg("strategy_no"), ()),
        (arg("strategy"), ()),
        (arg("strategy_id"), ()),
        (arg("strategy.id"), ()),
        (arg("bid"), ()),
        (arg("paid"), ()),
        (arg("side"), ()),
        (arg("status"), ()),
        (result(), ()),
        ("order_id", ()),
        (lambda call: call.arguments["order_id"], ()),
        (None, ()),
    ],
)
def test_labels_read_from_identifiers_are_flagged(source: Any, flags: tuple[str, ...]) -> None:
    """An order id as a label would pass the review; or a good label would fail CI."""
    assert flags == flags_of("strategy", source, None, None, 50)


SILENT = """
    from tradmetrics import track_order, track_trade


    @track_order(strategy="momentum")
    def buy(qty: int) -> None: ...


    @track_trade(strategy="momentum", side="BUY")
    def close_position(qty: int) -> float: ...


    @track_trade(strategy="momentum", side="BUY")
    def close_silently(qty: int) -> None: ...
"""


def test_a_label_or_a_pnl_that_nothing_can_yield_is_flagged(folder: Path, run: Run) -> None:
    """Sides would read unknown, and P&L panels stay empty, for as long as the bot runs."""
    (folder / "silent.py").write_text(textwrap.dedent(SILENT), encoding="utf-8")
    functions = {name.partition(".")[2]: each for (name, _), each in listed(run("silent", "--json")).items()}
    flagged = {
        (name, each["name"])
        for name, function in functions.items()
        for each in (*function["labels"], *function["values"])
        if UNSOURCED in each["flags"]
    }
    assert {("buy", "side"), ("buy", "order_type"), ("close_silently", "pnl")} == flagged
    assert 1 == run("silent", "--strict").exit_code
    assert 0 == run("silent:close_position", "--strict").exit_code


def test_a_component_and_an_address_are_not_flagged() -> None:
    """The plainest use of two decorators would fail `--strict`: a bare `@track_errors`, and an endpoint from a URL."""

    @track_errors
    def rebalance() -> None: ...

    @track_request(endpoint=arg("url"), method="GET")
    def get(url: str) -> int:
        return 200

    labels = {label.name: label for function in report(rebalance, get).functions for label in function.labels}
    assert not any(label.flags for label in labels.values())
    place = f"{__name__}.{rebalance.__qualname__}".rpartition(".")[0].replace(".<locals>", "")
    assert (place,) == labels["component"].domain


def test_known_values_are_not_flagged_unless_there_are_too_many() -> None:
    """A label with three values would be flagged because of its parameter's name."""
    assert () == flags_of("strategy", arg("order_id"), str, ("a", "b", "unknown"), 2)
    assert (OVER_BUDGET,) == flags_of("strategy", arg("order_id"), str, ("a", "b", "c"), 2)
    assert {IDENTIFIER, UNBOUNDED, OVER_BUDGET, UNSOURCED} == set(MEANINGS)


@pytest.mark.parametrize(("annotation", "flags"), [(float, (UNBOUNDED,)), (str, ()), (int, ()), (None, ())])
def test_types_without_end_of_values_are_flagged(annotation: Any, flags: tuple[str, ...]) -> None:
    """A price as a label would pass, whatever its parameter is called."""
    assert flags == flags_of("strategy", arg("level"), annotation, None, 50)


# ── what is counted ──────────────────────────────────────────────────────────────────────────────────────────────


def report(*functions: Any) -> Report:
    """The report on decorated functions."""
    return report_on([site for function in functions for site in getattr(function, CALL_SITES_ATTRIBUTE)])


def test_functions_of_one_metric_do_not_add_up_past_what_is_possible() -> None:
    """Ten functions of one strategy would count ten times, and every limit would be too small."""

    def make() -> Any:
        @track_order(strategy="gamma", side="BUY", order_type="LIMIT")
        def place() -> None: ...

        return place

    one, ten = report(make()), report(*(make() for _ in range(10)))
    assert one.metrics == ten.metrics
    assert one.total == ten.total < sum(each.total for each in ten.functions)


def series(*functions: Any) -> dict[str, int]:
    """The series of each metric of decorated functions."""
    return {each.name: each.worst_case_series for each in report(*functions).metrics}


def of_tracker(orders: OrderTracker, **sources: Any) -> tuple[Any, Any]:
    """A submit and an update of a tracker."""

    @orders.submit(order_id=arg("order_id"), side=arg("side"), order_type=arg("order_type"), **sources)
    def place(order_id: str, side: str, order_type: str) -> None: ...

    @orders.update
    def on_update(order_id: str, status: str) -> None: ...

    return place, on_update


@pytest.mark.parametrize(
    ("own", "sources", "submitted", "filled"),
    [
        ("gamma", {}, 1, 1),
        (None, {}, 1, 1),
        ("gamma", {"strategy": "theta"}, 1, 1),
        ("gamma", {"strategy": arg("side")}, 52, 52),
        ("gamma", {"strategy": lambda call: "theta"}, 52, 52),
    ],
)
def test_a_tracker_knows_its_strategy(own: str | None, sources: Any, submitted: int, filled: int) -> None:
    """Every tracker would seem to have fifty strategies, and its worst case to be fifty times as bad."""
    place, on_update = of_tracker(OrderTracker(own), **sources)
    assert submitted * 3 * 7 == series(place)["trading_orders_submitted_total"]
    for functions in ((place, on_update), (on_update,)):
        counts = series(*functions)
        assert filled * 3 == counts["trading_orders_filled_total"]
        assert filled == counts["trading_order_fill_time_seconds"]


def test_the_strategies_of_a_trackers_submits_add_up() -> None:
    """A second strategy on the same tracker would not count."""
    orders = OrderTracker("gamma")
    _, on_update = of_tracker(orders)
    of_tracker(orders, strategy="theta")
    assert 2 * 3 == series(on_update)["trading_orders_filled_total"]


def test_where_a_trackers_strategy_comes_from_is_said() -> None:
    """It would read as `none`, and somebody would write it once more."""
    (function,) = report(of_tracker(OrderTracker("gamma"))[0]).functions
    assert {"OrderTracker(strategy='gamma')"} == {each.source for each in function.labels if each.name == "strategy"}


def test_functions_of_different_values_add_up() -> None:
    """Two strategies would count as one."""

    def make(strategy: str) -> Any:
        @track_order(strategy=strategy, side="BUY", order_type="LIMIT")
        def place() -> None: ...

        return place

    counts = {each.name: each.worst_case_series for each in report(make("a"), make("b")).metrics}
    assert 2 == counts[ORDERS_SUBMITTED.name]


def test_the_metrics_object_limits_count() -> None:
    """A label that the program bounds at 5 would count as 50."""
    own = TradingMetrics(limits={"strategy": 5})

    def make(metrics: TradingMetrics | None) -> Any:
        @track_order(side="BUY", order_type="LIMIT", metrics=metrics)
        def place(strategy: str) -> None: ...

        return place

    assert 7 == report(make(own)).metrics[0].worst_case_series
    assert 52 == report(make(None)).metrics[0].worst_case_series
    configure(limits={"strategy": 8})
    assert 10 == report(make(None)).metrics[0].worst_case_series


ONE = MetricDefinition("desk_legs_total", "counter", "Legs.", labels=("desk", ("leg", tuple("abcd"))))
THREE = MetricDefinition("desk_orders_total", "counter", "Orders.", labels=("desk", ("leg", ("a", "b")), "venue"))
VALUES = st.one_of(
    st.none(),
    st.lists(st.sampled_from(["x", "y", "z", "unknown", "__other__", "1" * 15]), min_size=1, max_size=4, unique=True),
)


@settings(max_examples=80, deadline=None)
@given(
    *(VALUES, VALUES, st.integers(1, 4), st.integers(1, 12), st.integers(1, 6)),
    *(st.booleans(), st.booleans(), st.randoms(use_true_random=False)),
)
def test_no_calls_make_more_series_than_the_worst_case(
    desks: list[str] | None,
    venues: list[str] | None,
    label: int,
    series: int,
    outside: int,
    allows_desk: bool,
    allows_venue: bool,
    chance: Any,
) -> None:
    """`--max-series` would promise what does not hold."""
    allow = {"desk": ["x"] * allows_desk, "venue": ["x"] * allows_venue}
    limits = Limits(labels={"desk": label, "venue": label}, series={THREE.name: series}, allow=allow)
    with pytest.MonkeyPatch.context() as patch, unlogged():
        patch.setattr("tradmetrics.cardinality.limits.MOST_OUTSIDE", outside)
        domains = [None if each is None else tuple(each) for each in (desks, ["a", "b"], venues)]
        most = worst_case(THREE, domains, limits)
        metrics = TradingMetrics(limits=limits)
        anything = ["u", "v", "w", "x", "y", "z", "unknown", "1" * 20]
        calls = list(itertools.product(desks or anything, ["a", "b"], venues or anything))
        chance.shuffle(calls)
        for raw in calls:
            metrics.record(THREE, raw, site="test")
    assert len(values_of(metrics, THREE.name)) <= most


def test_the_worst_case_is_reached() -> None:
    """A bound that is far too high would make people ignore it."""
    limits = Limits(labels={"desk": 2, "venue": 2})
    metrics = TradingMetrics(limits=limits)

    @track(THREE, metrics=metrics)
    def send(desk: str, leg: str, venue: str) -> None: ...

    places = ["x", "y", "z", ""]
    for desk, leg, venue in itertools.product(places, "ab", places):
        send(desk, leg, venue)
    assert report(send).total == len(values_of(metrics, THREE.name)) == 4 * 2 * 4


def test_values_that_are_always_admitted_come_on_top_of_the_worst_case() -> None:
    """Series past the budget would come as a surprise, though they were asked for."""
    limits = Limits(labels={"desk": 2}, series={ONE.name: 3}, allow={"desk": ["vip", "other"]})
    metrics = TradingMetrics(limits=limits)

    @track(ONE, metrics=metrics)
    def send(desk: str, leg: str) -> None: ...

    for desk, leg in itertools.product(["", "x", "vip", "other"], "abcd"):
        send(desk, leg)
    assert 2 * 4 + 2 * 4 == len(values_of(metrics, ONE.name)) <= report(send).total
