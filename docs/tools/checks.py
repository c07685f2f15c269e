"""Find faults in the pages that mkdocs does not report; list the file and line of each."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from docs.tools.runbooks import RULES

DOCS: Final = Path(__file__).parent.parent
PACKAGE: Final = DOCS.parent / "tradmetrics"
TITLES: Final = ("Meaning", "Impact", "Diagnosis", "Mitigation")


def problems(docs: Path = DOCS, package: Path = PACKAGE, rules: Path = RULES) -> Iterator[str]:
    """Yield each fault as a line that begins with a file and a line number.

    Args:
        docs: The folder of the pages.
        package: The package whose public names must be documented.
        rules: The folder of the alerts' rules.
    """
    reference = "\n".join(page.read_text(encoding="utf-8") for page in (docs / "reference").rglob("*.md"))
    entries = set(re.findall(r"(?:^::: |\{ #)(tradmetrics\.\S+)", reference, re.MULTILINE))
    for module in (package, package / "testing"):
        yield from _undocumented(module, entries)
    yield from _runbooks(docs / "runbooks", rules)


def _undocumented(module: Path, entries: set[str]) -> Iterator[str]:
    file = module / "__init__.py"
    prefix = "tradmetrics" if module.name == "tradmetrics" else f"tradmetrics.{module.name}"
    for statement in ast.parse(file.read_text(encoding="utf-8")).body:
        if not isinstance(statement, ast.Assign) or ast.unparse(statement.targets[0]) != "__all__":
            continue
        for name in statement.value.elts:  # type: ignore[attr-defined] - a list
            if name.value != "__version__" and f"{prefix}.{name.value}" not in entries:
                entry = f"{prefix}.{name.value}"
                yield f"{file}:{name.lineno}: {name.value} is not documented; write '::: {entry}' in docs/reference"


def _runbooks(folder: Path, rules: Path) -> Iterator[str]:
    known = {"index"}
    for file in sorted(rules.glob("*.yml")):
        for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), start=1):
            if found := re.fullmatch(r"\s*- alert: (\S+)", line):
                known.add(found[1])
                if not (folder / f"{found[1]}.md").exists():
                    yield f"{file}:{number}: {found[1]} has no runbook; write {folder / found[1]}.md"
    for page in sorted(folder.glob("*.md")):
        if page.stem not in known:
            yield f"{page}:1: there is no alert {page.stem}"
        elif page.stem != "index":
            titles = tuple(re.findall(r"^## (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE))
            if titles != TITLES:
                yield f"{page}:1: its parts are {', '.join(titles)}, and should be {', '.join(TITLES)}"
