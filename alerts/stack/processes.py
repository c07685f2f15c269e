"""Programs of the stack as processes: checked before anything starts, ended together by their own process ids."""

import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

READY_SECONDS: Final = 30.0
STOP_SECONDS: Final = 10.0


class StackError(Exception):
    """The stack cannot run; the message is one line that names what is missing or taken."""


@dataclass(frozen=True)
class Service:
    """One program of the stack.

    Attributes:
        name: Its name in messages, and of its log.
        programs: The names it is installed under; distributions differ.
        arguments: Its command line, the address aside.
        host: The address it listens on.
        port: The port it listens on.
        ready: The path that answers once it is ready.
        package: The package to install when it is missing.
        vital: True if the stack cannot go on without it.
    """

    name: str
    programs: tuple[str, ...]
    arguments: tuple[str, ...]
    host: str
    port: int
    ready: str
    package: str
    vital: bool = True

    @property
    def url(self) -> str:
        """Its address for a browser."""
        host = "127.0.0.1" if self.host in ("", "0.0.0.0") else self.host
        return f"http://{host}:{self.port}"

    def command(self) -> list[str]:
        """Return its command line.

        Raises:
            StackError: When it is not installed.
        """
        found = next((path for name in self.programs if (path := shutil.which(name))), None)
        if found is None:
            raise StackError(f"{self.name} is not installed; on Debian and Ubuntu: apt install {self.package}")
        return [found, f"--web.listen-address={self.host}:{self.port}", *self.arguments]

    def check_port(self) -> None:
        """Raise `StackError` when something listens on the port already."""
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((self.host, self.port))
            except OSError as error:
                raise StackError(
                    f"{self.name} cannot listen on {self.host}:{self.port}: {error.strerror}; nothing was started"
                ) from None


@contextmanager
def running(services: Sequence[Service], logs: Path) -> Iterator[dict[str, subprocess.Popen[bytes]]]:
    """Run services until the block ends, all of them or none.

    Args:
        services: The programs, in the order of their start; they are stopped in the opposite order.
        logs: The folder for their output.

    Yields:
        The processes by the services' names, once every one is ready.

    Raises:
        StackError: When one is missing, its port is taken, or it does not become ready.
    """
    commands = {service.name: service.command() for service in services}
    for service in services:
        service.check_port()
    processes: dict[str, subprocess.Popen[bytes]] = {}
    try:
        for service in services:
            log = logs / f"{service.name}.log"
            with log.open("wb") as output:
                # In a session of its own, so that Ctrl-C reaches us alone, and we end all of them in order.
                processes[service.name] = subprocess.Popen(
                    commands[service.name], stdout=output, stderr=subprocess.STDOUT, start_new_session=True
                )
            (logs / f"{service.name}.pid").write_text(f"{processes[service.name].pid}\n", encoding="utf-8")
            _wait(service, processes[service.name], log)
        yield processes
    finally:
        for name, process in reversed(processes.items()):
            _stop(process)
            (logs / f"{name}.pid").unlink(missing_ok=True)


def _wait(service: Service, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            break
        try:
            with urllib.request.urlopen(f"{service.url}{service.ready}", timeout=2):
                return
        except (OSError, ValueError):
            time.sleep(0.1)
    lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    raise StackError(f"{service.name} does not start: {lines[-1] if lines else 'it says nothing'} (all of it: {log})")


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(STOP_SECONDS)
