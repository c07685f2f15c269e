"""How many instructions the rows of the table take, counted by valgrind: other programs and the clock change nothing.

The rows run in a process of their own under callgrind, each statement N times and then 2 N times; the difference is
what N runs take, without the start and without the loop. Before each part the process calls `getppid`, at which
callgrind writes down what it has counted since the last time. Strings hash alike in every run, and no garbage is
collected on the way.
"""

from __future__ import annotations

import gc
import math
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
WARM_UP, TIMES = 400, 300
MARK = "getppid"
PARTS = 3
"""Parts that each statement has: what comes before its first count, N times, and 2 N times."""
STATEMENTS = 4
"""Statements that a row may have: its own, its bare call, the reference, and the reference's bare call."""


class NotCountedError(Exception):
    """Instructions cannot be counted here; the text says why."""


@dataclass(frozen=True)
class Count:
    """The instructions of one row.

    Attributes:
        overhead: Instructions of each run, less those of the bare call.
        reference: The same of what it is compared with.
    """

    overhead: float
    reference: float

    @property
    def ratio(self) -> float:
        """Ours to theirs."""
        return self.overhead / self.reference


def count(*, tracked_only: bool = False) -> dict[str, Count]:
    """Count the instructions of every row, by the row's name.

    Args:
        tracked_only: Whether to count only the rows that `make bench-check` watches, which takes half a minute.

    Raises:
        NotCountedError: Where valgrind is missing, or cannot run this Python.
    """
    if shutil.which("valgrind") is None:
        raise NotCountedError("valgrind is not installed")
    with tempfile.TemporaryDirectory() as folder:
        counts = Path(folder, "counts")
        command = [
            "valgrind", "--tool=callgrind", f"--dump-before={MARK}", f"--callgrind-out-file={counts}",
            sys.executable, "-m", "tests.bench.instructions", *(["--tracked"] if tracked_only else []),
        ]  # fmt: skip
        environment = {**os.environ, "PYTHONHASHSEED": "0"}
        try:
            run = subprocess.run(
                command, env=environment, cwd=ROOT, capture_output=True, text=True, timeout=900, check=True
            )
        except subprocess.TimeoutExpired as error:
            raise NotCountedError("valgrind took too long") from error
        except subprocess.CalledProcessError as error:
            raise NotCountedError(f"valgrind failed: {(error.stderr.strip() or 'no reason given')[-500:]}") from error
        names = run.stdout.splitlines()
        parts = [_total(Path(f"{counts}.{number + 1}")) for number in range(len(names) * STATEMENTS * PARTS)]
    return {name: _count(parts[place * STATEMENTS * PARTS :]) for place, name in enumerate(names)}


def _total(file: Path) -> int:
    try:
        found = re.search(r"^totals: (\d+)", file.read_text(), re.MULTILINE)
    except FileNotFoundError as error:
        raise NotCountedError(f"valgrind did not see the calls of {MARK}") from error
    if found is None:
        raise NotCountedError("valgrind wrote a file without a total")
    return int(found[1])


def _count(parts: Sequence[int]) -> Count:
    own, bare, reference, reference_bare = (
        (parts[PARTS * number + 2] - parts[PARTS * number + 1]) / TIMES for number in range(STATEMENTS)
    )
    return Count(own - bare, reference - reference_bare)


def _run(*, tracked_only: bool) -> None:
    """Run the rows, and print the name of each."""
    from tests.bench.cases import rows
    from tests.bench.harness import Statement
    from tradmetrics.storage import label_cache as spill

    # Under valgrind everything takes fifty times as long: what is a flood of order ids would look like none.
    spill.FLOOD_SECONDS = math.inf  # type: ignore[misc]
    nothing = Statement("nothing", "pass")
    mark = getattr(os, MARK)
    gc.disable()
    for row in rows(others=not tracked_only):
        if tracked_only and not row.tracked:
            continue
        each = row.comparison
        for statement in (each.own, each.bare, each.reference, each.reference_bare):
            loop = (statement or nothing).loop()
            loop(WARM_UP)
            mark()
            loop(TIMES)
            mark()
            loop(2 * TIMES)
            mark()
        print(row.name)


if __name__ == "__main__":
    _run(tracked_only="--tracked" in sys.argv)
