"""Whose account an instrumentation records, so that the amounts of two clients of one account do not add up."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple
from weakref import WeakKeyDictionary

from tradmetrics.integrations.kit.handle import Handle
from tradmetrics.record.snapshots import Reporter
from tradmetrics.registry.metrics import TradingMetrics

_MOST: Final = 1_000


class Owned(NamedTuple):
    """The account and the reporter of one owner.

    Attributes:
        account: The account's name among those of the metrics object; None for the first one, which stays as it is.
        reporter: Whose positions they are.
    """

    account: str | None
    reporter: Reporter


_owners: Final[WeakKeyDictionary[TradingMetrics, dict[int, Owned]]] = WeakKeyDictionary()


class Owner:
    """The owner of an account: the same one for all clients that act for it.

    Args:
        handle: Of the instrumentation.
        who: Tells the owner, such as the key that signs requests; None where one adapter has one account.
    """

    def __init__(self, handle: Handle, who: Callable[[], object] | None) -> None:
        self._handle = handle
        self._who = who
        self._reporter = Reporter()

    def owned(self) -> Owned:
        """Return the account and the reporter of the owner."""
        who = None if self._who is None else self._handle.guard(self._who)
        site = self._handle.site
        names = _owners.setdefault(self._handle.metrics, {})
        key = hash((site, who))  # the key itself is a secret
        if key not in names and len(names) < _MOST:
            names[key] = Owned(f"{site} {len(names) + 1}" if names else None, Reporter())
        found = names.get(key, Owned(None, self._reporter))
        return found if who is not None else found._replace(reporter=self._reporter)
