"""Serve many connections from one thread: a client that sends slowly, or nothing, costs a socket and no thread.

One thread waits for all sockets, reads requests and sends answers. Renderings happen on threads of their own, one for
whole scrapes and one for everything that a client can ask for in many ways, so that no queue of odd requests stands
before an honest scrape.
"""

from __future__ import annotations

import errno
import logging
import math
import queue
import selectors
import socket
import ssl
import threading
import time
from collections import deque
from collections.abc import Callable, Hashable
from contextlib import suppress
from functools import partial
from http import HTTPStatus
from typing import Final, NamedTuple, Union

from tradmetrics.serving.connection import ANSWERING, CLOSING, HANDSHAKE, HEAD, IDLE, SENDING, Connection, peer_of
from tradmetrics.serving.endpoint import HttpResponse, plain
from tradmetrics.serving.http_request import MOST_BYTES, BadRequestError, Request, head_length, parse

_LOGGER = logging.getLogger(__name__)

# A connection that cannot be accepted while these are used up stays in the queue, and the selector would report it at
# once.
_EXHAUSTED: Final = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)
_RECOVERY_SECONDS: Final = 0.1
_ACCEPTED_AT_ONCE: Final = 64
_CLOSING_SECONDS: Final = 2.0
_UNSENT_BYTES: Final = 64 << 20
_FIRST_LOOK_SECONDS: Final = 0.05

READ, WRITE = selectors.EVENT_READ, selectors.EVENT_WRITE


