"""The stack's configuration: valid, safe by default, and run natively by one command that leaves nothing behind."""

import json
import os
import re
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from alerts.stack import backup
from tests.stack.programs import program, run
from tests.stack.servers import eventually, free_port, get, prometheus, query

ROOT = Path(__file__).parents[2]
STACK = ROOT / "alerts" / "stack"
COMPOSE = ROOT / "docker-compose.monitoring.yml"


def compose() -> dict[str, Any]:
    """Return the compose file."""
    content: dict[str, Any] = yaml.safe_load(COMPOSE.read_text(encoding="utf-8"))
    return content


SERVICES = sorted(compose()["services"])


def test_the_compose_file_follows_the_compose_specification() -> None:
    """`docker compose up` would refuse the file."""
    schema = json.loads((ROOT / "tests" / "data" / "compose-spec.schema.json").read_text(encoding="utf-8"))
    validator = jsonschema.Draft7Validator(schema)
    validator.validate(compose())
    broken = compose()
    broken["services"]["grafana"]["port"] = []
    with pytest.raises(jsonschema.ValidationError):
        validator.validate(broken)


def test_there_is_no_default_password() -> None:
    """Somebody's Grafana would be on the network with the password of the guide."""
    grafana = compose()["services"]["grafana"]
    assert grafana["environment"]["GF_SECURITY_ADMIN_PASSWORD"] == "${GRAFANA_ADMIN_PASSWORD:-}"
    assert "admin123" not in COMPOSE.read_text(encoding="utf-8")
    assert "GRAFANA_ADMIN_PASSWORD=\n" in (ROOT / ".env.example").read_text(encoding="utf-8")
    # The container's own check, with Compose's escapes undone.
    shell, option, script = grafana["entrypoint"]
    for password, status, out in (("", 1, "set GRAFANA_ADMIN_PASSWORD"), ("secret", 0, "started")):
        result = subprocess.run(
            [shell, option, script.replace("$$", "$").replace("/run.sh", "echo started")],
            env={"PATH": os.environ["PATH"], "GF_SECURITY_ADMIN_PASSWORD": password},
            capture_output=True,
            text=True,
            check=False,
        )
        assert (result.returncode, result.stdout.startswith(out)) == (status, True)


def test_no_command_needs_a_variable_that_is_not_set() -> None:
    """`docker compose down` and `docker compose logs` would refuse to work without the password."""
    assert ":?" not in COMPOSE.read_text(encoding="utf-8").replace("`:?`", "")


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_has_no_more_than_it_needs(name: str) -> None:
    """A container would fill the disk or the memory, or a hole in it would open the host."""
    service = compose()["services"][name]
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["mem_limit"]
    assert set(service["logging"]["options"]) == {"max-size", "max-file"}
    assert service.get("read_only", False) is (name != "grafana")


def test_ports_are_those_of_the_guide_and_bound_to_loopback() -> None:
    """Positions and profits would be readable from the whole network."""
    ports = [port for name in SERVICES for port in compose()["services"][name]["ports"]]
    assert sorted(ports) == [f"${{BIND_ADDRESS:-127.0.0.1}}:{port}:{port}" for port in ("3000", "9090", "9093", "9100")]
    targets = yaml.safe_load((STACK / "targets" / "tradmetrics.yml").read_text(encoding="utf-8"))
    assert targets == [{"targets": ["host.docker.internal:8000"]}]


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_is_pinned_watched_and_restarted(name: str) -> None:
    """An update from outside, a hang or a reboot would take the monitoring away unnoticed."""
    service = compose()["services"][name]
    version = service["image"].rpartition(":")[2]
    assert version.lstrip("v")[0].isdigit()
    assert version.count(".") == 2
    assert service["restart"] == "unless-stopped"
    assert service["healthcheck"]["test"]


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_mounts_our_files_read_only_and_they_are_there(name: str) -> None:
    """A container could change the repository, or docker would create an empty folder for a file that moved."""
    for mount in compose()["services"][name]["volumes"]:
        source, _, mode = [*mount.split(":"), ""][:3]
        if source.startswith("."):
            assert (ROOT / source).exists(), source
        if source.startswith((".", "/")):
            assert "ro" in mode.split(",")
        else:
            assert source in compose()["volumes"]


