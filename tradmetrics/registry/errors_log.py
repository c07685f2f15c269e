"""The log of errors inside the instrumentation: at most one line a minute for each site."""

from __future__ import annotations

import logging
import sys
import time
from typing import TYPE_CHECKING, Final

from tradmetrics.catalogue import INSTRUMENTATION_ERRORS
from tradmetrics.errors import LabelSourceError, TradmetricsError
from tradmetrics.model.redaction import LONGEST_LOGGED, logged
from tradmetrics.registry.last_errors import LastErrors
from tradmetrics.vocabulary.unknown_words import UnknownWord

if TYPE_CHECKING:
    from types import FrameType

logger: Final = logging.getLogger("tradmetrics")

SECONDS_BETWEEN: Final = 60.0
_MOST_SITES: Final = 1_000
_MOST_WORDS: Final = 1_000
_LONGEST_OWN: Final = 600
_COUNTER: Final = INSTRUMENTATION_ERRORS.name
_MOST_FRAMES: Final = 50
_OWN: Final = "tradmetrics."
_ADAPTERS: Final = "tradmetrics.integrations."


class FaultLog:
    """Rate-limited log of instrumentation errors.

    Attributes:
        last: The last error of each site.
    """

    def __init__(self) -> None:
        self.last = LastErrors()
        self._next: dict[tuple[str, str], float] = {}
        self._words: set[object] = set()
        self._said: dict[str, object] = {}

    def add(self, site: str, stage: str, error: BaseException, strategy: str | None = None) -> None:
        """Keep an error as the last one of its site, and log it as `write` does."""
        description = self._newly(site, error)
        if description is not None or not self.last.again(site):
            self.last.note(site, description or describe(error))
        self.write(site, stage, error, strategy)

    def _newly(self, site: str, error: BaseException) -> str | None:
        """Return the description of an error; None if the last one of the site said the same.

        Taking secrets out of a text costs many times what counting the error does.
        """
        said = _said_by(error)
        if said is not None and self._said.get(site) == said:
            return None
        if len(self._said) >= _MOST_SITES:
            self._said.clear()
        self._said[site] = said
        return describe(error)

    def write(self, site: str, stage: str, error: BaseException, strategy: str | None = None) -> None:
        """Log the error unless this site has logged one within the last minute; an explicit call is one by its caller.

        Each unknown word is logged once.

        Args:
            site: The recording site. For an explicit call, such as `metrics_exporter.record_trade`, the log also
                has the file and the line of the caller.
            stage: One of `catalogue.STAGES`.
            error: The error.
            strategy: The strategy of the call, where it is known.
        """
        fields = {"site": site, "stage": stage} | ({} if strategy is None else {"strategy": strategy})
        if isinstance(error, UnknownWord) and len(self._words) < _MOST_WORDS:
            if error.key not in self._words:
                self._words.add(error.key)
                place = _caller(site)
                logger.warning(
                    "%s%s: %s. Calls with this word are counted in %s.",
                    site,
                    place and f" {place}",
                    error,
                    _COUNTER,
                    extra=fields,
                )
            return
        now = time.monotonic()
        caller = _caller(site)
        if now < self._next.get((site, caller), 0.0):
            return
        if len(self._next) >= _MOST_SITES:
            self._next.clear()
        self._next[site, caller] = now + SECONDS_BETWEEN
        logger.warning(
            "%s: a metric was not recorded as meant (stage: %s): %s. The call %s is unharmed; further errors here are "
            "counted in %s and logged at most once a minute.",
            site,
            stage,
            describe(error),
            caller or "itself",
            _COUNTER,
            extra=fields,
        )


def _said_by(error: BaseException) -> tuple[type, object] | None:
    """Return what an error's text is made of, if that is seen without making the text."""
    if isinstance(error, UnknownWord):
        return UnknownWord, error.key
    kind, args = type(error), error.args
    if kind.__str__ not in (BaseException.__str__, KeyError.__str__):
        return None
    is_plain = all(type(each) is int or (type(each) is str and len(each) <= _LONGEST_OWN) for each in args)
    return (kind, args) if is_plain else None


def _caller(site: str) -> str:
    """`at FILE:LINE` of the code that called the library; nothing where the site is a function of the user's own."""
    if not site.startswith(_OWN) or site.startswith(_ADAPTERS):
        return ""
    try:
        frame: FrameType | None = sys._getframe(2)
        for _ in range(_MOST_FRAMES):
            if frame is None:
                break
            module = frame.f_globals.get("__name__")
            if not isinstance(module, str) or not f"{module}.".startswith(_OWN):
                return f"at {frame.f_code.co_filename}:{frame.f_lineno}"
            frame = frame.f_back
    except Exception:  # an interpreter without frames
        pass
    return ""


def describe(error: BaseException) -> str:
    """Return the error's class and text without secrets, whatever its `__str__` does."""
    try:
        # A message of ours ends with what to write.
        longest = _LONGEST_OWN if isinstance(error, TradmetricsError | UnknownWord) else LONGEST_LOGGED
        return f"{type(error).__name__}: {logged(str(error), longest)}"
    except Exception:
        return type(error).__name__


def strict_error(site: str, stage: str, error: BaseException) -> TradmetricsError:
    """Return the error that a `strict` metrics object raises for one that is not the library's own."""
    kind = LabelSourceError if stage in ("source", "label", "vocabulary") else TradmetricsError
    return kind(f"{site}: at the stage {stage!r}: {describe(error)}")
