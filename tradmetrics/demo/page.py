"""Runs `tradmetrics board` on the demo, in a process of its own."""

import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from time import monotonic, sleep
from typing import Final

from rich.console import Console

_PORT: Final = 8050
_PATIENCE_SECONDS: Final = 120.0
"""A slow machine with cold files takes half a minute to import the board's packages."""


@contextmanager
def running_board(port: int, console: Console, stopped: Callable[[], bool]) -> Iterator[str]:
    """Run the board until the block ends.

    Args:
        port: The port of the demo's `/metrics`.
        console: Shows on a terminal that the board is on its way.
        stopped: Tells whether the reader wants no more of it.

    Yields:
        The line to print: the board's address, or what is missing.
    """
    if find_spec("nicegui") is None:
        yield "Board: not there; for a live page run `pip install 'tradmetrics[board]'`"
        return
    page = _free_port()
    command = [sys.executable, "-m", "tradmetrics", "board", str(port), "--port", str(page)]
    # In a session of its own: Ctrl-C reaches the demo, which then ends the board.
    process = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )
    try:
        with console.status("The board starts"):
            came = _answers(page, process, stopped)
        why = "stopped before it was there" if stopped() else "not there; `tradmetrics board` says why"
        yield f"Board: http://127.0.0.1:{page}/" if came else f"Board: {why}"
    finally:
        process.terminate()
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _free_port() -> int:
    for port in (_PORT, 0):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise OSError("this machine has no free port")


def _answers(port: int, process: "subprocess.Popen[bytes]", stopped: Callable[[], bool]) -> bool:
    deadline = monotonic() + _PATIENCE_SECONDS
    while monotonic() < deadline and process.poll() is None and not stopped():
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=1):
                return True
        except OSError:
            sleep(0.1)
    return False
