"""Small pieces of Markdown."""

from collections.abc import Iterable, Sequence


def generated(by: str = "python -m docs.tools") -> str:
    """The comment at the top of a generated page."""
    return f"<!-- Written by `{by}`; changes by hand are lost. -->"


def cell(text: str) -> str:
    """A text as it stands in a cell of a table."""
    return text.replace("|", "\\|").replace("\n", " ")


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(map(cell, line)) + " |" for line in lines)


def code(text: str) -> str:
    """A text as code."""
    return f"`{text}`"


def codes(texts: Iterable[str], empty: str = "") -> str:
    """Texts as code, separated by commas."""
    return ", ".join(map(code, texts)) or empty
