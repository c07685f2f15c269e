"""Faults on request: each fault is a change of a few conditions of the simulated world."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any, Final


class FaultName(str, Enum):
    """The faults by the name that the command line takes."""

    BREAKER = "breaker"
    STALE_FEED = "stale-feed"
    REJECTS = "rejects"
    STUCK_ORDERS = "stuck-orders"
    API_ERRORS = "api-errors"
    MODEL_DRIFT = "model-drift"
    LOSS = "loss"
    EXPORTER_DOWN = "exporter-down"


@dataclass(frozen=True)
class Conditions:
    """The world's settings, with their values on a good day.

    Attributes:
        breaker_tripping: The circuit breaker trips again as soon as it is reset.
        feed_down: Every WebSocket of the market data feed is down.
        reject_share: Share of orders that the broker rejects, beside the ordinary few.
        orders_stuck: The broker acknowledges orders and neither fills them nor answers a cancel.
        order_timeout_share: Share of orders whose acknowledgement times out, beside the ordinary few.
        api_error_share: Share of API requests that fail, beside the ordinary few.
        api_slowdown: Seconds that every API request takes longer.
        signal_accuracy: How often the order-book imbalance points the way the price will go.
        retraining: The model is retrained when it is time to.
        booked_loss: A loss that the clearing house books to the day, as a share of capital.
        blocked_margin: Share of capital that the exchange blocks as margin, at least.
        exporter_down: The metrics endpoint is closed.
    """

    breaker_tripping: bool = False
    feed_down: bool = False
    reject_share: float = 0.0
    orders_stuck: bool = False
    order_timeout_share: float = 0.0
    api_error_share: float = 0.0
    api_slowdown: float = 0.0
    signal_accuracy: float = 0.85
    retraining: bool = True
    booked_loss: float = 0.0
    blocked_margin: float = 0.0
    exporter_down: bool = False


FAULTS: Final[Mapping[FaultName, Mapping[str, Any]]] = {
    FaultName.BREAKER: {"breaker_tripping": True},
    FaultName.STALE_FEED: {"feed_down": True},
    FaultName.REJECTS: {"reject_share": 0.7},
    FaultName.STUCK_ORDERS: {"orders_stuck": True},
    FaultName.API_ERRORS: {"api_error_share": 0.8, "api_slowdown": 1.2, "order_timeout_share": 0.3},
    FaultName.MODEL_DRIFT: {"signal_accuracy": 0.2, "retraining": False},
    FaultName.LOSS: {"booked_loss": 0.15, "blocked_margin": 0.95},
    FaultName.EXPORTER_DOWN: {"exporter_down": True},
}
"""Each fault as the conditions that it changes."""


LEAD_IN_SECONDS: Final = 30.0
"""Simulated seconds of ordinary trading before the faults begin, at least."""


class FaultSwitch:
    """The conditions now: ordinary at first, with the faults once they `begin`, ordinary again after `end`.

    Args:
        faults: The faults; several faults add up.
    """

    def __init__(self, faults: Iterable[FaultName] = ()) -> None:
        self._faults = tuple(faults)
        self.names: tuple[str, ...] = ()
        self.conditions = Conditions()

    @property
    def active(self) -> bool:
        """Whether any fault is on."""
        return bool(self.names)

    def begin(self) -> None:
        """Switch the faults on, unless they were ended before."""
        for fault in self._faults:
            self.conditions = replace(self.conditions, **FAULTS[fault])
        self.names = tuple(fault.value for fault in self._faults)

    def end(self) -> None:
        """Switch every fault off, for good."""
        self._faults = ()
        self.names = ()
        self.conditions = Conditions()
