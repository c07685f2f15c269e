"""The connection of a stream: whether it stands, and how often it was opened."""

from __future__ import annotations

from tradmetrics.decorators.connections import track_connection
from tradmetrics.integrations.kit.handle import Handle


class Connection:
    """One stream's connection.

    It counts in `trading_websocket_connections`; `trading_stream_connected{stream}` is 1 while it stands, and
    `trading_stream_connects_total{stream}` counts how often it was opened.

    Args:
        handle: Of the instrumentation; its `undo()` ends what is recorded as connected.
        stream: The stream's name, one of a few: `orders`, `prices`.

    Attributes:
        is_open: Whether it stands.
    """

    def __init__(self, handle: Handle, stream: str) -> None:
        self.is_open = False
        self._tracking = track_connection(stream=stream, metrics=handle.metrics)
        handle.on_undo(self.closed)

    def opened(self) -> None:
        """Take in that the connection stands, for the first time or again."""
        self.closed()
        self.is_open = True
        self._tracking.__enter__()

    def closed(self) -> None:
        """Take in that the connection is lost or was closed. Nothing happens when it is not open."""
        if self.is_open:
            self.is_open = False
            self._tracking.__exit__(None, None, None)
