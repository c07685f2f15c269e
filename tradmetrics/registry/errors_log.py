"""What happens to an error inside the instrumentation: said in the log, at most once a minute for each site."""

from __future__ import annotations

import logging
import time
from typing import Final

from tradmetrics.catalogue import INSTRUMENTATION_ERRORS
from tradmetrics.errors import TradmetricsError
from tradmetrics.model.redaction import LONGEST_LOGGED, logged
from tradmetrics.vocabulary.unknown_words import UnknownWord

logger: Final = logging.getLogger("tradmetrics")

SECONDS_BETWEEN: Final = 60.0
_MOST_SITES: Final = 1_000
_MOST_WORDS: Final = 1_000
_LONGEST_OWN: Final = 600
_COUNTER: Final = INSTRUMENTATION_ERRORS.name


class FaultLog:
    """Rate-limited log of instrumentation errors."""

    def __init__(self) -> None:
        self._next: dict[str, float] = {}
        self._words: set[object] = set()

    def write(self, site: str, stage: str, error: BaseException) -> None:
        """Log the error unless this site has logged one within the last minute; log each unknown word once."""
        if isinstance(error, UnknownWord) and len(self._words) < _MOST_WORDS:
            if error.key not in self._words:
                self._words.add(error.key)
                logger.warning("%s: %s. Calls with this word are counted in %s.", site, error, _COUNTER)
            return
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
            _COUNTER,
        )


def describe(error: BaseException) -> str:
    """Return the error's class and text without secrets, whatever its `__str__` does."""
    try:
        # A message of ours ends with what to write.
        longest = _LONGEST_OWN if isinstance(error, TradmetricsError | UnknownWord) else LONGEST_LOGGED
        return f"{type(error).__name__}: {logged(str(error), longest)}"
    except Exception:
        return type(error).__name__
