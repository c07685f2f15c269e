"""The connections that are open, and which of them a server closes first when there are too many."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Final, NamedTuple

from tradmetrics.serving.connection import CLOSING, HANDSHAKE, HEAD, IDLE, SENDING, Connection
from tradmetrics.serving.endpoint import WHOLE

UNSENT_BYTES: Final = 64 << 20
"""The bytes of all answers that clients have not taken yet."""
_SLOW_SECONDS: Final = 1.0


class Bounds(NamedTuple):
    """The bounds on the clients of a server.

    Attributes:
        connections: Connections at one time. At the limit a newcomer takes the place of the connection that matters
            least: one that has been answered, then the oldest one that has sent no whole request, then the newest one
            that waits for another answer than a whole scrape.
        of_one_peer: Connections of one client address.
        head_seconds: How long the head of a request may take.
        request_seconds: How long a client may take in all to send its request and to read the answer.
        idle_seconds: How long a connection may stay open without a request after an answer.
    """

    connections: int
    of_one_peer: int
    head_seconds: float
    request_seconds: float
    idle_seconds: float


class ConnectionTable:
    """The open connections, counted by client address.

    Args:
        bounds: The bounds on clients.
    """

    def __init__(self, bounds: Bounds) -> None:
        self._bounds = bounds
        self._connections: dict[Connection, None] = {}
        self._of_peer: dict[str, int] = {}

    def __iter__(self) -> Iterator[Connection]:
        return iter(self._connections)

    def __len__(self) -> int:
        return len(self._connections)

    @property
    def is_full(self) -> bool:
        """Whether no more connections are allowed."""
        return len(self._connections) >= self._bounds.connections

    def is_crowded(self, peer: str) -> bool:
        """Whether no more connections of one client address are allowed."""
        return self._of_peer.get(peer, 0) >= self._bounds.of_one_peer

    @property
    def unfinished(self) -> int:
        """The number of connections that have sent a part of a request's head."""
        return sum(each.looks > 0 and each.state == HEAD for each in self._connections)

    @property
    def next_time(self) -> float:
        """The time at which the first connection is late, or at which its request is read again."""
        return min((min(each.look_at or math.inf, each.deadline) for each in self._connections), default=math.inf)

    def add(self, connection: Connection) -> None:
        """Take a connection in."""
        self._connections[connection] = None
        self._of_peer[connection.peer] = self._of_peer.get(connection.peer, 0) + 1

    def remove(self, connection: Connection) -> bool:
        """Take a connection out; return False when it was removed before."""
        if self._connections.pop(connection, connection) is connection:
            return False
        left = self._of_peer[connection.peer] - 1
        if left:
            self._of_peer[connection.peer] = left
        else:
            del self._of_peer[connection.peer]
        return True

    def clear(self) -> None:
        """Take all connections out."""
        self._connections.clear()
        self._of_peer.clear()

    def least_important(self, peer: str | None, now: float) -> Connection | None:
        """The connection that matters least, or None when all of them wait for whole scrapes.

        Args:
            peer: Only connections of this client address; None for those of all.
            now: The time, by `time.monotonic`.
        """
        ranked = [
            (*rank, place, connection)
            for place, connection in enumerate(self._connections)
            if (peer is None or connection.peer == peer) and (rank := _rank(connection, now)) is not None
        ]
        return min(ranked)[-1] if ranked else None

    def slowest_readers(self, newest: Connection) -> list[Connection]:
        """The connections to close, because all unsent answers take more than `UNSENT_BYTES`.

        Args:
            newest: The connection that was answered last; it and those with a later deadline stay.
        """
        sending = sorted((each for each in self._connections if each.state == SENDING), key=lambda each: each.deadline)
        total = sum(each.unsent for each in sending)
        slowest: list[Connection] = []
        for each in sending:
            if total <= UNSENT_BYTES or each is newest:
                break
            total -= each.unsent
            slowest.append(each)
        return slowest


def _rank(connection: Connection, now: float) -> tuple[int, float] | None:
    """How much a connection matters; None if it must not be closed to make room."""
    if connection.state in (IDLE, CLOSING):
        return 0, connection.since
    if connection.state in (HEAD, HANDSHAKE):
        return 1, connection.since
    if connection.state == SENDING and now - connection.since > _SLOW_SECONDS:
        return 2, connection.since
    if connection.work is not None and connection.work.lane != WHOLE:
        return 3, -connection.since  # the oldest is the next to be answered
    return None
