"""`tradmetrics doctor`: queries that can never have data are found, and queries that can are left in peace."""

import http.server
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar

import pytest
import typer
import yaml

from tradmetrics import MetricsExporter, TradingMetrics, start_metrics_server
from tradmetrics.catalogue import CATALOGUE
from tradmetrics.doctor import child, doctor
from tradmetrics.doctor.grafana import replace

ROOT = Path(__file__).parents[2]
RULES, DASHBOARDS = ROOT / "alerts" / "rules", ROOT / "dashboards" / "json"


def examine(capsys: pytest.CaptureFixture[str], **options: Any) -> tuple[int, dict[str, Any]]:
    """Run the doctor and return its exit status and its JSON."""
    with pytest.raises(typer.Exit) as exit_:
        doctor(as_json=True, **options)
    return exit_.value.exit_code, json.loads(capsys.readouterr().out)


@pytest.fixture(autouse=True)
def in_this_process(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Examine without a child process, which the tests of hostile files alone need."""
    if "hostile" not in request.node.name:
        monkeypatch.setattr(
            "tradmetrics.doctor.supervisor.run",
            lambda **request: child.Run({**request, "skipped": {}}, lambda name, seconds: None).examine(),
        )


def rule_file(folder: Path, *expressions: str, **records: str) -> Path:
    """Write a rule file with alerts of these expressions, and recording rules by their names."""
    rules: list[dict[str, Any]] = [{"alert": f"A{n}", "expr": text} for n, text in enumerate(expressions)]
    rules += [{"record": name.replace("__", ":"), "expr": text} for name, text in records.items()]
    path = folder / "rules.yml"
    path.write_text(yaml.safe_dump({"groups": [{"name": "own", "rules": rules}]}), encoding="utf-8")
    return path


def dashboard_file(folder: Path, *expressions: str, **fields: Any) -> Path:
    """Write a dashboard with one panel that has these queries."""
    targets = [{"expr": text, "refId": chr(65 + n)} for n, text in enumerate(expressions)]
    path = folder / "dashboard.json"
    path.write_text(json.dumps({"panels": [{"title": "Fills", "targets": targets}], **fields}), encoding="utf-8")
    return path


def messages(findings: list[dict[str, Any]], kind: str) -> list[str]:
    """Return the messages of one kind of finding."""
    return [finding["message"] for finding in findings if finding["kind"] == kind]


def test_what_the_project_ships_has_no_fault_and_leaves_no_metric_unused(capsys: pytest.CaptureFixture[str]) -> None:
    """A panel or an alert of ours could never have data, or a metric would be recorded that nobody can look at."""
    status, answer = examine(capsys, rules=[RULES], dashboards=[DASHBOARDS], strict=True)
    assert (status, answer["faults"], answer["reports"], answer["unreadable"]) == (0, [], [], [])
    assert answer["queries"] > 150


@pytest.mark.parametrize(
    ("query", "named"),
    [
        ("trading_order_rejected_total > 1", "did you mean trading_orders_rejected_total?"),
        ('rate(trading_orders_filled_total{reason="margin"}[5m])', "'reason'"),
        ('{__name__="trading_orders_filed_total"}', "trading_orders_filed_total"),
        ('{__name__=~"trding_.*"}', "trding_"),
        ("sum by (symbol) (trading_orders_filled_total)", "by (symbol)"),
        ("sum without (symbol) (trading_orders_filled_total)", "without (symbol)"),
        ("sum by (side) (sum by (strategy) (trading_orders_filled_total))", "by (side)"),
        ("trading_daily_pnl and on (strategy) trading_positions_open", "on (strategy), left of and"),
        ("trading_positions_open unless on (strategy) trading_daily_pnl", "on (strategy), right of unless"),
        ("trading_positions_open * ignoring (colour) trading_strategy_avg_pnl", "ignoring (colour)"),
        ("trading_positions_open * on (job) group_left (vix) trading_market_vix", "(vix)"),
        ("trading_market_vix * on (job) group_right (side) trading_positions_open", "(side)"),
        ("histogram_quantile(0.9, sum by (strategy) (rate(trading_order_fill_time_seconds_bucket[5m])))", "'le'"),
        ("rate(trading_trades_pnl_sum[5m])", "trading_trades_pnl_sum"),
        ("trading_order_fill_time_seconds", "trading_order_fill_time_seconds"),
        ('trading_orders_submitted_total{side="buy"}', "never 'buy'"),
        ('trading_trades_total{status=~"done|closed"}', "never 'done|closed'"),
        ('label_replace(trading_daily_pnl, "desk", "$1", "strategy", "(.*)")', "strategy"),
        ("topk(3, sum by (colour) (trading_positions_open))", "colour"),
        ("max_over_time(sum by (colour) (trading_positions_open)[1h:1m])", "colour"),
        ("-sum by (colour) (trading_positions_open)", "colour"),
        ("(sum by (colour) (trading_positions_open)) > 1", "colour"),
    ],
)
def test_a_query_that_can_never_have_data_is_a_fault(
    query: str, named: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The panel would stay empty and the alert silent for ever, and nobody would know."""
    status, answer = examine(capsys, rules=[rule_file(tmp_path, query)])
    assert status == 1
    assert len(answer["faults"]) == 1
    assert named in answer["faults"][0]["message"]
    assert answer["faults"][0]["file"].endswith("rules.yml")
    assert answer["faults"][0]["place"] == "group own, alert A0"


@pytest.mark.parametrize(
    "query",
    [
        "trading_daily_pnl < -5000",
        "sum(rate(trading_orders_rejected_total[5m])) / sum(rate(trading_orders_submitted_total[5m])) > 0.1",
        "trading_positions_open * on (job, instance) group_left trading_market_vix",
        "trading_positions_open unless on () (trading_market_session_open == 0)",
        "up == 0 or absent(up)",
        'ALERTS{alertstate="firing", severity="critical"}',
        'rate(node_cpu_seconds_total{mode="idle"}[1m])',
        "scrape_duration_seconds",
        'sum by (anything) (process_resident_memory_bytes{anything="x"})',
        'label_replace(up, "desk", "$1", "instance", "(.*):.*") * on (desk) group_left x_desk_size_total',
        'sum by (desk) (label_join(trading_daily_pnl, "desk", "-", "job", "instance"))',
        'count_values("pnl", trading_daily_pnl)',
        'sum by (pnl) (count_values("pnl", trading_daily_pnl))',
        'trading_orders_filled_total{reason=""}',
        'trading_orders_filled_total{reason!="x"}',
        'trading_orders_submitted_total{side=~"BUY|SELL"}',
        'trading_orders_submitted_total{side!="buy"}',
        '{__name__=~"trading_orders_.*_total"}',
        'sum by (__name__) ({job="bot"})',
        "time() - trading_ml_last_training_timestamp > 3600",
        'absent(trading_daily_pnl{job="bot"}) * on (job) group_right trading_positions_open',
        "rate(trading_order_fill_time_seconds_sum[5m]) / rate(trading_order_fill_time_seconds_count[5m])",
        "histogram_quantile(0.9, rate(trading_trades_pnl_bucket[5m]))",
        "2 * trading_daily_pnl + on (instance) trading_market_vix",
    ],
)
def test_a_query_that_can_have_data_is_left_in_peace(
    query: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A false alarm would teach users to ignore the doctor."""
    status, answer = examine(capsys, rules=[rule_file(tmp_path, query, x_desk_size_total='vector(1) or up{desk="a"}')])
    assert (status, answer["faults"], answer["unreadable"]) == (0, [], [])


def test_recording_rules_add_names_with_the_labels_that_they_keep(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A query on a recording rule would be a false alarm, or one on a label that it dropped would pass."""
    records = {
        "desk__total": "sum by (strategy) (desk:parts)",  # built on a rule that stands further down
        "desk__parts": "sum by (strategy, side) (trading_orders_filled_total)",
    }
    good = rule_file(tmp_path, "sum by (strategy) (desk:total) > 1", **records)
    assert examine(capsys, rules=[good])[0] == 0
    bad = rule_file(tmp_path, "sum by (side) (desk:total) > 1", **records)
    status, answer = examine(capsys, rules=[bad])
    assert status == 1
    assert "by (side)" in answer["faults"][0]["message"]


def test_a_label_that_a_recording_rule_adds_may_be_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A static label of a rule would be taken for a mistake."""
    path = tmp_path / "rules.yml"
    path.write_text(
        "groups: [{name: g, rules: [{record: a:b, expr: sum(trading_daily_pnl), labels: {desk: x}}, "
        "{alert: A, expr: 'a:b{desk=\"x\"} > 1'}]}]",
        encoding="utf-8",
    )
    assert examine(capsys, rules=[path])[0] == 0


def test_a_prometheus_rule_of_kubernetes_is_read_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Users who deploy by the operator could not check their rules."""
    content = {
        "kind": "PrometheusRule",
        "spec": {"groups": [{"name": "g", "rules": [{"alert": "A", "expr": "trading_dayly_pnl < 0"}]}]},
    }
    (tmp_path / "rule.yaml").write_text(yaml.safe_dump(content), encoding="utf-8")
    status, answer = examine(capsys, rules=[tmp_path])
    assert status == 1
    assert "did you mean trading_daily_pnl?" in answer["faults"][0]["message"]


def test_the_rules_among_the_manifests_of_one_file_are_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A file with a ServiceMonitor beside the rules, as `alerts.kubernetes` prints it, would count as unreadable."""
    rule = {
        "kind": "PrometheusRule",
        "spec": {"groups": [{"name": "g", "rules": [{"alert": "A", "expr": "trading_dayly_pnl < 0"}]}]},
    }
    monitor = {"kind": "ServiceMonitor", "spec": {"endpoints": []}}
    path = tmp_path / "manifests.yml"
    path.write_text(yaml.safe_dump_all([monitor, rule]), encoding="utf-8")
    status, answer = examine(capsys, rules=[path])
    assert (status, len(answer["faults"])) == (1, 1)

    path.write_text(yaml.safe_dump(monitor), encoding="utf-8")
    status, answer = examine(capsys, rules=[path])
    assert status == 2
    assert "the file has no groups of rules" in answer["unreadable"][0]["message"]


@pytest.mark.parametrize(
    ("query", "plain"),
    [
        ("rate(x[$__rate_interval])", "rate(x[5m])"),
        ("rate(x[${__interval}])", "rate(x[1m])"),
        ("topk($top, x)", "topk(7, x)"),
        ("topk([[top]], x)", "topk(7, x)"),
        ("rate(x[${window:raw}])", "rate(x[2h])"),
        ('x{s=~"$strategy"}', 'x{s=~"$strategy"}'),
        ('x{s="it is \\" $top"}', 'x{s="it is \\" $top"}'),
        ("x > $unset", "x > 1"),
    ],
)
def test_grafanas_variables_become_promql_outside_of_quotes(query: str, plain: str) -> None:
    """A dashboard with a variable in it would count as broken."""
    assert replace(query, {"top": "7", "window": "2h"}) == plain


def test_a_dashboards_panels_rows_annotations_and_variables_are_checked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A query that is not directly under a panel would go unchecked."""
    wrong = {"panels": [{"title": "Deep", "targets": [{"expr": "wrong_in_row", "refId": "A"}]}]}
    path = dashboard_file(
        tmp_path,
        "wrong_in_panel",
        rows=[wrong],
        annotations={"list": [{"name": "note", "expr": "wrong_in_annotation"}, {"name": "built in"}]},
        templating={
            "list": [
                {"name": "a", "type": "query", "query": "label_values(wrong_in_variable, strategy)"},
                {"name": "b", "type": "query", "query": {"query": "label_values(trading_daily_pnl, symbol)"}},
                {"name": "c", "type": "query", "query": "label_values(strategy)"},
                {"name": "d", "type": "query", "query": "query_result(wrong_in_result)"},
                {"name": "e", "type": "query", "query": "metrics(wrong_metrics)"},
                {"name": "f", "type": "custom", "query": "label_values(not_a_query, x)"},
            ]
        },
    )
    status, answer = examine(capsys, dashboards=[path])
    assert status == 1
    places = {finding["place"]: finding["message"] for finding in answer["faults"]}
    assert set(places) == {
        "panel Fills, query A",
        "panel Deep, query A",
        "annotation note",
        "variable a",
        "variable b",
        "variable d",
        "variable e",
    }
    assert "symbol" in places["variable b"]


def test_queries_of_other_data_sources_are_none_of_its_business(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A dashboard that mixes Prometheus with logs could not be checked at all."""
    path = tmp_path / "dashboard.json"
    panels = [{"title": "Logs", "datasource": {"type": "loki"}, "targets": [{"expr": '{app="bot"} |= "x"'}]}]
    path.write_text(json.dumps({"dashboard": {"panels": panels}}), encoding="utf-8")
    assert examine(capsys, dashboards=[path])[0] == 0


def test_metrics_that_no_query_uses_are_reported_and_fail_only_when_strict(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A metric that nobody looks at would go unnoticed, or a user's small dashboard could never pass."""
    rules = [rule_file(tmp_path, "trading_daily_pnl < 0")]
    status, answer = examine(capsys, rules=rules)
    unused = messages(answer["reports"], "unused")
    assert (status, len(unused)) == (0, len(CATALOGUE) - 1)
    assert "no query uses trading_daily_pnl" not in unused
    assert examine(capsys, rules=rules, strict=True)[0] == 1


@pytest.mark.parametrize(
    ("name", "content", "named"),
    [
        ("rules.yml", "groups: [", "line 1"),
        ("rules.yml", "hello", "no groups of rules"),
        ("rules.yml", "", "no groups of rules"),
        ("rules.yml", "groups: [{name: g}]", "no list of rules"),
        ("rules.yml", "groups: [{name: g, rules: [{expr: up}]}]", "needs `alert` or `record`"),
        ("rules.yml", "groups: [{name: g, rules: [{alert: Broken, expr: 'sum(up'}]}]", "group g, alert Broken"),
        ("board.json", "{", "line 1"),
        ("board.json", "[]", "no list of panels"),
        (
            "board.json",
            '{"panels": [{"title": "P", "targets": [{"refId": "B", "expr": "rate(up)"}]}]}',
            "panel P, query B",
        ),
    ],
)
def test_what_cannot_be_read_is_one_line_with_file_and_place(
    name: str, content: str, named: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A broken file would pass for a good one, or be a traceback."""
    path = tmp_path / name
    path.write_text(content, encoding="utf-8")
    options: dict[str, Any] = {"rules" if name.endswith(".yml") else "dashboards": [path]}
    with pytest.raises(typer.Exit) as exit_:
        doctor(**options)
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("cannot read: ")]
    assert exit_.value.exit_code == 2
    assert len(lines) == 1
    assert str(path) in lines[0]
    assert named in lines[0]


def test_a_path_that_is_not_there_and_a_folder_without_files_are_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A spelling mistake in a CI script would check nothing and pass."""
    status, answer = examine(capsys, rules=[tmp_path / "none.yml", tmp_path], dashboards=[tmp_path])
    assert status == 2
    assert [finding["file"] for finding in answer["unreadable"]] == [
        str(tmp_path / "none.yml"),
        str(tmp_path),
        str(tmp_path),
    ]


def test_a_good_file_is_checked_though_another_cannot_be_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One broken file would hide the faults of all others."""
    rules = rule_file(tmp_path, "trading_dayly_pnl < 0")
    status, answer = examine(capsys, rules=[rules, tmp_path / "none.yml"])
    assert status == 1
    assert len(messages(answer["faults"], "unknown-metric")) == 1


def test_an_endpoint_tells_what_was_recorded_what_overflowed_and_what_failed(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A user would look for a missing decorator, or a flooded label, by eye in thousands of lines."""
    metrics = TradingMetrics(limits={"strategy": 1}, strict=False)
    exporter = MetricsExporter(metrics)
    for strategy in ("a", "b", "c"):
        exporter.record_order(strategy=strategy, side="BUY", order_type="LIMIT", status="submitted")
    exporter.update_pnl_metrics(daily=float("nan"), realized=1.0)
    with start_metrics_server(port=0, metrics=metrics) as server:
        status, answer = examine(capsys, url=server.url)
        strict, _ = examine(capsys, url=server.url, strict=True)
    never = messages(answer["reports"], "never-recorded")
    assert (status, strict) == (0, 1)
    assert "trading_orders_filled_total was never recorded" in never
    assert "trading_orders_submitted_total was never recorded" not in never
    assert "trading_realized_pnl was never recorded" not in never
    assert messages(answer["reports"], "overflowed") == [
        "2 values of the label strategy of trading_orders_submitted_total were recorded as __other__"
    ]
    assert len(messages(answer["reports"], "instrumentation-error")) == 1


def test_a_users_own_metric_on_the_endpoint_may_be_queried(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Someone with metrics of their own could not use the doctor."""
    rules = [rule_file(tmp_path, 'sum by (desk) (desk_hedges_total{desk="x"}) > 1')]
    assert examine(capsys, rules=rules)[0] == 1
    with serving('# TYPE desk_hedges counter\ndesk_hedges_total{desk="x"} 1\n') as url:
        assert examine(capsys, rules=rules, url=url)[0] == 0


@contextmanager
def serving(text: str, *, status: int = 200) -> Iterator[str]:
    """Serve a text on loopback, and yield the URL."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/metrics"
    finally:
        server.shutdown()
        thread.join(10)
        server.server_close()


@pytest.mark.parametrize("option", ["url", "prometheus"])
@pytest.mark.parametrize(("text", "status"), [("<html>hello {", 200), ("", 200), ("no", 500), ("{}", 200)])
def test_an_address_that_answers_with_something_else_is_unreadable(
    option: str, text: str, status: int, capsys: pytest.CaptureFixture[str]
) -> None:
    """A wrong port would look like a system without metrics."""
    with serving(text, status=status) as url:
        code, answer = examine(capsys, **{option: url})
    assert code == 2
    assert len(answer["unreadable"]) == 1
    assert url in answer["unreadable"][0]["message"]


@pytest.mark.parametrize("option", ["url", "prometheus"])
@pytest.mark.parametrize("url", ["http://user:hunter2@127.0.0.1:9/metrics", "file:///etc/passwd", "http://[", "x"])
def test_an_address_that_cannot_be_reached_is_one_line_without_the_secret(
    option: str, url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """A traceback, a password in a CI log, or a local file read by mistake."""
    code, answer = examine(capsys, **{option: url})
    assert code == 2
    assert len(answer["unreadable"]) == 1
    assert "hunter2" not in json.dumps(answer)


def test_both_systems_at_once_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    """One of the two would silently not be asked."""
    with pytest.raises(typer.Exit) as exit_:
        doctor(url="http://127.0.0.1:1", prometheus="http://127.0.0.1:1")
    assert exit_.value.exit_code == 2
    assert "not both" in capsys.readouterr().err


def test_without_anything_to_look_at_it_says_what_to_name(capsys: pytest.CaptureFixture[str]) -> None:
    """A CI step whose options got lost would pass for ever."""
    with pytest.raises(typer.Exit) as exit_:
        doctor()
    assert exit_.value.exit_code == 2
    assert "--rules" in capsys.readouterr().err


# ── files and answers that nobody meant well ─────────────────────────────────────────────────────────────────────────

RULE = "groups:\n- name: desk\n  rules:\n  - alert: Late\n    expr: {}\n"


def bomb(last: str) -> str:
    """YAML whose aliases unfold to gigabytes of text where one of them is shown."""
    lines = ["x0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"x{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 10)]
    return "\n".join(lines) + "\n" + last


HOSTILE = {
    "an alias bomb as a group's name": bomb("groups:\n- name: *a9\n  rules: [{alert: A, expr: up}]\n"),
    "an alias bomb as an expression": bomb("groups:\n- name: g\n  rules:\n  - alert: A\n    expr: *a9\n"),
    "an alias bomb as a label": bomb(RULE.format("up") + "    labels: *a9\n"),
    "lists in lists": "groups: " + "[" * 20_000 + "]" * 20_000,
    "parentheses in parentheses": RULE.format('"' + "(" * 100_000 + "up" + ")" * 100_000 + '"'),
    "signs before signs": RULE.format('"' + "-" * 40_000 + 'up"'),
    "a sum of sums": RULE.format('"' + "+".join(["up"] * 15_000) + '"'),
    "a number as labels": RULE.format("up") + "    labels: 5\n",
    "a list as a name": RULE.format("up").replace("Late", "[a, b]"),
    "no text at all": "groups: \x00\x01",
}


@pytest.mark.parametrize("what", HOSTILE)
def test_a_hostile_rule_file_is_one_line_with_its_name(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], what: str
) -> None:
    """A downloaded file would fill the memory, end the interpreter, or hide the faults of all other files."""
    (tmp_path / "good.yml").write_text(RULE.format("trading_dayly_pnl"), encoding="utf-8")
    (tmp_path / "hostile.yml").write_text(HOSTILE[what], encoding="utf-8")
    status, answer = examine(capsys, rules=[tmp_path])
    assert 1 == status
    assert [str(tmp_path / "good.yml")] == [each["file"] for each in answer["faults"]]
    assert [str(tmp_path / "hostile.yml")] == [each["file"] for each in answer["unreadable"]]


@pytest.mark.parametrize("expression", ['count_values(("x"), up)', 'label_replace(up, ("a"), "b", ("c"), "d")'])
def test_parentheses_around_a_text_change_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], expression: str
) -> None:
    """A legal query would end in a traceback."""
    status, answer = examine(capsys, rules=[rule_file(tmp_path, expression)])
    assert status in (0, 1)
    assert [] == answer["unreadable"]


def test_a_hostile_title_cannot_forge_a_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A dashboard's title would clear the terminal, or add a line to the report."""
    path = tmp_path / "board.json"
    title = "\x1b[2JDesk\nfault: forged\u202e"
    panel = {"title": title, "targets": [{"expr": "no_such_metric_total"}]}
    path.write_text(json.dumps({"title": title, "panels": [panel]}), encoding="utf-8")
    with pytest.raises(typer.Exit):
        doctor(dashboards=[path])
    out = capsys.readouterr().out
    assert 1 == sum(line.startswith("fault:") for line in out.splitlines())
    assert out.replace("\n", "").isprintable()
    assert "\\x1b[2JDesk\\nfault: forged\\u202e" in out


def test_files_without_rules_in_a_folder_are_passed_over(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A folder with promtool's tests or a notification file in it would never pass."""
    rule_file(tmp_path, "trading_daily_pnl < 0")
    (tmp_path / "rules_test.yml").write_text("rule_files: [rules.yml]\ntests: []\n", encoding="utf-8")
    (tmp_path / "notifications.yml").write_text("receivers: [{name: phone}]\n", encoding="utf-8")
    assert (0, []) == (lambda status, answer: (status, answer["unreadable"]))(*examine(capsys, rules=[tmp_path]))
    assert 2 == examine(capsys, rules=[tmp_path / "notifications.yml"])[0]


class Redirecting(http.server.BaseHTTPRequestHandler):
    """Sends everybody to another host, or answers with what it was sent."""

    target = ""
    seen: ClassVar[list[str | None]] = []

    def do_GET(self) -> None:
        self.seen.append(self.headers.get("Authorization"))
        self.send_response(302 if self.target else 200)
        self.send_header("Location", self.target)
        self.end_headers()
        self.wfile.write(b"up 1\n")

    def log_message(self, *_: object) -> None: ...


def test_a_password_stays_with_the_host_that_it_was_given_for(capsys: pytest.CaptureFixture[str]) -> None:
    """A redirect would hand the bot's password to another machine."""
    other = type("Other", (Redirecting,), {"seen": []})
    with served(other, "127.0.0.2") as there:
        first = type("First", (Redirecting,), {"seen": [], "target": f"http://127.0.0.2:{there}/metrics"})
        with served(first, "127.0.0.1") as here:
            examine(capsys, url=f"http://user:secret@127.0.0.1:{here}/metrics")
    assert [True] == [each is not None for each in first.seen]
    assert [None] == other.seen


@contextmanager
def served(handler: type[http.server.BaseHTTPRequestHandler], address: str) -> Iterator[int]:
    """Serve for as long as the block lasts, and give the port."""
    with http.server.ThreadingHTTPServer((address, 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


def test_a_query_that_is_passed_over_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A panel on logs would seem to have been checked."""
    path = tmp_path / "dashboard.json"
    panels = [{"title": "Logs", "datasource": {"type": "loki"}, "targets": [{"expr": '{app="bot"} |= "x"'}]}]
    path.write_text(json.dumps({"panels": panels}), encoding="utf-8")
    status, answer = examine(capsys, dashboards=[path])
    assert (status, answer["queries"], answer["unreadable"]) == (0, 0, [])
    (finding,) = answer["passed_over"]
    assert (finding["place"], finding["message"]) == (
        "panel Logs, query ?",
        "not checked, because its data source is loki",
    )


@pytest.mark.parametrize(
    "query",
    [
        "increase(trading_orders_filled_total[5m] anchored)",
        "rate(trading_orders_filled_total[5m] smoothed) > 0",
        'rate(trading_orders_filled_total{strategy="x[5m] anchored"}[5m] offset 1m anchored)',
        "histogram_quantile(0.9, sum by (strategy) (rate(trading_order_fill_time_seconds[5m])))",
        "histogram_count(rate(trading_order_fill_time_seconds[5m]))",
        "histogram_fraction(0, 0.1, rate(trading_order_fill_time_seconds[5m]))",
    ],
)
def test_what_prometheus_3_understands_is_understood(
    query: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A rule written for Prometheus 3 would count as broken."""
    path = tmp_path / "rules.yml"
    rules = [{"record": "a:b:c", "expr": query}]
    path.write_text(json.dumps({"groups": [{"name": "g", "rules": rules}]}), encoding="utf-8")
    status, answer = examine(capsys, rules=[path])
    assert (status, answer["faults"], answer["unreadable"]) == (0, [], [])


def test_a_quantile_of_buckets_still_needs_their_label(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A panel whose buckets were summed away would be taken for one on a native histogram."""
    path = tmp_path / "rules.yml"
    query = "histogram_quantile(0.9, sum by (strategy) (rate(trading_order_fill_time_seconds_bucket[5m])))"
    path.write_text(json.dumps({"groups": [{"name": "g", "rules": [{"record": "a:b:c", "expr": query}]}]}))
    status, answer = examine(capsys, rules=[path])
    assert (status, len(answer["faults"])) == (1, 1)


def test_the_items_of_a_kubernetes_list_are_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What `kubectl get prometheusrules -o yaml` prints would count as a file without rules."""
    path = tmp_path / "rules.yml"
    rule = {
        "kind": "PrometheusRule",
        "spec": {"groups": [{"name": "g", "rules": [{"alert": "A", "expr": "wrong_one"}]}]},
    }
    path.write_text(json.dumps({"kind": "List", "items": [rule, {"kind": "ServiceMonitor", "spec": {}}]}))
    status, answer = examine(capsys, rules=[path])
    assert (status, [each["place"] for each in answer["faults"]]) == (1, ["group g, alert A"])


def test_the_dashboards_of_manifests_are_read_and_other_manifests_passed_over(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Dashboards that reach Grafana through Kubernetes would go unchecked, or a Service would count as a broken one."""
    boards = {f"{name}.json": json.dumps({**_CLASSIC, "title": name}) for name in ("one", "two")}
    manifests = [{"kind": "Service", "spec": {"ports": []}}, {"kind": "ConfigMapList", "items": []}]
    manifests.append({"kind": "ConfigMap", "data": boards})
    (tmp_path / "boards.yml").write_text(yaml.safe_dump_all(manifests), encoding="utf-8")
    (tmp_path / "service.yaml").write_text(yaml.safe_dump(manifests[0]), encoding="utf-8")
    status, answer = examine(capsys, dashboards=[tmp_path])
    places = [f"dashboard {name}, panel Fills, query A" for name in ("one", "two")]
    assert (status, [each["place"] for each in answer["faults"]]) == (1, places)
    assert answer["unreadable"] == []
    status, answer = examine(capsys, dashboards=[tmp_path / "service.yaml"])
    assert (status, [each["message"] for each in answer["unreadable"]]) == (2, ["the file has no dashboard"])


_CLASSIC: dict[str, Any] = {"panels": [{"title": "Fills", "targets": [{"expr": "wrong_panel", "refId": "A"}]}]}


def _of_version_2(query: dict[str, Any]) -> dict[str, Any]:
    """Return a dashboard of Grafana's second version with one panel, one annotation and one variable."""
    spec = {"expr": "wrong_panel", **query.pop("spec", {})}
    panel = {"kind": "PanelQuery", "spec": {"refId": "A", "query": {**query, "spec": spec}}}
    data = {"kind": "QueryGroup", "spec": {"queries": [panel]}}
    return {
        "elements": {"panel-1": {"kind": "Panel", "spec": {"title": "Fills", "data": data}}},
        "annotations": [
            {"kind": "AnnotationQuery", "spec": {"name": "note", "query": {**query, "spec": {"expr": "wrong_note"}}}}
        ],
        "variables": [
            {
                "kind": "QueryVariable",
                "spec": {"name": "s", "query": {**query, "spec": {"query": "label_values(wrong_variable, strategy)"}}},
            }
        ],
    }


@pytest.mark.parametrize(
    ("document", "places"),
    [
        pytest.param(
            {"apiVersion": "dashboard.grafana.app/v1", "kind": "Dashboard", "spec": _CLASSIC},
            {"panel Fills, query A"},
            id="kubernetes",
        ),
        pytest.param(
            {"kind": "GrafanaDashboard", "spec": {"json": json.dumps(_CLASSIC)}},
            {"panel Fills, query A"},
            id="operator",
        ),
        pytest.param(
            {"kind": "List", "items": [{"kind": "GrafanaDashboard", "spec": {"json": json.dumps(_CLASSIC)}}]},
            {"panel Fills, query A"},
            id="list",
        ),
        pytest.param(
            {"kind": "ConfigMap", "data": {"fills.json": json.dumps(_CLASSIC), "note.txt": "{"}},
            {"panel Fills, query A"},
            id="config-map",
        ),
        pytest.param(
            {"kind": "Dashboard", "spec": _of_version_2({"kind": "DataQuery", "group": "prometheus"})},
            {"panel Fills, query A", "annotation note", "variable s"},
            id="version-2",
        ),
        pytest.param(
            _of_version_2({"kind": "prometheus"}),
            {"panel Fills, query A", "annotation note", "variable s"},
            id="version-2-alpha",
        ),
        pytest.param(_of_version_2({"kind": "DataQuery", "group": "loki"}), set(), id="version-2-loki"),
    ],
)
def test_a_dashboard_is_read_in_every_form_that_grafana_stores(
    document: dict[str, Any], places: set[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The dashboards of a new Grafana would count as unreadable."""
    path = tmp_path / "dashboard.json"
    path.write_text(json.dumps(document), encoding="utf-8")
    _, answer = examine(capsys, dashboards=[path])
    assert answer["unreadable"] == []
    assert {finding["place"] for finding in answer["faults"]} == places
