"""python-binance: orders, account, market data and requests of a client, and the messages of its sockets."""

from __future__ import annotations

from typing import Any, Final

from typing_extensions import Unpack

from tradmetrics.integrations._binance_orders import BinanceOrders
from tradmetrics.integrations.kit import (
    Handle,
    Options,
    Settings,
    Strategy,
    check_target,
    check_version,
    instrument,
    shares_options,
)
from tradmetrics.registry.metrics import TradingMetrics

_SITE: Final = "tradmetrics.integrations.binance"


@shares_options
def instrument_binance(
    client: Any,
    socket: Any = None,
    *,
    strategy: Strategy = "default",
    metrics: TradingMetrics | None = None,
    **options: Unpack[Options],
) -> Handle:
    """Record orders, trades, account, market data and requests of python-binance.

    Spot, margin and futures orders are counted when they are sent, batches and OCO lists included, and followed through
    the client's answers and the user-data streams (`executionReport`, `ORDER_TRADE_UPDATE`, and `ALGO_UPDATE` for
    conditional futures orders). Ids belong to their market and symbol. A test order does not count. A
    `BinanceAPIException` is a reject with Binance's code as the reason, `code_2010`. After a timeout, a lost
    connection, a status of 500 and more or the codes -1006 and -1007, the outcome is unknown.

    Binance tells the P&L of futures trades: a trade is an execution that closes or reduces a position. It does not tell
    that of spot and margin trades: each of their executions is a trade without a P&L, unless `pnl_from_fills` is on.

    Balances, positions and prices that the bot asks for, or that a socket delivers, fill the gauges; the adapter sends
    no request. Every request counts in `trading_api_requests_total` with its path.

    Example:
        ```python
        from binance.client import Client
        from tradmetrics.integrations.binance import instrument_binance

        client = Client("key", "secret", ping=False)
        instrument_binance(client, strategy="momentum")
        ```

    Args:
        client: A `binance.Client` or a `binance.AsyncClient`.
        socket: A `BinanceSocketManager`, a `ThreadedWebsocketManager` before its sockets start, one of their sockets,
            or a list of these.
        strategy: The label of all orders, or a callable that takes the order and returns it: the parameters of the call
            by Binance's names (`symbol`, `side`, `newClientOrderId`, …).
        metrics: The metrics object; by default the process's.
        options: The options that all adapters share; see `tradmetrics.integrations.kit.Options`.

    Returns:
        A handle whose `undo()` takes everything out again. An object that is instrumented already keeps its
        handle, which comes back.

    Raises:
        ConfigurationError: When `client` is something else, or this release of python-binance is older than the first
            supported one.
        SnapshotError: When `restore` is damaged, foreign, or of a newer version. Nothing is instrumented then.
    """
    check_target("instrument_binance", client, ("create_order", "futures_create_order"), "a binance.Client(…)")
    check_version("python-binance")
    settings = Settings.read("instrument_binance", strategy, options)
    sockets = socket if isinstance(socket, list | tuple) else () if socket is None else (socket,)
    return instrument(
        [client, *sockets],
        lambda handle: BinanceOrders(handle, settings).watch,
        metrics,
        _SITE,
        restores=settings.restore is not None,
    )
