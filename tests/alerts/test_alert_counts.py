"""Rules over counters count exactly: random worlds of restarts, lost scrapes and first events against a plain count."""

import math
import random
import re

import pytest

from alerts import generate
from alerts.definitions import rise
from tests.alerts.worlds import PROMTOOLS, Bot, values

WINDOW, STEP = 300, 5
EXPRESSION = generate.fill(rise("@ORDERS_REJECTED"), {"window": "5m", "step": "5s", "gap": "1h"}, "test")
SECONDS = 1800


class World:
    """A bot that restarts, with a counter whose series appears with its first event, and scrapes that fail."""

    def __init__(self, seed: int) -> None:
        draw = random.Random(seed)
        self.starts = sorted({-draw.choice([0, 40, 200, 7200]), *draw.sample(range(100, SECONDS), draw.randrange(4))})
        self.events = sorted(draw.sample(range(1, SECONDS), draw.choice([1, 3, 30, 200])))
        if draw.random() < 0.5:  # a burst
            burst = draw.randrange(SECONDS - 20)
            self.events = sorted({*self.events, *range(burst, burst + 12)})
        outages = [(at, at + draw.choice([7, 14, 60, 400])) for at in draw.sample(range(SECONDS), draw.randrange(4))]
        self.lost = {second for begin, end in outages for second in range(begin, end)}
        self.bot = Bot(phase=draw.randrange(7), uptime=self.uptime, lost=self.lost.__contains__)
        self.bot.show("trading_orders_rejected_total", self.count, strategy="s", reason="margin")

    def start(self, second: int) -> int:
        """Return when the process that runs at a second was started."""
        return max(start for start in self.starts if start <= second)

    def uptime(self, second: int) -> float:
        """Return the process's age."""
        return float(second - self.start(second))

    def count(self, second: int) -> float | None:
        """Return what the process has counted, None before its first event."""
        return float(sum(self.start(second) <= event <= second for event in self.events)) or None

    def expected(self, at: int) -> float | None:
        """Add up what the scrapes showed within the window, each process by itself."""
        total, before, seen = 0.0, None, False
        for second in self.bot.scrapes(at):
            if second in self.lost:
                continue
            count = self.count(second)
            if before is None:  # the first scrape of all
                rise = count if self.uptime(second) <= WINDOW else 0 if count is not None else None
            else:
                same = self.start(second) == self.start(before)
                rise = count and count - ((self.count(before) or 0) if same else 0)
            # A scrape shows at the next step; the window is open at its beginning.
            if at - WINDOW < math.ceil(second / STEP) * STEP <= at and count is not None and rise is not None:
                total, seen = total + rise, True
            before = second
        return total if seen else None


@pytest.mark.parametrize("promtool", PROMTOOLS)
@pytest.mark.parametrize(
    "seed", [11, 3, *(pytest.param(seed, marks=pytest.mark.nightly) for seed in (0, 1, 2, 4, 5, 6))]
)
def test_a_rule_counts_what_happened_in_its_window(promtool: str, seed: int) -> None:
    """Ten rejects would alert as eleven, and a reject after a restart or a lost scrape would not alert at all."""
    world = World(seed)
    times = range(30, SECONDS + 1, 30)
    shown = values(promtool, EXPRESSION, [world.bot], times)
    assert {second: world.expected(second) for second in times} == shown


@pytest.mark.parametrize("promtool", PROMTOOLS)
def test_a_process_that_prometheus_did_not_know_counts_only_from_then_on(promtool: str) -> None:
    """After an outage of Prometheus, or a renamed target, all old rejects would alert again."""
    bot = Bot(uptime=7200).show(
        "trading_orders_rejected_total", lambda second: 40 + second // 600, strategy="s", reason="x"
    )
    assert values(promtool, EXPRESSION, [bot], [30, 570, 630]) == {30: 0, 570: 0, 630: 1}


@pytest.mark.parametrize("promtool", PROMTOOLS)
def test_a_counter_that_begins_at_zero_counts_no_worse(promtool: str) -> None:
    """Series that are created at zero, or that Prometheus 3 starts at zero, would count twice or not at all."""
    bot = Bot().show("trading_orders_rejected_total", lambda second: float(second >= 600), strategy="s", reason="x")
    assert values(promtool, EXPRESSION, [bot], [300, 600, 630, 900, 930]) == {300: 0, 600: 0, 630: 1, 900: 1, 930: 0}


class _StartedAtZero(Bot):
    """A bot of whose counter Prometheus 3 knows when it began: it stores a 0 there, before the first scrape."""

    def input_series(self, seconds: int) -> list[dict[str, str]]:
        rows = super().input_series(seconds)
        blank = f"_x{self.phase}"
        for row in rows:
            if row["series"].startswith("trading_orders"):
                assert row["values"].startswith(f"{blank} ")
                row["values"] = f"_x9 0 _x{self.phase - 10}{row['values'].removeprefix(blank)}"
        return rows


@pytest.mark.parametrize("promtool", PROMTOOLS)
@pytest.mark.parametrize(("phase", "shown"), [(243, 12), (363, 0)])
@pytest.mark.parametrize("kind", [Bot, _StartedAtZero])
def test_a_stored_start_changes_no_count(kind: type[Bot], phase: int, shown: int, promtool: str) -> None:
    """Rejects that are older than the window would alert as new ones when Prometheus comes late."""
    bot = kind(phase=phase, uptime=float).show("trading_orders_rejected_total", 12, strategy="s", reason="x")
    assert values(promtool, EXPRESSION, [bot], [390, 420]) == {390: shown, 420: shown}


def test_the_expression_has_nothing_left_to_fill_in() -> None:
    """Prometheus would refuse the rule."""
    assert not re.search(r"@\w", EXPRESSION)


def test_recordings_hold_what_their_names_say() -> None:
    """A panel on a recording rule would show another figure than its title says."""
    recorded = {
        rule["record"]: rule["expr"] for rule in generate.rules(generate.load())["recording.yml"]["groups"][0]["rules"]
    }
    bot = Bot().show("trading_daily_pnl", lambda second: second / 7.0)
    for name, steps in (("submitted", 10), ("rejected", 2), ("filled", 4)):
        bot.show(f"trading_orders_{name}_total", lambda second, steps=steps: second // 7 * steps, strategy="s")  # type: ignore[misc]
    bot.show("trading_order_messages_total", lambda second: second // 7 * 40, action="new")
    for bound, share in (("0.1", 0.5), ("0.2", 1.0), ("+Inf", 1.0)):
        bot.show(
            "trading_order_fill_time_seconds_bucket",
            lambda second, share=share: second * share,  # type: ignore[misc]
            strategy="s",
            le=bound,
        )
    expected = {
        "trading:daily_pnl:rate1m": 60 / 7,
        "trading:order_fill_time_seconds:p50": 0.1,
        "trading:order_fill_time_seconds:p90": 0.18,
        "trading:order_fill_time_seconds:p99": 0.198,
        "trading:orders_rejected:ratio_rate5m": 0.2,
        "trading:order_to_trade:ratio1h": 10,
    }
    for promtool in PROMTOOLS:
        shown = {name: values(promtool, expression, [bot], [900])[900] for name, expression in recorded.items()}
        # The last digits depend on the order in which a version adds.
        assert expected == pytest.approx(shown, rel=1e-9)
