"""Every block of code in the documentation runs: Python and shell here, the tutorial and PromQL beside this."""

import importlib.util
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

import tradmetrics
import tradmetrics.logging
from tests.docs import pages
from tests.stack.servers import eventually, free_port, get
from tradmetrics.logging import OrderContext
from tradmetrics.serving.server import MetricsServer

RUN = [page for page in pages.PAGES if page != pages.TUTORIAL and re.search("```(python|bash)", page.read_text())]
PROGRAMS = {"promtool", "amtool", "openssl"}
ALONE = {"freqtrade", "ib_insync", "py_clob_client_v2"}


@pytest.fixture(autouse=True)
def _on_free_ports(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The pages' servers listen on free ports, and are closed."""
    servers: list[MetricsServer] = []
    start = tradmetrics.start_metrics_server

    def on_a_free_port(*arguments: Any, **options: Any) -> MetricsServer:
        servers.append(start(**{**options, "port": 0}))
        return servers[-1]

    monkeypatch.setattr(tradmetrics, "start_metrics_server", on_a_free_port)
    yield
    for server in servers:
        server.close()


@pytest.fixture(autouse=True)
def _with_an_end_to_log_contexts(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The pages leave their `OrderContext`s in the settings of log libraries, where later tests would meet them."""
    contexts: list[OrderContext] = []

    class Ended(OrderContext):
        def __init__(self, *arguments: Any, **options: Any) -> None:
            super().__init__(*arguments, **options)
            contexts.append(self)

    monkeypatch.setattr(tradmetrics.logging, "OrderContext", Ended)
    yield
    for context in contexts:
        context.close()


def _alone(page: Path) -> Any:
    """A mark for the pages on libraries that do not install together with the others."""
    missing = [module for module in pages.needed(page) if module in ALONE and importlib.util.find_spec(module) is None]
    return pytest.mark.skipif(bool(missing), reason=f"{missing} do not install together with the other libraries")


@pytest.mark.parametrize("page", [pytest.param(page, marks=_alone(page)) for page in RUN], ids=pages.name)
def test_the_blocks_of_a_page_run(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, child_environment: dict[str, str]
) -> None:
    """A reader would paste something that fails, or that does not do what the page says."""
    for module in pages.needed(page):
        pytest.importorskip(module)
    shell = "\n".join(re.findall("```bash\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL))
    for program in sorted(PROGRAMS):
        if re.search(rf"\b{program}\b", shell):
            pages.require(program)
    monkeypatch.chdir(tmp_path)
    examples = pages.examples(page, tmp_path, pages.in_a_clone(tmp_path, child_environment))
    for example in examples:
        example.evaluate()


def test_the_workers_of_the_guide_answer_for_each_other(tmp_path: Path, child_environment: dict[str, str]) -> None:
    """Whoever follows the guide would see the numbers of one worker and miss those of the other."""
    for module in ("fastapi", "gunicorn", "uvicorn"):
        pytest.importorskip(module)
    text = (pages.DOCS / "how-to" / "multiprocess.md").read_text(encoding="utf-8")
    port = free_port()
    for title, block in re.findall(r'```python title="(\S+)"\n(.*?)```', text, re.DOTALL):
        (tmp_path / title).write_text(block.replace("8000", str(port)), encoding="utf-8")
    (tmp_path / "shared").mkdir()
    environment = {**child_environment, "PROMETHEUS_MULTIPROC_DIR": str(tmp_path / "shared")}
    environment.pop("PYTHONSAFEPATH")  # the application stands in the folder where gunicorn is started
    site = f"http://127.0.0.1:{port}"
    with (tmp_path / "log").open("w") as log:
        gunicorn = subprocess.Popen(
            [sys.executable, "-m", "gunicorn", "app:app"], cwd=tmp_path, env=environment, stdout=log, stderr=log
        )
    try:
        eventually(lambda: get(f"{site}/metrics"))
        for _ in range(20):
            get(f"{site}/orders?side=buy", method="POST", data=b"")
        wanted = 'trading_orders_filled_total{side="BUY",strategy="manual"} 20.0'
        for _ in range(10):  # each scrape reaches one worker or the other
            assert wanted in get(f"{site}/metrics").splitlines()
    finally:
        gunicorn.terminate()
        gunicorn.wait(30)


@pytest.mark.parametrize("page", RUN, ids=pages.name)
def test_no_block_is_left_out_without_a_reason(page: Path, tmp_path: Path) -> None:
    """A block in a spelling that the tests do not know would never be run, and nobody would notice."""
    text = page.read_text(encoding="utf-8")
    written = len(re.findall(r"^[ \t]*```(?:python|bash)\b", text, re.MULTILINE))
    left_out = len(re.findall(r"<!-- not run: \S.+? -->\n[ \t]*```(?:python|bash)\b", text))
    invisible = text.count("<!-- invisible-code-block: python")
    files = len(re.findall(r'^[ \t]*```(?!python|bash)\w+ title="', text, re.MULTILINE))
    assert written - left_out + invisible + files == len(pages.examples(page, tmp_path, {}))


@pytest.mark.parametrize("page", [page for page in pages.PAGES if page.parent.name != "runbooks"], ids=pages.name)
def test_lines_of_code_fit_the_page(page: Path) -> None:
    """A reader would scroll sideways to see the end of a line."""
    blocks = re.findall(
        r"^[ \t]*```(?:python|py|bash|yaml|promql)\b.*?\n(.*?)```", page.read_text(), re.DOTALL | re.MULTILINE
    )
    long = [line for block in blocks for line in block.splitlines() if len(line) > 76 and "7132104567925" not in line]
    assert [] == long


def test_yaml_blocks_can_be_read() -> None:
    """A configuration that a reader copies would be refused for its indentation."""
    blocks = [
        block
        for page in pages.PAGES
        for block in re.findall(r"^```yaml[^\n]*\n(.*?)^```$", page.read_text(), re.DOTALL | re.MULTILINE)
    ]
    assert len(blocks) > 8
    for block in blocks:
        assert isinstance(yaml.safe_load(block), dict | list)


def test_a_block_that_fails_is_named_by_its_file_and_line(tmp_path: Path) -> None:
    """Whoever breaks a page would have to look for the block."""
    page = tmp_path / "page.md"
    page.write_text("# Page\n\n```python\nvalue = 1\nassert value == 2\n```\n\n```bash\nfalse\n```\n")
    python, shell = pages.examples(page, tmp_path, {"PATH": "/usr/bin:/bin"})
    with pytest.raises(AssertionError) as failed:
        python.evaluate()
    assert ("page.md", 5) == (Path(failed.traceback[-1].path).name, failed.traceback[-1].lineno + 1)
    with pytest.raises(AssertionError, match=r"page\.md, line 8"):
        shell.evaluate()
