"""Past one machine: the shipped configurations with the real engines, started on loopback."""

import json
import math
import re
import shlex
import ssl
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from alerts import kubernetes
from tests.stack.programs import program, run
from tests.stack.servers import eventually, free_port, get, prometheus, query, running
from tradmetrics import MetricsExporter, TradingMetrics, start_metrics_server

ROOT = Path(__file__).parents[2]
STACK = ROOT / "alerts" / "stack"
ORDERS = "trading_orders_submitted_total"


@pytest.fixture
def bot() -> Iterator[str]:
    """The address of a trading system that has recorded something."""
    exporter = MetricsExporter(metrics := TradingMetrics())
    for number in range(7):
        side = "BUY" if number % 2 else "SELL"
        exporter.record_order(strategy="gamma", side=side, order_type="LIMIT", status="submitted")
        exporter.record_market_data_update(symbol="NIFTY", age_seconds=0.1)
    exporter.update_pnl_metrics(daily=-12.5)
    with start_metrics_server(0, metrics=metrics) as server:
        yield f"127.0.0.1:{server.port}"


def shipped(name: str, folder: Path, **changes: str) -> Path:
    """Write a shipped example with the addresses of this test, a scrape each second, and writes without delay."""
    text = (STACK / "examples" / f"{name}.yml").read_text(encoding="utf-8")
    for before, after in changes.items():
        assert ADDRESSES[before] in text
        text = text.replace(ADDRESSES[before], after)
    text = text.replace("    write_relabel_configs:", f"    queue_config: {AT_ONCE}\n    write_relabel_configs:")
    path = folder / f"{name}.yml"
    path.write_text(re.sub(r"scrape_interval: \d+s", "scrape_interval: 1s", text), encoding="utf-8")
    return path


AT_ONCE = "{batch_send_deadline: 200ms}"  # it is 5 s unless told otherwise
ADDRESSES = {"bot": "127.0.0.1:8000", "prometheus": "127.0.0.1:9090", "victoria": "127.0.0.1:8428"}


def by_labels(series: list[dict[str, Any]], *dropped: str) -> dict[tuple[tuple[str, str], ...], str]:
    """Return values by labels."""
    return {
        tuple(sorted((name, text) for name, text in each["metric"].items() if name not in dropped)): each["value"][1]
        for each in series
    }


def test_remote_write_puts_the_same_data_into_victoriametrics(bot: str, tmp_path: Path) -> None:
    """Years of history would differ from what Prometheus saw, or be empty."""
    port = free_port()
    command = [
        *(program("victoria-metrics"), f"-storageDataPath={tmp_path / 'vm'}", f"-httpListenAddr=127.0.0.1:{port}"),
        "-search.latencyOffset=1s",  # unless told otherwise it answers for half a minute ago
    ]
    victoria = f"http://127.0.0.1:{port}"
    config = shipped("remote_write", tmp_path, bot=bot, victoria=f"127.0.0.1:{port}")
    with (
        running(command, f"{victoria}/health", log=tmp_path / "vm.log"),
        prometheus(config, tmp_path / "data") as url,
    ):
        for name in (ORDERS, "trading_daily_pnl", "trading_market_data_age_seconds_bucket", "up"):
            ours = by_labels(eventually(lambda name=name: query(url, name)))  # type: ignore[misc]
            assert ours
            eventually(
                lambda name=name: by_labels(query(victoria, name), "replica"),  # type: ignore[misc]
                lambda theirs, ours=ours: theirs == ours,  # type: ignore[misc]
                seconds=60,
            )
        # Every sample of the last seconds, with its time, and not just the newest one.
        at = float(eventually(lambda: query(url, "count_over_time(up[8s]) >= 7"))[0]["value"][0]) - 1
        history = {each["metric"]["__name__"]: each["values"] for each in query(url, "up[5s]", at=at)}
        assert len(history["up"]) >= 4
        eventually(
            lambda: {each["metric"]["__name__"]: each["values"] for each in query(victoria, "up[5s]", at=at)},
            lambda theirs: theirs == history,
        )
        assert query(url, "count(scrape_duration_seconds)")
        assert query(victoria, "scrape_duration_seconds") == []


