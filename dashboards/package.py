"""Write what the wheel ships of dashboards and alerts: `python -m dashboards.package [--check]`.

`tradmetrics export` and `tradmetrics board` read these files. Each is a template: `@{alerts.HighDailyLoss.threshold}`
stands where a setting of alerts/settings.yml goes, so that `--set` changes the rules, the texts and the dashed lines of
the dashboards alike, without the tools that built them.

The templates are found and not written by hand: dashboards and rules are built from settings in which every number
and every word is a mark of its own, and the marks are replaced by the names of their settings.
"""

import argparse
import json
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import yaml

from alerts import generate as alerts
from alerts.compliance import __main__ as compliance
from dashboards import generate, limits
from tradmetrics.board.shipped import Shipped

ROOT: Final = Path(__file__).parent.parent
OUTPUT: Final = ROOT / "tradmetrics" / "board" / "data"
_FIRST: Final = 7_000_000_001
_DURATION: Final = re.compile(r"(?:\d+(?:ms|[smhdwy]))+")


def build() -> dict[str, str]:
    """Build the text of every file, by its path below the package's data folder.

    Returns:
        The files.

    Raises:
        ValueError: A template filled in with the shipped settings is not the file that it stands for.
    """
    settings = {**alerts.load(), "compliance": yaml.safe_load(compliance.SETTINGS.read_text(encoding="utf-8"))}
    marked, marks = _mark(settings)
    rules = {name: _named(text, marks) for name, text in alerts.render(marked).items()}
    before = dict(limits._SETTINGS)
    limits._SETTINGS.update(marked)
    try:
        boards = {name: _named(json.dumps(board, sort_keys=True), marks) for name, board in _boards().items()}
    finally:
        limits._SETTINGS.update(before)
    desk = _named(compliance.render(marked["compliance"]), marks)
    shipped = Shipped(settings, rules, desk, boards, _stack(), _runbooks())
    _check(shipped.rules(settings), alerts.render(settings))
    _check(shipped.compliance(settings), {"compliance.yml": compliance.RULES.read_text(encoding="utf-8")})
    _check(shipped.dashboards(settings), generate.render())
    files = {
        "settings.json": settings,
        "rules.json": rules,
        "compliance.json": desk,
        "dashboards.json": boards,
        "stack.json": _stack(),
        "runbooks.json": _runbooks(),
    }
    return {name: json.dumps(content, ensure_ascii=False, indent=0) + "\n" for name, content in files.items()}


def _boards() -> dict[str, dict[str, Any]]:
    return generate.dashboards()


def _stack() -> dict[str, str]:
    """The Compose file and the files that it mounts, without the rules and the dashboards."""
    compose = ROOT / "docker-compose.monitoring.yml"
    mounted = re.findall(r"^\s*- \./([^:\s]+):", compose.read_text(encoding="utf-8"), re.M)
    paths = {compose}
    for name in mounted:
        place = ROOT / name
        paths |= set(place.rglob("*")) if place.is_dir() else {place}
    paths |= set((ROOT / "alerts" / "stack").glob("notifications*.yml")) | set(ROOT.glob(".env.example"))
    kept = [path for path in sorted(paths) if path.is_file() and path.suffix != ".py"]
    kept = [path for path in kept if path.parent not in (alerts.RULES, generate.OUTPUT) and "__" not in str(path)]
    return {path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8") for path in kept}


def _runbooks() -> dict[str, str]:
    """The first paragraph of each runbook, for a message on a phone."""
    found = {}
    for path in sorted((ROOT / "docs" / "runbooks").glob("[A-Z]*.md")):
        meaning = re.search(r"^## Meaning\n+(.+?)(?:\n\n|\Z)", path.read_text(encoding="utf-8"), re.M | re.S)
        if meaning:
            plain = re.sub(r"\[([^\]]+)\]\([^)]*\)", r"\1", meaning[1])
            found[path.stem] = " ".join(plain.replace("`", "").split())
    return found


def _mark(settings: Any, place: str = "") -> tuple[Any, dict[str, str]]:
    """Replace every number and word of the settings by a mark, and return which setting each mark stands for."""
    marks: dict[str, str] = {}

    def marked(value: Any, place: str) -> Any:
        if isinstance(value, Mapping):
            return {name: marked(inner, f"{place}.{name}" if place else str(name)) for name, inner in value.items()}
        if isinstance(value, bool | list) or value is None or place.endswith((".severity", ".session", ".enabled")):
            return value
        mark: Any = _FIRST + len(marks)
        if not isinstance(value, str):
            marks[f"{mark * 100}%"] = f"{place}|percent"
        elif _DURATION.fullmatch(value):
            marks[str(mark)], mark = f"{place}|seconds", f"{mark}s"
        else:
            mark = f"mark{mark}mark"
        marks[str(mark)] = place
        return mark

    return marked(settings, place), marks


def _named(text: str, marks: Mapping[str, str]) -> str:
    """Put the names of settings in the place of their marks; `@f{…}` is a number with a point."""

    def name(match: re.Match[str]) -> str:
        place = marks[match[1]]
        return f"@f{{{place}}}" if match[2] else f"@{{{place}}}"

    alternatives = "|".join(sorted(map(re.escape, marks), key=len, reverse=True))
    return re.sub(rf"({alternatives})(\.0(?!\d))?", name, text)


def _check(found: Mapping[str, str], expected: Mapping[str, str]) -> None:
    for name in sorted({*found, *expected}):
        if found.get(name) != expected.get(name):
            pairs = zip(found.get(name, "").splitlines(), expected.get(name, "").splitlines(), strict=False)
            first = next(((a, b) for a, b in pairs if a != b), ("", ""))
            raise ValueError(f"the template of {name} gives {first[0]!r}, and the file has {first[1]!r}")


def run(arguments: list[str] | None = None) -> int:
    """Run the command; see the module.

    Args:
        arguments: The command line, without the program's name.

    Returns:
        0, or 1 when `--check` found a difference.
    """
    parser = argparse.ArgumentParser(prog="python -m dashboards.package", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 when a file would change")
    options = parser.parse_args(arguments)
    files = {OUTPUT / name: text for name, text in build().items()}
    stale = [path for path, text in files.items() if not path.exists() or path.read_text(encoding="utf-8") != text]
    if options.check:
        for path in stale:
            print(f"{path} is not what its generator writes; run python -m dashboards.package", file=sys.stderr)
        return 1 if stale else 0
    OUTPUT.mkdir(parents=True, exist_ok=True)
    for path in stale:
        path.write_text(files[path], encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(run())
