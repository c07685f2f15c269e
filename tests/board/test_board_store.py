"""What the board reads and keeps: answers of bots, samples in bounded memory, addresses, values as text."""

import re
from array import array
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer
import yaml

from tradmetrics import catalogue
from tradmetrics.board.export import What, export
from tradmetrics.board.exposition import Exposition, ExpositionError
from tradmetrics.board.formatting import shown
from tradmetrics.board.query import Evaluator, Matcher, parse
from tradmetrics.board.query.parse import ParseError
from tradmetrics.board.shipped import load
from tradmetrics.board.store import Rows, Store
from tradmetrics.board.targets import read
from tradmetrics.errors import ConfigurationError

ROOT = Path(__file__).parents[2]
BOT = {"job": "tradmetrics", "instance": "bot:8000"}


def exposition() -> Exposition:
    """A reader of one bot's answers."""
    return Exposition(BOT, ("up",))


def found(reader: Exposition, row: "array[float]") -> dict[str, float]:
    """The values of a row by the name of their series."""
    return {name: row[column] for column, (name, _) in enumerate(reader.series) if column < len(row)}


def test_an_answer_becomes_one_value_for_each_series() -> None:
    """The page would show nothing."""
    reader = exposition()
    row = reader.read(b'# HELP a x\n# TYPE a gauge\na{s="x y",q="\\"\\n\\\\"} 1.5\nb 2e3\nc 4 1700000000000\n')
    assert {"a": 1.5, "b": 2000.0, "c": 4.0} == {
        name: value for name, value in found(reader, row).items() if value == value
    }
    assert {"s": "x y", "q": '"\n\\', **BOT} == reader.series[1][1]


def test_a_label_of_the_bot_does_not_replace_its_name() -> None:
    """A bot could pass for another one."""
    reader = exposition()
    reader.read(b'a{instance="other"} 1\n')
    assert {**BOT, "exported_instance": "other"} == reader.series[1][1]


def test_changes_new_series_and_series_that_are_gone_are_seen() -> None:
    """The short way for answers that changed little would show old values."""
    reader = exposition()
    reader.read(b"a 1\nb 1\n")
    assert found(reader, reader.read(b"a 2\nb 1\n"))["a"] == 2
    assert found(reader, reader.read(b"a 2\nc 1\n"))["c"] == 1
    gone = found(reader, reader.read(b"a 2\n"))
    assert gone["b"] != gone["b"]
    assert found(reader, reader.read(b"a 3\n"))["a"] == 3


@pytest.mark.parametrize(
    "body", [b"<!doctype html><html>", b'{"status": "ok"}', b"", b"a{x=1} 2\n", b"a one\n", b"\xff\xfe\x00"]
)
def test_something_else_than_metrics_is_refused(body: bytes) -> None:
    """A wrong address would look like a bot without figures."""
    with pytest.raises(ExpositionError):
        exposition().read(body)


def test_series_past_the_limit_are_left_out_and_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """One bot with a label gone wild would take the board's memory."""
    monkeypatch.setattr("tradmetrics.board.exposition.MOST_SERIES", 3)
    reader = exposition()
    reader.read(b'a{x="1"} 1\na{x="2"} 1\na{x="3"} 1\na{x="4"} 1\n')
    assert (3, 2) == (len(reader.series), reader.left_out)


def filled(seconds: int, history: float, series: int = 1) -> Rows:
    """Rows with a count that grows by one each second."""
    rows = Rows([("a_total", {**BOT, "n": str(number)}) for number in range(series)], history)
    for second in range(seconds):
        rows.add(1_000.0 + second, array("d", [float(second)] * series))
    return rows


def test_old_samples_are_coarser_and_the_oldest_go() -> None:
    """A day of one-second samples would fill the memory, or the curve of the day would be gone."""
    rows = filled(8_000, 3_600.0)
    (window,) = rows.window("a_total", (), 0, 1e9)
    gaps = [later - earlier for earlier, later in zip(window.times, window.times[1:], strict=False)]
    assert 3_540 <= window.times[-1] - window.times[0] <= 3_700
    assert {1.0} == set(gaps[-800:])
    assert {15.0} == set(gaps[1:100])


def test_a_day_of_two_thousand_series_fits_into_200_mb() -> None:
    """The board would be killed for its memory on a small server."""
    rows = Rows([(f"a{number}", BOT) for number in range(2_000)], 86_400.0)
    row = array("d", [1.0]) * 2_000
    for second in range(0, 86_400, 5):  # the older part keeps one row in 15 s whatever the rhythm
        rows.add(1_000.0 + second, row)
    kept = rows.bytes() + 720 * 2_000 * 8  # scraped each second, the last 15 minutes hold this much more
    assert kept < 200_000_000
    (window,) = rows.window("a7", (), 0, 1e9)
    assert window.times[-1] - window.times[0] > 86_000


