"""Messages about bots: grouped, not too many, muted rightly, retried, without secrets."""

import asyncio
import json
import shutil
import socket
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.stack.servers import free_port
from tradmetrics.board.alerting import inhibition
from tradmetrics.board.alerting.lateness import Lateness
from tradmetrics.board.alerting.notify import Notifier, ways
from tradmetrics.board.alerting.rules import Alert, Rule
from tradmetrics.board.alerting.templates import fill
from tradmetrics.board.query import Number, Sample
from tradmetrics.errors import ConfigurationError


class Phone:
    """Takes messages; `down` lets them fail."""

    def __init__(self) -> None:
        self.messages: list[tuple[str, str]] = []
        self.down = False

    def notify(self, body: str, title: str) -> bool:
        if not self.down:
            self.messages.append((title, body))
        return not self.down


def alert(name: str, instance: str = "bot:8000", severity: str = "critical", since: float = 0.0) -> Alert:
    """An alert that fires."""
    labels = {"alertname": name, "instance": instance, "severity": severity, "job": "j"}
    texts = {"summary": f"{name} on {instance}", "description": "It is so.", "runbook_url": f"https://docs/{name}/"}
    return Alert(Rule(name, Number(1)), labels, texts, 1.0, since, firing=since)


class Desk:
    """A notifier with a clock that the test moves."""

    def __init__(self, *phones: Phone) -> None:
        self.now = 1_000.0
        self.phone = Phone()
        self.notifier = Notifier(
            [self.phone, *phones], {"ExporterDown": "Nothing is known of the bot."}, lambda: self.now
        )

    def pass_time(self, seconds: float) -> None:
        for _ in range(int(seconds * 2)):
            self.now += 0.5
            asyncio.run(self.notifier.send())


def test_a_way_that_is_down_costs_the_others_no_second_message() -> None:
    """While one chat is down, the phone would ring with the same message again and again."""
    other = Phone()
    desk = Desk(other)
    other.down = True
    desk.notifier.update([alert("ExporterDown")], [])
    desk.pass_time(200)
    assert 1 == len(desk.phone.messages)
    other.down = False
    desk.pass_time(310)
    assert (1, 1) == (len(desk.phone.messages), len(other.messages))


def test_a_test_message_must_arrive_everywhere() -> None:
    """The trader would learn at the first crash that the second address was mistyped."""
    other = Phone()
    desk = Desk(other)
    assert [] == asyncio.run(desk.notifier.test())
    other.down = True
    assert [2] == asyncio.run(desk.notifier.test())


def test_a_crash_is_one_message() -> None:
    """Nine messages at once would hide the one that matters."""
    desk = Desk()
    desk.notifier.update(
        [alert("StaleMarketData", severity="warning"), alert("ExporterDown"), alert("WebSocketDown")], []
    )
    desk.pass_time(5)
    ((title, body),) = desk.phone.messages
    assert "FIRING: ExporterDown on bot:8000 (+2)" == title
    assert all(name in body for name in ("ExporterDown", "StaleMarketData", "WebSocketDown", "Bot: bot:8000"))


def test_a_message_has_the_first_lines_of_the_runbook() -> None:
    """A person on the road would have to look up what the alert means."""
    desk = Desk()
    desk.notifier.update([alert("ExporterDown")], [])
    desk.pass_time(5)
    ((_, body),) = desk.phone.messages
    assert "Nothing is known of the bot." in body
    assert "https://docs/ExporterDown/" in body


def test_a_bot_sends_at_most_one_message_a_minute_and_each_alert_once() -> None:
    """A flapping alert would fill the phone."""
    desk = Desk()
    for second in range(120):
        desk.notifier.update([alert(f"Alert{number}") for number in range(second + 1)], [])
        desk.pass_time(1)
    assert 2 <= len(desk.phone.messages) <= 3
    desk.pass_time(120)
    text = "\n".join(body for _, body in desk.phone.messages)
    assert 1 == text.count("● Alert7 ")


def test_two_bots_do_not_wait_for_each_other() -> None:
    """The second bot's crash would come a minute late."""
    desk = Desk()
    desk.notifier.update([alert("ExporterDown"), alert("ExporterDown", "other:8000")], [])
    desk.pass_time(5)
    assert 2 == len(desk.phone.messages)


