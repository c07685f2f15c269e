"""A loopback server that speaks enough of Alpaca's trading API to be the broker of alpaca-py, with a ledger."""

import asyncio
import json
import threading
import uuid
from collections import deque
from datetime import datetime, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from websockets.legacy import server as websocket_server


class AlpacaVenue:
    """Orders are accepted and rest; the test fills, cancels or refuses them. `requests` lists every HTTP request."""

    def __init__(self):
        self.orders = {}
        self.requests = []
        self._refusals = deque()
        venue = self

        class Handler(BaseHTTPRequestHandler):
            def _answer(self):
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                status, answer = venue.answer(self.command, self.path.partition("?")[0], json.loads(body or "{}"))
                content = b"" if answer is None else json.dumps(answer).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            do_GET = do_POST = do_PATCH = do_DELETE = _answer  # noqa: N815

            def log_message(self, *_):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    @property
    def url(self):
        """Where the client sends its requests."""
        return f"http://127.0.0.1:{self._server.server_port}"

    def refuse(self, status, code=40310000):
        """Answer the next request with an error."""
        self._refusals.append((status, {"code": code, "message": "insufficient buying power: 1234.56"}))

    def answer(self, method, path, body):
        """Carry out one request."""
        self.requests.append((method, path))
        if self._refusals:
            return self._refusals.popleft()
        _, _, resource, *rest = path.split("/")
        if method == "POST":
            return 200, self._new(body)
        if method == "PATCH":
            old = self.orders[rest[0]]
            new = self._new({**old, **body, "client_order_id": body.get("client_order_id")}, replaces=old["id"])
            old.update(status="replaced", replaced_by=new["id"])
            return 200, new
        if method == "DELETE" and resource == "positions":
            return 200, self._new({"symbol": rest[0], "qty": "1", "side": "sell", "type": "market"})
        if method == "DELETE" and not rest:
            live = [order for order in self.orders.values() if order["status"] == "accepted"]
            for order in live:
                order["status"] = "pending_cancel"
            return 207, [{"id": order["id"], "status": 200} for order in live]
        if method == "DELETE":
            self.orders[rest[0]]["status"] = "pending_cancel"
            return 204, None
        if rest:
            return 200, self.orders[rest[0]]
        return 200, list(self.orders.values())

    def _new(self, body, replaces=None):
        now = datetime.now(timezone.utc).isoformat()
        order = {
            "id": str(uuid.uuid4()),
            "client_order_id": body.get("client_order_id") or str(uuid.uuid4()),
            "created_at": now,
            "updated_at": now,
            "submitted_at": now,
            "asset_id": str(uuid.uuid4()),
            "symbol": body["symbol"],
            "asset_class": "us_equity",
            "qty": str(body["qty"]),
            "filled_qty": "0",
            "order_class": "",
            "order_type": body["type"],
            "type": body["type"],
            "side": body["side"],
            "time_in_force": "day",
            "status": "accepted",
            "extended_hours": False,
            "replaces": replaces,
        }
        self.orders[order["id"]] = order
        return order

    def event(self, order_id, event, *, status=None, quantity=None, price=None, execution_id=None):
        """Change an order and return the message of the trade-update stream about it."""
        order = self.orders[str(order_id)]
        if quantity is not None:
            order["filled_qty"] = str(float(order["filled_qty"]) + quantity)
            order["filled_avg_price"] = str(price)
        order["status"] = status or event
        data = {"event": event, "order": dict(order), "timestamp": datetime.now(timezone.utc).isoformat()}
        if quantity is not None:
            execution_id = execution_id or str(uuid.uuid4())
            data |= {"execution_id": execution_id, "qty": str(quantity), "price": str(price), "position_qty": "0"}
        return {"stream": "trade_updates", "data": data}


async def stream_messages(stream, messages, handled):
    """Deliver `messages` to a real `TradingStream` over a loopback websocket, and return when all are in `handled`."""

    async def serve(websocket):
        await websocket.recv()  # authenticate
        await websocket.send(json.dumps({"stream": "authorization", "data": {"status": "authorized"}}))
        await websocket.recv()  # listen
        for message in messages:
            await websocket.send(json.dumps(message).encode())
        await websocket.wait_closed()

    async def all_handled():
        while len(handled) < len(messages):
            await asyncio.sleep(0.01)

    async with websocket_server.serve(serve, "127.0.0.1", 0) as server:
        stream._endpoint = f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        running = asyncio.ensure_future(stream._run_forever())
        try:
            await asyncio.wait_for(all_handled(), 10)
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
            await stream.close()
