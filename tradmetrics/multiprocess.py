"""Several worker processes as one: prometheus_client's directory of memory-mapped files, checked and read."""

import os
import tempfile
from typing import Final

from prometheus_client import CollectorRegistry

from tradmetrics.errors import ConfigurationError

VARIABLE: Final = "PROMETHEUS_MULTIPROC_DIR"
"""The environment variable that turns prometheus_client's multiprocess mode on and names its directory."""


def directory() -> str | None:
    """Return the directory that the worker processes share, or None when multiprocess mode is off."""
    return os.environ.get(VARIABLE) or None


def check() -> None:
    """See that the shared directory can be used, so that a wrong setting shows at start and not at the first order.

    Raises:
        ConfigurationError: When multiprocess mode is on and its directory is missing or cannot be written.
    """
    path = directory()
    if path is None:
        return
    try:
        # Asking for the permission bits would not see a read-only or a full file system.
        tempfile.TemporaryFile(dir=path).close()
    except OSError as error:
        raise ConfigurationError(
            f"{VARIABLE} is {path!r}, and no file can be written there ({error.strerror}); create the directory, "
            f"empty, before the workers start, or unset the variable when there is only one process"
        ) from error


def aggregate(path: str) -> CollectorRegistry:
    """Return a registry that, at each collection, adds up what all workers wrote into `path`."""
    # Pulls in more than a single process needs.
    from prometheus_client.multiprocess import MultiProcessCollector

    registry = CollectorRegistry()
    MultiProcessCollector(registry, path)  # type: ignore[no-untyped-call]
    return registry
