"""The compliance rules: each fires at its number, and the file is what the settings say."""

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from alerts.compliance.__main__ import RULES, SETTINGS, main, render
from alerts.compliance.definitions import ALERTS
from tradmetrics.doctor.child import Run

FOLDER = RULES.parent
PROMTOOL = shutil.which("promtool")


@pytest.mark.skipif(PROMTOOL is None, reason="promtool is not installed")
def test_each_rule_fires_at_its_number_and_not_before() -> None:
    """A desk would show that it keeps a limit by an alert that never fires, or fires below the limit."""
    done = subprocess.run([str(PROMTOOL), "test", "rules", str(FOLDER / "tests.yml")], capture_output=True, text=True)
    assert 0 == done.returncode, done.stdout + done.stderr


def test_every_rule_has_a_test_of_it_firing() -> None:
    """A rule without a test could be broken by the next change, and no test would fail."""
    tests = yaml.safe_load((FOLDER / "tests.yml").read_text(encoding="utf-8"))["tests"]
    fired = {case["alertname"] for test in tests for case in test["alert_rule_test"] if case["exp_alerts"]}
    assert {alert.name for alert in ALERTS} == fired


def test_the_rule_file_is_what_the_settings_say() -> None:
    """A changed threshold would not reach Prometheus."""
    assert render(yaml.safe_load(SETTINGS.read_text(encoding="utf-8"))) == RULES.read_text(encoding="utf-8")
    assert 0 == main(["--check"])


def test_a_changed_limit_reaches_the_rule_and_its_text(tmp_path: Path) -> None:
    """An exchange with another limit would be watched by the wrong number."""
    settings = tmp_path / "settings.yml"
    settings.write_text(SETTINGS.read_text(encoding="utf-8").replace("threshold: 10 ", "threshold: 20 "))
    assert 0 == main(["--settings", str(settings), "--output", str(tmp_path / "rules.yml")])
    text = (tmp_path / "rules.yml").read_text(encoding="utf-8")
    assert 'trading_order_message_rate_max{window="1s"}[2m]) > 20' in text
    assert "(threshold: 20)" in text
    assert 1 == main(["--settings", str(settings), "--check"])


def test_settings_without_an_alert_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A misspelled alert would silently vanish from the file."""
    settings = yaml.safe_load(SETTINGS.read_text(encoding="utf-8"))
    del settings["alerts"]["DuplicateOrders"]
    (tmp_path / "settings.yml").write_text(yaml.safe_dump(settings), encoding="utf-8")
    assert 2 == main(["--settings", str(tmp_path / "settings.yml"), "--output", str(tmp_path / "rules.yml")])
    assert "DuplicateOrders" in capsys.readouterr().err


def test_the_doctor_finds_no_fault_in_the_rules() -> None:
    """A rule could name a metric or a label that no bot has."""
    request: dict[str, Any] = {"url": None, "prometheus": None, "rules": [str(RULES)], "dashboards": [], "skipped": {}}
    examination = Run(request, lambda name, seconds: None).examine()
    assert ([], []) == (examination.faults, examination.unreadable)
    assert examination.queries > len(ALERTS)