def test_vmagent_scrapes_a_bot_for_victoriametrics(bot: str, tmp_path: Path) -> None:
    """The command on the page about life without Prometheus would start nothing, or store other numbers."""
    page = (ROOT / "docs" / "how-to" / "otlp.md").read_text(encoding="utf-8")
    (line,) = re.findall(r"^vmagent .+\\\n.+$", page, re.MULTILINE)
    _, *options = shlex.split(line.replace("\\\n", " "))
    (tmp_path / "prometheus.yml").write_text(
        "global: {scrape_interval: 1s}\n"
        f"scrape_configs: [{{job_name: tradmetrics, static_configs: [{{targets: ['{bot}']}}]}}]\n",
        encoding="utf-8",
    )
    port, agent_port = free_port(), free_port()
    victoria = f"http://127.0.0.1:{port}"
    command = [
        *(program("victoria-metrics"), f"-storageDataPath={tmp_path / 'vm'}", f"-httpListenAddr=127.0.0.1:{port}"),
        "-search.latencyOffset=0s",
    ]
    agent = [
        *(program("vmagent"), *(each.replace("http://localhost:8428", victoria) for each in options)),
        *(f"-httpListenAddr=127.0.0.1:{agent_port}", f"-remoteWrite.tmpDataPath={tmp_path / 'agent'}"),
    ]
    agent = [each.replace("=prometheus.yml", f"={tmp_path / 'prometheus.yml'}") for each in agent]
    with (
        running(command, f"{victoria}/health", log=tmp_path / "vm.log"),
        running(agent, f"http://127.0.0.1:{agent_port}/health", log=tmp_path / "agent.log"),
    ):
        eventually(lambda: query(victoria, f"sum by (job) ({ORDERS}) == 7"), seconds=60)
        scraped = dict(line.rsplit(" ", 1) for line in get(f"http://{bot}/metrics").splitlines() if line[0] != "#")
        for each in query(victoria, '{__name__=~"trading_(orders|daily).*"}'):
            labels = {name: text for name, text in each["metric"].items() if name not in ("job", "instance")}
            name = labels.pop("__name__")
            shown = ",".join(f'{label}="{text}"' for label, text in sorted(labels.items()))
            assert float(scraped[f"{name}{{{shown}}}" if shown else name]) == float(each["value"][1])


@contextmanager
def two_bots() -> Iterator[list[tuple[str, MetricsExporter]]]:
    """The addresses of two trading systems, with what records there."""
    with ExitStack() as servers:
        metrics = [TradingMetrics(), TradingMetrics()]
        ports = [servers.enter_context(start_metrics_server(0, metrics=each)).port for each in metrics]
        yield [(f"127.0.0.1:{port}", MetricsExporter(each)) for port, each in zip(ports, metrics, strict=True)]


def submit(exporter: MetricsExporter, orders: int) -> None:
    """Record orders."""
    for _ in range(orders):
        exporter.record_order(strategy="gamma", side="BUY", order_type="LIMIT", status="submitted")


