"""What all tests share: a default metrics of their own, and the rule for programs that a machine may lack."""

import gc
import importlib.metadata
import os
import shutil
import signal
import sys
import threading
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import NoReturn

import pytest
from hypothesis import settings

import tradmetrics
from tradmetrics.registry.default import replace_default

# For `alerts` and for what the tests share. At the end, so that `tradmetrics` itself is the installed one.
ROOT = Path(__file__).parent.parent
sys.path.append(str(ROOT))

# How long an example takes says more about the machine than about the code.
settings.register_profile("tradmetrics", deadline=None)
# For the further Pythons: --hypothesis-profile few
settings.register_profile("few", settings.get_profile("tradmetrics"), max_examples=20)
settings.load_profile("tradmetrics")

# A shell starts background jobs with SIGINT ignored, and what these start inherits it: no Ctrl-C would end a program.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN and threading.current_thread() is threading.main_thread():
    signal.signal(signal.SIGINT, signal.default_int_handler)


def _refuse_to_fork() -> NoReturn:
    pytest.fail("tests fork in a program of its own: a fork of this process holds its pipes, and a lock of coverage")


if hasattr(os, "fork"):
    os.fork = _refuse_to_fork

REQUIRE_ALL = "TRADMETRICS_REQUIRE_ALL"
"""Set to 1 in CI: what would be skipped for want of a program or a library fails instead."""


def pytest_report_header() -> list[str]:
    """Say what is tested with what, at the top of every log."""
    names = ("prometheus-client", "wrapt", "typing-extensions", "fastapi", "starlette", "hypothesis")
    versions = ", ".join(f"{name} {_version(name)}" for name in names)
    programs = ", ".join(name for name in ("prometheus", "promtool", "prometheus-alertmanager") if shutil.which(name))
    return [
        f"tradmetrics: {os.path.dirname(tradmetrics.__file__)}",
        f"with: {versions}",
        f"programs: {programs or '-'}",
    ]


def _version(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return "-"


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip a test whose programs are missing, with the reason."""
    wanted = [program for marker in item.iter_markers("needs") for program in marker.args]
    missing = [program for program in wanted if shutil.which(program) is None]
    if missing:
        pytest.skip(f"not on the PATH: {', '.join(missing)}")


LONGEST = (
    *("test_docs_browser", "test_demo", "test_stack_faults", "test_docs_tutorial", "test_stack_beyond"),
    *("test_cardinality_demo", "test_board_browser", "test_alert_counts", "test_process_faults"),
)
"""Files that take a minute and more. They begin first: the last of the processes would be busy with one for long."""


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Keep what the collection makes out of the garbage collector: it stays, and a look at it takes half a second."""
    gc.disable()
    collected = yield
    gc.enable()
    gc.collect()
    gc.freeze()
    return collected


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes longest; all else stays in its order."""
    items.sort(key=lambda item: item.path.stem not in LONGEST)


def _fail_if_skipped(report: pytest.TestReport | pytest.CollectReport) -> None:
    if report.skipped and os.environ.get(REQUIRE_ALL) == "1" and not hasattr(report, "wasxfail"):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
        report.outcome = "failed"
        report.longrepr = f"{reason}; {REQUIRE_ALL}=1 says that nothing may be skipped for want of something"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Where everything must be there, turn a skip into a failure; `skipif` is for what can never be there."""
    report = yield
    if not any(item.iter_markers("skipif")):
        _fail_if_skipped(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """The same for whole modules."""
    report = yield
    _fail_if_skipped(report)
    return report


@pytest.fixture(autouse=True)
def _default_metrics_of_its_own() -> Iterator[None]:
    """No test sees what another recorded in the process's default metrics, and each one may configure it."""
    before = replace_default(None)
    yield
    used = replace_default(before)
    if used is not None:
        used.unregister()


@pytest.fixture
def hasty_threads() -> Iterator[None]:
    """Threads come between one another's steps every 10 µs, so that what can be torn is."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    yield
    sys.setswitchinterval(before)


@pytest.fixture(scope="session")
def child_environment() -> dict[str, str]:
    """The environment for a child Python that imports the same tradmetrics as the tests do, from whatever folder."""
    package = os.path.dirname(os.path.dirname(tradmetrics.__file__))
    inherited = os.environ.get("PYTHONPATH")
    return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, (package, inherited))), "PYTHONSAFEPATH": "1"}


@pytest.fixture(scope="session")
def unmeasured_environment(child_environment: dict[str, str]) -> dict[str, str]:
    """The same without coverage, which has a lock that a fork or a signal finds held, and needs stack of its own."""
    return {name: value for name, value in child_environment.items() if not name.startswith("COV")}
