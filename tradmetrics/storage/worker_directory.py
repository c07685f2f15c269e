"""Several worker processes as one: the directory of files that they share, checked, read and cleaned up."""

import glob
import logging
import os
from collections.abc import Iterable
from contextlib import suppress
from typing import Any, Final

from prometheus_client import CollectorRegistry, Metric
from prometheus_client.registry import Collector

from tradmetrics.errors import ConfigurationError
from tradmetrics.storage.worker_identity import UNKNOWN, is_running
from tradmetrics.storage.worker_names import PREFIX, VARIABLE, FileFailed

__all__ = ["PREFIX", "VARIABLE", "FileFailed", "aggregate", "check", "child_exit", "directory"]


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


class _AllWorkers(Collector):
    """Collects what all workers have written."""

    def __init__(self, path: str, failed: FileFailed) -> None:
        self._path = path
        self._failed = failed

    def collect(self) -> Iterable[Metric]:
        """The metrics, added up."""
        from tradmetrics.storage import worker_fold as folding
        from tradmetrics.storage.worker_reader import WorkerReader
        from tradmetrics.storage.worker_series import restore_deleted_files

        restore_deleted_files()
        if not os.path.isdir(self._path):
            raise FileNotFoundError(f"{VARIABLE} is {self._path!r}, and there is no such directory any more")
        fold_what_is_gone(self._path, self._failed)
        with folding.reading(self._path):
            paths = folding.files_in(self._path)
            done = folding.already_folded(paths)
            files: WorkerReader = _read.setdefault(self._path, WorkerReader())
            return files.collect([path for path in paths if path not in done], self._failed)


_read: Final[dict[str, Any]] = {}
"""The parsed files of each directory, so that the next scrape need not parse them again."""


def aggregate(path: str, failed: FileFailed | None = None) -> CollectorRegistry:
    """Return a registry that, at each collection, adds up what all workers wrote into `path`.

    A damaged file costs its own figures. Files of workers that are gone are folded into one.

    Args:
        path: The workers' directory.
        failed: Called with the path of a file that cannot be read, and the reason; by default that is logged.
    """
    registry = _any_name()
    registry.register(_AllWorkers(path, failed or _log))
    return registry


def _any_name() -> CollectorRegistry:
    """A registry whose collectors need not know the names of their metrics, so that `name[]=` works."""
    try:
        return CollectorRegistry(support_collectors_without_names=True)
    except TypeError:  # prometheus_client before 0.23
        return CollectorRegistry()


def _log(path: str, error: Exception) -> None:
    logging.getLogger(__name__).warning(
        "%s: the file of a worker cannot be read (%s), and its figures are missing; delete it if no worker wrote it",
        path,
        error,
    )


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


def fold_what_is_gone(path: str, failed: FileFailed) -> None:
    """Under servers that report no worker's end, such as uvicorn, the process that answers the scrape cleans up."""
    from tradmetrics.storage import worker_fold as folding

    folding.fold_what_is_gone(path, failed)
    # Where a file does not say when its process started, only the process ids are left to compare.
    processes = {
        folding.process_of(os.path.basename(file).removesuffix(".db").rpartition("_")[2])
        for file in glob.glob(os.path.join(glob.escape(path), f"gauge_live*_{PREFIX}*.db"))
        if folding.tag_in(file) == UNKNOWN
    }
    # Only a process that is one of them: another container would know the workers under other numbers, or not at all.
    if os.name == "posix" and os.getpid() in processes:
        for process in processes:
            if process is not None and not is_running(process):
                _remove_gauges(path, process)