def test_more_series_than_the_memory_holds_make_the_older_part_coarser(monkeypatch: pytest.MonkeyPatch) -> None:
    """Bots with many series would take more than the promised memory."""
    monkeypatch.setattr("tradmetrics.board.store.BUDGET_BYTES", 2_000_000)
    store = Store(86_400.0)
    rows = store.target("bot", [(f"a{number}", BOT) for number in range(500)])
    for second in range(6_000):
        store.add(rows, 1_000.0 + second, array("d", [1.0]) * 500)
    assert store.bytes() < 2_600_000


def test_a_failed_scrape_ends_every_series_at_once() -> None:
    """A dead bot would keep its last figures for five minutes."""
    rows = filled(10, 600.0)
    rows.add(1_010.0, array("d"))
    assert [] == list(rows.instant("a_total", (), 1_010.5))
    assert [9.0] == [each.value for each in rows.instant("a_total", (), 1_009.5)]


def test_matchers_choose_series_also_new_ones() -> None:
    """Choosing a bot would show another one, or not show a series that came later."""
    series = [("a", {"n": "1"})]
    rows = Rows(series, 600.0)
    rows.add(1.0, array("d", [1.0]))
    chosen = (Matcher("n", "=~", "1|2"),)
    assert [1.0] == [each.value for each in rows.instant("a", chosen, 1.0)]
    series += [("a", {"n": "2"}), ("a", {"n": "3"})]
    rows.add(2.0, array("d", [1.0, 2.0, 3.0]))
    assert [1.0, 2.0] == [each.value for each in rows.instant("a", chosen, 2.0)]


def test_queries_read_the_store() -> None:
    """The panels would be empty."""
    store = Store(600.0)
    rows = store.target("bot", [("a_total", {"instance": "b"})])
    for second in range(60):
        store.add(rows, 1_000.0 + second, array("d", [2.0 * second]))
    (sample,) = Evaluator(store, {"instance": ".*"}).at(
        parse('sum(rate(a_total{instance=~"$instance"}[30s]))'), 1_059.0
    )
    assert 2.0 == pytest.approx(sample.value)


@pytest.mark.parametrize(
    ("address", "url", "name"),
    [
        ("8000", "http://127.0.0.1:8000/metrics", "127.0.0.1:8000"),
        ("bot:9000", "http://bot:9000/metrics", "bot:9000"),
        ("https://bot", "https://bot/metrics", "bot:443"),
        ("http://u:p%40ss@bot:8000/m", "http://bot:8000/m", "bot:8000"),
        ("[::1]:8000", "http://[::1]:8000/metrics", "[::1]:8000"),
    ],
)
def test_addresses_are_read_as_people_write_them(address: str, url: str, name: str) -> None:
    """The board would watch nothing, or show a password."""
    (target,), remarks = read([address], "tradmetrics")
    assert (url, name, []) == (target.url, target.name, remarks)
    assert "p@ss" not in repr(target)


def test_two_bots_with_one_name_are_told_apart_and_named() -> None:
    """Two bots would be added up as if they were one."""
    targets, remarks = read(["bot:8000/a", "bot:8000/b", "bot:8000/a"], "tradmetrics")
    assert ["bot:8000", "bot:8000 (2)"] == [each.name for each in targets]
    assert 2 == len(remarks)


@pytest.mark.parametrize("address", ["ftp://bot", "http://", "http://bot:99999", "http://user:secret@:x"])
def test_an_address_that_cannot_be_read_is_refused_without_its_password(address: str) -> None:
    """A traceback, with the password in it."""
    with pytest.raises(ConfigurationError) as raised:
        read([address], "tradmetrics")
    assert "secret" not in str(raised.value)


def values() -> Iterator[tuple[float, str, int | None, str]]:
    """Values with their unit and decimals, and the text to show."""
    yield 4788, "locale", 0, "4,788"
    yield -1234.5, "locale", 1, "-1,234.5"
    yield 0.034, "percentunit", 1, "3.4%"
    yield 12.5, "percent", None, "12.5%"
    yield 0.25, "s", None, "250 ms"
    yield 90, "s", None, "1.5 min"
    yield 7200, "s", None, "2 hours"
    yield 3.2, "suffix:bps", None, "3.2 bps"
    yield 0.5, "cps", None, "0.5/s"
    yield float("inf"), "locale", None, "∞"
    yield -0.0001, "locale", 0, "0"


@pytest.mark.parametrize(("value", "unit", "decimals", "text"), list(values()))
def test_values_read_as_a_person_writes_them(value: float, unit: str, decimals: int | None, text: str) -> None:
    """4,788 orders would read as 5 K."""
    assert text == shown(value, unit, decimals)


def test_changed_thresholds_move_rules_texts_and_dashed_lines() -> None:
    """The alert would fire at one figure, and the line in the dashboard stand at another."""
    shipped = load()
    settings = shipped.changed(["alerts.HighDailyLoss.threshold=-20000", "alerts.OpenOrdersStuck.enabled=false"])
    rules, boards = shipped.rules(settings), shipped.dashboards(settings)
    assert "< -20000" in rules["risk.yml"]
    assert "-20000" in boards["main.json"]
    assert "-5000" not in rules["risk.yml"]
    assert "alert: OpenOrdersStuck" not in rules["orders.yml"]