class Bounds(NamedTuple):
    """The bounds on the clients of a server.

    Attributes:
        connections: Connections at one time. At the limit a newcomer takes the place of the connection that matters
            least: one that has been answered, then the oldest one that has sent no whole request.
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


class Work(NamedTuple):
    """An answer that takes time: `function` makes it, once for all requests with an equal key.

    Attributes:
        key: Names the answer.
        lane: The thread that makes it; work of one lane is done in the order in which it came.
        function: Makes the answer. It never raises.
    """

    key: Hashable
    lane: str
    function: Callable[[], HttpResponse]


Answer = Callable[[Request], Union[HttpResponse, Work]]


class ConnectionLoop:
    """Accepts connections of one listening socket, and answers their requests.

    Args:
        listener: The listening socket.
        context: Speaks TLS; None for plain HTTP.
        answer: Returns the answer to a request. It must return at once, and never raise.
        bounds: The bounds on clients.
    """

    def __init__(self, listener: socket.socket, context: ssl.SSLContext | None, answer: Answer, bounds: Bounds) -> None:
        listener.setblocking(False)
        self._listener = listener
        self._context = context
        self._answer = answer
        self._bounds = bounds
        self._connections: dict[Connection, None] = {}
        self._of_peer: dict[str, int] = {}
        self._waiting: dict[Hashable, list[Connection]] = {}
        self._lanes: dict[str, queue.SimpleQueue[Work | None]] = {}
        self._done: deque[tuple[Hashable, HttpResponse]] = deque()
        self._sweep_at = math.inf
        self._accept_at = 0.0
        self._ended = False
        self._selector = selectors.DefaultSelector()
        self._waker, self._wakes = socket.socketpair()
        self._waker.setblocking(False)
        self._wakes.setblocking(False)
        self._selector.register(listener, READ)
        self._selector.register(self._wakes, READ)

    def run(self) -> None:
        """Serve until `end` is called."""
        try:
            while not self._ended:
                try:
                    self._step()
                except Exception:
                    _LOGGER.exception("the metrics server failed at one step and goes on")
                    time.sleep(_RECOVERY_SECONDS)
        finally:
            for lane in self._lanes.values():
                lane.put(None)
            self.abandon()

    def end(self) -> None:
        """Make `run` return. Any thread may call it."""
        self._ended = True
        self._wake()

    def abandon(self) -> None:
        """Close all sockets of this process, and leave those of the process that it was forked from as they are."""
        self._ended = True
        for each in (self._listener, *(connection.sock for connection in self._connections), self._waker, self._wakes):
            with suppress(OSError):
                each.close()
        with suppress(OSError):
            self._selector.close()
        self._connections.clear()

    def _wake(self) -> None:
        with suppress(OSError):  # full: then it wakes up anyway; closed: it has ended
            self._waker.send(b"\0")

    def _step(self) -> None:
        now = time.monotonic()
        if now >= self._sweep_at:
            self._sweep(now)
        timeout = None if self._sweep_at == math.inf else max(0.0, self._sweep_at - now)
        events = self._selector.select(timeout)
        now = time.monotonic()
        for key, _ in events:
            if key.data is None:
                if key.fileobj is self._listener:
                    self._accept(now)
                else:
                    with suppress(OSError):
                        self._wakes.recv(4096)
        self._deliver(now)
        for key, _ in events:
            if key.data is not None and not key.data.closed:
                self._guarded(self._advance, key.data, now)

    def _guarded(self, step: Callable[[Connection, float], None], connection: Connection, now: float) -> None:
        try:
            step(connection, now)
        except OSError:
            # The client hung up or speaks no TLS: no news for the trading log.
            _LOGGER.debug("connection from %s failed", connection.peer, exc_info=True)
            self._drop(connection)
        except Exception:
            _LOGGER.exception("the metrics server could not answer %s", connection.peer)
            self._drop(connection)

    # ── coming and going ─────────────────────────────────────────────────────────────────────────────────────────
    def _accept(self, now: float) -> None:
        for _ in range(_ACCEPTED_AT_ONCE):
            try:
                sock, address = self._listener.accept()
            except BlockingIOError:
                return
            except OSError as error:
                if error.errno in _EXHAUSTED and not self._make_room(None, now):
                    self._selector.unregister(self._listener)
                    self._accept_at = now + _RECOVERY_SECONDS
                    self._sweep_at = min(self._sweep_at, self._accept_at)
                    return
                continue
            self._take(sock, peer_of(address), now)

    def _take(self, sock: socket.socket, peer: str, now: float) -> None:
        crowded = self._of_peer.get(peer, 0) >= self._bounds.of_one_peer
        full = len(self._connections) >= self._bounds.connections
        if (crowded or full) and not self._make_room(peer if crowded else None, now):
            sock.close()
            return
        try:
            connection = Connection(sock, peer, now, self._context)
        except OSError:  # it left meanwhile
            sock.close()
            return
        self._connections[connection] = None
        self._of_peer[peer] = self._of_peer.get(peer, 0) + 1
        self._limit(connection, now + self._bounds.head_seconds)
        self._guarded(self._advance, connection, now)

    def _make_room(self, peer: str | None, now: float) -> bool:
        """Close the connection that matters least; return False when all of them are waiting for their answer."""
        least: tuple[tuple[int, float], Connection] | None = None
        for connection in self._connections:
            if peer is not None and connection.peer != peer:
                continue
            state = connection.state
            if state in (IDLE, CLOSING):
                rank = 0
            elif state in (HEAD, HANDSHAKE):
                rank = 1
            elif state == SENDING and now - connection.since > 1.0:
                rank = 2
            else:
                continue
            order = (rank, connection.since)
            if least is None or order < least[0]:
                least = order, connection
        if least is None:
            return False
        self._drop(least[1])
        return True

    def _drop(self, connection: Connection) -> None:
        if self._connections.pop(connection, connection) is connection:
            return  # it has gone already
        self._watch(connection, 0)
        connection.close()
        left = self._of_peer[connection.peer] - 1
        if left:
            self._of_peer[connection.peer] = left
        else:
            del self._of_peer[connection.peer]

    def _watch(self, connection: Connection, events: int) -> None:
        if events == connection.events:
            return
        if not connection.events:
            self._selector.register(connection.sock, events, connection)
        elif events:
            self._selector.modify(connection.sock, events, connection)
        else:
            self._selector.unregister(connection.sock)
        connection.events = events

    def _limit(self, connection: Connection, deadline: float) -> None:
        connection.deadline = deadline
        self._sweep_at = min(self._sweep_at, deadline)

    def _sweep(self, now: float) -> None:
        """Close what is late, and look again at requests that come in pieces."""
        if self._accept_at and now >= self._accept_at:
            self._accept_at = 0.0
            self._selector.register(self._listener, READ)
        for connection in list(self._connections):
            late = now >= connection.deadline
            if connection.look_at and (late or now >= connection.look_at):
                connection.look_at = 0.0
                self._guarded(self._advance, connection, now)
                late = now >= connection.deadline  # it may have been answered
            if late and not connection.closed:
                self._drop(connection)
        times = [min(each.look_at or math.inf, each.deadline) for each in self._connections]
        self._sweep_at = max(min(times, default=math.inf), now + 0.02)
        if self._accept_at:
            self._sweep_at = min(self._sweep_at, self._accept_at)

    # ── one request ──────────────────────────────────────────────────────────────────────────────────────────────
    def _advance(self, connection: Connection, now: float) -> None:
        """Go on with whatever the connection waits for."""
        if connection.state == HANDSHAKE:
            connection.shake_hands()
            if connection.state == HANDSHAKE:
                self._watch(connection, WRITE if connection.wants_write else READ)
                return
        if connection.state in (HEAD, IDLE):
            self._read(connection, now)
        elif connection.state == SENDING:
            self._send(connection, now)
        elif connection.state == CLOSING:
            if not connection.discard():
                self._drop(connection)
        else:
            self._watch(connection, 0)  # its answer is not ready; whatever it sends meanwhile can wait

    def _read(self, connection: Connection, now: float) -> None:
        open_ = connection.read()
        if connection.state == IDLE and connection.received:
            connection.state, connection.since, connection.looks = HEAD, now, 0
            self._limit(connection, now + self._bounds.head_seconds)
        self._understand(connection, now)
        if not open_ and connection.state in (HEAD, IDLE):
            self._drop(connection)

    def _understand(self, connection: Connection, now: float) -> None:
        """Answer the first request in what was received, if it is whole."""
        received = connection.received
        while received and received[0] in b"\r\n":
            del received[:1]
        length = head_length(received)
        if length > MOST_BYTES or (not length and len(received) > MOST_BYTES):
            self._refuse(connection, _too_long(received), now)
        elif length:
            head = bytes(received[:length])
            del received[:length]
            try:
                request = parse(head)
            except BadRequestError as error:
                self._refuse(connection, error, now)
            else:
                connection.keep = request.keep
                connection.head_only = request.method == "HEAD"
                self._respond(connection, self._answer(request), now)
        elif connection.state == HEAD and received:
            self._look_later(connection, now)
        else:
            self._watch(connection, READ)

    def _look_later(self, connection: Connection, now: float) -> None:
        """Read a request that comes in pieces less and less often: the client chooses how many pieces there are."""
        connection.looks += 1
        unfinished = sum(each.looks > 0 and each.state == HEAD for each in self._connections)
        wait = max(_FIRST_LOOK_SECONDS * 2**connection.looks, unfinished / 200) if connection.looks > 1 else 0.0
        if not wait:
            self._watch(connection, READ)
            return
        self._watch(connection, 0)
        connection.look_at = now + wait
        self._sweep_at = min(self._sweep_at, connection.look_at)

    def _refuse(self, connection: Connection, error: BadRequestError, now: float) -> None:
        connection.keep = connection.head_only = False
        self._begin(connection, now, plain(error.status, error.reason))

    def _respond(self, connection: Connection, answer: HttpResponse | Work, now: float) -> None:
        if isinstance(answer, HttpResponse):
            self._begin(connection, now, answer)
            return
        connection.state = ANSWERING
        # The rest of the client's time begins when the answer is there.
        connection.spent = now - connection.since
        connection.deadline = math.inf
        waiting = self._waiting.get(answer.key)
        if waiting is not None:
            waiting.append(connection)
            return
        self._waiting[answer.key] = [connection]
        try:
            lane = self._lanes.get(answer.lane) or self._start(answer.lane)
        except RuntimeError:  # no thread can be had
            self._done.append((answer.key, plain(HTTPStatus.SERVICE_UNAVAILABLE, "503 no thread could be started")))
            self._wake()
        else:
            lane.put(answer)

    def _start(self, name: str) -> queue.SimpleQueue[Work | None]:
        lane: queue.SimpleQueue[Work | None] = queue.SimpleQueue()
        threading.Thread(target=self._work, args=(lane,), name=f"tradmetrics-{name}", daemon=True).start()
        self._lanes[name] = lane
        return lane

    def _work(self, lane: queue.SimpleQueue[Work | None]) -> None:
        while (work := lane.get()) is not None:
            self._done.append((work.key, work.function()))
            self._wake()

    def _deliver(self, now: float) -> None:
        while self._done:
            key, answer = self._done.popleft()
            for connection in self._waiting.pop(key, ()):
                if not connection.closed:
                    self._guarded(partial(self._begin, answer=answer), connection, now)

    def _begin(self, connection: Connection, now: float, answer: HttpResponse) -> None:
        if connection.state == ANSWERING:
            connection.since = now - connection.spent
        self._limit(connection, connection.since + self._bounds.request_seconds)
        connection.state = SENDING
        connection.answer(f"{answer.status.value} {answer.status.phrase}", answer.headers, answer.body)
        self._send(connection, now)
        if connection.state == SENDING and not connection.closed:
            self._bound_unsent(connection)

    def _bound_unsent(self, newest: Connection) -> None:
        """Close the slowest readers when their answers take too much memory."""
        sending = [each for each in self._connections if each.state == SENDING]
        total = sum(each.unsent for each in sending)
        for each in sorted(sending, key=lambda each: each.deadline):
            if total <= _UNSENT_BYTES or each is newest:
                return
            total -= each.unsent
            self._drop(each)

    def _send(self, connection: Connection, now: float) -> None:
        if not connection.send():
            self._watch(connection, WRITE)
            return
        if not connection.keep:
            connection.state = CLOSING
            connection.end()
            self._limit(connection, now + _CLOSING_SECONDS)
            self._watch(connection, READ)
            return
        connection.state, connection.since, connection.looks = IDLE, now, 0
        self._limit(connection, now + self._bounds.idle_seconds)
        if connection.received:
            # The client has sent its next request already. It is read at the next sweep, so that one client cannot
            # keep this thread to itself.
            connection.state, connection.look_at = HEAD, now
            self._limit(connection, now + self._bounds.head_seconds)
            self._sweep_at = now
            self._watch(connection, 0)
        else:
            self._watch(connection, READ)


def _too_long(received: bytearray) -> BadRequestError:
    if received.find(b"\n") >= 0:
        return BadRequestError(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "431 the headers are too long")
    return BadRequestError(HTTPStatus.REQUEST_URI_TOO_LONG, "414 the request line is too long")
