"""Real servers for tests: started on free loopback ports, stopped by their own process id."""

import json
import socket
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from tests.stack.programs import program

T = TypeVar("T")


def free_port() -> int:
    """Return a port that nothing listens on right now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def eventually(ask: Callable[[], T], holds: Callable[[T], bool] = bool, *, seconds: float = 30.0) -> T:
    """Ask until the answer holds.

    Args:
        ask: What to ask; a connection that fails is asked again.
        holds: Whether the answer is the one that is waited for.
        seconds: How long to wait.

    Returns:
        The answer that held.

    Raises:
        AssertionError: When none did in time, with the last answer.
    """
    deadline, last = time.monotonic() + seconds, "nothing"
    while time.monotonic() < deadline:
        try:
            answer = ask()
            if holds(answer):
                return answer
            last = repr(answer)
        except (OSError, KeyError, IndexError) as error:
            last = repr(error)
        time.sleep(0.1)
    raise AssertionError(f"not within {seconds} s; the last answer was {last[:2000]}")


def get(url: str, *, method: str = "GET", headers: dict[str, str] | None = None, data: bytes | None = None) -> str:
    """Return the body of an HTTP answer."""
    request = urllib.request.Request(url, method=method, headers=headers or {}, data=data)
    with urllib.request.urlopen(request, timeout=10) as answer:
        return str(answer.read().decode())


def query(prometheus: str, expression: str, *, at: float | None = None) -> list[dict[str, Any]]:
    """Return the series that an expression has now, from a Prometheus's HTTP API."""
    parameters = {"query": expression} | ({} if at is None else {"time": str(at)})
    answer = json.loads(get(f"{prometheus}/api/v1/query?{urllib.parse.urlencode(parameters)}"))
    result: list[dict[str, Any]] = answer["data"]["result"]
    return result


@contextmanager
def running(command: Sequence[str], ready: str, *, log: Path, seconds: float = 30.0) -> Iterator[subprocess.Popen[str]]:
    """Run a server until the block ends.

    Args:
        command: What to run.
        ready: A URL that answers once it is ready.
        log: Where its output goes.
        seconds: How long it may take.

    Yields:
        The process.
    """
    with log.open("w", encoding="utf-8") as output:
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT, text=True)
        try:
            eventually(lambda: process.poll() is not None or bool(get(ready)) or True, seconds=seconds)
            assert process.poll() is None, log.read_text(encoding="utf-8")[-2000:]
            yield process
        finally:
            process.terminate()
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(15)


@contextmanager
def prometheus(
    config: Path,
    data: Path,
    *options: str,
    port: int | None = None,
    path: str = "/-/ready",
    scheme: str = "http",
    name: str = "prometheus",
) -> Iterator[str]:
    """Run a Prometheus, and yield the URL of its web interface."""
    port = port or free_port()
    command = [
        program(name),
        f"--config.file={config}",
        f"--storage.tsdb.path={data}",
        f"--web.listen-address=127.0.0.1:{port}",
        "--log.level=warn",
        *options,
    ]
    url = f"{scheme}://127.0.0.1:{port}"
    with running(command, f"{url}{path}", log=data.with_suffix(".log")):
        yield url
