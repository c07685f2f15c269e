"""The rooms of the package: imports point one way, in the order that the architecture page lists."""

import ast
import re
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import tradmetrics

PACKAGE = Path(tradmetrics.__file__).parent
PAGE = Path(__file__).parent.parent / "docs" / "explanation" / "architecture.md"
FILES = {
    ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(".__init__"): path
    for path in sorted(PACKAGE.rglob("*.py"))
}


def room(module: str) -> str:
    """The folder or the single module directly below the package, or the package itself."""
    return module.split(".")[1] if "." in module else "__init__"


def imports(module: str) -> Iterator[str]:
    """The package's own modules that a file imports anywhere, `TYPE_CHECKING` blocks included."""
    for node in ast.walk(ast.parse(FILES[module].read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names = [(alias.name, "") for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = [(node.module, alias.name) for alias in node.names]
        else:
            continue
        for base, name in names:
            found = f"{base}.{name}" if f"{base}.{name}" in FILES else base
            if found in FILES and found != module:
                yield found


def test_rooms_import_only_from_rooms_before_them() -> None:
    """A reader could not tell where a call goes next, and a change in one room would break another one's."""
    table = PAGE.read_text(encoding="utf-8").split("<!-- rooms -->")[1]
    order = [
        name.strip("/") for row in re.findall(r"^\| (`.+?) \|", table, re.M) for name in re.findall(r"`(.+?)`", row)
    ]
    assert sorted({room(module) for module in FILES}) == sorted(order)
    upward = {
        (module, other)
        for module in FILES
        for other in imports(module)
        if order.index(room(other)) > order.index(room(module))
    }
    assert set() == upward


def test_no_file_imports_in_a_circle() -> None:
    """Files that import in a circle cannot be understood, tested or replaced one at a time."""
    TopologicalSorter({module: set(imports(module)) for module in FILES if module != "tradmetrics"}).prepare()
