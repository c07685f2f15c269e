"""The board's own evaluation of the shipped alerts: the same firings, texts and recordings as promtool's."""

import math
from typing import Any

import pytest

from tests.alerts.scenarios import alone
from tests.alerts.table import SCENARIOS
from tests.alerts.worlds import EVERY
from tests.board_kit import Written, spoken
from tradmetrics.board.alerting.rules import Rulebook, read
from tradmetrics.board.query import Evaluator, parse

GROUPS = [
    pytest.param(alert, each, id=each["name"]) for alert, scenario in SCENARIOS.items() for each in scenario.groups()
]


@pytest.mark.parametrize(("alert", "group"), GROUPS)
def test_the_board_says_what_promtool_says(alert: str, group: dict[str, Any]) -> None:
    """A trader who relies on the board's alerts would be told something else than one who runs Prometheus."""
    every = EVERY
    source = Written()
    for each in group["input_series"]:
        source.write(each["series"], str(each["values"]), spoken(group["interval"]))
    now = [0.0]
    rules = read(alone(alert))
    failures: list[str] = []
    rulebook = Rulebook(
        rules,
        lambda name, samples: source.record(name, samples, now[0]),
        lambda rule, error: failures.append(f"{rule.name}: {error}"),
    )
    evaluator = Evaluator(source, step=every)
    checks = [("alert", each) for each in group.get("alert_rule_test", ())]
    checks += [("query", each) for each in group.get("promql_expr_test", ())]
    due = sorted(checks, key=lambda check: spoken(str(check[1]["eval_time"])))
    while due:
        rulebook.evaluate(evaluator, now[0])
        while due and spoken(str(due[0][1]["eval_time"])) < now[0] + every:
            kind, check = due.pop(0)
            if kind == "alert":
                assert _expected(check) == _found(rulebook, check["alertname"]), f"at {check['eval_time']}"
            else:
                _compare(check, evaluator, spoken(str(check["eval_time"])))
        now[0] += every
    assert [] == failures


def _expected(check: dict[str, Any]) -> list[tuple[dict[str, str], dict[str, str]]]:
    alerts = check.get("exp_alerts") or []
    return sorted(
        (({**each.get("exp_labels", {})}, {**each.get("exp_annotations", {})}) for each in alerts), key=repr_of
    )


def _found(rulebook: Rulebook, name: str) -> list[tuple[dict[str, str], dict[str, str]]]:
    alerts = [each for each in rulebook.alerts(firing=True) if each.rule.name == name]
    without = [
        ({key: value for key, value in each.labels.items() if key != "alertname"}, each.annotations) for each in alerts
    ]
    return sorted(without, key=repr_of)


def repr_of(pair: tuple[dict[str, str], dict[str, str]]) -> str:
    """A key to sort alerts by."""
    return repr([sorted(each.items()) for each in pair])


def _compare(check: dict[str, Any], evaluator: Evaluator, time: float) -> None:
    found = {frozenset(each.labels.items()): each.value for each in evaluator.at(parse(check["expr"]), time)}
    expected = {}
    for each in check.get("exp_samples") or []:
        source = Written()
        source.write(each["labels"], "0", 1)
        (sample,) = source.instant("", (), 0)
        expected[frozenset(sample.labels.items())] = float(each["value"])
    assert expected.keys() == found.keys()
    assert all(math.isclose(value, found[key], rel_tol=1e-9, abs_tol=1e-12) for key, value in expected.items())
