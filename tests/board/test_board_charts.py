"""The charts of the board: units, names and ticks that a reader understands."""

import json
import re
import shutil
import subprocess
from typing import Any

import pytest

from tradmetrics.board.panels import Look, Panel, Query
from tradmetrics.board.query import parse

pytest.importorskip("nicegui")

from tradmetrics.board.answers import Curve
from tradmetrics.board.page import axes, charts


def panel(unit: str = "locale", legend: str = "{{instance}} {{stream}}", **look: Any) -> Panel:
    """A panel of one query."""
    return Panel("Title", "", "timeseries", Look(unit, **look), (Query("A", "up", parse("up"), legend),), 12, 8)


def curve(*series: tuple[dict[str, str], list[float | None]]) -> Curve:
    """An answer with a value each second."""
    times = [1_700_000_000.0 + second for second in range(len(series[0][1]))]
    return Curve(times, {frozenset(labels.items()): (labels, values) for labels, values in series})


def written(function: str, *values: float) -> str:
    """What a JavaScript function of the options makes of its arguments."""
    node = shutil.which("node")
    if node is None:
        pytest.skip("node is not installed")
    done = subprocess.run(
        [node, "-e", f"console.log(({function})(...{json.dumps(values)}))"], capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


@pytest.mark.parametrize(
    ("unit", "value", "text"),
    [
        ("s", 0.0042, "4.2 ms"),
        ("s", 780, "13 min"),
        ("s", 785, "13 min 5 s"),
        ("s", 5400, "1 h 30 min"),
        ("percentunit", 0.053, "5.3%"),
        ("percent", 46.3, "46.3%"),
        ("cps", 0.02, "0.02/s"),
        ("suffix:bps", 1.5, "1.5 bps"),
        ("locale", 1234567.5, "1,234,567.5"),
    ],
)
def test_a_tooltip_has_the_unit_of_its_panel(unit: str, value: float, text: str) -> None:
    """A reader would take 0.053 for a tenth of a percent, and a rate for a count."""
    assert text == written(axes.tooltip_of_curves(Look(unit))[":valueFormatter"], value)


def test_an_axis_has_the_unit_of_its_panel() -> None:
    """Orders a second would look like orders."""
    assert "5/s" == written(axes.vertical(panel("cps"), [1.0])["axisLabel"][":formatter"], 5)
    assert "5 bps" == written(axes.vertical(panel("suffix:bps"), [1.0])["axisLabel"][":formatter"], 5)


def test_a_long_time_has_ticks_at_whole_minutes() -> None:
    """The uptime would be counted in steps of 1.67 minutes."""
    assert 60 == axes.vertical(panel("s"), [0.0, 295.0])["interval"]
    assert "interval" not in axes.vertical(panel("s"), [0.0, 3.0])


def test_counts_have_ticks_at_whole_numbers() -> None:
    """A circuit breaker would trip 0.3 times; amounts of money keep their decimals."""
    assert 1 == axes.vertical(panel(), [0.0, 1.03])["minInterval"]
    assert "minInterval" not in axes.vertical(panel(), [0.0, 0.35])


def test_the_bot_is_named_only_where_there_are_several() -> None:
    """Each curve of a single bot would begin with its address, and its own name would be cut off."""
    one = curve(({"instance": "bot:1", "stream": "a"}, [1.0]), ({"instance": "bot:1", "stream": "b"}, [1.0]))
    two = curve(({"instance": "bot:1", "stream": "a"}, [1.0]), ({"instance": "bot:2", "stream": "a"}, [1.0]))
    alone = curve(({"instance": "bot:1"}, [1.0]))
    assert ["a", "b"] == [each["name"] for each in charts.curves(panel(), [one])["series"]]
    assert ["bot:1 a", "bot:2 a"] == [each["name"] for each in charts.curves(panel(), [two])["series"]]
    assert ["bot:1"] == [each["name"] for each in charts.curves(panel(legend="{{instance}}"), [alone])["series"]]


def test_a_band_keeps_the_end_of_a_long_name() -> None:
    """Functions of one package would all be called "tradmetrics.demo.ac…"."""
    look = {"words": {0.0: ("not called", "orange"), 1.0: ("called", "green")}}
    names = ("package.with.a.long.name.Account.capital", "package.with.a.long.name.Account.positions")
    options = charts.states(panel(legend="{{site}}", **look), [curve(*(({"site": each}, [1.0]) for each in names))])
    rows = options["yAxis"]["data"]
    assert [True, True] == [each.startswith("…") for each in rows]
    assert [True, True] == [
        each.endswith(end) for each, end in zip(rows, ("Account.positions", "Account.capital"), strict=True)
    ]
    assert set(names) == {each["name"] for each in options["series"]}


def test_labels_of_columns_stand_at_round_times() -> None:
    """A heatmap of three minutes would say 05:37 twice, and a label would stand anywhere."""
    minutes = axes.columns([1_700_000_000.0 + 7.5 * each for each in range(121)])["axisLabel"]
    assert re.fullmatch(r"\d\d:\d\d", written(minutes[":formatter"], 1_700_000_100_000))
    assert "true" == written(minutes[":interval"], 0, 1_700_000_100_000)
    assert "false" == written(minutes[":interval"], 0, 1_700_000_130_000)
    seconds = axes.columns([1_700_000_000.0 + each for each in range(121)])["axisLabel"]
    assert re.fullmatch(r"\d\d:\d\d:\d\d", written(seconds[":formatter"], 1_700_000_100_000))
