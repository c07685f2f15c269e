"""`heartbeat`: the time at which a loop last went round, so that a loop that stands still is seen from outside."""

from __future__ import annotations

from enum import Enum
from time import time
from typing import Final

from tradmetrics import catalogue
from tradmetrics.capture.recording import metrics_or_default
from tradmetrics.errors import DecorationError
from tradmetrics.registry.metrics import TradingMetrics, checked

_SITE: Final = "tradmetrics.heartbeat"


def heartbeat(loop: object = "main", *, metrics: TradingMetrics | None = None) -> None:
    """Set `trading_heartbeat_timestamp_seconds` of a loop to now.

    Call it each time the loop goes round. An alert on the age of the last beat then notices a loop that hangs, although
    the process lives and answers scrapes.

    Example:
        ```python
        from tradmetrics import heartbeat

        for tick in ticks:
            heartbeat("main")
            trade(tick)
        ```

    Args:
        loop: The loop's name, one of a few words.
        metrics: The metrics object to record to; by default the process's.

    Raises:
        DecorationError: If it is used as a decorator.
    """
    if callable(loop) and not isinstance(loop, Enum):
        raise DecorationError('heartbeat is a call and no decorator: write heartbeat("main") inside the loop')
    metrics = metrics_or_default(metrics if metrics is None else checked(metrics, "heartbeat"), _SITE)
    metrics.record(catalogue.HEARTBEAT, (loop,), time(), site=_SITE)
