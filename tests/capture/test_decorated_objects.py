"""Decorated objects that are no functions: attributes, copies, pickles, descriptors; and process pools."""

from __future__ import annotations

import asyncio
import copy
import functools
import inspect
import json
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import wrapt

from tests.callable_cases import DECORATORS, OWN
from tests.recorded import recorded
from tradmetrics import (
    TradingMetrics,
    track,
    track_order,
)


@pytest.fixture
def metrics() -> TradingMetrics:
    """A metrics object of the test's own, in which any instrumentation error raises."""
    return TradingMetrics(strict=True)


class Placer:
    """A callable object with a state."""

    def __init__(self) -> None:
        self.placed: list[str] = []

    def __call__(self, side: str) -> int:
        self.placed.append(side)
        return len(self.placed)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Placer) and self.placed == other.placed

    __hash__ = None  # type: ignore[assignment]


def test_a_decorated_object_shows_all_of_itself(metrics: TradingMetrics) -> None:
    """Its attributes could not be read or set any more."""
    placer = Placer()
    decorated: Any = track_order(strategy="s", metrics=metrics)(placer)
    assert (1, 2) == (decorated("BUY"), decorated(side="SELL"))
    assert ["BUY", "SELL"] == decorated.placed
    decorated.limit = 5
    assert 5 == placer.limit  # type: ignore[attr-defined]
    assert isinstance(decorated, Placer)
    assert placer == decorated
    assert 2 == sum(recorded(metrics).values())


def test_a_copy_of_a_decorated_object_is_one_of_its_own_and_is_recorded_too(metrics: TradingMetrics) -> None:
    """Copying a bot that holds one would fail, share its state, or stop the counting."""
    decorated: Any = track_order(strategy="s", metrics=metrics)(Placer())
    decorated("BUY")
    shallow, deep = copy.copy(decorated), copy.deepcopy({"place": decorated})["place"]
    deep("SELL")
    assert (["BUY"], ["BUY"], ["BUY", "SELL"]) == (decorated.placed, shallow.placed, deep.placed)
    shallow("SELL")
    assert (["BUY", "SELL"], ["BUY", "SELL"]) == (decorated.placed, shallow.placed)
    assert 3 == sum(recorded(metrics).values())


@track_order(strategy="s", metrics=TradingMetrics())
@functools.lru_cache
def cached_by_name(side: str) -> str:
    """A cached function of this module."""
    return side


decorated_builtin: Any = track_order(strategy="s", metrics=TradingMetrics())(len)
decorated_partial: Any = track_order(strategy="s", metrics=TradingMetrics())(functools.partial(int, base=16))
decorated_placer: Any = track_order(strategy="s", metrics=TradingMetrics())(Placer())


def test_what_is_no_plain_function_can_be_pickled() -> None:
    """A bot that holds one could not be sent to a worker process."""
    assert cached_by_name is pickle.loads(pickle.dumps(cached_by_name))
    assert len is pickle.loads(pickle.dumps(decorated_builtin))
    assert 255 == pickle.loads(pickle.dumps(decorated_partial))("ff")
    assert Placer() == pickle.loads(pickle.dumps(decorated_placer))
    assert (3, 255) == (decorated_builtin("abc"), decorated_partial("ff"))
    with pytest.raises((pickle.PicklingError, AttributeError)):
        pickle.dumps(track_order(strategy="s")(lambda: None))


def test_a_synchronised_method_keeps_its_lock_for_each_instance(metrics: TradingMetrics) -> None:
    """A decorator beneath ours that acts on the instance would act on something else."""
    seen: list[Any] = []

    @wrapt.decorator
    def noting(wrapped: Any, instance: Any, args: Any, kwargs: Any) -> Any:
        seen.append(instance)
        return wrapped(*args, **kwargs)

    class Bot:
        @track_order(strategy="s", metrics=metrics)
        @noting
        def place(self, side: str) -> str:
            return side

    bot = Bot()
    assert ["BUY", "SELL"] == [bot.place("BUY"), Bot.place(bot, "SELL")]
    assert bot is seen[0]
    assert bot.place.__self__ is bot  # type: ignore[attr-defined]


def test_a_bound_method_on_a_class_stays_bound(metrics: TradingMetrics) -> None:
    """It would be given the class's instance beside its own."""
    placer = Placer()

    class Bot:
        place = track_order(strategy="s", metrics=metrics)(placer.__call__)

    assert 1 == Bot().place("BUY")
    assert ["BUY"] == placer.placed


def test_a_callable_object_below_classmethod_gets_the_class_as_it_did(metrics: TradingMetrics) -> None:
    """What Python does with the object without the decorator would not happen with it."""

    class Bot:
        plain = classmethod(functools.partial(lambda *args: args, "first"))  # type: ignore[arg-type]
        place = classmethod(track(OWN, metrics=metrics)(functools.partial(lambda *args: args, "first")))  # type: ignore[arg-type]

    assert Bot.plain("x") == Bot.place("x")


# ── by name to another process ───────────────────────────────────────────────────────────────────────────────────

