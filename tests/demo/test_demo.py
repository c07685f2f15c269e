"""The demo's session: repeatable, true to its own ledger, complete, and faulty on request."""

import asyncio
import json
import subprocess
import sys
from collections.abc import Callable, Iterable

import pytest

from tradmetrics import MetricDefinition, catalogue, get_metrics
from tradmetrics.demo.faults import LEAD_IN_SECONDS, FaultName
from tradmetrics.demo.session import Session

# The guard's and the instrumentation's own alarms, which a healthy session never sets off.
ALARMS = {
    catalogue.LABEL_OVERFLOW,
    catalogue.SERIES_REMOVED,
    catalogue.INSTRUMENTATION_ERRORS,
    catalogue.LAST_ERROR,
    catalogue.ORDER_DUPLICATES,
    catalogue.ORDER_FOREIGN,
    catalogue.UNSOURCED_LABELS,
}
BY_COMMAND = {catalogue.BUILD_INFO, catalogue.FUNCTION_CALLS, catalogue.SAMPLER_LAST_SUCCESS}
"""The version, the sampler and the counting of calls come with the command, not with the session."""


async def _run(session: Session, seconds: float, stride: float = 5.0) -> Session:
    while session.clock.now() < seconds:
        session.advance(min(session.clock.now() + stride, seconds))
        await asyncio.sleep(0)
    return session


async def _finished(seconds: float, seed: int = 7, faults: Iterable[FaultName] = (), stride: float = 5.0) -> Session:
    session = await _run(Session(seed, faults, waiting=False), seconds, stride)
    await session.close()
    return session


def _samples(name: str) -> dict[tuple[str, ...], float]:
    """Every series of one sample name in the default metrics, by its labels' values in the catalogue's order."""
    metric = name.removesuffix("_count")
    names = catalogue.BY_NAME[metric].label_names
    return {
        tuple(sample.labels[label] for label in names): sample.value
        for family in get_metrics().registry.collect()
        for sample in family.samples
        if sample.name == name
    }


def _value(name: str, **labels: str) -> float:
    value = get_metrics().registry.get_sample_value(name, labels)
    assert value is not None, f"{name}{labels} is absent"
    return value


def test_same_seed_gives_the_same_session() -> None:
    """Without it `--seed` is a lie: nobody could reproduce what a dashboard showed, nor compare two runs."""
    large_steps = asyncio.run(_finished(400, stride=20.0))
    small_steps = asyncio.run(_finished(400, stride=0.5))
    assert large_steps.ledger.as_json() == small_steps.ledger.as_json()
    assert large_steps.account.daily() == small_steps.account.daily()


def test_another_seed_gives_another_session() -> None:
    """Without it every demo would show the same day, and the determinism test above would prove nothing."""
    one, other = (asyncio.run(_finished(400, seed=seed)) for seed in (1, 2))
    assert one.ledger.as_json() != other.ledger.as_json()


def test_ledger_needs_no_metrics(child_environment: dict[str, str]) -> None:
    """Without it the ledger could copy the metrics' mistakes, and comparing the two would find none."""
    code = (
        "import asyncio, json\n"
        "from tradmetrics.demo.session import Session\n"
        "async def run():\n"
        "    session = Session(7, waiting=False)\n"
        "    session.advance(400)\n"
        "    await session.close()\n"
        "    print(json.dumps(session.ledger.as_json()))\n"
        "asyncio.run(run())\n"
    )
    environment = {**child_environment, "TRADMETRICS_DISABLED": "1"}
    answer = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=60, check=True
    )
    assert json.loads(answer.stdout) == asyncio.run(_finished(400)).ledger.as_json()


@pytest.mark.parametrize("faults", [(), tuple(set(FaultName) - {FaultName.BREAKER, FaultName.STALE_FEED})])
def test_every_counter_equals_the_ledger(faults: tuple[FaultName, ...]) -> None:
    """Without it the demo shows numbers that did not happen: a decorator miscounts, or a venue event is lost."""
    session = asyncio.run(_finished(600, faults=faults))
    expected = session.ledger.counters()
    assert expected.keys() == {each.name for each in catalogue.CATALOGUE if each.kind == "counter"} - {
        each.name for each in ALARMS | BY_COMMAND
    }
    for name, totals in expected.items():
        assert {labels: pytest.approx(total) for labels, total in totals.items()} == _samples(name), name


def test_every_histogram_holds_as_many_observations_as_the_ledger() -> None:
    """Without it latencies or results could be observed twice or not at all, and every quantile would be off."""
    session = asyncio.run(_finished(600))
    expected = session.ledger.observations()
    assert expected.keys() == {each.name for each in catalogue.CATALOGUE if each.kind == "histogram"}
    for name, totals in expected.items():
        assert totals == _samples(f"{name}_count"), name


def test_nothing_goes_wrong_in_the_instrumentation() -> None:
    """Without it the demo itself would show label sources that fail or label values that overflow."""
    asyncio.run(_finished(600))
    assert {} == {each.name: found for each in ALARMS if (found := _samples(each.name)) and any(found.values())}


def test_every_metric_has_data_within_seconds() -> None:
    """Without it dashboards that open with the demo have empty panels. 150 simulated seconds are 3 at speed 50."""
    session = asyncio.run(_finished(150))
    suffix = {"counter": "", "gauge": "", "histogram": "_count"}
    empty = {each.name for each in catalogue.CATALOGUE if not _samples(each.name + suffix[each.kind])}
    assert {each.name for each in ALARMS | BY_COMMAND} == empty
    assert session.desk.tracker  # it is what reports open orders, for as long as it lives


