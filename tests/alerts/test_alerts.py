"""The alerts and recording rules: generated from the settings, valid, and tested one by one by two promtools."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from alerts import generate
from tests.alerts.scenarios import SETTINGS, alone
from tests.alerts.table import SCENARIOS
from tests.alerts.worlds import PROMTOOLS, Bot, check, group
from tests.stack.programs import program, run
from tradmetrics.board.alerting.templates import fill
from tradmetrics.vocabulary import requests
from tradmetrics.vocabulary.outcomes import snake_case

ROOT = Path(__file__).parents[2]
RULE_FILES = sorted((ROOT / "alerts" / "rules").glob("*.yml"))
GUIDE = {
    "CircuitBreakerTriggered": "critical",
    "HighDailyLoss": "warning",
    "HighCapitalUtilization": "warning",
    "StaleMarketData": "warning",
    "HighOrderRejectionRate": "warning",
    "HighErrorRate": "warning",
    "LowMLAccuracy": "warning",
}
ALERTS: dict[str, dict[str, Any]] = {
    rule["alert"]: {**rule, "file": path}
    for path in RULE_FILES
    for group in yaml.safe_load(path.read_text(encoding="utf-8"))["groups"]
    for rule in group["rules"]
    if "alert" in rule
}


def test_committed_rules_are_what_the_settings_say() -> None:
    """A user who reads settings.yml would be told of thresholds that the rules don't have."""
    assert generate.main(["--check"]) == 0


