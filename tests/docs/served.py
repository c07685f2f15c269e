"""The demo under a Prometheus that has this project's rules, as the runbooks suppose it."""

import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.docs.pages import ROOT
from tests.stack.servers import eventually, prometheus, query

CONFIGURATION = """\
global:
  scrape_interval: 1s
  evaluation_interval: 1s
rule_files:
  - {rules}/*.yml
scrape_configs:
  - job_name: tradmetrics
    static_configs:
      - targets: ["127.0.0.1:{port}"]
"""


@contextmanager
def demo(folder: Path, environment: dict[str, str], *options: str) -> Iterator[str]:
    """Run the demo and a Prometheus on it until the block ends.

    Args:
        folder: Where data and logs go.
        environment: The environment of the demo.
        options: Options of `tradmetrics demo`.

    Yields:
        The URL of Prometheus, once it has seen some minutes of the demo's time.
    """
    command = [sys.executable, "-m", "tradmetrics", "demo", "--port", "0", *options]
    with (folder / "demo.log").open("w") as log:
        process = subprocess.Popen(command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=log, text=True)
    try:
        assert process.stdout is not None
        address = re.search(r":(\d+)/metrics", process.stdout.readline())
        assert address is not None, (folder / "demo.log").read_text(encoding="utf-8")
        config = folder / "prometheus.yml"
        config.write_text(CONFIGURATION.format(rules=ROOT / "alerts" / "rules", port=address[1]), encoding="utf-8")
        with prometheus(config, folder / "data") as url:
            # Rates need two scrapes; these also see a training, which the demo has now and then.
            eventually(lambda: query(url, "trading_ml_last_training_timestamp > 0"), seconds=60)
            after = time.time() + 10
            eventually(lambda: query(url, f"timestamp(up) > {after}"), seconds=60)
            yield url
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=30)
