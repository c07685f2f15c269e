"""Fuzz by hand: `python -m tests.fuzz [NAME…] [--minutes M] [--seed N]`.

Each target runs for its time. It ends with status 1 when something was found, with the smallest input that shows it.
"""

from __future__ import annotations

import argparse
import faulthandler
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import FrameType

from tests.fuzz import calls, http_heads, restores, routes, worker_files
from tests.fuzz.runner import Report, fuzz

TARGETS = {
    each.name: each for each in (calls.TARGET, restores.TARGET, http_heads.TARGET, routes.TARGET, worker_files.TARGET)
}
_HANGS_AFTER = 300
"""Seconds that fifty examples, and what makes a finding small, take at the very most; then the stacks are printed."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Fuzz, print what was tried and found, and return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__.partition("\n")[0])
    parser.add_argument("targets", nargs="*", help=f"what to fuzz: {', '.join(TARGETS)} (default: all)")
    parser.add_argument("--minutes", type=float, default=10.0, help="how long each of them runs (default: 10)")
    parser.add_argument("--seed", type=int, help="draw the inputs of an earlier run again")
    options = parser.parse_args(arguments)
    unknown = [each for each in options.targets if each not in TARGETS]
    if unknown:
        parser.error(f"there is no target {unknown[0]!r}; those there are: {', '.join(TARGETS)}")
    status = 0
    with _noting_interrupts() as interrupts:
        for name in options.targets or TARGETS:
            report = fuzz(
                TARGETS[name],
                seconds=options.minutes * 60,
                first_seed=options.seed,
                progress=lambda report: _show(report, options.minutes) and not interrupts,
            )
            _line("")
            print(report, flush=True)
            status |= report.finding is not None
    faulthandler.cancel_dump_traceback_later()
    return status


def _show(report: Report, minutes: float) -> bool:
    faulthandler.dump_traceback_later(_HANGS_AFTER, exit=True, file=2)
    rate = report.examples / report.seconds if report.seconds else 0.0
    done = f"{report.seconds / 60:.1f} of {minutes:g} min"
    _line(f"{report.target.name}: {report.examples:,} examples, {rate:.0f} a second, {done}")
    return True


def _line(text: str) -> None:
    if sys.stderr.isatty():
        print(f"\r\x1b[K{text}", end="", file=sys.stderr, flush=True)


@contextmanager
def _noting_interrupts() -> Iterator[list[int]]:
    """Note an interrupt rather than be interrupted: what is fuzzed takes a KeyboardInterrupt for the function's own."""
    received: list[int] = []

    def note(number: int, frame: FrameType | None) -> None:
        received.append(number)

    before = signal.signal(signal.SIGINT, note)
    try:
        yield received
    finally:
        signal.signal(signal.SIGINT, before)


if __name__ == "__main__":
    raise SystemExit(main())
