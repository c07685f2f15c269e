"""Runs a session against the wall clock, with the endpoint, the signals and the status line."""

import asyncio
import json
import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Final

from tradmetrics import Sampler, start_metrics_server
from tradmetrics.demo.display import StatusLine
from tradmetrics.demo.faults import LEAD_IN_SECONDS, FaultName
from tradmetrics.demo.session import Session
from tradmetrics.serving.server import MetricsServer

_PAUSE_SECONDS: Final = 0.02
_LONGEST_STRIDE_SECONDS: Final = 0.1
_SAMPLE_SECONDS: Final = 0.5
_LEAD_IN_WALL_SECONDS: Final = 5.0


@dataclass(frozen=True)
class Plan:
    """What to run.

    Attributes:
        seconds: How long to trade, on the wall clock; None until stopped.
        speed: Simulated seconds per second of the wall clock.
        seed: Where all chance comes from.
        faults: The faults.
        fault_seconds: How long the faults last on the wall clock; None until SIGUSR1.
        linger: How long the endpoint stays up after trading.
        ledger: Where to write the ledger.
    """

    seconds: float | None
    speed: float
    seed: int
    faults: tuple[FaultName, ...] = ()
    fault_seconds: float | None = None
    linger: float = 0.0
    ledger: Path | None = None


@dataclass
class Wishes:
    """The requests that came as signals.

    Attributes:
        stop: SIGINT or SIGTERM came.
        end_faults: SIGUSR1 came.
    """

    stop: bool = field(default=False)
    end_faults: bool = field(default=False)


@contextmanager
def listening_to_signals() -> Iterator[Wishes]:
    """Note signals rather than be interrupted by them, until the block is left."""
    wishes = Wishes()

    def stop(number: int, frame: FrameType | None) -> None:
        wishes.stop = True

    def end_faults(number: int, frame: FrameType | None) -> None:
        wishes.end_faults = True

    handlers = {signal.SIGINT: stop, signal.SIGTERM: stop}
    if hasattr(signal, "SIGUSR1"):
        handlers[signal.SIGUSR1] = end_faults
    before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    try:
        yield wishes
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class Endpoint:
    """The `/metrics` endpoint of the demo, which a fault can close for a while.

    Args:
        port: The port to listen on; 0 picks a free one.

    Raises:
        ConfigurationError: When the port cannot be listened on.
    """

    def __init__(self, port: int) -> None:
        self._server: MetricsServer | None = start_metrics_server(port)
        self.url = self._server.url
        self.port = self._server.port

    async def follow(self, *, down: bool) -> None:
        """Close or open it again, off the event loop."""
        if down and self._server is not None:
            server, self._server = self._server, None
            await asyncio.to_thread(server.close)
        elif not down and self._server is None:
            self._server = await asyncio.to_thread(start_metrics_server, self.port)

    def close(self) -> None:
        """Close it for good."""
        if self._server is not None:
            self._server.close()


async def play(plan: Plan, endpoint: Endpoint, wishes: Wishes, line: StatusLine) -> None:
    """Trade as planned, then stop trading, write the ledger down and linger.

    The session reaches the same simulated time for the same plan, and so the same totals; a machine that cannot keep
    up takes longer rather than do less.

    Args:
        plan: What to run.
        endpoint: The endpoint that serves the metrics.
        wishes: The requests that came as signals.
        line: Where to show how it goes.
    """
    # Long enough for a scrape or two of an ordinary state, so that an alert sees the change.
    lead_in = max(LEAD_IN_SECONDS, _LEAD_IN_WALL_SECONDS * plan.speed)
    session = Session(plan.seed, plan.faults, lead_in=lead_in)
    if plan.fault_seconds is not None:
        session.clock.later(lead_in + plan.fault_seconds * plan.speed, session.end_faults)
    sampler = Sampler(interval=_SAMPLE_SECONDS)
    for snapshot in session.snapshots:
        sampler.add(snapshot)
    async with sampler:
        await _trade(session, plan, endpoint, wishes, line)
    await session.close()
    await endpoint.follow(down=False)
    if plan.ledger is not None:
        _write(plan, session)
    line.show(session, state="stopped", now=True)
    deadline = time.monotonic() + plan.linger
    while not wishes.stop and time.monotonic() < deadline:
        await asyncio.sleep(_PAUSE_SECONDS)


async def _trade(session: Session, plan: Plan, endpoint: Endpoint, wishes: Wishes, line: StatusLine) -> None:
    started = time.monotonic()
    end = float("inf") if plan.seconds is None else plan.seconds * plan.speed
    while not wishes.stop and session.clock.now() < end:
        if wishes.end_faults:
            wishes.end_faults = False
            session.end_faults()
        due = min((time.monotonic() - started) * plan.speed, end)
        # A late session catches up in strides, so that requests and the sampler get their turn.
        session.advance(min(due, session.clock.now() + _LONGEST_STRIDE_SECONDS * plan.speed))
        await endpoint.follow(down=session.switch.conditions.exporter_down)
        line.show(session)
        await asyncio.sleep(_PAUSE_SECONDS if session.clock.now() >= due else 0)


def _write(plan: Plan, session: Session) -> None:
    """Write the ledger, whole or not at all: a process that waits for the file reads all of it."""
    assert plan.ledger is not None
    content = {
        "seed": plan.seed,
        "speed": plan.speed,
        "faults": [fault.value for fault in plan.faults],
        "simulated_seconds": session.clock.now(),
        **session.ledger.as_json(),
    }
    part = plan.ledger.with_name(plan.ledger.name + ".part")
    part.write_text(json.dumps(content, indent=2) + "\n")
    os.replace(part, plan.ledger)