def test_two_prometheus_servers_on_two_bots_are_one_in_victoriametrics(tmp_path: Path) -> None:
    """With a second Prometheus, orders would count twice, or the history would have a gap where one stopped."""
    port = free_port()
    command = [
        *(program("victoria-metrics"), f"-storageDataPath={tmp_path / 'vm'}", f"-httpListenAddr=127.0.0.1:{port}"),
        *("-dedup.minScrapeInterval=1s", "-search.latencyOffset=0s", "-search.disableCache"),
    ]
    victoria = f"http://127.0.0.1:{port}"

    def answers(url: str, question: str) -> dict[tuple[tuple[str, str], ...], str]:
        return by_labels(query(url, question))

    with two_bots() as bots, running(command, f"{victoria}/health", log=tmp_path / "vm.log"), ExitStack() as first:
        targets = '", "'.join(address for address, _ in bots)
        config = shipped("remote_write", tmp_path, bot=targets, victoria=f"127.0.0.1:{port}")
        text = config.read_text(encoding="utf-8")
        assert text.count("replica: a ") == 1
        (tmp_path / "b.yml").write_text(text.replace("replica: a ", "replica: b "), encoding="utf-8")
        a = first.enter_context(prometheus(config, tmp_path / "a"))
        with prometheus(tmp_path / "b.yml", tmp_path / "b") as b:
            for url in (a, b):
                eventually(lambda url=url: query(url, "sum(up) == 2"))  # type: ignore[misc]
            for number, (_, exporter) in enumerate(bots):
                submit(exporter, 3 + number)
            for url in (a, b, victoria):
                eventually(lambda url=url: query(url, f"sum({ORDERS}) == 7"), seconds=60)  # type: ignore[misc]
            questions = ("count(up)", "sum(up)", f"sum by (instance) ({ORDERS})", "trading_system_errors_total")
            assert [answers(a, each) for each in questions] == [answers(victoria, each) for each in questions]
            # Every series once, as one server has it, and no more than one sample of it in a second.
            everything = '{__name__=~"trading.+|up", __name__!~".*uptime_seconds"}'
            assert answers(victoria, everything) == answers(a, everything)
            ten = f"{ORDERS}[10s]"
            at = float(eventually(lambda: query(victoria, f"count_over_time({ORDERS}[12s]) >= 11"))[0]["value"][0])
            eventually(lambda: query(victoria, f"timestamp({ORDERS}) > {at}"))
            for each in query(victoria, ten, at=at):
                seconds = [math.ceil(moment) for moment, _ in each["values"]]
                assert sorted(set(seconds)) == seconds
                assert len(seconds) >= 9
            assert sum(len(each["values"]) for url in (a, b) for each in query(url, ten, at=at)) >= 36
            first.close()  # one of the two servers goes
            submit(bots[0][1], 5)
            eventually(lambda: query(victoria, f"sum({ORDERS}) == 12"), seconds=60)
            assert answers(victoria, "sum(up)") == {(): "2"}


def test_federation_takes_what_it_was_told_from_the_prometheus_below(bot: str, tmp_path: Path) -> None:
    """The view over all desks would lack a desk, or copy every bucket of every histogram."""
    below = tmp_path / "below.yml"
    below.write_text(
        "global: {scrape_interval: 1s, evaluation_interval: 1s}\n"
        f"scrape_configs: [{{job_name: tradmetrics, static_configs: [{{targets: ['{bot}']}}]}}]\n",
        encoding="utf-8",
    )
    with prometheus(below, tmp_path / "below") as lower:
        config = shipped("federation", tmp_path, prometheus=lower.removeprefix("http://"))
        with prometheus(config, tmp_path / "above") as upper:
            question = '{job="tradmetrics", __name__!~"scrape_.+"}'
            series = eventually(lambda: query(upper, question), lambda found: len(found) >= 2)
            found = {each["metric"]["__name__"]: each for each in series}
            assert set(found) == {"trading_daily_pnl", "up"}
            assert found["trading_daily_pnl"]["metric"]["instance"] == bot
            assert found["trading_daily_pnl"]["value"][1] == "-12.5"


def test_relabelling_drops_what_it_says_and_nothing_else(bot: str, tmp_path: Path) -> None:
    """Storage would fill with series that nobody wants, or a metric that an alert needs would be gone."""
    with prometheus(shipped("relabel", tmp_path, bot=bot), tmp_path / "data") as url:
        orders = eventually(lambda: query(url, ORDERS))
        assert {each["metric"]["instance"] for each in orders} == {"desk-a"}
        assert sum(float(each["value"][1]) for each in orders) == 7
        assert query(url, "trading_market_data_updates_total")
        assert query(url, '{__name__=~"trading_market_data_age_seconds_.+"}') == []
    assert "trading_market_data_age_seconds_bucket" in get(f"http://{bot}/metrics")


def certificate(folder: Path) -> ssl.SSLContext:
    """Make a certificate for 127.0.0.1 the way web.yml says, and return a context that trusts it alone."""
    (folder / "secrets").mkdir()
    key, cert = folder / "secrets" / "key.pem", folder / "secrets" / "cert.pem"
    made = run(
        *(program("openssl"), "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"),
        *("-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout", str(key), "-out", str(cert)),
    )
    assert made.returncode == 0, made.stderr
    return ssl.create_default_context(cafile=str(cert))


