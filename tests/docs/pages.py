"""The pages of the documentation and their blocks of code, by Sybil.

A comment above a block says what is special about it: `<!-- not run: why -->`, `<!-- may be empty: when -->`,
`<!-- needs: module, module -->`.
"""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from sybil import Document, Example, Region, Sybil
from sybil.evaluators.python import PythonEvaluator
from sybil.parsers.markdown.lexers import DirectiveInHTMLCommentLexer, FencedCodeBlockLexer

ROOT = Path(__file__).parent.parent.parent
DOCS = ROOT / "docs"
PAGES = sorted(DOCS.rglob("*.md"))
TUTORIAL = DOCS / "tutorial.md"

_LEXERS = (
    FencedCodeBlockLexer(language=r"[^\n]+", mapping={"language": "arguments", "source": "source"}),
    DirectiveInHTMLCommentLexer(directive="invisible-code-block", arguments=".+"),
)
_EVALUATE_PYTHON = PythonEvaluator()


def name(page: Path) -> str:
    """The page's path within the documentation, for the name of a test."""
    return page.relative_to(DOCS).as_posix()


def comment(text: str, word: str) -> str | None:
    """What a comment that stands at the end of a text says after its word, or None where there is none."""
    found = re.search(rf"<!-- {word}: (.+?) -->\n[ \t]*$", text)
    return None if found is None else found[1]


def needed(page: Path) -> list[str]:
    """The modules that a page's blocks need beside the package."""
    found = re.findall(r"<!-- needs: (.+?) -->", page.read_text(encoding="utf-8"))
    return [module for each in found for module in each.split(", ")]


class Blocks:
    """A Sybil parser of the blocks that can be run: Python, shell, and files by their title.

    Args:
        folder: Where shell blocks run, and titled files are written.
        environment: The environment of shell blocks.
    """

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self._folder = folder
        self._environment = environment

    def __call__(self, document: Document) -> Iterable[Region]:
        for lexer in _LEXERS:
            for region in lexer(document):
                language, _, options = region.lexemes["arguments"].partition(" ")
                title = re.search(r'title="([^"]+)"', options)
                region.parsed = region.lexemes["source"]
                if comment(document.text[: region.start], "not run"):
                    continue
                if title is not None:
                    region.evaluator = self._writing(title[1], language)
                elif language == "python":
                    region.evaluator = _EVALUATE_PYTHON
                elif language == "bash":
                    region.evaluator = self._shell
                else:
                    continue
                yield region

    def _writing(self, title: str, language: str) -> Any:
        def write(example: Example) -> None:
            (self._folder / title).write_text(str(example.parsed), encoding="utf-8")
            if language == "python":
                _EVALUATE_PYTHON(example)

        return write

    def _shell(self, example: Example) -> str | None:
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", str(example.parsed)],
            cwd=self._folder,
            env=self._environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        return f"{done.stdout}{done.stderr}exit status {done.returncode}" if done.returncode else None


def examples(page: Path, folder: Path, environment: dict[str, str]) -> list[Example]:
    """The blocks of a page that can be run, in their order."""
    document = Sybil(parsers=[Blocks(folder, environment)]).parse(page)
    document.namespace["__name__"] = "__main__"  # as for a reader who pastes the blocks
    return list(document.examples())


def in_a_clone(folder: Path, environment: dict[str, str]) -> dict[str, str]:
    """Make a folder look like a clone with its environment active; return the variables of a shell in it."""
    for part in ("alerts", "dashboards", "examples"):
        (folder / part).symlink_to(ROOT / part)
    programs = folder / ".programs"
    programs.mkdir()
    for program, module in (("tradmetrics", "tradmetrics"), ("python", "")):
        script = programs / program
        script.write_text(f'#!/bin/sh\nexec "{sys.executable}" {f"-m {module} " if module else ""}"$@"\n')
        script.chmod(0o755)
    paths = os.pathsep.join(filter(None, (environment.get("PYTHONPATH"), str(ROOT))))
    return {**environment, "PATH": f"{programs}{os.pathsep}{environment['PATH']}", "PYTHONPATH": paths}


def require(program: str) -> str:
    """Return the path of a program, or skip the test with the reason."""
    path = shutil.which(program)
    if path is None:
        pytest.skip(f"{program} is not installed")
    return path