def test_the_end_of_an_alert_is_told_and_an_alert_that_nobody_heard_of_is_not() -> None:
    """Nobody would know that they can go back to sleep."""
    desk = Desk()
    desk.notifier.update([alert("ExporterDown")], [])
    desk.pass_time(5)
    over, unheard = alert("ExporterDown"), alert("Muted")
    over.resolved = unheard.resolved = 90.0
    desk.notifier.update([], [over, unheard])
    desk.pass_time(61)
    title, body = desk.phone.messages[-1]
    assert title.startswith("RESOLVED")
    assert "ExporterDown resolved after 2 min" in body
    assert "Muted" not in body


def test_a_message_is_tried_again_when_the_way_is_down() -> None:
    """A message during an outage of the chat would be lost."""
    desk = Desk()
    desk.phone.down = True
    desk.notifier.update([alert("ExporterDown")], [])
    desk.pass_time(10)
    assert desk.notifier.failed >= 1
    desk.phone.down = False
    desk.pass_time(30)
    assert 1 == len(desk.phone.messages)


def test_an_address_that_apprise_cannot_read_is_refused_without_its_secret() -> None:
    """A typing error would be found during the first crash, or the token would stand in the log."""
    with pytest.raises(ConfigurationError) as raised:
        ways(["nosuch://secret-token@chat"])
    assert "secret-token" not in str(raised.value)
    assert "nosuch" in str(raised.value)


def test_a_webhook_gets_the_message() -> None:
    """Apprise would be called in a way that it does not know."""
    got: list[dict[str, Any]] = []

    class Hook(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            got.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *arguments: Any) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Hook)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        notifier = Notifier(ways([f"json://127.0.0.1:{server.server_port}/"]), {}, lambda: 0.0)
        assert [] == asyncio.run(notifier.test())
    finally:
        server.shutdown()
        server.server_close()
    assert "tradmetrics" in got[0]["title"]


def test_a_test_message_is_sent_beside_a_running_board() -> None:
    """The trader, whose board runs, would read that its port is taken, and not whether messages arrive."""
    typer = pytest.importorskip("typer.testing")
    from tradmetrics.cli import build

    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        arguments = [
            "board",
            "--port",
            str(port),
            "--notify-test",
            "--notify",
            f"json://127.0.0.1:{free_port()}/secret",
        ]
        result = typer.CliRunner().invoke(build(), arguments, prog_name="tradmetrics")
    assert 2 == result.exit_code
    assert "the message did not arrive" in result.stderr
    assert "secret" not in result.stderr


RULES = inhibition.read(
    {
        "inhibit_rules": [
            {
                "source_matchers": ['alertname = "MarketClosed"'],
                "target_matchers": ['session = "open"'],
                "equal": ["job", "instance"],
            }
        ]
    }
)


@pytest.mark.parametrize(
    ("instance", "session", "expected"), [("a", "open", True), ("b", "open", False), ("a", "", False)]
)
def test_a_closed_market_mutes_what_concerns_its_own_bot(instance: str, session: str, expected: bool) -> None:
    """A bot would be muted by another one's market, or an order that may be live by its own."""
    labels = {"alertname": "HighDailyLoss", "job": "j", "instance": instance, "session": session}
    closed = {"alertname": "MarketClosed", "job": "j", "instance": "a", "severity": "none"}
    assert expected == inhibition.muted(labels, [labels, closed], RULES)


def observed(lateness: Lateness, stamp: float, now: float) -> list[float]:
    """How late a timestamp is, if it is."""
    return [each.value for each in lateness.observe([Sample({"instance": "a"}, stamp)], now)]


def test_a_loop_that_beat_each_second_is_late_within_ten_seconds() -> None:
    """A hung loop would be noticed after minutes."""
    lateness = Lateness()
    for second in range(20):
        assert [] == observed(lateness, second, second)
    assert next(second for second in range(20, 40) if observed(lateness, 19, second)) <= 29


def test_a_slow_rhythm_is_not_late() -> None:
    """A bot of one-minute bars would be reported every minute."""
    lateness = Lateness()
    for second in range(600):
        assert [] == observed(lateness, second // 60 * 60, second)


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("{{ $labels.instance }} is down", "bot is down"),
        ("{{ $value | humanize }}", "12.35k"),
        ('{{ printf "%.0f" $value }} orders', "12346 orders"),
        ("{{ $value | humanizeDuration }}", "3h 25m 45s"),
        ("{{ if gt $value 1.0 }}many{{ else }}one{{ end }}", "many"),
        ('{{ if eq $labels.gone "" }}{{ else }}not {{ end }}there', "there"),
        ("{{ $labels.missing }}", ""),
        ("{{ nosuch }}", "{{ nosuch }}"),
        ("{{ 5e28 | humanize }}", "5e+04Y"),
        ('{{ "seven" | humanize }} {{ printf "%d" "x" }}', "seven x"),
        ("{{ }}{{ ( }}.", "."),
        ("{{ 1e999 }} {{ 1e999 | humanizeDuration }} {{ 1e999 | humanize }}", "+Inf +Inf +Inf"),
    ],
)
def test_texts_are_filled_in_as_prometheus_does(template: str, text: str) -> None:
    """The message would have blanks and braces in it."""
    assert text == fill(template, {"instance": "bot"}, 12345.6)