def test_prometheus_scrapes_every_five_seconds_and_keeps_thirty_days() -> None:
    """The figures of the guide would not hold."""
    config = yaml.safe_load((STACK / "prometheus.yml").read_text(encoding="utf-8"))
    assert config["global"]["scrape_interval"] == "5s"
    command = compose()["services"]["prometheus"]["command"]
    assert "--storage.tsdb.retention.time=30d" in command
    assert any(option.startswith("--storage.tsdb.retention.size=") for option in command)


def test_every_list_of_targets_that_prometheus_reads_is_there() -> None:
    """A service would silently not be scraped, or no alert delivered."""
    config = yaml.safe_load((STACK / "prometheus.yml").read_text(encoding="utf-8"))
    places = [*config["scrape_configs"], *config["alerting"]["alertmanagers"]]
    files = {name for place in places for each in place["file_sd_configs"] for name in each["files"]}
    assert files == {f"targets/{path.name}" for path in (STACK / "targets").iterdir()}
    for name in files:
        addresses = yaml.safe_load((STACK / name).read_text(encoding="utf-8"))[0]["targets"]
        assert all(address.partition(":")[0] in (*SERVICES, "host.docker.internal") for address in addresses)


def test_grafana_finds_its_data_source_and_its_dashboards() -> None:
    """Grafana would open empty."""
    grafana = compose()["services"]["grafana"]["volumes"]
    source = yaml.safe_load((STACK / "grafana/provisioning/datasources/prometheus.yml").read_text(encoding="utf-8"))
    provider = yaml.safe_load((STACK / "grafana/provisioning/dashboards/tradmetrics.yml").read_text(encoding="utf-8"))
    assert source["datasources"][0]["url"] == "http://prometheus:9090"
    assert source["datasources"][0]["isDefault"]
    assert f"./dashboards/json:{provider['providers'][0]['options']['path']}:ro" in grafana
    assert "./alerts/stack/grafana/provisioning:/etc/grafana/provisioning:ro" in grafana


@pytest.mark.parametrize("path", [STACK / "prometheus.yml", *sorted((STACK / "examples").glob("*.yml"))], ids=str)
def test_prometheus_accepts_the_configuration(path: Path) -> None:
    """Prometheus would not start."""
    result = run(program("promtool"), "check", "config", str(path))
    assert result.returncode == 0, result.stderr


AMTOOLS = ("amtool", *(["amtool-compose"] if shutil.which("amtool-compose") else ()))


@pytest.mark.parametrize("amtool", AMTOOLS)
@pytest.mark.parametrize("name", ["alertmanager.yml", "notifications.yml"])
def test_alertmanager_accepts_the_configuration(name: str, amtool: str) -> None:
    """Alertmanager would not start."""
    result = run(program(amtool), "check-config", str(STACK / name))
    assert result.returncode == 0, result.stdout + result.stderr


def test_secrets_can_stand_in_files_of_their_own(tmp_path: Path) -> None:
    """Following the comments would give an Alertmanager that does not start, or tokens in a repository."""
    shipped = (STACK / "notifications.yml").read_text(encoding="utf-8")
    text, count = re.subn(r"^( *- )\w+: \S+ # (\w+_file: )", r"\1\2", shipped, flags=re.M)
    assert count == 3
    (tmp_path / "alertmanager.yml").write_text(text, encoding="utf-8")
    for newer in AMTOOLS[1:]:
        result = run(program(newer), "check-config", str(tmp_path / "alertmanager.yml"))
        assert result.returncode == 0, result.stdout + result.stderr
    assert "replace" not in text


@pytest.mark.parametrize(
    ("alert", "receivers"),
    [
        ("alertname=HighDrawdown severity=critical", "phone,webhook,discord,slack"),
        ("alertname=HighDailyLoss severity=warning", "discord,slack"),
        ("alertname=LabelOverflow severity=info", "email"),
        ("alertname=Watchdog severity=none", "dead-mans-switch"),
        ("alertname=MarketClosed severity=none", "nobody"),
    ],
)
def test_an_alert_goes_where_its_severity_says(alert: str, receivers: str) -> None:
    """A drawdown would stand in a mailbox, or a note about a label would wake somebody."""
    config = f"--config.file={STACK / 'notifications.yml'}"
    routes = run(program("amtool"), "config", "routes", "test", config, *alert.split())
    assert routes.stdout.strip() == receivers, routes.stderr


