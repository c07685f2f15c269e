"""`tradmetrics doctor URL…` says whether bots are watched, and `--self` what a bug report needs."""

import configparser
import importlib.metadata
import json
import re
import time
from pathlib import Path
from typing import Any

import pytest
import typer

from tradmetrics import TradingMetrics, catalogue, start_metrics_server, track_order
from tradmetrics.doctor import describe, doctor
from tradmetrics.doctor.findings import Sample
from tradmetrics.doctor.watching import Watched, judge
from tradmetrics.model.definition import MetricDefinition

NOW = 1_800_000_000.0


def sample(definition: MetricDefinition, value: float, **labels: str) -> Sample:
    """A sample of a metric of the catalogue."""
    return Sample(definition.name, labels, value)


ORDERS = sample(catalogue.ORDERS_SUBMITTED, 3, strategy="s", side="BUY", order_type="LIMIT")
UPTIME = sample(catalogue.SYSTEM_UPTIME, 7_200)


def state_of(*samples: Sample, limit: float | None = None) -> str:
    """The state of a bot with these samples."""
    return judge("bot", [UPTIME, *samples], NOW, limit).state


def run(capsys: pytest.CaptureFixture[str], *urls: str, **options: Any) -> tuple[int, dict[str, Any]]:
    """Run the doctor and return its exit status and its JSON."""
    with pytest.raises(typer.Exit) as exit_:
        doctor(list(urls), as_json=True, **options)
    return exit_.value.exit_code, json.loads(capsys.readouterr().out)


@pytest.mark.parametrize(
    ("samples", "expected"),
    [
        ((), "SILENT"),
        ((sample(catalogue.MARKET_DATA_STALE, 0),), "SILENT"),
        ((sample(catalogue.BUILD_INFO, 1, version="1.2"),), "SILENT"),
        ((sample(catalogue.ORDERS_SUBMITTED, 0, strategy="s", side="BUY", order_type="LIMIT"),), "SILENT"),
        ((sample(catalogue.UNSOURCED_LABELS, 1, site="f", label="side"),), "SILENT"),
        ((ORDERS,), "LIVE"),
        ((sample(catalogue.DAILY_PNL, 0),), "LIVE"),
        ((Sample("spread_observed_total", {}, 2), sample(catalogue.SERIES, 1, metric="spread_observed_total")), "LIVE"),
        ((Sample("http_requests_total", {}, 2),), "SILENT"),
        ((Sample("trading_order_fill_time_seconds_bucket", {"le": "1.0"}, 0),), "SILENT"),
    ],
)
def test_a_bot_whose_code_has_recorded_nothing_is_silent(samples: tuple[Sample, ...], expected: str) -> None:
    """A bot whose decorators never ran would pass, and its owner would believe that it is watched."""
    assert expected == state_of(*samples)


@pytest.mark.parametrize(
    ("samples", "expected"),
    [
        ((sample(catalogue.HEARTBEAT, NOW - 5, loop="main"),), "LIVE"),
        ((sample(catalogue.HEARTBEAT, NOW - 121, loop="main"),), "SILENT"),
        ((sample(catalogue.HEARTBEAT, NOW - 121, loop="a"), sample(catalogue.HEARTBEAT, NOW, loop="b")), "DEGRADED"),
        ((sample(catalogue.MARKET_DATA_LAST_UPDATE, NOW - 29, symbol="X"),), "LIVE"),
        ((sample(catalogue.MARKET_DATA_LAST_UPDATE, NOW - 31, symbol="X"),), "SILENT"),
        (
            (
                sample(catalogue.MARKET_DATA_LAST_UPDATE, NOW - 900, symbol="THIN"),
                sample(catalogue.MARKET_DATA_LAST_UPDATE, NOW - 1, symbol="X"),
            ),
            "LIVE",
        ),
        (
            (
                sample(catalogue.MARKET_DATA_LAST_UPDATE, NOW - 900, symbol="X"),
                sample(catalogue.MARKET_SESSION_OPEN, 0),
                sample(catalogue.HEARTBEAT, NOW, loop="main"),
            ),
            "LIVE",
        ),
        ((ORDERS, sample(catalogue.SAMPLER_LAST_SUCCESS, NOW - 200, function="account")), "SILENT"),
        ((ORDERS, sample(catalogue.SAMPLER_LAST_SUCCESS, 0, function="account")), "SILENT"),
        ((sample(catalogue.HEARTBEAT, NOW + 30, loop="main"),), "LIVE"),
    ],
)
def test_the_ages_of_the_signs_of_life_decide(samples: tuple[Sample, ...], expected: str) -> None:
    """A loop that hangs, a dead feed or a sampler that fails would be shown as a healthy bot."""
    assert expected == state_of(*samples)


def test_a_sampler_of_a_bot_that_has_just_started_is_not_late_yet() -> None:
    """Every deployment would begin with an alarm."""
    young = [sample(catalogue.SYSTEM_UPTIME, 5), ORDERS, sample(catalogue.SAMPLER_LAST_SUCCESS, 0, function="f")]
    assert "LIVE" == judge("bot", young, NOW).state


def test_max_age_replaces_the_limits() -> None:
    """A bot that beats every ten minutes could never pass."""
    assert "LIVE" == state_of(sample(catalogue.HEARTBEAT, NOW - 700, loop="main"), limit=900)


def test_the_line_of_a_bot_names_what_is_late_and_its_limit() -> None:
    """An operator would know that something is wrong, and not what."""
    late, fresh = sample(catalogue.HEARTBEAT, NOW - 300, loop="main"), sample(catalogue.HEARTBEAT, NOW - 2, loop="b")
    assert "DEGRADED  bot: heartbeat main 300 s old (limit 120 s); 3 orders in 2.0 h; heartbeat b 2 s old" == str(
        judge("bot", [UPTIME, ORDERS, late, fresh], NOW)
    )


