"""The board's own evaluation of the shipped alerts: the same firings and texts as promtool's."""

import math
from typing import Any

import pytest

from alerts import generate
from tests.alerts.scenarios import SETTINGS
from tests.alerts.table import SCENARIOS
from tests.alerts.worlds import EVERY
from tests.board_kit import Written, spoken
from tradmetrics.board.alerting.rules import Rulebook, read
from tradmetrics.board.query import Evaluator, parse
from tradmetrics.board.query.sums import StepSums

RULES = [rule for document in generate.rules(SETTINGS).values() for rule in read(document)]


def watched(group: dict[str, Any], alert: str, *, remembering: bool) -> None:
    """Evaluate an alert over a group of promtool's tests, and compare what fires with what the tests expect."""
    source = Written()
    for each in group["input_series"]:
        source.write(each["series"], str(each["values"]), spoken(group["interval"]))
    failures: list[str] = []
    rulebook = Rulebook(
        [rule for rule in RULES if rule.name == alert],
        failed=lambda rule, error: failures.append(f"{rule.name}: {error}"),
    )
    evaluator = Evaluator(source, step=EVERY, sums=StepSums() if remembering else None)
    due = sorted(group["alert_rule_test"], key=lambda check: spoken(str(check["eval_time"])))
    now = 0.0
    while due:
        rulebook.evaluate(evaluator, now)
        while due and spoken(str(due[0]["eval_time"])) < now + EVERY:
            check = due.pop(0)
            assert _expected(check) == _found(rulebook), f"{group['name']} at {check['eval_time']}"
        now += EVERY
    assert [] == failures


@pytest.mark.parametrize("alert", SCENARIOS)
def test_the_board_says_what_promtool_says(alert: str) -> None:
    """A trader who relies on the board's alerts would be told something else than one who runs Prometheus."""
    for group in SCENARIOS[alert].groups():
        watched(group, alert, remembering=True)


@pytest.mark.parametrize("alert", ["OrderRejectBurst", "CircuitBreakerFlapping"])
def test_steps_that_are_not_remembered_give_the_same(alert: str) -> None:
    """A short cut of the board would count other events than the rule does."""
    for group in SCENARIOS[alert].groups():
        watched(group, alert, remembering=False)


def _expected(check: dict[str, Any]) -> list[tuple[list[tuple[str, str]], list[tuple[str, str]]]]:
    alerts = check.get("exp_alerts") or []
    return sorted(
        (sorted(each.get("exp_labels", {}).items()), sorted(each.get("exp_annotations", {}).items())) for each in alerts
    )


def _found(rulebook: Rulebook) -> list[tuple[list[tuple[str, str]], list[tuple[str, str]]]]:
    return sorted(
        (
            sorted((key, value) for key, value in each.labels.items() if key != "alertname"),
            sorted(each.annotations.items()),
        )
        for each in rulebook.alerts(firing=True)
    )


def test_a_recording_of_a_ratio_is_the_ratio() -> None:
    """The recorded series would differ between the board and Prometheus."""
    source = Written()
    source.write('a_total{job="j"}', "0+1x20", 15)
    source.write('b_total{job="j"}', "0+4x20", 15)
    (sample,) = Evaluator(source).at(parse("sum by (job) (rate(a_total[1m])) / sum by (job) (rate(b_total[1m]))"), 300)
    assert math.isclose(0.25, sample.value)
    assert {"job": "j"} == sample.labels
