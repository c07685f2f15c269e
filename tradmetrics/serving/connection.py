"""One client of the metrics server: its socket, the bytes received so far and the answer that is being sent."""

from __future__ import annotations

import math
import socket
import ssl
from contextlib import suppress
from email.utils import formatdate
from typing import Any, Final

from tradmetrics.serving.answer_threads import Work
from tradmetrics.serving.http_request import MOST_BYTES

HANDSHAKE: Final = "handshake"
HEAD: Final = "head"
"""The server waits for a whole request."""
ANSWERING: Final = "answering"
"""The answer is being made; the client is not what the server waits for."""
SENDING: Final = "sending"
IDLE: Final = "idle"
"""Answered; the client may send its next request."""
CLOSING: Final = "closing"
"""Answered for the last time; the client has yet to read that and to close its side."""

_PIECE: Final = 1 << 18
_IPV4_INSIDE: Final = bytes(10) + b"\xff\xff"
_WOULD_BLOCK: Final = (BlockingIOError, InterruptedError, ssl.SSLWantReadError)


class Connection:
    """A connection to one client. It never blocks.

    Args:
        sock: The accepted socket.
        peer: The client's address, as far as its connections are counted together.
        now: The time, by `time.monotonic`.
        context: Speaks TLS, where the server does.

    Attributes:
        state: One of the constants of this module.
        since: The time at which the request that is being read or answered began.
        spent: Seconds that the client took to send the request that is being answered.
        deadline: The time at which the connection is closed if the client has not done its part.
        look_at: The time at which a request that comes in pieces is read again; 0 while its socket is watched.
        looks: How many reads have brought only a part of the request's head.
        events: The events that the selector watches for.
        work: The answer that is being made; None when the server waits for none.
    """

    __slots__ = (
        "_left",
        "_unsent",
        "closed",
        "deadline",
        "events",
        "head_only",
        "keep",
        "look_at",
        "looks",
        "peer",
        "received",
        "since",
        "sock",
        "spent",
        "state",
        "wants_write",
        "work",
    )

    def __init__(self, sock: socket.socket, peer: str, now: float, context: ssl.SSLContext | None) -> None:
        sock.setblocking(False)
        self.sock = (
            sock if context is None else context.wrap_socket(sock, server_side=True, do_handshake_on_connect=False)
        )
        self.peer = peer
        self.state = HEAD if context is None else HANDSHAKE
        self.since = now
        self.spent = 0.0
        self.deadline = math.inf
        self.look_at = 0.0
        self.looks = 0
        self.events = 0
        self.work: Work | None = None
        self.keep = False
        self.head_only = False
        self.closed = False
        self.wants_write = False
        self.received = bytearray()
        self._unsent = memoryview(b"")
        self._left: list[bytes] = []

    def shake_hands(self) -> None:
        """Go on with the TLS handshake; the state is `HEAD` when it is through.

        Raises:
            OSError: When the client speaks no TLS, or has left.
        """
        self.wants_write = False
        sock: Any = self.sock
        try:
            sock.do_handshake()
        except ssl.SSLWantReadError:
            return
        except ssl.SSLWantWriteError:
            self.wants_write = True
            return
        self.state = HEAD

    def read(self) -> bool:
        """Read what has come, at most a little more than a request's head may hold.

        Returns:
            False when the client has ended its side.

        Raises:
            OSError: When the connection is broken.
        """
        while len(self.received) <= MOST_BYTES:
            try:
                piece = self.sock.recv(MOST_BYTES + 1)
            except (*_WOULD_BLOCK, ssl.SSLWantWriteError):
                return True
            if not piece:
                return False
            self.received += piece
            if len(piece) <= MOST_BYTES and not (isinstance(self.sock, ssl.SSLSocket) and self.sock.pending()):
                return True
        return True

    def answer(self, status: str, headers: tuple[tuple[str, str], ...], body: bytes) -> None:
        """Begin to send an answer; `send` goes on with it.

        Args:
            status: The status line's code and phrase.
            headers: All headers but Date, Content-Length and Connection.
            body: The body; it is left out after a HEAD request.
        """
        lines = [
            f"HTTP/1.1 {status}",
            "Server: tradmetrics",
            f"Date: {formatdate(usegmt=True)}",
            *(f"{name}: {value}" for name, value in headers),
            f"Connection: {'keep-alive' if self.keep else 'close'}",
            f"Content-Length: {len(body)}",
        ]
        head = "\r\n".join((*lines, "", "")).encode("latin-1")
        self._left = [] if self.head_only else [body]
        if self._left and len(body) < _PIECE:
            head, self._left = head + body, []
        self._unsent = memoryview(head)

    def send(self) -> bool:
        """Send as much as the client takes.

        Returns:
            True when everything is sent.

        Raises:
            OSError: When the connection is broken.
        """
        while True:
            while self._unsent:
                try:
                    sent = self.sock.send(self._unsent[:_PIECE])
                except (*_WOULD_BLOCK, ssl.SSLWantWriteError):
                    return False
                self._unsent = self._unsent[sent:]
            if not self._left:
                return True
            self._unsent = memoryview(self._left.pop())

    @property
    def unsent(self) -> int:
        """Bytes of the answer that the client has not taken yet."""
        return len(self._unsent) + sum(map(len, self._left))

    def end(self) -> None:
        """Tell the client that nothing more comes; to close at once could cost it the answer while it still sends."""
        with suppress(OSError, ValueError):
            if isinstance(self.sock, ssl.SSLSocket):
                self.sock.unwrap()
        with suppress(OSError):
            self.sock.shutdown(socket.SHUT_WR)

    def discard(self) -> bool:
        """Throw away what the client still sends; return False when it has ended its side."""
        try:
            return bool(self.sock.recv(_PIECE))
        except (*_WOULD_BLOCK, ssl.SSLWantWriteError):
            return True
        except (OSError, ValueError):
            return False

    def close(self) -> None:
        """Close the socket."""
        self.closed = True
        self._unsent, self._left = memoryview(b""), []
        with suppress(OSError):
            self.sock.close()


def peer_of(address: Any) -> str:
    """The client's host; for IPv6 its /64 network, since one client may have all addresses of one."""
    host = str(address[0]) if isinstance(address, tuple) and address else str(address)
    if ":" not in host:
        return host
    try:
        packed = socket.inet_pton(socket.AF_INET6, host.partition("%")[0])
    except (OSError, AttributeError):
        return host
    # A server on `::` sees a client's IPv4 address inside of an IPv6 one.
    return socket.inet_ntoa(packed[12:]) if packed.startswith(_IPV4_INSIDE) else packed[:8].hex()
