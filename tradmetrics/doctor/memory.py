"""The bound on the memory of a child process."""

from typing import Final

MOST_BYTES: Final = 1 << 30


def limit_memory() -> None:
    """Limit the memory of this process to `MOST_BYTES`, where the system can."""
    try:
        import resource
    except ImportError:  # Windows has no such limits
        return
    resource.setrlimit(resource.RLIMIT_AS, (MOST_BYTES, MOST_BYTES))
