"""pybit: orders, executions, account, market data and requests of Bybit's v5 client and its sockets."""

from __future__ import annotations

from typing import Any, Final

from typing_extensions import Unpack

from tradmetrics.errors import ConfigurationError
from tradmetrics.integrations._pybit_orders import PybitOrders
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

_SITE: Final = "tradmetrics.integrations.pybit"


@shares_options
def instrument_pybit(
    http: Any = None,
    websocket: Any = None,
    *,
    strategy: Strategy = "default",
    metrics: TradingMetrics | None = None,
    **options: Unpack[Options],
) -> Handle:
    """Record orders, executions, account, market data and requests of pybit's `HTTP` and its sockets.

    Orders are counted when they are sent, batches included, and followed through the client's answers and the private
    stream's `order` topic. A refusal has Bybit's code as its reason, `code_110007`. After a timeout, a lost connection
    or a status of 500 and more nobody knows.

    Bybit tells the P&L of executions of contracts in the `execution` topic (`execPnl`): a trade is then an execution
    that closes or reduces a position. Executions of spot orders, and those that `get_executions` lists, have no P&L:
    each is a trade without one, unless `pnl_from_fills` is on.

    Balances, positions and prices that the bot asks for, or that a stream delivers, fill the gauges; the adapter sends
    no request. Every request counts in `trading_api_requests_total` with its path.

    Example:
        ```python
        from pybit.unified_trading import HTTP
        from tradmetrics.integrations.pybit import instrument_pybit

        http = HTTP(api_key="key", api_secret="secret")
        instrument_pybit(http, strategy="momentum")
        ```

    Args:
        http: A `pybit.unified_trading.HTTP`.
        websocket: A `pybit.unified_trading.WebSocket` or `WebSocketTrading`, or a list of them.
        strategy: The label of all orders, or a callable that takes the order and returns it: the parameters of the call
            by Bybit's names (`symbol`, `side`, `orderLinkId`, …).
        metrics: The metrics object; by default the process's.
        options: The options that all adapters share; see `tradmetrics.integrations.kit.Options`.

    Returns:
        A handle whose `undo()` takes everything out again. An object that is instrumented already keeps its
        handle, which comes back.

    Raises:
        ConfigurationError: When an argument is something else, or this release of pybit is older than the first
            supported one.
        SnapshotError: When `restore` is damaged, foreign, or of a newer version. Nothing is instrumented then.
    """
    targets = []
    if http is not None:
        check_target("instrument_pybit", http, ("place_order", "_submit_request"), "http=HTTP(…)")
        targets.append(http)
    for each in websocket if isinstance(websocket, list | tuple) else () if websocket is None else (websocket,):
        needed = "_send_order_operation" if hasattr(each, "_send_order_operation") else "_process_normal_message"
        check_target("instrument_pybit", each, (needed,), "websocket=WebSocket(…)")
        targets.append(each)
    if not targets:
        raise ConfigurationError("instrument_pybit: give http=HTTP(…), websocket=WebSocket(…), or both")
    check_version("pybit")
    settings = Settings.read("instrument_pybit", strategy, options)
    return instrument(
        targets,
        lambda handle: PybitOrders(handle, settings).watch,
        metrics,
        _SITE,
        restores=settings.restore is not None,
    )
