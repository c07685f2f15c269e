"""Checks of the options of `OrderTracker`, so that a mistake shows when the tracker is made."""

from __future__ import annotations

import math

from tradmetrics.errors import ConfigurationError
from tradmetrics.registry.metrics import TradingMetrics
from tradmetrics.vocabulary.times import UNITS


def check(*, account: object, metrics: object, max_open: object, clock: object, unit: object) -> None:
    """Refuse options that cannot work.

    Raises:
        ConfigurationError: With the option and what to write.
    """
    if isinstance(max_open, bool) or not isinstance(max_open, int) or max_open < 1:
        raise ConfigurationError(f"OrderTracker: max_open is a whole number above zero, not {max_open!r}")
    if not isinstance(account, str):
        raise ConfigurationError(f"OrderTracker: account is text, not {account!r}")
    if not callable(clock):
        raise ConfigurationError(f"OrderTracker: clock is a function such as time.monotonic, not {clock!r}")
    if metrics is not None and not isinstance(metrics, TradingMetrics):
        raise ConfigurationError(f"OrderTracker: metrics takes a TradingMetrics, not {metrics!r}")
    if not isinstance(unit, str) or unit not in UNITS:
        raise ConfigurationError(f"OrderTracker: unit is one of {', '.join(UNITS)}, not {unit!r}")


def check_seconds(**options: object) -> None:
    """Refuse seconds that cannot be waited for.

    Raises:
        ConfigurationError: With the option and what to write.
    """
    for name, seconds in options.items():
        if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not 0 < seconds < math.inf:
            raise ConfigurationError(f"OrderTracker: {name} is seconds above zero, not {seconds!r}")
