"""The package is a house whose imports point only down: read from the source, without importing anything."""

import ast
import re
from pathlib import Path

import pytest

import tradmetrics

PACKAGE = Path(tradmetrics.__file__).parent

# Ground floor first. A name stands for a module or for a package with all its modules; the modules of one package
# may import one another, two names on the same floor may not.
FLOORS: tuple[tuple[str, ...], ...] = (
    ("identifiers",),
    (
        *("errors", "version", "text", "spellings", "series", "freshness", "route_templates", "contexts", "locks"),
        "loop_work",
    ),
    ("definition", "labels", "multiprocess", "overflow", "removal"),
    ("catalogue", "values", "extractors", "outcomes", "symbols", "cardinality", "rendering", "domains", "worker_files"),
    ("readers", "times"),
    ("faults", "vocabulary", "storage", "spill", "shelf", "recipe"),
    ("label_values", "plan", "reading"),
    ("registry", "precreation"),
    ("registration", "options"),
    ("metrics", "publishing"),
    ("default",),
    ("instrument", "recording", "snapshots", "stats", "exposition", "timing"),
    ("shells", "proxies", "server", "asgi", "fastapi", "push"),
    ("wrapping",),
    ("decorators", "sampler"),
    ("exporter", "timers", "lifecycle"),
    ("integrations",),
    ("",),  # the shop window
    ("demo", "check", "doctor", "testing"),
    ("cli",),
    ("__main__",),
)


def modules() -> dict[str, Path]:
    """The modules of the package by their name below `tradmetrics`; the shop window's is empty."""
    return {
        ".".join(path.relative_to(PACKAGE).with_suffix("").parts).removesuffix("__init__").rstrip("."): path
        for path in sorted(PACKAGE.rglob("*.py"))
    }


def home(module: str) -> tuple[int, str]:
    """The floor a module lives on, and the name it lives there under."""
    for floor, names in enumerate(FLOORS):
        for name in names:
            if module == name or module.startswith(f"{name}."):
                return floor, name
    pytest.fail(f"tradmetrics.{module} has no floor: add it to FLOORS, above all that it imports", pytrace=False)


def is_for_type_checkers(node: ast.AST) -> bool:
    """Whether a statement is `if TYPE_CHECKING:`, which nothing executes."""
    return isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)


def imports(path: Path, known: dict[str, Path]) -> set[str]:
    """The package's own modules that a file imports when it runs, wherever in it the import stands."""
    found: set[str] = set()

    def visit(node: ast.AST) -> None:
        if is_for_type_checkers(node):
            return
        if isinstance(node, ast.Import):
            found.update(_below(alias.name) for alias in node.names if alias.name.split(".")[0] == "tradmetrics")
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "tradmetrics":
            base = _below(node.module)
            for alias in node.names:
                whole = f"{base}.{alias.name}".lstrip(".")
                found.add(whole if whole in known else base)
        for child in ast.iter_child_nodes(node):
            visit(child)

    visit(ast.parse(path.read_text(encoding="utf-8")))
    return found


def _below(name: str) -> str:
    return name.removeprefix("tradmetrics").lstrip(".")


@pytest.mark.parametrize("module", modules())
def test_imports_point_down(module: str) -> None:
    """Modules that import in a circle cannot be understood, tested or replaced one at a time."""
    known = modules()
    floor, name = home(module)
    upwards = {
        other for other in imports(known[module], known) if home(other) >= (floor, "") and home(other)[1] != name
    }
    assert set() == upwards


def test_every_floor_is_lived_on() -> None:
    """The table of floors would go on naming modules that are gone."""
    lived_on = {home(module)[1] for module in modules()}
    assert {name for floor in FLOORS for name in floor} == lived_on


def test_the_catalogue_needs_no_prometheus_client() -> None:
    """Docs, dashboards and checks that read the catalogue would pull in a client library that they have no use for."""
    for name, path in modules().items():
        if name.split(".")[0] in ("errors", "definition", "catalogue", "cardinality"):
            source = path.read_text(encoding="utf-8")
            assert re.search(r"^\s*(from|import) prometheus_client", source, re.MULTILINE) is None, name