def test_shipped_files_are_those_of_the_checkout() -> None:
    """The wheel would hold other rules and dashboards than the documentation shows."""
    shipped = load()
    for folder, files in (("alerts/rules", shipped.rules), ("dashboards/json", shipped.dashboards)):
        paths = (ROOT / folder).glob("*.*")
        assert {path.name: path.read_text(encoding="utf-8") for path in paths} == files(shipped.settings)
    desk = {"compliance.yml": (ROOT / "alerts" / "compliance" / "rules.yml").read_text(encoding="utf-8")}
    assert desk == shipped.compliance(shipped.settings)
    for name, text in shipped.stack.items():
        assert (ROOT / name).read_text(encoding="utf-8") == text


def test_the_compliance_rules_are_exported_with_the_limits_of_the_desk(tmp_path: Path) -> None:
    """A desk that has installed the wheel would have to copy the rules from the web, and edit them by hand."""
    changes = ["compliance.alerts.OrdersPerSecondLimit.threshold=20", "compliance.alerts.BreakerEvent.enabled=false"]
    export(What.ALERTS, tmp_path, compliance=True, settings=changes)
    found = {path.name for path in tmp_path.iterdir()}
    assert found == {"compliance.yml", *load().rules(load().settings)}
    (group,) = yaml.safe_load((tmp_path / "compliance.yml").read_text(encoding="utf-8"))["groups"]
    rules = {rule["alert"]: rule for rule in group["rules"] if "alert" in rule}
    assert rules["OrdersPerSecondLimit"]["expr"].endswith("> 20")
    assert "(threshold: 20)" in rules["OrdersPerSecondLimit"]["annotations"]["description"]
    assert "BreakerEvent" not in rules
    assert "KillSwitchActive" in rules


def test_the_compliance_rules_are_left_out_unless_they_are_asked_for(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A trader without such duties would get critical messages about them; a wrong request would do nothing."""
    export(What.ALERTS, tmp_path)
    assert not (tmp_path / "compliance.yml").exists()
    with pytest.raises(typer.Exit):
        export(What.DASHBOARDS, tmp_path, compliance=True)
    assert "--compliance belongs to `export alerts`" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ("alerts.HighDalyLoss.threshold=1", "did you mean 'HighDailyLoss'"),
        ("alerts.HighDailyLoss.treshold=1", "did you mean 'threshold'"),
        ("alerts.HighDailyLoss.threshold=lots", "expected a number"),
        ("alerts.HighDailyLoss.for=soon", "expected a duration"),
        ("threshold", "write KEY=VALUE"),
    ],
)
def test_a_misspelt_change_is_refused_with_the_spelling_to_use(change: str, named: str) -> None:
    """A threshold with a typing error would silently not apply."""
    with pytest.raises(ConfigurationError, match=named):
        load().changed([change])


@pytest.mark.parametrize(
    "text",
    [
        'sum by (a, b) (rate(x_total{c=~"d|e"}[5m] offset 1h)) / 2 ^ 3 ^ 2',
        "a - (b - c) * -d",
        "a > bool 1 and on (x) group_left (y) b unless c",
        "topk(5, sum without (x) (max_over_time((a > 1)[1h:30s])))",
        "sum_over_time((a - a offset 5s)[5m:5s] offset -1ms)",
        'label_replace(a, "b", "$1", "c", "(.*)\\\\.x")',
        "-(a + b) - -1 + Inf - (-Inf)",
        "sum(a offset -5m) by (b,) / on () group_right c{d='e\\'f', g=`h`} # why",
        "{d!~'e'} or vector($__range_s)",
        "histogram_quantile(0.99, sum by (le) (rate(x_bucket[$__rate_interval])))",
    ],
)
def test_queries_keep_their_meaning_when_they_are_written_and_read(text: str) -> None:
    """A panel would ask another question in Grafana than on the board."""
    assert parse(str(parse(text))) == parse(text)


@pytest.mark.parametrize(
    "text",
    [
        *("sum(", "a{b=c}", "rate(x[5m)", "a b", "", "topk(a)", "a ; b", 'a{b="\\d"}'),
        *("sum(a)[5m]", "a offset b", "1 offset 5m", 'a{"b"="c"}', "(a"),
    ],
)
def test_what_is_not_a_query_is_refused(text: str) -> None:
    """A broken query would look like one without data."""
    with pytest.raises(ParseError):
        parse(text)


def test_metrics_that_the_board_reads_are_in_the_catalogue() -> None:
    """A part of the page would be empty after a metric is renamed, and nobody would see why."""
    endings = ("", "_bucket", "_count", "_sum")
    known = {f"{name}{ending}" for name in catalogue.BY_NAME for ending in endings}
    read = {
        name
        for path in (ROOT / "tradmetrics" / "board").rglob("*.py")
        for name in re.findall(r"\b(?:trading|tradmetrics)_[a-z]+_[a-z_]*[a-z]\b", path.read_text(encoding="utf-8"))
    }
    assert "trading_positions_open" in read
    assert {each for each in read if not each.startswith("tradmetrics_board_")} <= known
