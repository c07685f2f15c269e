"""What the tests of all adapters share: the library, or a skip with its reason, and what was recorded."""

import importlib
import os

import pytest

from tradmetrics.orders.tracker import OrderTracker
from tradmetrics.record.exporter import MetricsExporter

REQUIRE = ("TRADMETRICS_REQUIRE_INTEGRATIONS", "TRADMETRICS_REQUIRE_ALL")
"""Either one set to 1 says that the libraries must be installed: their tests then fail instead of being skipped."""


def library(name):
    """Import a library for a whole test module, or skip the module because it isn't installed."""
    try:
        return importlib.import_module(name)
    except ImportError as error:
        reason = f"{name} cannot be imported ({error}); install tradmetrics with the extra of its adapter"
        for variable in REQUIRE:
            if os.environ.get(variable) == "1":
                pytest.fail(f"{reason}, and {variable}=1 says that it must be there", pytrace=False)
        return pytest.skip(reason, allow_module_level=True)


def needs(owner, name):
    """Skip a test of something that this release of a library does not have yet."""
    if not hasattr(owner, name):
        pytest.skip(f"this release has no {owner.__name__}.{name}")


class Recorded:
    """What a metrics object has recorded, read as a scrape reads it."""

    def __init__(self, metrics):
        self._metrics = metrics

    def __call__(self, name, **labels):
        """The sum of the samples of that name whose labels include `labels`; 0 when there is none."""
        found = [
            sample.value
            for metric in self._metrics.registry.collect()
            for sample in metric.samples
            if sample.name == name and labels.items() <= sample.labels.items()
        ]
        return sum(found)

    def by(self, name, *names):
        """The samples of that name by the values of some labels: `{("BUY",): 3.0}`; those at zero are left out."""
        result = {}
        for metric in self._metrics.registry.collect():
            for sample in metric.samples:
                if sample.name == name and sample.value:
                    key = tuple(sample.labels[each] for each in names)
                    result[key] = result.get(key, 0) + sample.value
        return result

    def anomalies(self):
        """The anomalies by kind, and the instrumentation errors by stage."""
        return {
            **{kind: count for (kind,), count in self.by("trading_order_anomalies_total", "kind").items()},
            **{
                stage: count for (stage,), count in self.by("tradmetrics_instrumentation_errors_total", "stage").items()
            },
        }


def break_hooks(monkeypatch):
    """Make everything that adapters call raise, as a bug of ours would."""

    def broken(*_, **__):
        raise RuntimeError("a bug in the adapter")

    for name in ("submitted", "updated", "alias", "cancel_requested", "replaced"):
        monkeypatch.setattr(OrderTracker, name, broken)
    monkeypatch.setattr(MetricsExporter, "record_trade", broken)
    monkeypatch.setattr(MetricsExporter, "record_market_data_update", broken)