POOL = '''
"""Functions under every decorator, called by name in another process."""

import asyncio, functools, inspect, json, multiprocessing, os, sys
from concurrent.futures import ProcessPoolExecutor

from tradmetrics import *

OWN = MetricDefinition("own_total", "counter", "Calls.")
orders = OrderTracker("s")
DECORATORS = {
    "track_order": track_order(strategy="s"),
    "track_trade": track_trade(strategy="s"),
    "fill_timer": fill_timer("s"),
    "track_market_data": track_market_data(symbol="NIFTY"),
    "track_prediction": track_prediction(model="m", prediction="up"),
    "track_prediction of the result": track_prediction(model="m"),
    "track_training": track_training(model="m"),
    "training_timer": training_timer("m"),
    "track_request": track_request(endpoint="/x"),
    "request_timer": request_timer("/x"),
    "track_errors": track_errors(component="c"),
    "track_circuit_breaker": track_circuit_breaker(reason="r"),
    "track_circuit_breaker_reset": track_circuit_breaker_reset(),
    "track_risk_check": track_risk_check(limit_type="l"),
    "track_positions": track_positions(),
    "track_pnl": track_pnl(),
    "track_capital": track_capital(),
    "track_market": track_market(),
    "track_strategy": track_strategy(),
    "track_connection": track_connection(),
    "track": track(OWN),
    "OrderTracker.submit": orders.submit(order_id="1"),
}
FUNCTIONS = {}

for number, (name, decorator) in enumerate(DECORATORS.items()):
    def place(side, number=number):
        return [os.getpid(), side, number]

    place.__qualname__ = place.__name__ = f"place_{number}"
    globals()[place.__name__] = FUNCTIONS[name] = decorator(place)


class Bot:
    @track_order(strategy="s")
    def place(self, side):
        return [os.getpid(), side, "method"]

    @classmethod
    @track_order(strategy="s")
    def place_by_class(cls, side):
        return [os.getpid(), side, "classmethod"]

    @track_order(strategy="s")
    @staticmethod
    def place_by_nothing(side):
        return [os.getpid(), side, "staticmethod"]


FUNCTIONS |= {"method": Bot().place, "classmethod": Bot.place_by_class, "staticmethod": Bot.place_by_nothing}


def count(name):
    """Call a function in this process, and say what that recorded."""
    metrics = configure(limits={"strategy": len(name)}, force=True)
    FUNCTIONS[name]("BUY")
    return [
        [sample.name, *sample.labels.values()]
        for metric in metrics.registry.collect() for sample in metric.samples
        if sample.value and sample.name.startswith(("trading_", "own_")) and "uptime" not in sample.name
    ]


if __name__ == "__main__":
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        calls = {name: pool.submit(function, "BUY") for name, function in FUNCTIONS.items()}
        counted = {name: pool.submit(count, name) for name in FUNCTIONS}
        print(json.dumps({
            "pid": os.getpid(),
            "calls": {name: future.result(60) for name, future in calls.items()},
            "counted": {name: future.result(60) for name, future in counted.items()},
        }))
'''


@pytest.fixture(scope="module")
def pool(child_environment: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Any:
    """What a process pool answered to functions under every decorator."""
    script = Path(tmp_path_factory.mktemp("pool")) / "pool_bot.py"
    script.write_text(POOL)
    answer = subprocess.run(
        [sys.executable, str(script)], env=child_environment, capture_output=True, text=True, timeout=180
    )
    assert 0 == answer.returncode, answer.stderr
    return json.loads(answer.stdout)


@pytest.mark.parametrize("name", [*DECORATORS, "method", "classmethod", "staticmethod"])
def test_a_function_pickled_by_name_runs_in_a_process_pool(pool: Any, name: str) -> None:
    """Back-tests that spread over processes could not use the bot's own functions."""
    pid, side, number = pool["calls"][name]
    assert "BUY" == side
    assert number == (list(DECORATORS).index(name) if name in DECORATORS else name)
    assert pid != pool["pid"]
    quiet = {"track_errors", "track_circuit_breaker_reset", "track_risk_check", "track_pnl",
             "track_capital", "track_market", "track_strategy", "track_connection", "track_positions"}  # fmt: skip
    assert bool(pool["counted"][name]) == (name not in quiet)


class Unreachable:
    """A stub of a remote service that is down: each attribute that it lacks raises."""

    def __getattr__(self, name: str) -> Any:
        """Ask the service."""
        raise ConnectionError(name)

    def __call__(self, side: str) -> str:
        """Place an order."""
        return side


class Opaque(Unreachable):
    """One that raises at the attributes that every object has, too."""

    def __getattribute__(self, name: str) -> Any:
        """Ask the service."""
        raise ConnectionError(name)


@pytest.mark.parametrize("precreate", [False, True])
@pytest.mark.parametrize("kind", [Unreachable, Opaque])
def test_an_object_whose_attributes_raise_is_decorated(
    metrics: TradingMetrics, kind: type[Unreachable], precreate: bool
) -> None:
    """A bot could not be imported while its broker's service is down."""
    place = track_order(strategy="s", side="BUY", order_type="LIMIT", precreate=precreate, metrics=metrics)(kind())
    assert "x" == place("x")
    assert 1 == recorded(metrics)["trading_orders_submitted_total s BUY LIMIT"]


def test_a_subclass_binds_the_wrapped_class_method_of_its_parent(metrics: TradingMetrics) -> None:
    """A bot that inherits a class method beneath a wrapt decorator would run its parent's."""

    @wrapt.decorator
    def passing(wrapped: Any, instance: Any, args: Any, kwargs: Any) -> Any:
        return wrapped(*args, **kwargs)

    class Bot:
        @track_order(strategy="s", order_type="LIMIT", metrics=metrics)
        @passing
        @classmethod
        def place(cls, side: str) -> type:
            return cls

        @track_order(strategy="s", order_type="LIMIT", metrics=metrics)
        @passing
        @staticmethod
        async def send(side: str) -> str:
            return side

    class Child(Bot):
        pass

    assert (Bot, Child, Child) == (Bot.place("BUY"), Child.place("BUY"), Child().place("BUY"))
    assert inspect.iscoroutinefunction(Child.send)
    assert "BUY" == asyncio.run(Child().send("BUY"))
    assert {"trading_orders_submitted_total s BUY LIMIT": 4} == recorded(metrics)
