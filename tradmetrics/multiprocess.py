"""The public path of what concerns several processes under `PROMETHEUS_MULTIPROC_DIR`."""

from tradmetrics.storage.worker_directory import PREFIX, VARIABLE, aggregate, check, child_exit, directory

__all__ = ["PREFIX", "VARIABLE", "aggregate", "check", "child_exit", "directory"]