# Of the word below, with the lowest cost that bcrypt has.
PASSWORD, HASH = "test-password", "$2b$04$2owq3M6IAy/4F/tZZVvT6.wppd6eoZT4vUnWaEGoVN9PzHyqtLQqm"


def test_prometheus_behind_tls_and_a_password(tmp_path: Path) -> None:
    """Positions and profits would be open to whoever reaches the port."""
    context = certificate(tmp_path)
    text = (STACK / "web.yml").read_text(encoding="utf-8")
    (tmp_path / "web.yml").write_text(re.sub(r"\$2b\$10\$A\S+", lambda _: HASH, text), encoding="utf-8")
    assert run(program("promtool"), "check", "web-config", str(tmp_path / "web.yml")).returncode == 0
    port = free_port()
    (tmp_path / "prometheus.yml").write_text(
        "global: {scrape_interval: 1s}\n"
        "scrape_configs: [{job_name: self, scheme: https, tls_config: {ca_file: secrets/cert.pem}, "
        "basic_auth: {username: admin, password_file: secrets/password}, "
        f"static_configs: [{{targets: ['127.0.0.1:{port}']}}]}}]\n",
        encoding="utf-8",
    )
    (tmp_path / "secrets" / "password").write_text(PASSWORD, encoding="utf-8")

    def ask(password: str | None, path: str = "/-/ready") -> str:
        opener = urllib.request.build_opener(urllib.request.HTTPSHandler(context=context))
        if password is not None:
            manager = urllib.request.HTTPPasswordMgrWithPriorAuth()
            manager.add_password(None, f"https://127.0.0.1:{port}", "admin", password, is_authenticated=True)
            opener.add_handler(urllib.request.HTTPBasicAuthHandler(manager))
        with opener.open(f"https://127.0.0.1:{port}{path}", timeout=10) as answer:
            return str(answer.read().decode())

    command = [
        *(program("prometheus"), f"--config.file={tmp_path / 'prometheus.yml'}"),
        *(f"--storage.tsdb.path={tmp_path / 'data'}", f"--web.listen-address=127.0.0.1:{port}"),
        f"--web.config.file={tmp_path / 'web.yml'}",
    ]
    log = tmp_path / "prometheus.log"
    with log.open("w", encoding="utf-8") as output:
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT)
    try:
        eventually(lambda: ask(PASSWORD))
        for wrong in ("wrong", None):
            with pytest.raises(urllib.error.HTTPError) as refused:
                ask(wrong, "/api/v1/query?query=up")
            assert refused.value.code == 401
        with pytest.raises(urllib.error.HTTPError) as plain:  # plain HTTP on the TLS port
            get(f"http://127.0.0.1:{port}/-/ready")
        assert plain.value.code == 400
        up = eventually(
            lambda: json.loads(ask(PASSWORD, "/api/v1/query?query=up"))["data"]["result"],
            lambda found: [each["value"][1] for each in found] == ["1"],
        )
        assert up[0]["metric"]["job"] == "self"
    finally:
        process.terminate()
        process.wait(15)
    assert PASSWORD not in log.read_text(encoding="utf-8")


def test_a_missing_certificate_is_refused_by_name(tmp_path: Path) -> None:
    """Prometheus would come up without TLS."""
    (tmp_path / "web.yml").write_text((STACK / "web.yml").read_text(encoding="utf-8"), encoding="utf-8")
    result = run(program("promtool"), "check", "web-config", str(tmp_path / "web.yml"))
    assert result.returncode == 1
    assert "secrets/cert.pem: no such file" in result.stdout + result.stderr


SCHEMAS = json.loads((ROOT / "tests" / "data" / "prometheus-operator.schema.json").read_text(encoding="utf-8"))


def manifests(capsys: pytest.CaptureFixture[str], *options: str) -> list[dict[str, Any]]:
    """Return what the command prints."""
    assert kubernetes.main(list(options)) == 0
    return list(yaml.safe_load_all(capsys.readouterr().out))