@pytest.mark.parametrize("market", ["nse", "nyse", "lse", "cme"])
def test_a_bot_that_sleeps_at_night_can_be_muted_by_the_lines_that_the_file_offers(market: str, tmp_path: Path) -> None:
    """Somebody who takes the marks away, as the runbook says, would be woken every night all the same."""
    lines = (STACK / "notifications.yml").read_text(encoding="utf-8").splitlines()
    offered = [line.replace("# ", "", 1) if line.startswith(("    # - ", "    #   ")) else line for line in lines]
    muted = tmp_path / "alertmanager.yml"
    muted.write_text("\n".join(offered).replace("[nse-closed]", f"[{market}-closed]"), encoding="utf-8")
    assert run(program("amtool"), "check-config", str(muted)).returncode == 0

    alert = ["alertname=ExporterDown", "severity=critical", "job=tradmetrics", "instance=bot:8000"]
    taken = run(program("amtool"), "config", "routes", "test", f"--config.file={muted}", *alert)
    assert taken.stdout.strip() == "phone"
    (route,) = [each for each in yaml.safe_load(muted.read_text())["route"]["routes"] if "mute_time_intervals" in each]
    assert route["matchers"] == ['alertname = "ExporterDown"']


def test_no_secret_stands_in_a_notification() -> None:
    """A token would end up in the repository of whoever copies the file."""
    text = (STACK / "notifications.yml").read_text(encoding="utf-8")
    settings = yaml.safe_load(text)
    assert settings["global"]["smtp_auth_password_file"]
    assert settings["global"]["slack_api_url_file"]
    assert "smtp_auth_password:" not in text
    assert "api_url:" not in text
    receivers = {each["name"]: each for each in settings["receivers"]}
    assert set(receivers["webhook"]["webhook_configs"][0]["http_config"]["authorization"]) == {"credentials_file"}
    # Alertmanager 0.25 reads these from no file: what stands there is nobody's.
    assert receivers["phone"]["telegram_configs"][0]["bot_token"] == "0:replace"
    assert receivers["discord"]["discord_configs"][0]["webhook_url"].endswith("/0/replace")


