"""Write the generated pages: `python -m docs.tools [--check]`.

`--check` writes nothing. It exits 1 if a page is stale, a public name is not documented, or an alert has no runbook,
and lists the file and line of each fault. mkdocs checks the links.
"""

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from docs.tools import benchmarks, checks, command_line, dashboards, metrics, runbooks, vocabulary

DOCS: Final = Path(__file__).parent.parent
PAGES: Final[dict[str, Callable[[], str]]] = {
    "reference/metrics.md": metrics.page,
    "reference/dashboards.md": dashboards.page,
    "reference/vocabulary.md": vocabulary.page,
    "reference/cli.md": command_line.page,
    "reference/benchmarks.md": benchmarks.page,
    "runbooks/index.md": runbooks.index,
}


def render() -> dict[Path, str]:
    """Return what each generated page should hold."""
    pages = {DOCS / name: page() for name, page in PAGES.items()}
    return pages | runbooks.pages(DOCS / "runbooks")


def difference(path: Path, text: str) -> str | None:
    """Say where a file differs from what it should hold, or None when it does not.

    Args:
        path: The file.
        text: The expected text.
    """
    if not path.exists():
        return f"{path}:1: this page is missing"
    actual, expected = path.read_text(encoding="utf-8").splitlines(), text.splitlines()
    for number, (is_there, should_be) in enumerate(zip(actual, expected, strict=False), start=1):
        if is_there != should_be:
            return f"{path}:{number}: stale, it should read {should_be!r}"
    if len(actual) != len(expected):
        return f"{path}:{min(len(actual), len(expected)) + 1}: stale, its length is wrong"
    return None


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; see the module.

    Args:
        arguments: The command line, without the program's name.

    Returns:
        0, or 1 when `--check` found something wrong.
    """
    parser = argparse.ArgumentParser(prog="python -m docs.tools", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 when something is wrong")
    options = parser.parse_args(arguments)
    pages = render()
    stale = {path: found for path, text in pages.items() if (found := difference(path, text))}
    if not options.check:
        for path in stale:
            path.write_text(pages[path], encoding="utf-8")
            print(f"wrote {path}")
        return 0
    wrong = [f"{message}; run python -m docs.tools" for message in stale.values()]
    wrong += checks.problems()
    for message in wrong:
        print(message, file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
