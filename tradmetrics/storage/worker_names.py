"""The names of the workers' directory and of the files in it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

VARIABLE: Final = "PROMETHEUS_MULTIPROC_DIR"
"""The environment variable that turns multiprocess mode on and names its directory."""
PREFIX: Final = "tradmetrics-"
"""The prefix of the process id in the names of our files; prometheus_client's have the id alone."""

FileFailed = Callable[[str, Exception], None]
"""Called with the path of a file that cannot be read, and with the reason."""