def test_kubernetes_manifests_are_valid_and_made_of_the_same_rules(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """The operator would refuse them, or the cluster would alert on other thresholds."""
    built = manifests(capsys, "--namespace", "desk", "--service", "app=bot")
    kinds = {each["kind"]: each for each in built}
    for kind in ("PrometheusRule", "ServiceMonitor"):
        jsonschema.validate(kinds[kind], SCHEMAS[kind])
    assert {each["metadata"]["namespace"] for each in built} == {"desk"}
    rules = tmp_path / "rules.yml"
    rules.write_text(yaml.safe_dump(kinds["PrometheusRule"]["spec"]), encoding="utf-8")
    assert run(program("promtool"), "check", "rules", str(rules)).returncode == 0
    shipped_groups = [
        group
        for path in (ROOT / "alerts" / "rules").glob("*.yml")
        for group in yaml.safe_load(path.read_text(encoding="utf-8"))["groups"]
    ]
    assert sorted(kinds["PrometheusRule"]["spec"]["groups"], key=str) == sorted(shipped_groups, key=str)
    assert kinds["ServiceMonitor"]["spec"]["selector"] == {"matchLabels": {"app": "bot"}}
    assert kinds["ServiceMonitor"]["spec"]["endpoints"][0]["relabelings"][0]["replacement"] == "tradmetrics"


def test_kubernetes_manifests_get_the_label_that_a_prometheus_chooses_by(capsys: pytest.CaptureFixture[str]) -> None:
    """The Prometheus of a Helm chart would pass them by: no target, no alert, and no word about it."""
    built = manifests(capsys, "--label", "release=kube-prometheus-stack", "--label", "team=desk")
    assert {each["metadata"]["labels"]["release"] for each in built} == {"kube-prometheus-stack"}
    assert {each["metadata"]["labels"]["team"] for each in built} == {"desk"}
    assert {each["metadata"]["labels"]["app.kubernetes.io/part-of"] for each in built} == {"tradmetrics"}


@pytest.mark.parametrize("option", ["--service", "--label"])
@pytest.mark.parametrize("text", ["bot", "app=", "=bot"])
def test_a_label_without_a_value_is_refused(option: str, text: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A monitor that selects no service would be applied without a word."""
    with pytest.raises(SystemExit) as exit_:
        kubernetes.main([option, text])
    output = capsys.readouterr()
    assert (exit_.value.code, output.out) == (2, "")
    assert f"expected NAME=VALUE, not '{text}'" in output.err


def test_kubernetes_dashboards_are_the_shipped_ones_within_the_size_limit(capsys: pytest.CaptureFixture[str]) -> None:
    """Grafana in the cluster would show old dashboards, or the API server would refuse them."""
    boards = [each for each in manifests(capsys) if each["kind"] == "ConfigMap"]
    assert len(boards) == 7
    for board in boards:
        ((name, text),) = board["data"].items()
        path = ROOT / "dashboards" / "json" / name
        assert json.loads(text) == json.loads(path.read_text(encoding="utf-8"))
        assert len(text) < 200_000  # `kubectl apply` keeps a copy in an annotation, which may have 262,144 bytes
        assert board["metadata"]["labels"]["grafana_dashboard"] == "1"
        assert re.fullmatch(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?", board["metadata"]["name"])
    assert len({board["metadata"]["name"] for board in boards}) == 7


@pytest.mark.parametrize("name", ["prometheus-thanos", "prometheus-mimir"])
def test_a_prometheus_for_long_term_storage_is_valid_and_chooses_our_manifests(name: str) -> None:
    """The operator would refuse it, or scrape nothing and alert on nothing."""
    manifest = yaml.safe_load((STACK / "kubernetes" / f"{name}.yml").read_text(encoding="utf-8"))
    jsonschema.validate(manifest, SCHEMAS["Prometheus"])
    for selector in ("serviceMonitorSelector", "ruleSelector"):
        assert manifest["spec"][selector]["matchLabels"] == kubernetes.PART_OF
    broken = {**manifest, "spec": {**manifest["spec"], "ruleSelectors": {}}}
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(broken, SCHEMAS["Prometheus"])


def test_settings_that_cannot_be_read_print_no_manifest(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Half a manifest would be applied."""
    assert kubernetes.main(["--settings", str(tmp_path / "none.yml")]) == 2
    output = capsys.readouterr()
    assert (output.out, "none.yml" in output.err) == ("", True)
