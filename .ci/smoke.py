"""Run by `.ci/run` in an environment that holds the package and what it requires, and nothing else."""

import importlib
import pkgutil
import sys
import sysconfig
import threading
import urllib.request
from pathlib import Path

import prometheus_client

before = set(prometheus_client.REGISTRY._names_to_collectors)

import tradmetrics  # noqa: E402 - what its import does is being looked at

assert Path(sysconfig.get_path("purelib")) in Path(tradmetrics.__file__).parents, tradmetrics.__file__
assert before == set(prometheus_client.REGISTRY._names_to_collectors), "importing it registers metrics"
assert threading.active_count() == 1, "importing it starts a thread"
assert not {"asyncio", "fastapi", "pytest", "rich", "typer", "pandas"} & set(sys.modules)


@tradmetrics.track_order(strategy="gamma_scalping")
def place_order(side: str, order_type: str) -> dict[str, str]:
    """Place an order that is filled at once."""
    return {"status": "filled"}


place_order("BUY", order_type="LIMIT")
with tradmetrics.start_metrics_server(port=0) as server:
    text = urllib.request.urlopen(server.url, timeout=10).read().decode()
assert 'trading_orders_filled_total{side="BUY",strategy="gamma_scalping"} 1.0' in text

# Run with -W error, this finds what a later Python deprecates; what an extra is for is imported where that is there.
for module in pkgutil.walk_packages(tradmetrics.__path__, "tradmetrics."):
    if not module.name.endswith("__main__"):
        try:
            importlib.import_module(module.name)
        except ModuleNotFoundError as error:
            if str(error.name).startswith("tradmetrics"):
                raise
