"""ccxt: orders, account, market data and HTTP requests of one exchange, sync, `ccxt.async_support` or `ccxt.pro`."""

from __future__ import annotations

from typing import Any, Final

from typing_extensions import Unpack

from tradmetrics.integrations._ccxt_orders import CcxtOrders
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

_SITE: Final = "tradmetrics.integrations.ccxt"


@shares_options
def instrument_ccxt(
    exchange: Any,
    *,
    strategy: Strategy = "default",
    metrics: TradingMetrics | None = None,
    **options: Unpack[Options],
) -> Handle:
    """Record orders, account, market data and API requests of one exchange object.

    Orders are counted when they are sent (`close_position` sends one), and followed through the answers of create,
    edit, cancel and fetch methods and of `watch_orders`. Ids belong to their symbol. An exception is a reject with its
    class name as the reason, except after timeouts and lost connections: then nobody knows, and the order is followed
    on if a `clientOrderId` leads to it. An answer that is only an id acknowledges the order. `closed` with less filled
    than ordered is cancelled. A cancel that was answered without a status is taken as done, one order's or all orders'.
    An order that `fetch_open_orders(symbol)` no longer lists has ended in a way that nobody knows.

    ccxt does not tell the P&L of a trade: each trade of these orders that `fetch_my_trades`, `fetch_order_trades` or
    `watch_my_trades` lists counts once without a P&L, unless `pnl_from_fills` is on. Orders that were fetched and not
    sent through this object are passed over, and so are their trades.

    Balances, positions, funding, tickers, order books and public trades that the bot asks for fill the gauges; the
    adapter sends no request. Every HTTP request counts in `trading_api_requests_total`, retries included, with the
    endpoint's path template and the status `ok`, or ccxt's exception in snake_case: `rate_limit_exceeded`,
    `request_timeout`.

    Example:
        ```python
        import ccxt
        from tradmetrics.integrations.ccxt import instrument_ccxt

        exchange = ccxt.kraken({"apiKey": "…", "secret": "…"})
        instrument_ccxt(exchange, strategy="momentum")
        exchange.create_order("BTC/USD", "limit", "buy", 0.1, 60_000)
        ```

    Args:
        exchange: An exchange of `ccxt`, `ccxt.async_support` or `ccxt.pro`; others of its class stay as they are, and
            so do copies of it.
        strategy: The label of all orders, or a callable that takes the order and returns it. It is called when the
            order is sent, with ccxt's order structure as far as it is known by then: `symbol`, `type`, `side`,
            `amount`, `price`, `clientOrderId`, and the `params` of the call as `info`.
        metrics: The metrics object; by default the process's.
        options: The options that all adapters share; see `tradmetrics.integrations.kit.Options`.

    Returns:
        A handle whose `undo()` takes everything out again. An exchange that is instrumented already keeps what it
        has, and its handle comes back.

    Raises:
        ConfigurationError: When `exchange` is something else, or this release of ccxt is older than the first
            supported one.
        SnapshotError: When `restore` is damaged, foreign, or of a newer version. Nothing is instrumented then.
    """
    check_target("instrument_ccxt", exchange, ("create_order", "fetch2", "fetch"), "an exchange, e.g. ccxt.kraken({…})")
    check_version("ccxt")
    settings = Settings.read("instrument_ccxt", strategy, options)
    return instrument(
        [exchange],
        lambda handle: CcxtOrders(handle, settings).watch,
        metrics,
        _SITE,
        restores=settings.restore is not None,
    )
