"""The package as users install it: what comes with it, what it needs, and what importing it does."""

import ast
import importlib.metadata
import os
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

import tradmetrics

ROOT = Path(__file__).parent.parent
PACKAGE = Path(tradmetrics.__file__).parent


@pytest.mark.skipif(ROOT == PACKAGE.parent, reason="runs from the checkout; `make test` runs on the installed wheel")
def test_the_installed_package_is_the_one_under_test() -> None:
    """Files that the wheel lacks would go unnoticed, since the checkout has them."""
    assert Path(sysconfig.get_path("purelib")) in PACKAGE.parents
    installed = {path.relative_to(PACKAGE) for path in PACKAGE.rglob("*") if "__pycache__" not in path.parts}
    source = ROOT / "tradmetrics"
    assert {path.relative_to(source) for path in source.rglob("*") if "__pycache__" not in path.parts} == installed


def metadata() -> importlib.metadata.PackageMetadata:
    """The installed distribution's metadata."""
    try:
        distribution = importlib.metadata.distribution("tradmetrics")
    except importlib.metadata.PackageNotFoundError:
        pytest.skip("tradmetrics runs from the checkout here, where it has no metadata")
    installed = Path(str(distribution.locate_file("tradmetrics")))
    if installed.exists() and installed.resolve() != PACKAGE.resolve():
        pytest.skip(f"tradmetrics runs from the checkout here, and the metadata is that of the copy in {installed}")
    return distribution.metadata


@pytest.mark.needs("actionlint")
def test_the_workflows_are_sound() -> None:
    """A release would stop at a step that GitHub refuses, on the day when it is wanted."""
    workflows = sorted(map(str, ROOT.glob(".github/workflows/*.yml")))
    found = subprocess.run(["actionlint", *workflows], capture_output=True, text=True, check=False)
    assert (found.returncode, found.stdout) == (0, "")


@pytest.mark.needs("git")
def test_the_source_distribution_is_the_whole_project() -> None:
    """Its tests and its generated files would miss files that only a clone has."""
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode:
        pytest.skip("this is no clone")
    named = set((ROOT / "MANIFEST.in").read_text(encoding="utf-8").split())
    # setuptools takes these by itself.
    named |= {"MANIFEST.in", "_tradmetrics_pytest.py", "pyproject.toml", "setup.cfg", "tradmetrics"}
    tops = {line.split("/")[0] for line in listed.stdout.splitlines()}
    assert set() == {top for top in tops - named if not ("*.yml" in named and top.endswith(".yml"))}


def test_three_runtime_dependencies() -> None:
    """A trading bot would get packages that it has no use for, each a risk of its own."""
    required = [line for line in metadata().get_all("Requires-Dist") or [] if "extra ==" not in line]
    names = sorted(line.split(">")[0].strip() for line in required)
    assert ["prometheus-client", "typing-extensions", "wrapt"] == names


def test_the_metadata_says_what_it_is() -> None:
    """The package's page would lack its description, licence or the versions of Python it runs on."""
    assert ">=3.10" == metadata()["Requires-Python"]
    assert "Apache-2.0" == metadata()["License-Expression"]
    assert tradmetrics.__version__ == metadata()["Version"]
    assert "# tradmetrics" in str(metadata().get_payload() or metadata()["Description"])  # type: ignore[attr-defined]


def test_type_checkers_use_its_annotations() -> None:
    """Users' type checkers would treat every decorated function as untyped."""
    assert (PACKAGE / "py.typed").is_file()


def test_the_shop_window_is_sorted_and_documented() -> None:
    """A public name would be hard to find, or come without a word on what it does."""
    assert sorted(tradmetrics.__all__) == list(tradmetrics.__all__)
    for name in tradmetrics.__all__:
        value = getattr(tradmetrics, name)
        assert value.__doc__ if callable(value) else value is not None, f"{name} has no docstring"


IMPORT = """
import sys, threading, prometheus_client, typing_extensions, wrapt
before = set(prometheus_client.REGISTRY._names_to_collectors)
imported = set(sys.modules)  # some versions of wrapt import asyncio
import tradmetrics
print(sorted(set(prometheus_client.REGISTRY._names_to_collectors) - before))
print(threading.active_count())
heavy = {"asyncio", "fastapi", "pytest", "hypothesis", "rich", "typer", "yaml"}
heavy |= {"tradmetrics.orders", "tradmetrics.serving.server"}
print(sorted(heavy & set(sys.modules) - imported))
print(sorted(name for name in sys.modules if name.startswith("tradmetrics")))
tradmetrics.track_order
print(sorted(heavy & set(sys.modules) - imported))
"""


def test_importing_registers_nothing_starts_nothing_and_needs_nothing(
    child_environment: dict[str, str], tmp_path: Path
) -> None:
    """A library that imports tradmetrics would show dozens of metrics that its user never asked for."""
    answer = subprocess.run(
        [sys.executable, "-c", IMPORT], env=child_environment, cwd=tmp_path, capture_output=True, text=True, timeout=60
    )
    assert ["[]", "1", "[]", "['tradmetrics', 'tradmetrics.version']", "[]"] == answer.stdout.split(os.linesep)[:-1], (
        answer.stderr
    )


def test_type_checkers_and_programs_find_the_same_names_at_the_same_places() -> None:
    """An editor would complete a name that cannot be imported, or take one for another."""
    module = ast.parse((PACKAGE / "__init__.py").read_text(encoding="utf-8"))
    (block,) = [each for each in module.body if isinstance(each, ast.If) and "not" not in ast.unparse(each.test)]
    checked = {name.name: each.module for each in block.body if isinstance(each, ast.ImportFrom) for name in each.names}
    assert checked == {name: f"tradmetrics.{home}" for name, home in tradmetrics._HOMES.items()}
    assert {*checked, "__version__"} == set(tradmetrics.__all__)


def test_a_folder_is_found_in_the_package_and_a_typing_error_is_none(child_environment: dict[str, str]) -> None:
    """`import tradmetrics` and `tradmetrics.errors` would fail, or a wrong name would raise what nobody expects."""
    program = """
import tradmetrics
print(tradmetrics.errors.DecorationError.__name__, tradmetrics.asgi.__name__)
for wrong in ("track_ordr", "_private", "__path_of__"):
    try:
        getattr(tradmetrics, wrong)
    except AttributeError as error:
        print(error, error.__context__)
"""
    answer = subprocess.run(
        [sys.executable, "-c", program], env=child_environment, capture_output=True, text=True, timeout=60
    )
    assert [
        "DecorationError tradmetrics.asgi",
        "module 'tradmetrics' has no attribute 'track_ordr' None",
        "module 'tradmetrics' has no attribute '_private' None",
        "module 'tradmetrics' has no attribute '__path_of__' None",
    ] == answer.stdout.splitlines(), answer.stderr
