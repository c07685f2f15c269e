"""The board's own evaluation of PromQL, beside Prometheus's: each function and operator on the same samples."""

import json
import math
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from tests.board_kit import Written
from tradmetrics.board.query import Evaluator, Sample, parse
from tradmetrics.board.query.durations import QueryError

INTERVAL = 15.0
SERIES = {
    'requests_total{bot="a",code="200"}': "0+2x40",
    'requests_total{bot="a",code="500"}': "5+1x10 0+3x29",
    'requests_total{bot="b",code="200"}': "7x12 _x3 9+0.5x24",
    'depth{bot="a"}': "1 4 2 8 5 7 -3 6 2 9x31",
    'depth{bot="b"}': "-2+0.75x40",
    'depth{bot="c",desk="x"}': "4x40",
    'limit{desk="x"}': "3x40",
    'price{bot="a"}': "NaN NaN 3 NaN 5x40",
    'price{bot="b"}': "4" + 40 * " NaN",
    'price{bot="c"}': "Inf -Inf Inf 2x4 NaN -7x40",
    'price{bot="d"}': 40 * "Inf ",
    "once": "_x36 5 _x10",
    'wait_bucket{bot="a",le="0.1"}': "0+1x40",
    'wait_bucket{bot="a",le="0.5"}': "0+3x40",
    'wait_bucket{bot="a",le="+Inf"}': "0+4x40",
}
NUMBERS = ("time()", "7 % 4", "1 > bool 2", "-2 ^ 2")
NOW = 577.0  # not on a scrape, where versions of Prometheus differ about what a window holds

EXPRESSIONS = [
    # functions of a window
    *(
        f"{function}(requests_total[2m])"
        for function in ("rate", "increase", "irate", "resets", "changes", "count_over_time", "last_over_time")
    ),
    *(
        f"{function}(depth[3m])"
        for function in (
            *("delta", "idelta", "deriv", "avg_over_time", "sum_over_time", "min_over_time", "max_over_time"),
            *("present_over_time", "stddev_over_time"),
        )
    ),
    "increase(requests_total[9m] offset 30s)",
    "quantile_over_time(0.3, depth[5m])",
    "predict_linear(depth[3m], 600)",
    "max_over_time(rate(requests_total[1m])[3m:30s])",
    "absent_over_time(nothing{bot='x'}[5m])",
    "absent_over_time(depth[5m])",
    # functions of a value
    "abs(depth - 9)", "ceil(depth / 4)", "floor(depth / 4)", "round(depth / 4)", "round(depth, 5)",
    "clamp_min(depth, 6)", "clamp_max(depth, 6)", "clamp(depth, 5, 8)", "sgn(depth - 9)",
    "sqrt(depth)", "exp(depth / 10)", "ln(depth)",
    "absent(depth)", "absent(nothing{bot='x', desk='y'})", "time()", "vector(3)", "scalar(limit) * depth",
    "timestamp(depth)", "timestamp(depth + 1)", "-depth", "histogram_quantile(0.4, rate(wait_bucket[5m]))",
    'label_replace(depth, "who", "bot-$1", "bot", "(.*)")', 'label_replace(depth, "who", "x", "desk", "x")',
    'label_join(depth, "both", "/", "bot", "desk")', "sort(depth)", "sort_desc(depth)",
    # aggregations
    *(f"{name} by (bot) (requests_total)" for name in ("sum", "avg", "min", "max", "count", "group")),
    *(f"{name} by (bot) (requests_total)" for name in ("stddev", "stdvar")),
    "sum without (code) (requests_total)", "sum(depth)", "topk(2, depth)", "bottomk(1, depth)", "quantile(0.25, depth)",
    "topk by (bot) (1, requests_total)", 'count_values("depth", round(depth))',
    'count_values without (bot) ("n", depth)',
    # operators
    "depth + 1", "depth - depth", "depth * 2", "depth / 0", "depth % 4", "depth ^ 2", "2 ^ depth", "1 / depth", "7 % 4",
    "depth > 4", "depth >= bool 4", "depth == 4", "depth != 4", "4 < depth", "depth <= bool depth", "1 > bool 2",
    'depth and depth{bot="a"}', 'depth unless depth{bot="a"}', 'depth{bot="b"} or limit', "depth or requests_total",
    "depth * on (desk) group_left () limit", 'sum by (bot) (requests_total) / on (bot) depth{bot=~"a|b"}',
    'requests_total{code="500"} / ignoring (code) requests_total{code="200"}',
    'requests_total / on (bot) group_left () sum by (bot) (requests_total)',
    # what is no number, or too large for one
    "min(price)", "max(price)", "topk(2, price)", "bottomk(2, price)", "min(price) by (bot)", "sgn(price)",
    "abs(price)",
    "ceil(price)", "round(price)", "round(depth, 0)", "exp(depth * 200)", "(0 - depth) ^ 777", "(depth * 0) ^ -1",
    "depth ^ 9999", "(0 - depth) ^ 0.5", "price % 3", "price / 0", "price > 3", "price == price", "ln(price - 2)",
    "quantile(1.5, depth)", "quantile(-1, depth)", "quantile_over_time(2, depth[5m])",
    "histogram_quantile(-1, wait_bucket)", "histogram_quantile(2, wait_bucket)", "histogram_quantile(0.1, depth)",
    "histogram_quantile(0.01, wait_bucket)", "histogram_quantile(0.99, wait_bucket)",
    'histogram_quantile(0.5, wait_bucket{le!="+Inf"})', "histogram_quantile(0.5, wait_bucket * 0)",
    # one sample is no rate
    *(f"{function}(once[5m])" for function in ("rate", "irate", "idelta", "deriv", "last_over_time")),
    "predict_linear(once[5m], 60)",
    "limit * on (desk) group_right () depth", "+depth", "-2 ^ 2",
    "avg_over_time(depth[2m:] offset 1m)",
    "vector(scalar(depth))", "depth atan2 3", 'sum(depth{bot=`a`})', "sum(depth{bot='b'})", "depth > Inf",
    "present_over_time(price[1m])",
    'depth{bot!="a"}', 'depth{bot!~"a|b"}', 'depth{desk=""}',
]  # fmt: skip


