"""The board's own metrics, so that a Prometheus or another board can watch it."""

from collections.abc import Iterator

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from tradmetrics.board.watch import Watch


class Health(Collector):
    """Collects how the board does.

    Args:
        watch: The bots and their alerts.
    """

    def __init__(self, watch: Watch) -> None:
        self._watch = watch
        self._pings = {"arrived": 0, "failed": 0}
        self._registry = CollectorRegistry()
        self._registry.register(self)

    def pinged(self, arrived: bool) -> None:
        """Count a call of the dead man's switch."""
        self._pings["arrived" if arrived else "failed"] += 1

    def text(self) -> bytes:
        """Return the metrics in Prometheus's text format."""
        return generate_latest(self._registry)

    def collect(self) -> Iterator[Metric]:
        """Collect the metrics; prometheus_client calls this."""
        up = GaugeMetricFamily(
            "tradmetrics_board_bot_up", "Whether the last scrape of a bot succeeded.", labels=["bot"]
        )
        scrapes = CounterMetricFamily("tradmetrics_board_scrapes", "Scrapes of a bot.", labels=["bot", "outcome"])
        for each in self._watch.scraper.watched:
            up.add_metric([each.target.name], float(each.up is True))
            scrapes.add_metric([each.target.name, "failed"], each.failures)
            scrapes.add_metric([each.target.name, "succeeded"], each.scrapes - each.failures)
        yield up
        yield scrapes
        yield GaugeMetricFamily("tradmetrics_board_series", "Series in memory.", self._watch.store.series())
        yield GaugeMetricFamily("tradmetrics_board_sample_bytes", "Memory of the samples.", self._watch.store.bytes())
        yield GaugeMetricFamily(
            "tradmetrics_board_last_evaluation_timestamp_seconds",
            "When the rules were last evaluated.",
            self._watch.evaluated,
        )
        firing = [each for each in self._watch.standing() if not each.muted]
        yield GaugeMetricFamily("tradmetrics_board_alerts_firing", "Alerts that fire and are not muted.", len(firing))
        sent = CounterMetricFamily("tradmetrics_board_notifications", "Messages sent.", labels=["outcome"])
        sent.add_metric(["arrived"], self._watch.notifier.delivered)
        sent.add_metric(["failed"], self._watch.notifier.failed)
        yield sent
        pings = CounterMetricFamily("tradmetrics_board_pings", "Calls of the dead man's switch.", labels=["outcome"])
        for outcome, count in self._pings.items():
            pings.add_metric([outcome], count)
        yield pings
