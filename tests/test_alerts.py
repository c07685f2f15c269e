"""The alerts and recording rules: generated from the settings, valid, and tested by promtool one by one."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from alerts import generate
from tests.stack.programs import program, run
from tradmetrics.catalogue import MARKET_SESSION_OPEN

ROOT = Path(__file__).parent.parent
RULE_FILES = sorted((ROOT / "alerts" / "rules").glob("*.yml"))
TEST_FILES = sorted((ROOT / "alerts" / "tests").glob("*.yml"))
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
    assert "trading_daily_pnl < -125" in rules["HighDailyLoss"]["expr"]
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


def test_a_session_can_mute_the_alerts_of_its_own_bot_and_no_other(tmp_path: Path) -> None:
    """When one market closes, the alerts of a bot in a market that is open would go silent."""
    own = tmp_path / "desk.yml"
    own.write_text("session_labels: [job, instance]\n", encoding="utf-8")
    assert generate.main(["--settings", str(own), "--output", str(tmp_path)]) == 0
    series = {
        f'{name}{{job="tradmetrics", instance="{bot}"}}': value
        for bot, session in (("stocks", "0x60"), ("crypto", "1x60"))
        for name, value in (("trading_circuit_breaker_active", "1x60"), (MARKET_SESSION_OPEN.name, session))
    }
    expected = {
        "exp_labels": {"severity": "critical", "job": "tradmetrics", "instance": "crypto"},
        "exp_annotations": {
            **ALERTS["CircuitBreakerTriggered"]["annotations"],
            "description": "The circuit breaker of crypto is active: trading is halted.",
        },
    }
    check = {"eval_time": "10m", "alertname": "CircuitBreakerTriggered", "exp_alerts": [expected]}
    inputs = [{"series": name, "values": value} for name, value in series.items()]
    group = {"interval": "15s", "input_series": inputs, "alert_rule_test": [check]}
    test = tmp_path / "test.yml"
    test.write_text(yaml.safe_dump({"rule_files": ["risk.yml"], "tests": [group]}), encoding="utf-8")

    result = run(program("promtool"), "test", "rules", str(test))
    assert result.returncode == 0, result.stdout + result.stderr
    assert run(program("promtool"), "check", "rules", *map(str, tmp_path.glob("*s.yml"))).returncode == 0


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("alerts: {HighDailyLos: {threshold: 1}}", "HighDailyLos"),
        ("alerts: {HighDailyLoss: {treshold: 1}}", "treshold"),
        ("job", "desk.yml"),
        ("session: false", "session"),  # it belongs to an alert
        ("alerts: {enabled: false}", "enabled"),
        ("session_labels: job", "session_labels"),
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
    assert alert["labels"]["severity"] in ("critical", "warning", "info")
    assert set(alert["annotations"]) == {"summary", "description", "runbook_url"}
    assert all(alert["annotations"].values())
    assert alert["annotations"]["runbook_url"] == f"{generate.load()['docs']}runbooks/{name}/"


@pytest.mark.parametrize("name", sorted(set(ALERTS) - {"ExporterDown", "TradingMetricsAbsent"}))
def test_an_alert_about_trading_is_muted_outside_the_session(name: str) -> None:
    """A desk would be paged at night for a market that is closed."""
    assert ALERTS[name]["expr"].endswith(f"unless on () ({MARKET_SESSION_OPEN.name} == 0)")


def test_rules_are_valid() -> None:
    """Prometheus would refuse to load the rules."""
    result = run(program("promtool"), "check", "rules", *map(str, RULE_FILES))
    assert (result.returncode, result.stderr) == (0, "")


@pytest.mark.parametrize("path", TEST_FILES, ids=lambda path: path.stem)
def test_rules_do_what_their_promtool_tests_say(path: Path) -> None:
    """An alert would fire too early, too late, at its threshold, on no data, or never resolve."""
    result = run(program("promtool"), "test", "rules", str(path))
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.parametrize("name", ALERTS)
def test_every_alert_has_a_test_that_fires_and_tests_that_stay_silent(name: str) -> None:
    """An alert without a test is an alert that nobody saw firing."""
    path = ROOT / "alerts" / "tests" / f"{name}.yml"
    groups = yaml.safe_load(path.read_text(encoding="utf-8"))["tests"]
    expected = [bool(test["exp_alerts"]) for group in groups for test in group["alert_rule_test"]]
    assert {test["alertname"] for group in groups for test in group["alert_rule_test"]} == {name}
    assert set(expected) == {True, False}
    # Resolved: silent again, later in the same group, after it fired.
    assert any(
        True in (fired := [bool(test["exp_alerts"]) for test in group["alert_rule_test"]])
        and False in fired[fired.index(True) :]
        for group in groups
    )
    if name != "ExporterDown":  # which is there to fire on absence
        assert any("no data" in group["name"] for group in groups)


# Not the age below which a system has just been started: it is no threshold of the alert.
_COMPARISON = re.compile(r"(?<=\s)[<>](?! 60\))(?= -?[\d.])")


@pytest.mark.parametrize(
    ("name", "place"),
    [
        pytest.param(name, match.end(), id=f"{name}-{number}")
        for name, alert in ALERTS.items()
        for number, match in enumerate(_COMPARISON.finditer(alert["expr"]))
    ],
)
def test_an_alert_that_fires_at_its_threshold_fails_its_promtool_test(name: str, place: int, tmp_path: Path) -> None:
    """The test of a threshold could pass whatever the comparison is."""
    alert = ALERTS[name]
    loose = f"{alert['expr'][:place]}={alert['expr'][place:]}"
    rules = yaml.safe_load(alert["file"].read_text(encoding="utf-8"))
    next(rule for rule in rules["groups"][0]["rules"] if rule.get("alert") == name)["expr"] = loose
    (tmp_path / "rules").mkdir()
    (tmp_path / "tests").mkdir()
    (tmp_path / "rules" / alert["file"].name).write_text(yaml.safe_dump(rules), encoding="utf-8")
    test = tmp_path / "tests" / f"{name}.yml"
    test.write_text((ROOT / "alerts" / "tests" / f"{name}.yml").read_text(encoding="utf-8"), encoding="utf-8")

    assert run(program("promtool"), "test", "rules", str(test)).returncode == 1
