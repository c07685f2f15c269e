"""What happens to an error inside the instrumentation: said in the log, at most once a minute for each site."""

from __future__ import annotations

import logging
import time
from typing import Final

from tradmetrics.catalogue import INSTRUMENTATION_ERRORS

logger: Final = logging.getLogger("tradmetrics")

SECONDS_BETWEEN: Final = 60.0
_MOST_SITES: Final = 1_000


class FaultLog:
    """Rate-limited log of instrumentation errors."""

    def __init__(self) -> None:
        self._next: dict[str, float] = {}

    def write(self, site: str, stage: str, error: BaseException) -> None:
        """Log the error unless this site has logged one within the last minute."""
        now = time.monotonic()
        if now < self._next.get(site, 0.0):
            return
        if len(self._next) >= _MOST_SITES:
            self._next.clear()
        self._next[site] = now + SECONDS_BETWEEN
        logger.warning(
            "%s: a metric was not recorded as meant (stage: %s): %s. The call itself is unharmed; further errors here "
            "are counted in %s and logged at most once a minute.",
            site,
            stage,
            describe(error),
            INSTRUMENTATION_ERRORS.name,
        )


def describe(error: BaseException) -> str:
    """The error's class and text, whatever its `__str__` does."""
    try:
        return f"{type(error).__name__}: {error!s:.200}"
    except Exception:
        return type(error).__name__
