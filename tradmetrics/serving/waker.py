"""A socket by which any thread ends the wait of a selector."""

from __future__ import annotations

import socket
from contextlib import suppress


class Waker:
    """A pair of sockets: a byte sent to one of them makes the other one ready to read.

    Attributes:
        sock: The socket for the selector.
    """

    def __init__(self) -> None:
        self.sock, self._sender = socket.socketpair()
        self.sock.setblocking(False)
        self._sender.setblocking(False)

    def wake(self) -> None:
        """Make the socket ready to read. Any thread may call it, and it never raises."""
        with suppress(OSError):  # full: then it is ready anyway; closed: nothing waits for it
            self._sender.send(b"\0")

    def reset(self) -> None:
        """Read what was sent, so that the next wait is a wait."""
        with suppress(OSError):
            self.sock.recv(4096)

    def close(self) -> None:
        """Close both sockets."""
        for each in (self.sock, self._sender):
            with suppress(OSError):
                each.close()