def source() -> Written:
    """The samples."""
    written = Written()
    for series, values in SERIES.items():
        written.write(series, values, INTERVAL)
    return written


def told(sample: Sample) -> dict[str, object]:
    """A sample as promtool's tests write it."""
    labels = ", ".join(f"{name}={json.dumps(value)}" for name, value in sorted(sample.labels.items()))
    return {"labels": f"{{{labels}}}", "value": sample.value}


def check(expression: str, expected: list[Sample]) -> dict[str, object]:
    """What promtool is to find."""
    return {"expr": expression, "eval_time": f"{NOW:g}s", "exp_samples": [told(each) for each in expected]}


@pytest.mark.skipif(shutil.which("promtool3") is None, reason="only promtool 3 compares with a tolerance")
def test_each_function_and_operator_gives_what_prometheus_gives(tmp_path: Path) -> None:
    """A panel or an alert of the board would show another number than the same one in Grafana."""
    evaluator = Evaluator(source(), step=INTERVAL)
    checks = []
    for expression in EXPRESSIONS:
        found = evaluator.at(parse(expression), NOW)
        # The board's samples carry no names of metrics: a panel has its title.
        unnamed = expression if expression in NUMBERS else f'label_replace({expression}, "__name__", "", "bot", ".*")'
        numbers = [each for each in found if not math.isnan(each.value)]
        if len(numbers) < len(found):  # NaN equals nothing, for promtool too
            checks.append(check(f"count({expression})", [Sample({}, float(len(found)))]))
            unnamed = f"{unnamed} == {unnamed}"
        checks.append(check(unnamed, numbers))
    rows = [{"series": series, "values": values} for series, values in SERIES.items()]
    test = {"interval": f"{INTERVAL:g}s", "input_series": rows, "promql_expr_test": checks}
    file = tmp_path / "test.yml"
    file.write_text(yaml.safe_dump({"fuzzy_compare": True, "evaluation_interval": "15s", "tests": [test]}))
    answer = subprocess.run(["promtool3", "test", "rules", str(file)], capture_output=True, text=True, timeout=120)
    assert 0 == answer.returncode, (answer.stdout + answer.stderr)[:6_000]


@pytest.mark.parametrize(
    ("expression", "said"),
    [
        ("depth[5m]", "is a window, and a value at one time is needed"),
        ("rate(depth)", "is not a window, such as metric[5m]"),
        ("sum(3)", "is a number, and series are needed"),
        ("clamp_min(depth, depth)", "is a set of series, and a number is needed"),
        ("holt_winters(depth[5m], 0.5, 0.5)", "the board does not know the function"),
        ("depth > $threshold", "there is no value for the variable $threshold"),
        ("depth * on (desk) requests_total", ""),
        ("limit * on (desk) depth", "several series"),
        ("'text'", "is not a value at one time"),
    ],
)
def test_what_cannot_be_evaluated_is_said(expression: str, said: str) -> None:
    """A panel would be empty without a reason."""
    with pytest.raises(QueryError) as caught:
        Evaluator(source(), step=INTERVAL).at(parse(expression), NOW)
    assert said in str(caught.value)


def test_variables_stand_for_numbers_and_times() -> None:
    """The panels' `$strategy` and `$window` would not be replaced."""
    evaluator = Evaluator(source(), {"least": "4", "span": "2m", "bot": "a"}, step=INTERVAL)
    assert [9.0] == [
        each.value for each in evaluator.at(parse('max_over_time(depth{bot="$bot"}[$span]) > $least'), NOW)
    ]
    assert [9.0] == [each.value for each in evaluator.at(parse("$least + 5"), NOW)]
    assert [120.0] == [each.value for each in evaluator.at(parse("vector($span)"), NOW)]
