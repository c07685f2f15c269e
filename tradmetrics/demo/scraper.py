"""A Prometheus server of the demo's own: the `prometheus` program of the machine, on the demo's endpoint."""

import http.client
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

HOW_TO_GET: Final = (
    "no 'prometheus' program is on PATH; install it with 'apt install prometheus' (Debian, Ubuntu) or "
    "'brew install prometheus' (macOS), or download it from https://prometheus.io/download/"
)
_CONFIGURATION: Final = """\
global:
  scrape_interval: 1s
scrape_configs:
  - job_name: tradmetrics-demo
    static_configs:
      - targets: ["127.0.0.1:{port}"]
"""
_START_SECONDS: Final = 30.0
_STOP_SECONDS: Final = 10.0


class PrometheusError(Exception):
    """Prometheus is not there, or does not start; the text says why in one line."""


def find_prometheus() -> str:
    """Return the path of the `prometheus` program.

    Raises:
        PrometheusError: When there is none, with how to get it.
    """
    program = shutil.which("prometheus")
    if program is None:
        raise PrometheusError(HOW_TO_GET)
    return program


@contextmanager
def running_prometheus(program: str, target_port: int) -> Iterator[str]:
    """Run Prometheus on a free loopback port, with temporary data, until the block is left.

    Args:
        program: Path of the `prometheus` program.
        target_port: The port of this machine whose `/metrics` it scrapes once a second.

    Yields:
        The URL of Prometheus, once it answers.

    Raises:
        PrometheusError: When it ends at once or does not answer in time.
    """
    with tempfile.TemporaryDirectory(prefix="tradmetrics-demo-", ignore_cleanup_errors=True) as directory:
        folder = Path(directory)
        configuration = folder / "prometheus.yml"
        configuration.write_text(_CONFIGURATION.format(port=target_port))
        port = _free_port()
        log = folder / "prometheus.log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                [
                    program,
                    f"--config.file={configuration}",
                    f"--storage.tsdb.path={folder / 'data'}",
                    f"--web.listen-address=127.0.0.1:{port}",
                ],
                stdout=output,
                stderr=subprocess.STDOUT,
                # Of its own, so that Ctrl-C reaches the demo alone, which then ends both in order.
                start_new_session=True,
            )
        try:
            _wait_until_ready(process, port, log)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
            try:
                process.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _wait_until_ready(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise PrometheusError(f"prometheus ended with status {process.returncode}: {_last_line(log)}")
        if _is_ready(port):
            return
        time.sleep(0.1)
    raise PrometheusError(f"prometheus did not answer within {_START_SECONDS:.0f} seconds: {_last_line(log)}")


def _is_ready(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
    try:
        connection.request("GET", "/-/ready")
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()


def _last_line(log: Path) -> str:
    lines = log.read_text(errors="replace").split("\n")
    return next((line.strip() for line in reversed(lines) if line.strip()), "it printed nothing")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
