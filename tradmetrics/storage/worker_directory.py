"""Several worker processes as one: the directory of files that they share, checked, read and cleaned up."""

import glob
import os
from contextlib import suppress
from typing import Any, Final

from prometheus_client import CollectorRegistry

from tradmetrics.errors import ConfigurationError

VARIABLE: Final = "PROMETHEUS_MULTIPROC_DIR"
"""The environment variable that turns multiprocess mode on and names its directory."""
PREFIX: Final = "tradmetrics-"
"""What stands before the process id in the names of our files; prometheus_client's have the id alone."""


def directory() -> str | None:
    """Return the directory that the worker processes share, or None when multiprocess mode is off."""
    return os.environ.get(VARIABLE) or None


def check() -> bool:
    """See that the shared directory can be used, so that a wrong setting shows at start and not at the first order.

    Returns:
        Whether multiprocess mode is on.

    Raises:
        ConfigurationError: When it is, and its directory is missing or cannot be written.
    """
    path = directory()
    if path is None:
        return False
    import tempfile  # a single process has no need of it

    try:
        # Asking for the permission bits would not see a read-only or a full file system.
        with tempfile.TemporaryFile(dir=path) as file:
            file.write(b"0")
    except OSError as error:
        raise ConfigurationError(
            f"{VARIABLE} is {path!r}, and no file can be written there ({error.strerror}); create the directory, "
            f"empty, before the workers start, or unset the variable when there is only one process"
        ) from error
    return True


def aggregate(path: str) -> CollectorRegistry:
    """Return a registry that, at each collection, adds up what all workers wrote into `path`."""
    # Pulls in more than a single process needs.
    from prometheus_client.multiprocess import MultiProcessCollector

    _remove_gauges_of_the_dead(path)
    registry = CollectorRegistry()
    MultiProcessCollector(registry, path)  # type: ignore[no-untyped-call]
    return registry


def child_exit(server: Any, worker: Any) -> None:
    """Take the gauges of a worker that has gone out of the answer; what it counted stays.

    It is gunicorn's hook of that name: `from tradmetrics.storage.worker_directory import child_exit` in
    `gunicorn.conf.py` is all. The files of prometheus_client's own metrics are cleaned up too.

    Args:
        server: gunicorn's arbiter.
        worker: The worker that has gone.
    """
    from prometheus_client.multiprocess import mark_process_dead

    path = directory()
    if path is not None:
        mark_process_dead(worker.pid, path)  # type: ignore[no-untyped-call]
        _remove_gauges(path, worker.pid)


def _remove_gauges(path: str, process: int) -> None:
    # The second pattern: a later process that was given the same number.
    for ending in (".db", "-*.db"):
        for file in glob.glob(os.path.join(glob.escape(path), f"gauge_live*_{PREFIX}{process}{ending}")):
            with suppress(FileNotFoundError):  # another worker was faster
                os.remove(file)


def _remove_gauges_of_the_dead(path: str) -> None:
    """Under servers that tell nobody when a worker has gone, such as uvicorn, whoever answers the scrape sees to it."""
    files = glob.glob(os.path.join(glob.escape(path), f"gauge_live*_{PREFIX}*.db"))
    processes = {int(file.rpartition(PREFIX)[2].removesuffix(".db").partition("-")[0]) for file in files}
    # Only a process that is one of them: another container would know the workers under other numbers, or not at all.
    if os.name == "posix" and os.getpid() in processes:
        for process in processes:
            if not _is_running(process):
                _remove_gauges(path, process)


def _is_running(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        pass
    return True
