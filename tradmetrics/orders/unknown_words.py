"""Words of a broker that the vocabulary does not know: counted each time, and logged once with the cure."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import Final

from tradmetrics import catalogue
from tradmetrics.registry.errors_log import logger
from tradmetrics.registry.metrics import TradingMetrics

_MOST: Final = 1_000


class UnknownWords:
    """The words that were logged.

    Args:
        dialect: The broker whose spellings are read, or None.
    """

    def __init__(self, dialect: str | None) -> None:
        self._dialect = dialect
        self._logged: set[tuple[str, str]] = set()

    def add(
        self, label: str, value: object, words: Sequence[str], effect: str, metrics: TradingMetrics, site: str
    ) -> None:
        """Count a word, and log it the first time with the call that teaches it.

        Args:
            label: `side` or `status`.
            value: The word as it came.
            words: The words that it may mean.
            effect: What happens as long as it is unknown, for the message.
            metrics: The metrics object that counts it.
            site: The caller.
        """
        word = shown(value)
        if metrics.strict:
            metrics.fault(site, "vocabulary", ValueError(self._message(label, word, words, effect)))
            return
        metrics.record(catalogue.INSTRUMENTATION_ERRORS, (site, "vocabulary"), site=site)
        if (label, word) in self._logged or len(self._logged) >= _MOST:
            return
        self._logged.add((label, word))
        with suppress(Exception):  # a logger that fails costs no count
            logger.warning("%s: %s", site, self._message(label, word, words, effect))

    def _message(self, label: str, word: str, words: Sequence[str], effect: str) -> str:
        dialect = "" if self._dialect is None else f", dialect={self._dialect!r}"
        return (
            f"{label}={word} is not a word that the vocabulary knows, so {effect}. Say once what it means: "
            f"tradmetrics.register_spellings({label}={{{word}: {words[0]!r}}}{dialect}), with one of "
            f"{', '.join(words)} in place of {words[0]!r}"
        )


def shown(value: object) -> str:
    """A value for a message, whatever its `__repr__` does."""
    try:
        return f"{value!r:.60}" if len(repr(value)) <= 60 else f"{value!r:.59}…"
    except Exception:
        return type(value).__name__
