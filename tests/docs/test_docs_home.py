"""The home page's lines alone lead from an installed package in an empty folder to a board, dashboards and alerts."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import yaml

from tests.docs import pages
from tests.stack.servers import eventually, free_port, get

TEXT = (pages.DOCS / "index.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```bash\n(.*?)^```$", TEXT, re.DOTALL | re.MULTILINE)
LINES = [line for block in BLOCKS for line in block.splitlines()]


@contextmanager
def typed(line: str, folder: Path, environment: dict[str, str]) -> Iterator[Path]:
    """Run a line of the page in a terminal of its own until the block ends; yield the file of what it shows."""
    program, *arguments = shlex.split(line)
    command = [sys.executable, *(["-m", "tradmetrics"] if program == "tradmetrics" else []), *arguments]
    log = folder / f"{arguments[0]}.log"
    with log.open("w", encoding="utf-8") as output:
        process = subprocess.Popen(
            command, cwd=folder, env=environment, stdin=subprocess.PIPE, stdout=output, stderr=output, text=True
        )
    try:
        yield log
        assert process.poll() is None, log.read_text(encoding="utf-8")
    finally:
        process.terminate()
        process.communicate(timeout=30)


def test_whoever_types_the_lines_of_the_home_page_gets_what_it_promises(
    tmp_path: Path, child_environment: dict[str, str]
) -> None:
    """The first thing that a stranger does would fail, in a folder that holds nothing of this repository."""
    pytest.importorskip("nicegui", reason="the extra [board] is not installed")
    install, run, board, demo, *exports, doctor = LINES
    assert install == "pip install 'tradmetrics[board]'"
    bot_port, board_port, demo_port = free_port(), free_port(), free_port()
    (code,) = re.findall(r"^```python\n(.*?)^```$", TEXT, re.DOTALL | re.MULTILINE)
    (tmp_path / "bot.py").write_text(code.replace("8000", str(bot_port)), encoding="utf-8")

    def here(line: str) -> str:
        return line.replace("8000", str(bot_port)).replace("8001", str(demo_port))

    with typed(run, tmp_path, child_environment):
        shown = re.findall(r"^trading_.*$", TEXT, re.MULTILINE)
        scraped = eventually(lambda: get(f"http://127.0.0.1:{bot_port}/metrics").splitlines())
        assert set(shown) <= set(scraped)
        with typed(f"{here(board)} --port {board_port}", tmp_path, child_environment):
            eventually(lambda: "tradmetrics" in get(f"http://127.0.0.1:{board_port}/"), seconds=60)
        for line in (*exports, doctor):
            done = subprocess.run(
                [sys.executable, "-m", "tradmetrics", *shlex.split(here(line))[1:]],
                cwd=tmp_path,
                env=child_environment,
                capture_output=True,
                text=True,
                check=False,
            )
            assert done.returncode == 0, done.stdout + done.stderr
        assert "LIVE " in done.stdout
    assert len([json.loads(path.read_text(encoding="utf-8")) for path in (tmp_path / "grafana").iterdir()]) == 7
    rules = [yaml.safe_load(path.read_text(encoding="utf-8")) for path in (tmp_path / "prometheus").iterdir()]
    assert all(rule["groups"] for rule in rules)
    with typed(here(demo), tmp_path, child_environment) as log:
        eventually(lambda: "trading_daily_pnl" in get(f"http://127.0.0.1:{demo_port}/metrics"), seconds=60)
        address = eventually(lambda: re.search(r"Board: (http://\S+)", log.read_text(encoding="utf-8")), seconds=60)
        eventually(lambda: address is not None and "tradmetrics" in get(address[1]), seconds=60)