def test_check_names_a_rule_file_that_was_edited_by_hand(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """An edit that the next generation overwrites would go unnoticed."""
    assert generate.main(["--output", str(tmp_path)]) == 0
    edited = tmp_path / "risk.yml"
    edited.write_text(edited.read_text(encoding="utf-8").replace("-5000", "-9000"), encoding="utf-8")

    assert generate.main(["--output", str(tmp_path), "--check"]) == 1
    assert str(edited) in capsys.readouterr().err
    assert "-9000" in edited.read_text(encoding="utf-8")


def test_a_settings_file_of_ones_own_changes_what_it_names_and_nothing_else(tmp_path: Path) -> None:
    """A desk with another account size could not have its own thresholds without editing our file."""
    own = tmp_path / "desk.yml"
    own.write_text("alerts: {HighDailyLoss: {threshold: -125, for: 10s}}\n", encoding="utf-8")

    assert generate.main(["--settings", str(own), "--output", str(tmp_path / "rules")]) == 0
    rules = {
        rule["alert"]: rule
        for rule in yaml.safe_load((tmp_path / "rules" / "risk.yml").read_text(encoding="utf-8"))["groups"][0]["rules"]
    }
    assert rules["HighDailyLoss"]["expr"].endswith(" < -125")
    assert rules["HighDailyLoss"]["for"] == "10s"
    assert ALERTS["HighDrawdown"]["expr"] == rules["HighDrawdown"]["expr"]


def test_an_alert_can_be_left_out(tmp_path: Path) -> None:
    """A desk whose orders rest for days would have to edit the rules by hand, or be told of it every minute."""
    own = tmp_path / "desk.yml"
    own.write_text("alerts: {OpenOrdersStuck: {enabled: false}}\n", encoding="utf-8")

    assert generate.main(["--settings", str(own), "--output", str(tmp_path / "rules")]) == 0
    before = yaml.safe_load((ROOT / "alerts" / "rules" / "orders.yml").read_text(encoding="utf-8"))["groups"][0]
    after = yaml.safe_load((tmp_path / "rules" / "orders.yml").read_text(encoding="utf-8"))["groups"][0]
    assert [rule for rule in before["rules"] if rule["alert"] != "OpenOrdersStuck"] == after["rules"]


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("alerts: {HighDailyLos: {threshold: 1}}", "HighDailyLos"),
        ("alerts: {HighDailyLoss: {treshold: 1}}", "treshold"),
        ("job", "desk.yml"),
        ("session: false", "session"),  # it belongs to an alert
        ("alerts: {enabled: false}", "enabled"),
        ("session_labels: [job]", "session_labels"),
    ],
)
def test_a_misspelt_setting_is_refused_by_name(
    text: str, named: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A threshold with a spelling mistake would silently not apply."""
    own = tmp_path / "desk.yml"
    own.write_text(text, encoding="utf-8")

    assert generate.main(["--settings", str(own), "--output", str(tmp_path / "rules")]) == 2
    assert named in capsys.readouterr().err
    assert not (tmp_path / "rules").exists()


def test_the_guides_seven_alerts_keep_their_names() -> None:
    """Someone who followed the guide would lose an alert, or have it page at another severity."""
    assert {name: ALERTS[name]["labels"]["severity"] for name in GUIDE} == GUIDE


@pytest.mark.parametrize("name", ALERTS)
def test_an_alert_says_how_bad_what_and_where_to_read_on(name: str) -> None:
    """Whoever is woken at night would find no text, or a runbook that isn't there."""
    alert = ALERTS[name]
    assert alert["labels"]["severity"] in ("critical", "warning", "info", "none")
    assert set(alert["annotations"]) == {"summary", "description", "runbook_url"}
    assert all(alert["annotations"].values())
    assert alert["annotations"]["runbook_url"] == f"{generate.load()['docs']}runbooks/{name}/"


def test_what_no_closed_market_mutes() -> None:
    """An order that may be live, a breaker or a dead bot would be told in the morning."""
    never = {name for name, alert in ALERTS.items() if alert["labels"].get("session") != "open"}
    assert never == {
        *("ExporterDown", "TradingMetricsAbsent", "TargetGone", "CrashLoop", "MarketClosed", "Watchdog"),
        *("CircuitBreakerTriggered", "CircuitBreakerTripped", "CircuitBreakerFlapping", "LowMargin"),
        *("OrderOutcomeUnknown", "PositionsWithoutData", "CriticalError", "ClockSkew", "DiskFilling"),
    }


@pytest.mark.parametrize("name", ["alertmanager.yml", "notifications.yml"])
def test_a_closed_market_mutes_the_alerts_of_its_own_bot(name: str) -> None:
    """One closed exchange would mute a bot that trades elsewhere, or none at all."""
    config = yaml.safe_load((ROOT / "alerts" / "stack" / name).read_text(encoding="utf-8"))
    rules = {rule["source_matchers"][0]: rule for rule in config["inhibit_rules"]}
    assert rules['alertname = "MarketClosed"'] == {
        "source_matchers": ['alertname = "MarketClosed"'],
        "target_matchers": ['session = "open"'],
        "equal": ["job", "instance"],
    }


def test_an_alert_can_be_muted_with_the_market_or_not(tmp_path: Path) -> None:
    """A desk that holds positions over night would be woken, and could not change it."""
    own = tmp_path / "desk.yml"
    own.write_text(
        "alerts: {PositionsWithoutData: {session: true}, HighDailyLoss: {session: false, keep_firing_for: 1h}}\n",
        encoding="utf-8",
    )
    built = {rule["alert"]: rule for rule in _rules(generate.rules(generate.load([own])))}
    assert built["PositionsWithoutData"]["labels"]["session"] == "open"
    assert "session" not in built["HighDailyLoss"]["labels"]
    assert built["HighDailyLoss"]["keep_firing_for"] == "1h"


@pytest.mark.parametrize("name", PROMTOOLS)
def test_rules_are_valid(name: str) -> None:
    """Prometheus would refuse to load the rules."""
    result = run(program(name), "check", "rules", *map(str, RULE_FILES))
    assert (result.returncode, result.stderr) == (0, "")


def test_every_alert_has_a_scenario() -> None:
    """An alert without a test is an alert that nobody saw firing."""
    assert {*SCENARIOS, "Watchdog"} == set(ALERTS)


@pytest.mark.parametrize("name", PROMTOOLS)
@pytest.mark.parametrize("alert", SCENARIOS)
def test_an_alert_fires_with_its_text_resolves_and_is_silent_otherwise(alert: str, name: str) -> None:
    """An alert would fire too early, too late, at its threshold, on no data, or never resolve."""
    assert check(name, alone(alert), SCENARIOS[alert].groups()) == ""


# These compare with more than a threshold, or with a figure that is interpolated.
_STRICT = [
    name
    for name in SCENARIOS
    if "threshold" in SETTINGS["alerts"][name] and name not in ("HighApiLatency", "DiskFilling")
]


@pytest.mark.parametrize("alert", _STRICT)
def test_an_alert_that_fires_at_its_threshold_fails_its_scenario(alert: str) -> None:
    """The test of a threshold could pass whatever the comparison is."""
    rules = alone(alert)
    (rule,) = rules["groups"][0]["rules"]
    threshold = re.escape(str(SETTINGS["alerts"][alert]["threshold"]))
    rule["expr"], count = re.subn(rf"(?<=[\s])([<>]) (?={threshold}(?!\d))", r"\1= ", rule["expr"])
    assert count == 1, rule["expr"]
    assert check("promtool", rules, SCENARIOS[alert].groups()) != ""


def test_the_watchdog_always_fires() -> None:
    """A dead man's switch would report a failure that is none."""
    expected = [{"exp_labels": {"severity": "none"}, "exp_annotations": ALERTS["Watchdog"]["annotations"]}]
    tests = [{"eval_time": f"{second}s", "alertname": "Watchdog", "exp_alerts": expected} for second in (0, 600)]
    assert check("promtool", alone("Watchdog"), [group("no bot", [], 600, alert_rule_test=tests)]) == ""


def test_no_target_at_all_reads_as_a_sentence() -> None:
    """The text would have a blank where the bot's name stands."""
    expected = {
        "exp_labels": {"severity": "critical", "job": "tradmetrics"},
        "exp_annotations": {
            "summary": "The job tradmetrics has no target",
            "description": "Prometheus knows no target of the job tradmetrics: nothing about trading is known.",
            "runbook_url": f"{SETTINGS['docs']}runbooks/ExporterDown/",
        },
    }
    tests = [{"eval_time": "300s", "alertname": "ExporterDown", "exp_alerts": [expected]}]
    assert check("promtool", alone("ExporterDown"), [group("none", [], 300, alert_rule_test=tests)]) == ""


@pytest.mark.parametrize("used", [0, 500, 1000, 2000])
def test_an_account_that_owes_margin_has_little_of_it(used: float) -> None:
    """The broker closes positions, and no alert comes: free and used margin add up to less than nothing."""
    bot = Bot().show("trading_margin_available", -1000).show("trading_margin_used", used)
    expected = {
        "exp_labels": {"severity": "critical", "job": "tradmetrics", "instance": "bot:8000"},
        "exp_annotations": {
            "summary": "bot:8000: 0% of the margin is free",
            "description": "0% of the margin of bot:8000 is free (threshold: 15%).",
            "runbook_url": f"{SETTINGS['docs']}runbooks/LowMargin/",
        },
    }
    tests = [{"eval_time": "300s", "alertname": "LowMargin", "exp_alerts": [expected]}]
    assert check("promtool", alone("LowMargin"), [group("owes", [bot], 300, alert_rule_test=tests)]) == ""


@pytest.mark.parametrize("promtool", PROMTOOLS)
@pytest.mark.parametrize(
    ("drift", "shown"), [(1_250_000, "1250000"), (0.1 + 0.2, "0.3"), (-0.00002, "0.00002"), (10.5, "10.5"), (40, "40")]
)
def test_a_quantity_reads_as_a_person_writes_it(promtool: str, drift: float, shown: str) -> None:
    """A phone would say that the position differs by 1.25e+06, or by 0.30000000000000004."""
    text = ALERTS["PositionDrift"]["annotations"]["summary"]
    assert fill(text, {"instance": "bot:8000", "symbol": "NIFTY"}, abs(drift)).endswith(f" by {shown}")
    (alert,) = alone("PositionDrift")["groups"][0]["rules"]
    rules = {"groups": [{"name": "alone", "rules": [{**alert, "annotations": {"summary": text}}]}]}
    expected = {
        "exp_labels": {
            "severity": "warning",
            "session": "open",
            "job": "tradmetrics",
            "instance": "bot:8000",
            "symbol": "NIFTY",
        },
        "exp_annotations": {"summary": f"bot:8000: the position in NIFTY differs from the broker's by {shown}"},
    }
    bot = Bot().show("trading_position_drift", drift, symbol="NIFTY")
    tests = [{"eval_time": "300s", "alertname": "PositionDrift", "exp_alerts": [expected]}]
    assert check(promtool, rules, [group("drift", [bot], 300, alert_rule_test=tests)]) == ""


def test_a_lost_scrape_neither_starts_the_wait_again_nor_sends_an_all_clear() -> None:
    """A loss beyond the limit would never alert while each tenth scrape fails."""
    bot = Bot(lost=lambda second: second // 7 % 10 == 9).show("trading_daily_pnl", -6000)
    _fires("HighDailyLoss", [bot], {second: second >= 330 for second in range(30, 1800, 30)})


def test_a_restart_in_the_middle_of_a_loss_does_not_send_resolved() -> None:
    """A bot that reads 0 until the broker answers would send an all-clear."""
    bot = Bot(uptime=lambda second: float(second if second < 900 else second - 900))
    bot.show("trading_daily_pnl", lambda second: 0.0 if 900 <= second < 1080 else -6000.0)
    _fires("HighDailyLoss", [bot], {second: second >= 330 for second in range(30, 1800, 30)})


@pytest.mark.parametrize(
    ("bot", "fires"),
    [
        pytest.param(Bot(), False, id="never-told"),
        pytest.param(Bot().show("trading_market_session_open", 0), True, id="closed"),
        pytest.param(Bot().show("trading_market_session_open", 1), False, id="open"),
        pytest.param(Bot(gone=600).show("trading_market_session_open", 0), True, id="stopped-after-the-close"),
        pytest.param(Bot(uptime=500).show("trading_market_session_open", 0), True, id="older"),
        pytest.param(Bot(uptime=lambda _: 77.0).show("trading_market_session_open", 0), False, id="pushed-once"),
        pytest.param(
            Bot(uptime=lambda second: float(second % 900)).show(
                "trading_market_session_open", lambda second: 0.0 if second < 900 else None
            ),
            False,
            id="restarted-and-silent",
        ),
        pytest.param(
            Bot()
            .show("trading_market_session_open", 0, account="a")
            .show("trading_market_session_open", 1, account="b"),
            False,
            id="one-of-two-markets-open",
        ),
    ],
)
def test_the_market_of_a_bot_is_closed_while_the_bot_says_so(bot: Bot, fires: bool) -> None:
    """A dead or pushed series would mute alerts for ever, or a bot that is stopped at night would bring them back."""
    _fires("MarketClosed", [bot], {1200: fires})


def test_a_feed_that_connects_and_sends_nothing_never_came() -> None:
    """A subscription that the broker ignores leaves the socket up and the bot blind for the whole day."""
    bot = Bot().show("trading_market_session_open", lambda second: float(second >= 600))
    bot.show("trading_websocket_connections", 1).show("trading_market_data_updates_total", 0, symbol="NIFTY")
    _fires("FeedNeverCame", [bot], {1170: False, 1260: True, 1800: True})


def test_an_order_stream_alone_is_no_feed_that_never_came() -> None:
    """A bot that records no market data would alert each morning."""
    bot = Bot().show("trading_market_session_open", 1).show("trading_websocket_connections", 1)
    _fires("FeedNeverCame", [bot], {1800: False})


_UPDATED = "trading_market_data_last_update_timestamp_seconds"


@pytest.mark.parametrize(
    ("bot", "fires"),
    [
        pytest.param(
            Bot(uptime=lambda second: float(second % 600)).show(
                _UPDATED, lambda second: float(second) if second < 600 else None, symbol="A"
            ),
            True,
            id="no-data-since-the-restart",
        ),
        pytest.param(Bot().show("trading_market_data_updates_total", 0, symbol="A"), True, id="never-came"),
        pytest.param(
            Bot(uptime=lambda second: float(second % 600))
            .show("trading_market_data_updates_total", 0, symbol="A")
            .show(_UPDATED, lambda second: float(second) if second < 600 else None, symbol="A"),
            True,
            id="never-came-since-the-restart",
        ),
        pytest.param(Bot(), False, id="records-no-data"),
        pytest.param(
            Bot().show(_UPDATED, float, symbol="A").show(_UPDATED, 5.0, symbol="B"), False, id="one-symbol-lives"
        ),
    ],
)
def test_positions_are_without_data_also_when_it_never_came(bot: Bot, fires: bool) -> None:
    """A bot that restarts with open positions and gets no data would be blind, and nobody would be told."""
    _fires("PositionsWithoutData", [bot.show("trading_positions_open", 2, strategy="s")], {300: False, 1170: fires})


def test_a_rolling_update_is_no_lost_target() -> None:
    """Each deployment would page: for a minute there are two targets, then one with another name."""
    bots = [Bot("old:8000", gone=900), Bot("new:8000", uptime=lambda second: second - 840.0 if second >= 840 else None)]
    bots[1].series[0] = ("up", {}, lambda second: 1.0 if second >= 840 else None)
    _fires("TargetGone", bots, dict.fromkeys(range(600, 2400, 300), False))


@pytest.mark.parametrize(
    "status",
    [
        *("rate_limit_exceeded", "request_timeout", "d_do_s_protection", "503", "429", "error"),
        *("FAILED", "RateLimitExceeded", "10003", "10006", "10016", "10429", "33004"),
    ],
)
def test_a_failed_request_is_in_the_list_that_the_rule_reads(status: str) -> None:
    """An exchange that refuses everything would show an error ratio of 0."""
    assert requests.is_failure(status)
    assert re.fullmatch(ALERTS["HighApiErrorRatio"]["expr"].partition('status=~"')[2].partition('"')[0], status)


@pytest.mark.parametrize(
    "status", ["ok", "OK", "200", "201", "302", "400", "404", "10001", "110001", "200000", "unknown", "__other__"]
)
def test_an_answer_is_no_failed_request(status: str) -> None:
    """Polling for an order that is gone would alert."""
    assert not requests.is_failure(status)
    text = ALERTS["HighApiErrorRatio"]["expr"].partition('status=~"')[2]
    failed, _, rest = text.partition('", status!="')
    assert not re.fullmatch(failed, status) or status == rest.partition('"')[0]


@pytest.mark.parametrize("code", [10003, 10004, 10005, 10007, 10008, 10009, 10010, 33004])
def test_a_key_that_bybit_refuses_is_in_the_list_of_refusals(code: int) -> None:
    """An expired key would alert nobody: pybit raises with Bybit's own code."""
    assert re.fullmatch(requests.pattern(requests.DENIED), str(code))
    assert requests.is_failure(str(code))


def test_every_exception_of_ccxt_is_a_failed_request() -> None:
    """The adapter writes the exception's name, and the alert would not know it."""
    errors = pytest.importorskip("ccxt.base.errors")
    names = {name for name, kind in vars(errors).items() if isinstance(kind, type) and issubclass(kind, Exception)}
    assert len(names) > 30
    assert {name for name in names if not requests.is_failure(snake_case(name))} == set()


def _rules(files: dict[str, dict[str, Any]]) -> list[dict[str, Any]]:
    return [rule for content in files.values() for rule in content["groups"][0]["rules"] if "alert" in rule]


def _fires(alert: str, bots: list[Bot], firing: dict[int, bool]) -> None:
    """Check at which evaluations an alert fires; both promtools agree, so one is asked."""
    query = f'count(ALERTS{{alertname="{alert}", alertstate="firing"}})'
    tests = [
        {
            "expr": query,
            "eval_time": f"{second}s",
            "exp_samples": [{"labels": "{}", "value": 1}] if fires else [],
        }
        for second, fires in firing.items()
    ]
    assert check("promtool", alone(alert), [group("fires", bots, max(firing), promql_expr_test=tests)]) == ""
