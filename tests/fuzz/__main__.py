"""Fuzz by hand: `python -m tests.fuzz [calls] [restores] [--minutes M] [--seed N]`.

Each target runs for its time. It ends with status 1 when something was found, with the smallest input that shows it.
"""

from __future__ import annotations

import argparse
import faulthandler
import signal
import sys
import time
from collections.abc import Sequence
from types import FrameType

from tests.fuzz import calls, restores
from tests.fuzz.runner import Report, fuzz

TARGETS = {each.name: each for each in (calls.TARGET, restores.TARGET)}
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
    stop = _stop_on_signal()
    status = 0
    for name in options.targets or TARGETS:
        shown = time.monotonic()

        def progress(report: Report) -> bool:
            nonlocal shown
            faulthandler.dump_traceback_later(_HANGS_AFTER, exit=True)
            if sys.stderr.isatty() and time.monotonic() - shown > 0.5:
                shown = time.monotonic()
                rate = report.examples / report.seconds if report.seconds else 0.0
                text = f"{report.target.name}: {report.examples:,} examples, {rate:.0f} a second"
                print(f"\r\x1b[K{text}, {report.seconds / 60:.1f} of {options.minutes:g} min", end="", file=sys.stderr)
            return not stop

        report = fuzz(TARGETS[name], seconds=options.minutes * 60, first_seed=options.seed, progress=progress)
        if sys.stderr.isatty():
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)
        print(report, flush=True)
        status |= report.finding is not None
    faulthandler.cancel_dump_traceback_later()
    return status


def _stop_on_signal() -> list[int]:
    """Note an interrupt rather than be interrupted: what is fuzzed takes a KeyboardInterrupt for the function's own."""
    received: list[int] = []

    def note(number: int, frame: FrameType | None) -> None:
        received.append(number)

    signal.signal(signal.SIGINT, note)
    return received


if __name__ == "__main__":
    raise SystemExit(main())
