"""Serve many connections from one thread: a client that sends slowly, or nothing, costs a socket and no thread.

One thread waits for all sockets, reads requests and sends answers. Renderings happen on threads of their own
(`answer_threads`), one for whole scrapes and one for everything that a client can ask for in many ways, so that no
queue of odd requests stands before an honest scrape.
"""

from __future__ import annotations

import errno
import logging
import math
import selectors
import socket
import ssl
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Final, Union

from tradmetrics.serving.answer_threads import AnswerThreads, Work
from tradmetrics.serving.connection import ANSWERING, CLOSING, HANDSHAKE, HEAD, IDLE, SENDING, Connection, peer_of
from tradmetrics.serving.connection_table import Bounds, ConnectionTable
from tradmetrics.serving.endpoint import HttpResponse, plain
from tradmetrics.serving.http_request import BadRequestError, Request, take_request
from tradmetrics.serving.waker import Waker

_LOGGER = logging.getLogger(__name__)

# While these are used up, a connection stays in the queue, and the selector would report it again at once.
_EXHAUSTED: Final = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)
_RECOVERY_SECONDS: Final = 0.1
_ACCEPTED_AT_ONCE: Final = 64
_CLOSING_SECONDS: Final = 2.0
_FIRST_LOOK_SECONDS: Final = 0.05
_LEAST_WAIT_SECONDS: Final = 0.02

READ, WRITE = selectors.EVENT_READ, selectors.EVENT_WRITE

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
        self._connections = ConnectionTable(bounds)
        self._waker = Waker()
        self._threads: AnswerThreads[Connection] = AnswerThreads(self._waker.wake)
        self._sweep_at = math.inf
        self._accept_at = 0.0
        self._ended = False
        self._selector = selectors.DefaultSelector()
        self._selector.register(listener, READ)
        self._selector.register(self._waker.sock, READ)

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
            self._threads.end()
            self.abandon()

    def end(self) -> None:
        """Make `run` return. Any thread may call it."""
        self._ended = True
        self._waker.wake()

    def abandon(self) -> None:
        """Close all sockets of this process, and leave those of the process that it was forked from as they are."""
        self._ended = True
        for connection in self._connections:
            connection.close()
        self._waker.close()
        for close in (self._listener.close, self._selector.close):
            with suppress(OSError):
                close()
        self._connections.clear()

    def _step(self) -> None:
        now = time.monotonic()
        if now >= self._sweep_at:
            self._sweep(now)
        timeout = None if self._sweep_at == math.inf else max(0.0, self._sweep_at - now)
        events = self._selector.select(timeout)
        now = time.monotonic()
        readable = [key.fileobj for key, _ in events if key.data is None]
        if self._waker.sock in readable:
            self._waker.reset()
        self._deliver(now)
        if self._listener in readable:
            self._accept(now)
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
            self._deliver(now)  # answers that are ready make room for newcomers
            self._take(sock, peer_of(address), now)

    def _take(self, sock: socket.socket, peer: str, now: float) -> None:
        crowded = self._connections.is_crowded(peer)
        if (crowded or self._connections.is_full) and not self._make_room(peer if crowded else None, now):
            sock.close()
            return
        try:
            connection = Connection(sock, peer, now, self._context)
        except OSError:  # it left meanwhile
            sock.close()
            return
        self._connections.add(connection)
        self._limit(connection, now + self._bounds.head_seconds)
        self._guarded(self._advance, connection, now)

    def _make_room(self, peer: str | None, now: float) -> bool:
        """Close the connection that matters least; return False when all of them wait for whole scrapes."""
        least = self._connections.least_important(peer, now)
        if least is not None:
            self._drop(least)
        return least is not None

    def _drop(self, connection: Connection) -> None:
        if self._connections.remove(connection):
            if connection.work is not None:
                self._threads.leave(connection.work.key, connection)
            self._watch(connection, 0)
            connection.close()

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
        waits_until = max(self._connections.next_time, now + _LEAST_WAIT_SECONDS)
        self._sweep_at = min(waits_until, self._accept_at or math.inf)

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
        try:
            request = take_request(connection.received)
        except BadRequestError as error:
            connection.keep = connection.head_only = False
            self._begin(connection, now, plain(error.status, error.reason))
            return
        if request is not None:
            connection.keep = request.keep
            connection.head_only = request.method == "HEAD"
            self._respond(connection, self._answer(request), now)
        elif connection.state == HEAD and connection.received:
            self._look_later(connection, now)
        else:
            self._watch(connection, READ)

    def _look_later(self, connection: Connection, now: float) -> None:
        """Read a request that comes in pieces less and less often: the client chooses how many pieces there are."""
        connection.looks += 1
        if connection.looks == 1:
            self._watch(connection, READ)
            return
        self._watch(connection, 0)
        connection.look_at = now + max(_FIRST_LOOK_SECONDS * 2**connection.looks, self._connections.unfinished / 200)
        self._sweep_at = min(self._sweep_at, connection.look_at)

    def _respond(self, connection: Connection, answer: HttpResponse | Work, now: float) -> None:
        if isinstance(answer, HttpResponse):
            self._begin(connection, now, answer)
            return
        connection.state, connection.work = ANSWERING, answer
        connection.spent = now - connection.since  # the rest of the client's time begins when the answer is there
        connection.deadline = math.inf
        self._threads.ask(answer, connection)

    def _deliver(self, now: float) -> None:
        for connection, answer in self._threads.answers():
            if not connection.closed:
                self._guarded(partial(self._begin, answer=answer), connection, now)

    def _begin(self, connection: Connection, now: float, answer: HttpResponse) -> None:
        if connection.state == ANSWERING:
            connection.since, connection.work = now - connection.spent, None
        self._limit(connection, connection.since + self._bounds.request_seconds)
        connection.state = SENDING
        connection.answer(f"{answer.status.value} {answer.status.phrase}", answer.headers, answer.body)
        self._send(connection, now)
        if connection.state == SENDING and not connection.closed:
            for slow in self._connections.slowest_readers(newest=connection):
                self._drop(slow)

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
