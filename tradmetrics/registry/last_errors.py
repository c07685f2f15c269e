"""The last error of each function, as the log has it: for the status page, and as a metric for the board."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Final

from tradmetrics.model.redaction import cut
from tradmetrics.model.text import MAX_LENGTH

_MOST_ERRORS: Final = 200
_SECONDS_APART: Final = 60.0


class LastErrors:
    """The last error of each function, without secrets.

    Attributes:
        texts: The newest text of each site.
    """

    def __init__(self) -> None:
        self.texts: dict[str, str] = {}
        self._shown: dict[str, tuple[str, float, float]] = {}

    def note(self, site: str, text: str) -> None:
        """Keep the text of an error; among a metric's labels it appears at most once a minute."""
        for kept in (self.texts, self._shown):
            if len(kept) >= _MOST_ERRORS and site not in kept:
                kept.clear()
        self.texts[site] = text
        now = time.time()
        shown, _, since = self._shown.get(site, ("", now, -_SECONDS_APART))
        if now - since >= _SECONDS_APART or now < since:
            shown, since = cut(text, MAX_LENGTH), now
        self._shown[site] = (shown, now, since)

    def again(self, site: str) -> bool:
        """Note that the last error of a site came again; return whether there is one."""
        known = self._shown.get(site)
        if known is None:
            return False
        self._shown[site] = (known[0], time.time(), known[2])
        return True

    def times(self) -> Mapping[tuple[str, ...], float]:
        """Return when the last error of each site came, by site and text."""
        return {(site, text): last for site, (text, last, _) in self._shown.copy().items()}
