"""The figures of the dashboards as Grafana writes them: its own formatting under node, with figures of the demo."""

import json
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "tests" / "grafana" / "figures.cjs"
PACKAGES = ["@grafana/data@13.2.3", "jsdom@24", "global-jsdom@24", "react@18", "react-dom@18", "rxjs@7"]
FIGURES = {
    path.stem: [panel for panel in json.loads(path.read_text(encoding="utf-8"))["panels"] if panel["type"] == "stat"]
    for path in sorted((ROOT / "dashboards" / "json").glob("*.json"))
}
# What the demo shows after an hour or so, and how a person writes it. None: the figure has no data.
EXPECTED: dict[tuple[str, str], tuple[float | None, str]] = {
    ("main", "Up"): (0, "Down"),
    ("main", "Circuit breaker"): (1, "Stopped"),
    ("main", "Session"): (0, "Closed"),
    ("main", "Daily P&L"): (-12345.67, "-12,346"),
    ("main", "Daily P&L of capital"): (-0.617, "-0.62%"),
    ("main", "Open positions"): (15, "15"),
    ("main", "Alerts firing"): (0, "0"),
    ("main", "Orders submitted"): (4788, "4,788"),
    ("main", "Orders filled"): (1501, "1,501"),
    ("main", "Rejected"): (0.0342, "3.4%"),
    ("main", "Capital in use"): (49.66, "49.7%"),
    ("main", "Stale symbols"): (6, "6"),
    ("main", "Uptime"): (5400, "1.50 hours"),
    ("main", "Age of the market data"): (0.1234, "123.4 ms"),
    ("main", "Drawdown"): (1.487, "1.49%"),
    ("risk", "Trips in the time shown"): (3, "3"),
    ("risk", "Breaches in the time shown"): (1499, "1,499"),
    ("market_data", "Since the newest update"): (0.25, "250.0 ms"),
    ("market_data", "Stale symbols"): (0, "0"),
    ("market_data", "Updates"): (41.5, "41.5 c/s"),
    ("models", "Lowest accuracy"): (0.634, "63.4%"),
    ("models", "Predictions"): (12345, "12,345"),
    ("models", "Since the last training"): (172_800, "2 days"),
    ("strategy", "Trades today"): (1234, "1,234"),
    ("strategy", "Win rate"): (0.5, "50%"),
    ("strategy", "Profit"): (1234567.8, "1,234,567.8"),
    ("strategy", "Loss"): (98765, "98,765"),
    ("system", "Series"): (1081, "1,081"),
    ("system", "Values without a place"): (2500, "2,500"),
    ("system", "Instrumentation errors"): (0, "0"),
}


def node_modules() -> Path:
    """The folder with Grafana's packages, installed at first use; the test is skipped where that is not possible."""
    for place in [*os.environ.get("NODE_PATH", "").split(os.pathsep), str(ROOT / "node_modules")]:
        if place and (Path(place) / "@grafana" / "data").is_dir() and (Path(place) / "global-jsdom").is_dir():
            return Path(place)
    if not shutil.which("node") or not shutil.which("npm"):
        pytest.skip("node and npm are not installed")
    folder = Path(tempfile.gettempdir()) / "tradmetrics-grafana-npm"
    if not (folder / ".ready").exists():
        folder.mkdir(exist_ok=True)
        (folder / "package.json").write_text('{"private": true}')
        command = ["npm", "install", "--no-audit", "--no-fund", "--silent", "--legacy-peer-deps", *PACKAGES]
        try:
            subprocess.run(command, cwd=folder, check=True, capture_output=True, timeout=240)
        except (subprocess.SubprocessError, OSError):
            pytest.skip("npm cannot install @grafana/data here")
        (folder / ".ready").touch()
    return folder / "node_modules"


@pytest.fixture(scope="module")
def texts() -> dict[tuple[str, str], list[dict[str, str]]]:
    """What Grafana shows of each figure."""
    panels, keys = [], []
    for name, figures in FIGURES.items():
        for panel in figures:
            value, _ = EXPECTED[name, panel["title"]]
            keys.append((name, panel["title"]))
            panels.append(
                {
                    "fieldConfig": panel["fieldConfig"],
                    "reduceOptions": panel["options"]["reduceOptions"],
                    "frames": [{"name": "bot:8000", "times": [60], "values": [value]}],
                }
            )
    environment = {**os.environ, "NODE_PATH": str(node_modules()), "LANG": "en_US.UTF-8", "LC_ALL": "en_US.UTF-8"}
    answer = subprocess.run(
        ["node", str(SCRIPT)], input=json.dumps(panels), capture_output=True, text=True, env=environment, timeout=120
    )
    assert 0 == answer.returncode, answer.stderr[-500:]
    return dict(zip(keys, json.loads(answer.stdout), strict=True))


def test_every_figure_is_checked() -> None:
    """A new figure could read as anything."""
    assert {(name, panel["title"]) for name, figures in FIGURES.items() for panel in figures} == set(EXPECTED)


@pytest.mark.parametrize(("name", "title"), EXPECTED)
def test_a_figure_reads_as_a_person_writes_it(
    name: str, title: str, texts: dict[tuple[str, str], list[dict[str, str]]]
) -> None:
    """4,788 orders would read as 5 K, and 12 ms as 0.01 s."""
    (figure,) = texts[name, title]
    assert EXPECTED[name, title][1] == figure["text"].strip()


@pytest.mark.parametrize(
    ("name", "title"), [("main", "Up"), ("main", "Daily P&L"), ("main", "Stale symbols"), ("main", "Circuit breaker")]
)
def test_what_is_bad_is_red(name: str, title: str, texts: dict[tuple[str, str], list[dict[str, str]]]) -> None:
    """A dead bot or a loss past its threshold would stand there in green."""
    (figure,) = texts[name, title]
    assert figure["color"].lower() in ("#f2495c", "red", "#c4162a", "#e02f44", "#ff0000")
