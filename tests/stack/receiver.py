"""A receiver of Alertmanager's notifications that remembers what it was told."""

import http.server
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Received:
    """What was posted, by path.

    Attributes:
        url: Where to post to.
        bodies: The JSON bodies by the path they were posted to.
        authorizations: The Authorization headers by path.
    """

    url: str = ""
    bodies: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    authorizations: dict[str, set[str | None]] = field(default_factory=dict)

    def alerts(self, path: str, status: str) -> list[dict[str, Any]]:
        """Return the alerts that were posted to a path as `firing` or `resolved`."""
        return [
            alert
            for body in list(self.bodies.get(path, ()))
            for alert in body.get("alerts", ())
            if alert["status"] == status
        ]


@contextmanager
def receiving() -> Iterator[Received]:
    """Listen on loopback until the block ends."""
    received = Received()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            received.bodies.setdefault(self.path, []).append(body)
            received.authorizations.setdefault(self.path, set()).add(self.headers["Authorization"])
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"ok")

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    received.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield received
    finally:
        server.shutdown()
        thread.join(10)
        server.server_close()
