"""The page at `/` of the metrics server: what a person sees who opens it, and what a hostile label gets."""

from __future__ import annotations

import urllib.error
import urllib.request
from html.parser import HTMLParser

import pytest

from tradmetrics import ConfigurationError, TradingMetrics, catalogue, start_metrics_server, track_order

METRICS = TradingMetrics()


@track_order(strategy="s", side="BUY", order_type="LIMIT", metrics=METRICS)
def place() -> None:
    """A decorated function that is called."""


@track_order(strategy="s", side="BUY", order_type="LIMIT", metrics=METRICS)
def place_never() -> None:
    """A decorated function that is not called."""


class Tables(HTMLParser):
    """The tables of a page by the heading before them, as rows of texts, and the names of all tags."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tables: dict[str, list[list[str]]] = {}
        self.tags: set[str] = set()
        self._tag = self._title = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self._tag = tag
        self.tags.add(tag)
        if tag == "h2":
            self._title = ""
        elif tag == "tr":
            self.tables.setdefault(self._title, []).append([])
        elif tag == "td":
            self.tables[self._title][-1].append("")

    def handle_endtag(self, tag: str) -> None:
        self._tag = ""

    def handle_data(self, data: str) -> None:
        if self._tag == "h2":
            self._title += data
        elif self._tag == "td":
            self.tables[self._title][-1][-1] += data


def page_of(metrics: TradingMetrics) -> str:
    """The page, as a browser gets it."""
    with start_metrics_server(port=0, metrics=metrics) as server:
        answer = urllib.request.urlopen(server.url.removesuffix("metrics"), timeout=10)
        assert "text/html; charset=utf-8" == answer.headers["Content-Type"]
        assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
        text: str = answer.read().decode()
    return text


def test_a_bot_that_is_run_as_a_package_has_the_packages_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every bot that starts with `python -m bot` would be called "__main__.py"."""
    monkeypatch.setattr("sys.argv", ["/srv/gamma_bot/__main__.py"])
    assert "<h1>gamma_bot</h1>" in page_of(METRICS)
    monkeypatch.setattr("sys.argv", ["/srv/bot.py"])
    assert "<h1>bot.py</h1>" in page_of(METRICS)


def test_the_page_shows_what_is_instrumented_and_what_was_recorded() -> None:
    """A newcomer could not see whether the decorators work before Prometheus and Grafana run."""
    place()
    page = page_of(METRICS)
    tables = Tables(page).tables
    functions = {name.rpartition(".")[2]: called for name, _, called in filter(None, tables["Instrumented functions"])}
    assert ("yes", "not yet") == (functions["place"], functions["place_never"])
    assert "TRADMETRICS_COUNT_CALLS=1" in page
    recorded = {row[0]: row[1:] for row in tables["Recorded so far"] if row}
    assert ["@track_order", "1"] == recorded["Orders sent"]
    assert ["@track_trade", "nothing yet"] == recorded["Trades"]
    assert ["trading_orders_submitted_total", "1"] == next(
        row[:2] for row in tables["Series and their budgets"] if row and "submitted" in row[0]
    )


def test_the_page_shows_the_calls_of_each_function(monkeypatch: pytest.MonkeyPatch) -> None:
    """A trader who has asked for the counts would have to look for them in the text of /metrics."""
    monkeypatch.setenv("TRADMETRICS_COUNT_CALLS", "1")
    metrics = TradingMetrics()

    @track_order(strategy="s", side="BUY", order_type="LIMIT", metrics=metrics)
    def send() -> None:
        pass

    for _ in range(1_234):
        send()
    page = page_of(metrics)
    ((name, decorator, calls),) = filter(None, Tables(page).tables["Instrumented functions"])
    assert ("send", "track_order", "1,234") == (name.rpartition(".")[2], decorator, calls)
    assert "TRADMETRICS_COUNT_CALLS" not in page


def test_the_page_names_errors_with_their_last_message_and_labels_past_their_budget() -> None:
    """What goes wrong inside the instrumentation would stand in the log only."""
    metrics = TradingMetrics(limits={"strategy": 1})
    metrics.fault("bot.place", "source", ValueError("no such field 'sid'"))
    metrics.fault("bot.place", "source", ValueError("no such field 'side'"))
    for strategy in ("a", "b", "c"):
        metrics.record(catalogue.ORDERS_SUBMITTED, (strategy, "BUY", "LIMIT"), site="test")
    tables = Tables(page_of(metrics)).tables
    assert ["bot.place", "source", "2", "ValueError: no such field 'side'"] in tables[
        "Errors inside the instrumentation"
    ]
    assert ["trading_orders_submitted_total", "strategy", "2"] in tables["Labels past their budget"]


@pytest.mark.parametrize("text", ["<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "a\x1b[2Jb\u202ec"])
def test_hostile_text_is_shown_as_text(text: str) -> None:
    """A label value that a broker or a client chooses would run as a script in the trader's browser."""
    metrics = TradingMetrics()
    metrics.fault(text, "source", ValueError(text))
    page = page_of(metrics)
    assert {"script", "img"}.isdisjoint(Tables(page).tags)
    assert text not in page
    assert "\x1b" not in page


def test_the_page_asks_for_the_secret() -> None:
    """The page would show what `auth` keeps from strangers at `/metrics`."""
    with start_metrics_server(port=0, metrics=METRICS, auth="s3cret") as server:
        address = server.url.removesuffix("metrics")
        with pytest.raises(urllib.error.HTTPError, match="401"):
            urllib.request.urlopen(address, timeout=10)
        request = urllib.request.Request(address, headers={"Authorization": "Bearer s3cret"})
        assert 200 == urllib.request.urlopen(request, timeout=10).status


def test_a_page_that_cannot_be_made_shows_no_source_code(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A fault in the page would take the server's thread down, or show its source to whoever asks."""

    def broken() -> TradingMetrics:
        raise ConfigurationError("the directory is away")

    monkeypatch.setattr("tradmetrics.serving.status_page.get_metrics", broken)
    with start_metrics_server(port=0) as server, pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(server.url.removesuffix("metrics"), timeout=10)
    assert 500 == refused.value.code
    assert b"away" not in refused.value.read()
    assert "the directory is away" in caplog.text
