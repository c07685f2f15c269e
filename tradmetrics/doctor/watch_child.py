"""The child process that scrapes one bot and judges it: a hostile answer can end it, but not the command."""

from __future__ import annotations

import json
import sys
import time
from dataclasses import asdict
from typing import Any

from tradmetrics.doctor.known import Known
from tradmetrics.doctor.memory import limit_memory
from tradmetrics.doctor.sources import UnreachableError, read_endpoint, shown
from tradmetrics.doctor.watching import Watched, judge


def watched(request: dict[str, Any]) -> Watched:
    """Scrape one bot and judge it.

    Args:
        request: `url` and `limit`.

    Returns:
        The judgement; SILENT if the endpoint does not answer with metrics.
    """
    url: str = request["url"]
    try:
        samples = read_endpoint(url, Known(()))
    except UnreachableError as error:
        return Watched(shown(url), "SILENT", str(error).removeprefix(f"{shown(url)}: "))
    return judge(shown(url), samples, time.time(), request["limit"])


def main() -> None:
    """Read the request from standard input; write the judgement as a line of JSON."""
    limit_memory()
    request = json.loads(sys.stdin.readline())
    sys.stdout.write(json.dumps({"step": "scrape", "seconds": 20.0}) + "\n")
    sys.stdout.flush()
    sys.stdout.write(json.dumps({"answer": asdict(watched(request))}) + "\n")


if __name__ == "__main__":
    main()