VALUES = (0.0, 1.0, 12345.6, 999.0, 1e6, 1234567.25, 3e18, -0.00012, 0.25, 2e-10, 5e-28, -4.0, -90061.0, 61.0, 1e-5)
TEMPLATES = [
    *("{{ $value }}", "{{ gt $value 1.0 }}", "{{ $value | humanize }}"),
    *("{{ $value | humanizeDuration }}", "{{ $value | humanizePercentage }}"),
    *('{{ $value | printf "%.2f" }}', '{{ printf "%s of %.1f" $labels.side $value }}', '{{ $value | printf "%8.3f" }}'),
    *('{{ printf "%-6s|" $labels.side }}', '{{ printf "%v %%" $value }}'),
    '{{ reReplaceAll "[.]?0+$" "" ($value | printf "%.8f") }} left',
    '{{ reReplaceAll "(b)(.)" "${2}$1" $labels.instance }}',
    "{{ if gt $value 1.0 }}many{{ else if eq $value 1.0 }}one{{ else }}none{{ end }}",
    "{{ if lt $value 1.0 }}lt{{ end }} {{ if le $value 1.0 }}le{{ end }} {{ if ge $value 1.0 }}ge{{ end }}",
    '{{ if ne $labels.side "buy" }}sell{{ else }}{{ if not $labels.gone }}no{{ end }}buy{{ end }}',
    '{{ if and $labels.side $labels.gone }}both{{ end }}{{ if or $labels.gone $labels.side }}one{{ end }}',
    "{{ $labels.side | toUpper }} {{ $labels.desk | toLower }} {{ title $labels.desk }} {{ title $labels.side }}",
    '{{ if match "^b.t$" $labels.instance }}a bot{{ end }}',
    '{{ if eq $labels.side "sell" "buy" }}a side{{ end }}',
    "one {{- $labels.side -}} two",
    '{{ with $labels.side }}there{{ end }}{{ with $labels.gone }}{{ if gt $value 0.0 }}never{{ end }}{{ end }}.',
    "no braces at all", '{{ print $labels.side "!" }}', '{{ "quoted \\" text" }} {{ `raw` }}',
]  # fmt: skip


@pytest.mark.skipif(shutil.which("promtool3") is None, reason="promtool 3 is the judge")
def test_the_board_writes_each_text_as_prometheus_writes_it(tmp_path: Path) -> None:
    """A message from the board would name another figure than the same alert from Alertmanager."""
    labels = {"instance": "bot", "side": "buy", "desk": "FX desk's"}
    series, rules, checks = list[dict[str, str]](), list[dict[str, Any]](), list[dict[str, Any]]()
    for number, value in enumerate(VALUES):
        inside = ",".join(f'{name}="{text}"' for name, text in labels.items())
        series.append({"series": f"x{number}{{{inside}}}", "values": f"{value!r}x5"})
        texts = {f"text{place}": template for place, template in enumerate(TEMPLATES)}
        rules.append({"alert": f"A{number}", "expr": f"x{number}", "annotations": texts})
        filled = {name: fill(template, labels, value) for name, template in texts.items()}
        expected = [{"exp_labels": labels, "exp_annotations": filled}]
        checks.append({"eval_time": "1m", "alertname": f"A{number}", "exp_alerts": expected})
    (tmp_path / "rules.yml").write_text(yaml.safe_dump({"groups": [{"name": "texts", "rules": rules}]}))
    tests = [{"interval": "1m", "input_series": series, "alert_rule_test": checks}]
    (tmp_path / "test.yml").write_text(yaml.safe_dump({"rule_files": ["rules.yml"], "tests": tests}))
    command = ["promtool3", "test", "rules", "--diff", str(tmp_path / "test.yml")]
    answer = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert 0 == answer.returncode, (answer.stdout + answer.stderr)[:6_000]