def test_own_metric_is_recorded() -> None:
    """Without it the demo would not show how a user's own metric is recorded by `track`."""
    asyncio.run(_finished(300))
    assert _value("paper_hedge_size_count", desk="fill_or_kill", index="NIFTY") > 0


def test_circuit_breaker_trips_and_resets() -> None:
    """Without it the breaker's gauge and annotations have nothing to show, or trading never goes on."""

    async def run() -> float:
        session = await _run(Session(7, waiting=False), 40)
        tripped = _value("trading_circuit_breaker_active")
        await _run(session, 120)
        await session.close()
        return tripped

    assert 1 == asyncio.run(run())
    assert 0 == _value("trading_circuit_breaker_active")
    assert 1 == _value("trading_circuit_breaker_triggers_total", reason="volatility_spike")


def test_connections_close_with_the_session() -> None:
    """Without it the connection gauge would never come down, and leak detection could not be shown."""

    async def run() -> tuple[float, float]:
        session = await _run(Session(7, waiting=False), 10)
        await asyncio.sleep(0)
        live = _value("trading_websocket_connections")
        await session.close()
        return live, _value("trading_websocket_connections")

    assert (2, 0) == asyncio.run(run())


def test_night_stops_trading_and_the_day_begins_anew() -> None:
    """Without it a demo left running never shows a closed session, which mutes alerts."""

    async def run() -> list[tuple[float, float]]:
        session = Session(7, waiting=False, day_seconds=200)
        seen = []
        for seconds in (199, 201, 319, 400):
            await _run(session, seconds)
            session.state()
            seen.append((_value("trading_market_session_open"), session.ledger.total("submitted")))
        await session.close()
        return seen

    evening, closed, morning, noon = asyncio.run(run())
    assert [1, 0, 0, 1] == [is_open for is_open, _ in (evening, closed, morning, noon)]
    assert closed[1] == morning[1]
    assert noon[1] > morning[1]


class Window:
    """The change of the metrics over some simulated seconds, and their values at the end."""

    def __init__(self, before: dict[str, float]) -> None:
        self.before = before
        self.after = _totals()

    def increase(self, metric: MetricDefinition) -> float:
        return self.after[metric.name] - self.before[metric.name]

    def value(self, metric: MetricDefinition) -> float:
        return self.after[metric.name]


def _totals() -> dict[str, float]:
    names = [each.name for each in catalogue.CATALOGUE if each.kind != "histogram"]
    return {name: sum(_samples(name).values()) for name in names}


def _rejects(window: Window) -> bool:
    return window.increase(catalogue.ORDERS_REJECTED) > 0.3 * window.increase(catalogue.ORDERS_SUBMITTED)


def _stuck(window: Window) -> bool:
    return window.value(catalogue.ORDER_OLDEST_OPEN) > 60 and not window.increase(catalogue.ORDERS_FILLED)


def _api_errors(window: Window) -> bool:
    unknown = window.increase(catalogue.ORDERS_UNKNOWN) > 0.1 * window.increase(catalogue.ORDERS_SUBMITTED)
    return unknown and window.increase(catalogue.SYSTEM_ERRORS) > 0.3 * window.increase(catalogue.API_REQUESTS)


def _drift(window: Window) -> bool:
    # Two models stand in the gauge; the volatility model's accuracy is 1 or a little less.
    return window.value(catalogue.ML_MODEL_ACCURACY) < 1.6


def _loss(window: Window) -> bool:
    return window.value(catalogue.DAILY_PNL) < -5_000 and window.value(catalogue.CAPITAL_UTILIZATION) > 90


SIGNS: dict[FaultName, Callable[[Window], bool]] = {
    FaultName.BREAKER: lambda window: window.increase(catalogue.CIRCUIT_BREAKER_TRIGGERS) > 5,
    FaultName.STALE_FEED: lambda window: not window.increase(catalogue.MARKET_DATA_UPDATES),
    FaultName.REJECTS: _rejects,
    FaultName.STUCK_ORDERS: _stuck,
    FaultName.API_ERRORS: _api_errors,
    FaultName.MODEL_DRIFT: _drift,
    FaultName.LOSS: _loss,
}


IN_EACH_RUN = (FaultName.STUCK_ORDERS, FaultName.BREAKER, FaultName.STALE_FEED)


@pytest.mark.parametrize(
    "fault", [fault if fault in IN_EACH_RUN else pytest.param(fault, marks=pytest.mark.nightly) for fault in SIGNS]
)
def test_fault_shows_in_the_metrics_and_passes(fault: FaultName) -> None:
    """Without it an alert that the fault is for never fires in a rehearsal, or never resolves after it."""

    async def run() -> list[bool]:
        session = Session(7, [fault], waiting=False)
        seen = []
        for seconds in (LEAD_IN_SECONDS - 1, LEAD_IN_SECONDS + 20, 330, 600, 800):
            before = _totals()
            await _run(session, seconds)
            for snapshot in session.snapshots:
                snapshot()
            seen.append(SIGNS[fault](Window(before)))
            if seconds == 330:
                session.end_faults()
        await session.close()
        return seen

    before, _, during, _, long_after = asyncio.run(run())
    assert (False, True, False) == (before, during, long_after)
