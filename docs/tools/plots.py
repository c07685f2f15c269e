"""Draw the plots of the demo: `python -m docs.tools.plots`. Needs a `prometheus` program, and matplotlib.

A session of `tradmetrics demo` is scraped by a real Prometheus, and the plots show Prometheus's answers.
"""

import json
import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import matplotlib as mpl

from tradmetrics.demo.scraper import find_prometheus, running_prometheus

IMAGES: Final = Path(__file__).parent.parent / "images"
SPEED: Final = 60
SECONDS: Final = 90
_COLOURS: Final = ("#303f9f", "#d84315", "#00796b")


@contextmanager
def session() -> Iterator[tuple[str, float, float]]:
    """Run the demo to its end under a Prometheus.

    Yields:
        The URL of Prometheus, and when the session began and ended, in unix seconds.
    """
    options = f"--seconds {SECONDS} --speed {SPEED} --seed 1 --port 0 --linger 600"
    command = [sys.executable, "-m", "tradmetrics", "demo", *options.split()]
    demo = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert demo.stdout is not None
        port = re.search(r":(\d+)/metrics", demo.stdout.readline())
        assert port is not None
        with running_prometheus(find_prometheus(), int(port[1])) as url:
            began = time.time()
            time.sleep(SECONDS)  # the session itself
            yield url, began, time.time()
    finally:
        demo.send_signal(signal.SIGTERM)
        demo.wait(30)


def ask(url: str, path: str, **parameters: object) -> list[dict[str, Any]]:
    """Return the series of an answer of Prometheus's API."""
    with urllib.request.urlopen(f"{url}/api/v1/{path}?{urllib.parse.urlencode(parameters)}", timeout=30) as answer:
        result: list[dict[str, Any]] = json.load(answer)["data"]["result"]
    return sorted(result, key=lambda each: sorted(each["metric"].items()))


def draw_session(url: str, began: float, ended: float) -> None:
    """Draw orders per simulated second of each strategy, over the session."""
    query = f"sum by (strategy) (rate(trading_orders_submitted_total[10s])) / {SPEED}"
    figure, axes = _figure()
    for colour, series in zip(
        _COLOURS, ask(url, "query_range", query=query, start=began, end=ended, step=1), strict=False
    ):
        minutes = [(float(at) - began) * SPEED / 60 for at, _ in series["values"]]
        orders = [float(value) for _, value in series["values"]]
        axes.plot(minutes, orders, color=colour, label=series["metric"]["strategy"])
    axes.set(xlabel="minutes of the session", ylabel="orders per second", xlim=(0, None), ylim=(0, None))
    axes.legend(frameon=False)
    _save(figure, "demo-session.svg", "Orders per second of three strategies over a session of the demo")


def draw_fill_times(url: str) -> None:
    """Draw the share of orders filled within a time, by strategy, from the buckets of the histogram."""
    figure, axes = _figure()
    buckets: dict[str, list[tuple[float, float]]] = {}
    for series in ask(url, "query", query="sum by (strategy, le) (trading_order_fill_time_seconds_bucket)"):
        bound, count = float(series["metric"]["le"]), float(series["value"][1])
        buckets.setdefault(series["metric"]["strategy"], []).append((bound, count))
    for colour, (strategy, counts) in zip(_COLOURS, sorted(buckets.items()), strict=False):
        counts.sort()
        whole = counts[-1][1]
        finite = counts[:-1]
        axes.plot(
            [bound for bound, _ in finite],
            [100 * count / whole for _, count in finite],
            color=colour,
            marker="o",
            markersize=4,
            label=strategy,
        )
    axes.set(xlabel="seconds from the submit, at the bounds of the buckets", ylabel="orders filled (%)", ylim=(0, 102))
    axes.set_xscale("log")
    axes.legend(frameon=False)
    _save(figure, "demo-fill-times.svg", "Share of orders filled within a time, for three strategies of the demo")


def _figure() -> tuple[Any, Any]:
    from matplotlib.figure import Figure

    mpl.rcParams.update({"svg.hashsalt": "tradmetrics", "svg.fonttype": "none", "font.family": "sans-serif"})
    figure = Figure(figsize=(8, 3.4), layout="constrained")
    axes = figure.subplots()
    axes.grid(color="#e0e0e0")
    axes.spines[["top", "right"]].set_visible(False)
    return figure, axes


def _save(figure: Any, name: str, title: str) -> None:
    figure.savefig(IMAGES / name, metadata={"Title": title, "Date": None, "Creator": None})
    text = (IMAGES / name).read_text(encoding="utf-8")
    # Without the document type, which names another host; nothing would fetch it, but nothing needs it either.
    text = re.sub(r"<!DOCTYPE.*?>\s*", "", text, flags=re.DOTALL)
    (IMAGES / name).write_text("\n".join(line.rstrip() for line in text.splitlines()) + "\n", encoding="utf-8")


def main() -> int:
    """Run a session and draw both plots."""
    with session() as (url, began, ended):
        draw_session(url, began, ended)
        draw_fill_times(url)
    return 0


if __name__ == "__main__":
    sys.exit(main())