@contextmanager
def stack(folder: Path, *options: str) -> Iterator[tuple[subprocess.Popen[str], dict[str, int]]]:
    """Run the stack by its command on free ports, and yield its process and ports."""
    ports = {name: free_port() for name in ("prometheus", "alertmanager", "node-exporter")}
    arguments = [text for name, port in ports.items() for text in (f"--{name}-port", str(port))]
    process = subprocess.Popen(
        [sys.executable, "-m", "alerts.stack", "--data", str(folder), *arguments, *options],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process, ports
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
        process.communicate(timeout=30)


def test_one_command_runs_the_stack_and_ctrl_c_ends_all_of_it(tmp_path: Path) -> None:
    """Without docker there would be no stack, or a Prometheus would be left running after Ctrl-C."""
    for name in ("prometheus", "prometheus-alertmanager", "prometheus-node-exporter"):
        program(name)
    with stack(tmp_path) as (process, ports):
        assert process.stdout is not None
        assert f"http://127.0.0.1:{ports['prometheus']}" in process.stdout.readline()
        url = f"http://127.0.0.1:{ports['prometheus']}"
        eventually(
            lambda: {each["metric"]["job"]: each["value"][1] for each in query(url, "up")},
            # Each job is scraped first at an offset of its own within the interval. Whether "tradmetrics" is up depends
            # on port 8000, where a bot may run or none.
            lambda jobs: (
                "tradmetrics" in jobs
                and [jobs.get(job) for job in ("prometheus", "alertmanager", "node")] == ["1", "1", "1"]
            ),
        )
        eventually(
            lambda: json.loads(get(f"{url}/api/v1/alertmanagers"))["data"]["activeAlertmanagers"],
            lambda managers: len(managers) == 1,
        )
        groups = json.loads(get(f"{url}/api/v1/rules"))["data"]["groups"]
        assert {group["name"] for group in groups} >= {"trading_risk", "trading_recording"}
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 0
        for port in ports.values():
            with socket.socket() as probe:
                assert probe.connect_ex(("127.0.0.1", port)) != 0


def test_the_end_of_the_node_exporter_is_told_and_does_not_end_the_rest(tmp_path: Path) -> None:
    """The figures of a machine would take the alerts about money with them."""
    for name in ("prometheus", "prometheus-alertmanager", "prometheus-node-exporter"):
        program(name)
    with stack(tmp_path) as (process, ports):
        assert process.stdout is not None
        assert process.stderr is not None
        lines = [process.stdout.readline() for _ in range(6)]
        assert any("127.0.0.1:8000 (--bot HOST:PORT" in line for line in lines)
        pids = {name: int((tmp_path / f"{name}.pid").read_text()) for name in ("node-exporter", "prometheus")}
        os.kill(pids["node-exporter"], signal.SIGKILL)
        assert process.stderr.readline().startswith("node-exporter ended by itself")
        assert get(f"http://127.0.0.1:{ports['prometheus']}/-/ready")
        assert process.poll() is None
        os.kill(pids["prometheus"], signal.SIGKILL)
        assert process.wait(30) == 1
        assert "the others are stopped" in process.stderr.read()


@pytest.mark.parametrize("name", ["prometheus", "alertmanager", "node-exporter"])
def test_a_taken_port_is_named_and_nothing_is_started(name: str, tmp_path: Path) -> None:
    """Half a stack would be left running, or the reader would hunt through three logs."""
    for each in ("prometheus", "prometheus-alertmanager", "prometheus-node-exporter"):
        program(each)
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        port = taken.getsockname()[1]
        with stack(tmp_path, f"--{name}-port", str(port)) as (process, _):
            out, err = process.communicate(timeout=30)
    assert (process.returncode, out) == (2, "")
    assert err.splitlines() == [
        f"{name} cannot listen on 127.0.0.1:{port}: Address already in use; nothing was started"
    ]
    assert not list(tmp_path.glob("*.log"))


def test_a_missing_program_is_named_with_its_package(tmp_path: Path) -> None:
    """The reader would get a traceback instead of the command to type."""
    result = subprocess.run(
        [sys.executable, "-m", "alerts.stack", "--data", str(tmp_path)],
        cwd=ROOT,
        env={**os.environ, "PATH": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr.splitlines() == [
        "node-exporter is not installed; on Debian and Ubuntu: apt install prometheus-node-exporter"
    ]


def test_a_broken_rule_is_named_and_nothing_is_started(tmp_path: Path) -> None:
    """Prometheus would start without the alerts, or not at all without saying why."""
    program("promtool")
    rules = tmp_path / "rules"
    rules.mkdir()
    (rules / "own.yml").write_text("groups: [{name: g, rules: [{alert: A, expr: 'sum('}]}]", encoding="utf-8")
    with stack(tmp_path / "data", "--rules", str(rules)) as (process, _):
        out, err = process.communicate(timeout=30)
    assert (process.returncode, out, len(err.splitlines())) == (2, "", 1)
    assert "own.yml" in err
    assert not list((tmp_path / "data").glob("*.log"))


def test_a_folder_without_rules_is_refused_and_one_of_yaml_files_is_read(tmp_path: Path) -> None:
    """A misspelt folder would give a Prometheus that never warns of anything, and says nothing of that."""
    rules = tmp_path / "my-rules"
    with stack(tmp_path / "data", "--rules", str(rules)) as (process, _):
        out, err = process.communicate(timeout=30)
    assert (process.returncode, out, len(err.splitlines())) == (2, "", 1)
    assert f"{rules}: there are no rules" in err
    assert not (tmp_path / "data").exists()

    program("promtool")
    rules.mkdir()
    (rules / "own.yaml").write_text("groups: [{name: g, rules: [{alert: A, expr: 'sum('}]}]", encoding="utf-8")
    with stack(tmp_path / "data", "--rules", str(rules)) as (process, _):
        _, err = process.communicate(timeout=30)
    assert process.returncode == 2
    assert "own.yml" in err


@pytest.mark.parametrize("port", ["0", "65536", "ninety"])
def test_a_port_that_is_none_is_refused(port: str, tmp_path: Path) -> None:
    """The reader would get a traceback."""
    with stack(tmp_path / "data", "--alertmanager-port", port) as (process, _):
        out, err = process.communicate(timeout=30)
    assert (process.returncode, out) == (2, "")
    assert f"a port is a number from 1 to 65535, not '{port}'" in err


def test_a_program_that_refuses_its_configuration_takes_the_others_down_with_it(tmp_path: Path) -> None:
    """The node exporter would go on running behind an error message."""
    for each in ("prometheus", "prometheus-alertmanager", "prometheus-node-exporter"):
        program(each)
    broken = tmp_path / "alertmanager.yml"
    broken.write_text("route: {}", encoding="utf-8")
    with stack(tmp_path / "data", "--alertmanager-config", str(broken)) as (process, ports):
        out, err = process.communicate(timeout=60)
    assert (process.returncode, out, len(err.splitlines())) == (2, "", 1)
    assert err.startswith("alertmanager does not start: ")
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", ports["node-exporter"])) != 0


def test_prometheus_answers_the_same_after_a_restore(tmp_path: Path) -> None:
    """A backup would turn out to be empty on the day it is needed."""
    port = free_port()
    config = tmp_path / "prometheus.yml"
    config.write_text(
        "global: {scrape_interval: 1s}\n"
        f"scrape_configs: [{{job_name: self, static_configs: [{{targets: ['127.0.0.1:{port}']}}]}}]\n",
        encoding="utf-8",
    )
    archive = tmp_path / "prometheus.tar.gz"
    question = 'sum by (job) (prometheus_tsdb_head_samples_appended_total{job="self"})'
    with prometheus(config, tmp_path / "data", "--web.enable-admin-api", port=port) as url:
        asked = eventually(lambda: query(url, question))
        at = float(asked[0]["value"][0])
        before = query(url, question, at=at)
        assert backup.main(["prometheus", "--url", url, "--data", str(tmp_path / "data"), str(archive)]) == 0
    assert not list((tmp_path / "data" / "snapshots").iterdir())
    assert backup.main(["restore", "--data", str(tmp_path / "restored"), str(archive)]) == 0
    config.write_text("global: {scrape_interval: 1h}\n", encoding="utf-8")
    with prometheus(config, tmp_path / "restored") as url:
        after = query(url, question, at=at)
    assert before
    assert before == after


def test_a_backup_that_cannot_be_made_says_why(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A nightly job would write nothing for a year and nobody would know."""
    config = tmp_path / "prometheus.yml"
    config.write_text("global: {}", encoding="utf-8")
    archive = tmp_path / "backup.tar.gz"
    with prometheus(config, tmp_path / "data") as url:
        assert backup.main(["prometheus", "--url", url, "--data", str(tmp_path / "data"), str(archive)]) == 2
    assert "--web.enable-admin-api" in capsys.readouterr().err
    with prometheus(config, tmp_path / "data", "--web.enable-admin-api") as url:
        assert backup.main(["prometheus", "--url", url, "--data", str(tmp_path / "other"), str(archive)]) == 2
    assert "is not there" in capsys.readouterr().err
    assert backup.main(["prometheus", "--url", url, "--data", str(tmp_path), str(archive)]) == 2
    assert backup.main(["grafana", "--data", str(tmp_path), str(archive)]) == 2
    assert not archive.exists()


def test_a_restore_mixes_nothing_with_what_is_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Blocks of two servers in one folder would spoil both."""
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "block").write_text("x", encoding="utf-8")
    assert backup.main(["restore", "--data", str(tmp_path / "data"), str(tmp_path / "none.tar.gz")]) == 2
    assert "not empty" in capsys.readouterr().err
    (tmp_path / "cut.tar.gz").write_bytes(b"\x1f\x8b cut off")
    assert backup.main(["restore", "--data", str(tmp_path / "new"), str(tmp_path / "cut.tar.gz")]) == 2
    assert "cut.tar.gz" in capsys.readouterr().err


def test_grafanas_database_is_backed_up_while_it_is_being_written(tmp_path: Path) -> None:
    """Copying the file under a running Grafana gives a database that is torn."""
    data, archive = tmp_path / "grafana", tmp_path / "grafana.tar.gz"
    (data / "plugins").mkdir(parents=True)
    (data / "plugins" / "one.txt").write_text("plugin", encoding="utf-8")
    with closing(sqlite3.connect(data / "grafana.db")) as database:
        database.execute("PRAGMA journal_mode=WAL")
        database.execute("CREATE TABLE user (login TEXT)")
        database.execute("INSERT INTO user VALUES ('admin')")
        database.commit()  # in the write-ahead log still, not in the file
        database.execute("INSERT INTO user VALUES ('half done')")  # and this one is not committed
        assert backup.main(["grafana", "--data", str(data), str(archive)]) == 0
    assert backup.main(["restore", "--data", str(tmp_path / "restored"), str(archive)]) == 0
    with closing(sqlite3.connect(tmp_path / "restored" / "grafana.db")) as database:
        assert database.execute("SELECT login FROM user").fetchall() == [("admin",)]
    assert (tmp_path / "restored" / "plugins" / "one.txt").read_text(encoding="utf-8") == "plugin"
