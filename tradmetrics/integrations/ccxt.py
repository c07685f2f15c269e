"""ccxt: the orders and HTTP requests of one exchange object, sync or `ccxt.async_support`."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from contextvars import ContextVar
from typing import Any, Final
from urllib.parse import urlsplit

from tradmetrics import catalogue
from tradmetrics.integrations._ccxt_words import camel_case, id_of, one_by_one, order_type_of, orders_in
from tradmetrics.integrations._hooks import Begin, Finish, Handle, check_target, check_version, instrument
from tradmetrics.integrations._orders import Following, Orders, Strategy
from tradmetrics.registry.metrics import TradingMetrics
from tradmetrics.vocabulary import fold as vocabulary
from tradmetrics.vocabulary.outcomes import OK, reason_of

Arguments = Mapping[str, Any]

_SITE: Final = "tradmetrics.integrations.ccxt"

# Exchanges call their own methods: an edit that is a cancel and a create, a create that fetches what became of it.
# What the bot called is what counts, so a watched call inside another one is passed over.
_inside: Final[ContextVar[bool]] = ContextVar("tradmetrics_ccxt_inside", default=False)
_path: Final[ContextVar[str | None]] = ContextVar("tradmetrics_ccxt_path", default=None)


def instrument_ccxt(
    exchange: Any,
    *,
    strategy: Strategy = "default",
    metrics: TradingMetrics | None = None,
    restore: object = None,
    max_open: int = 100_000,
    expire_after: float = 86_400.0,
) -> Handle:
    """Record the orders and API requests of one exchange object.

    Orders are counted when they are sent, and followed through the answers of create, edit, cancel and fetch methods
    and of `watch_orders`. An exception is a reject with its class name as the reason, except after timeouts and lost
    connections: then nobody knows, and the order is followed on if a `clientOrderId` leads to it. An answer that is
    only an id acknowledges the order. `closed` with less filled than ordered is cancelled, and a cancel that was
    answered without a status is taken as done. Each trade of these orders that `fetch_my_trades`, `fetch_order_trades`
    or `watch_my_trades` lists counts once, without a P&L, which an exchange does not tell. Orders that were fetched and
    not sent through this object are passed over, and so are their trades.

    Every HTTP request counts in `trading_api_requests_total`, retries included, with the endpoint's path template and
    the status `ok`, or ccxt's exception in snake_case: `rate_limit_exceeded`, `request_timeout`.

    Example:
        ```python
        import ccxt
        from tradmetrics.integrations.ccxt import instrument_ccxt

        exchange = ccxt.kraken({"apiKey": "…", "secret": "…"})
        instrument_ccxt(exchange, strategy="momentum")
        exchange.create_order("BTC/USD", "limit", "buy", 0.1, 60_000)
        ```

    Args:
        exchange: An exchange of `ccxt`, `ccxt.async_support` or `ccxt.pro`; others of its class stay as they are.
        strategy: The label of all orders, or a callable that takes the order and returns it. It is called when the
            order is sent, with ccxt's order structure as far as it is known by then: `symbol`, `type`, `side`,
            `amount`, `price`, `clientOrderId`, and the `params` of the call as `info`.
        metrics: The metrics object; by default the process's.
        restore: What `handle.orders.snapshot()` returned in an earlier process, by way of JSON or not: its orders are
            followed on, under the strategies that they have, and not counted again.
        max_open: Open orders that are remembered; for one more, the oldest goes and counts as `evicted`.
        expire_after: Seconds after which an order that has not ended goes, and counts as `evicted`.

    Returns:
        A handle whose `undo()` takes everything out again. An exchange that is instrumented already keeps what it
        has, and its handle comes back.

    Raises:
        ConfigurationError: When `exchange` is none, or this version of ccxt is not one that the adapter is tested with.
        SnapshotError: When `restore` is damaged, foreign, or of a newer version. Nothing is instrumented then.
    """
    check_target("instrument_ccxt", exchange, ("create_order", "fetch2", "fetch"), "an exchange, e.g. ccxt.kraken({…})")
    check_version("ccxt", "ccxt", "4.4.60", "5")
    following = Following(strategy, restore, max_open, expire_after).checked("instrument_ccxt")
    return instrument(
        [exchange], lambda handle: _Exchange(handle, following).watch, metrics, _SITE, restores=restore is not None
    )


class _Exchange:
    def __init__(self, handle: Handle, following: Following) -> None:
        self._handle = handle
        self._orders = Orders(handle, following)
        self._editing: dict[str, list[Mapping[str, Any]]] = {}

    def watch(self, exchange: Any) -> None:
        for name, begin in {
            "create_order": self._create,
            "create_orders": self._create_many,
            "edit_order": self._edit,
            "edit_orders": self._edit_many,
            "cancel_order": self._cancel,
            "cancel_orders": self._cancel_many,
            "cancel_orders_for_symbols": self._cancel_for_symbols,
            "cancel_all_orders": self._cancel_all,
            "fetch_order": self._fetch,
            "fetch_open_order": self._fetch,
            "fetch_closed_order": self._fetch,
            "fetch_orders": self._fetch,
            "fetch_open_orders": self._fetch,
            "fetch_closed_orders": self._fetch,
            "fetch_canceled_orders": self._fetch,
            "fetch_canceled_and_closed_orders": self._fetch,
        }.items():
            for spelling in (name, f"{name}_ws"):
                self._handle.watch(exchange, spelling, _outermost(begin))
                self._handle.watch(exchange, camel_case(spelling), _outermost(begin))
        for name, begin in {
            "watch_orders": self._watch_orders,
            "watch_orders_for_symbols": self._watch_orders,
            "watch_my_trades": self._trades,
            "watch_my_trades_for_symbols": self._trades,
            "fetch_my_trades": self._trades,
            "fetch_my_trades_ws": self._trades,
            "fetch_order_trades": self._trades,
        }.items():
            self._handle.watch(exchange, name, begin)
            self._handle.watch(exchange, camel_case(name), begin)
        self._handle.watch(exchange, "fetch2", self._route)
        self._handle.watch(exchange, "fetch", self._request)

    # ── orders ───────────────────────────────────────────────────────────────────────────────────────────────────

    def _create(self, arguments: Arguments) -> Finish:
        params = arguments.get("params") or {}
        order = {
            "id": None,
            "clientOrderId": params.get("clientOrderId"),
            "symbol": arguments["symbol"],
            "type": arguments["type"],
            "side": arguments["side"],
            "amount": arguments["amount"],
            "price": arguments.get("price"),
            "info": params,
        }
        # No quantity: a market order's `amount` is its cost on some exchanges. The answers have their own.
        return self._orders.sending(
            order,
            self._answered,
            client_id=order["clientOrderId"],
            side=order["side"],
            order_type=order_type_of(order["type"], params),
        )

    def _create_many(self, arguments: Arguments) -> Finish:
        return one_by_one([self._create({"amount": None, **request}) for request in arguments["orders"]])

    def _answered(self, key: str, order: Mapping[str, Any]) -> None:
        for other in (order.get("id"), order.get("clientOrderId")):
            if other:
                self._orders.alias(key, other)
        self._state(key, order, "accepted")

    def _state(self, order_id: str, order: Mapping[str, Any], default: str | None = None) -> None:
        filled, said = order.get("filled"), order.get("status")
        status = vocabulary.order_status(said, "ccxt", filled=filled, quantity=order.get("amount"))
        if status == "cancelled" and order_id in self._editing:
            self._editing[order_id].append(order)  # perhaps by the edit: its answer tells
            return
        self._orders.tracker.updated(
            order_id, status=status or said or default, filled=filled, price=order.get("average")
        )

    def _edit(self, arguments: Arguments) -> Finish:
        order_id = id_of(arguments)
        self._editing.setdefault(order_id, [])

        def finish(result: Any, error: BaseException | None) -> None:
            cancels = self._editing.pop(order_id, [])
            # In a batch, `rejected` is said of the request: the order stays as it was.
            if error is not None or order_id not in self._orders or result.get("status") == "rejected":
                self._orders.message("modify")
            else:
                new_id = result.get("id") or order_id
                if new_id == (result.get("info") or {}).get("amend_id"):
                    new_id = order_id  # Kraken's amend keeps the order's id; ccxt answers that of the amend
                self._orders.replaced(order_id, new_id)
                self._state(new_id, result)
            for order in cancels:  # of the old id, which ends nothing after a replace
                self._state(order_id, order)

        return finish

    def _edit_many(self, arguments: Arguments) -> Finish:
        return one_by_one([self._edit({"id": None, **request}) for request in arguments["orders"]])

    def _cancel(self, arguments: Arguments) -> Finish:
        return self._cancelling([id_of(arguments)])

    def _cancel_many(self, arguments: Arguments) -> Finish:
        return self._cancelling(arguments["ids"] or (arguments.get("params") or {}).get("clientOrderIds") or ())

    def _cancel_for_symbols(self, arguments: Arguments) -> Finish:
        return self._cancelling(map(id_of, arguments["orders"]))

    def _cancelling(self, order_ids: Iterable[str]) -> Finish:
        order_ids = list(order_ids)
        for order_id in order_ids:
            self._orders.cancelling(order_id)
        asked = [order_id for order_id in order_ids if order_id in self._orders]

        def finish(result: Any, error: BaseException | None) -> None:
            if error is not None:
                return
            answers = orders_in(result)
            # Of a batch some exchanges answer all, some those that were done, and some nothing that names an order.
            named = {answer[name]: answer for name in ("clientOrderId", "id") for answer in answers if answer.get(name)}
            others = answers[0] if len(order_ids) == 1 and answers else None if named else {}
            for order_id in asked:
                answer = named.get(order_id, others)
                if answer is not None and answer.get("status") != "rejected":
                    self._state(order_id, answer, "cancelled")

        return finish

    def _cancel_all(self, arguments: Arguments) -> Finish:
        self._orders.message("cancel")
        return self._fetch(arguments)

    def _fetch(self, arguments: Arguments) -> Finish:
        def finish(result: Any, error: BaseException | None) -> None:
            for order in orders_in(result):
                for order_id in (order.get("id"), order.get("clientOrderId")):
                    if order_id is not None and order_id in self._orders:
                        self._state(order_id, order)
                        break

        return finish

    def _watch_orders(self, arguments: Arguments) -> Finish:
        def finish(result: Any, error: BaseException | None) -> None:
            # All of them: a stream may be ahead of the answer to the create.
            for order in orders_in(result):
                if order.get("clientOrderId") in self._orders:
                    self._orders.alias(order["clientOrderId"], order["id"])
                self._state(order["id"], order)

        return finish

    def _trades(self, arguments: Arguments) -> Finish:
        def finish(result: Any, error: BaseException | None) -> None:
            for trade in result or ():
                order_id, number = trade.get("order"), trade.get("id")
                # Some exchanges number the trades of each market on their own, and a trade with oneself has one number.
                key = f"{trade.get('symbol')} {order_id} {number}"
                if number and order_id:
                    self._orders.listed(key, order_id, trade.get("side"))

        return finish

    # ── requests ─────────────────────────────────────────────────────────────────────────────────────────────────

    def _route(self, arguments: Arguments) -> Finish:
        token = _path.set(str(arguments["path"]))

        def finish(result: Any, error: BaseException | None) -> None:
            _path.reset(token)

        return finish

    def _request(self, arguments: Arguments) -> Finish:
        endpoint = _path.get() or urlsplit(arguments["url"]).path
        method = arguments.get("method", "GET")
        started = time.perf_counter()

        def finish(result: Any, error: BaseException | None) -> None:
            seconds = time.perf_counter() - started
            status = OK if error is None else reason_of(error)
            metrics = self._orders.metrics
            metrics.record(catalogue.API_REQUESTS, (endpoint, method, status), site=_SITE)
            metrics.record(catalogue.API_REQUEST_DURATION, (endpoint, method), seconds, site=_SITE)

        return finish


def _outermost(begin: Callable[[Arguments], Finish]) -> Begin:
    def outermost(arguments: Arguments) -> Finish | None:
        if _inside.get():
            return None
        finish = begin(arguments)
        token = _inside.set(True)

        def finished(result: Any, error: BaseException | None) -> None:
            _inside.reset(token)
            finish(result, error)

        return finished

    return outermost