def test_a_hostile_label_stays_in_its_line() -> None:
    """A loop's name could forge the line of another bot."""
    line = str(judge("bot", [sample(catalogue.HEARTBEAT, NOW, loop="a\nLIVE other")], NOW))
    assert 1 == len(line.splitlines())


def test_bots_are_scraped_and_judged_and_the_exit_status_is_1_unless_all_live(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A cron job or a deployment that asks the doctor would go on with a bot that nobody watches."""
    empty, live = TradingMetrics(), TradingMetrics()

    @track_order(strategy="s", side="BUY", order_type="LIMIT", metrics=live)
    def place() -> dict[str, str]:
        return {"status": "accepted"}

    place()
    with start_metrics_server(0, metrics=empty) as first, start_metrics_server(0, metrics=live) as second:
        status, answer = run(capsys, str(first.port), second.url, f"127.0.0.1:{second.port}")
        assert (1, ["SILENT", "LIVE"], 1) == (status, [each["state"] for each in answer["bots"]], answer["live"])
        assert "no decorated function has recorded anything yet" == answer["bots"][0]["reason"]
        status, answer = run(capsys, str(second.port))
        assert (0, "LIVE", 1.0) == (status, answer["bots"][0]["state"], answer["bots"][0]["orders"])
        live.record(catalogue.HEARTBEAT, ("main",), time.time() - 500, site="bot.loop")
        status, answer = run(capsys, second.url)
        assert (1, "SILENT", ["heartbeat main"]) == (
            status,
            answer["bots"][0]["state"],
            [each["name"] for each in answer["bots"][0]["signals"]],
        )


def test_a_bot_that_cannot_be_reached_is_silent_and_its_password_is_not_shown(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A dead bot would end the command, or a password would be in a terminal's history."""
    with start_metrics_server(0, metrics=TradingMetrics()) as server:
        port = server.port
    status, answer = run(capsys, f"http://me:hunter2@127.0.0.1:{port}")
    assert (1, "SILENT", f"http://127.0.0.1:{port}/metrics") == (
        status,
        answer["bots"][0]["state"],
        answer["bots"][0]["bot"],
    )
    assert "hunter2" not in json.dumps(answer)


@pytest.mark.parametrize("options", [{"url": "http://x"}, {"rules": ["x.yml"]}, {"myself": True}])
def test_the_doctor_does_one_thing_at_a_time(options: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    """A URL given for one check would silently be taken for another."""
    with pytest.raises(typer.Exit) as exit_:
        doctor(["8000"], **options)
    assert 2 == exit_.value.exit_code
    assert "one thing at a time" in capsys.readouterr().err


def test_max_age_must_be_positive(capsys: pytest.CaptureFixture[str]) -> None:
    """`--max-age 0` would make every bot late, or none."""
    with pytest.raises(typer.Exit) as exit_:
        doctor(["8000"], max_age=0.0)
    assert 2 == exit_.value.exit_code
    assert "--max-age" in capsys.readouterr().err


def test_the_installation_is_described_without_secrets(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A bug report would lack a version that the maintainer must ask for, or hold the reporter's token."""
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "authorization=hunter2")
    monkeypatch.setenv("TRADMETRICS_VERSION", "4.5")
    with pytest.raises(typer.Exit) as exit_:
        doctor(myself=True, as_json=True)
    text = capsys.readouterr().out
    answer = json.loads(text)
    assert 0 == exit_.value.exit_code
    assert "hunter2" not in text
    assert {"OTEL_EXPORTER_OTLP_HEADERS": "***", "TRADMETRICS_VERSION": "4.5"}.items() <= answer["environment"].items()
    expected = ["tradmetrics", "python", "platform", "packages", "adapters", "metrics", "endpoints", "multiprocess"]
    assert [*expected, "environment", "last_errors"] == list(answer)
    with pytest.raises(typer.Exit):
        doctor(myself=True)
    assert "hunter2" not in (shown := capsys.readouterr().out)
    assert shown.startswith("tradmetrics ")


def test_inside_a_bot_the_description_has_its_metrics_endpoint_and_last_errors() -> None:
    """The maintainer would see the defaults, and not the settings of the bot that has the fault."""
    metrics = TradingMetrics(limits={"symbol": 7}, labels={"account": "4711"})
    metrics.fault("bot.place", "source", ValueError("token=hunter2 is wrong"))
    with start_metrics_server(0, metrics=metrics) as server:
        described = describe(metrics)
        assert server.url in described["endpoints"]
    assert 7 == described["metrics"]["limits"]["labels"]["symbol"]
    assert ["account"] == described["metrics"]["constant_labels"]
    assert "hunter2" not in json.dumps(described)
    assert "4711" not in json.dumps(described["metrics"])
    assert ["bot.place"] == list(described["last_errors"])


def test_the_description_has_every_package_that_the_command_the_board_and_the_servers_need() -> None:
    """A fault of the board would be reported without the version of what draws it."""
    setup = configparser.ConfigParser()
    setup.read(Path(__file__).parents[2] / "setup.cfg", encoding="utf-8")
    extras = setup["options.extras_require"]
    named = "\n".join(extras.get(extra, "", raw=True) for extra in ("cli", "fastapi", "otlp", "board"))
    for name in re.findall(r"^([A-Za-z][\w-]*)[>=<]", named, re.MULTILINE):
        if find_version(name):
            assert name in describe()["packages"]


def find_version(name: str) -> str | None:
    """The version of an installed package."""
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def test_every_judgement_can_be_shown() -> None:
    """A judgement without orders or signals would end the command."""
    assert "SILENT    bot: gone" == str(Watched("bot", "SILENT", "gone"))
