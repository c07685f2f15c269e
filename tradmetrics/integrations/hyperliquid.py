"""hyperliquid-python-sdk: orders, fills, account, market data and requests of an `Exchange` and an `Info`."""

from __future__ import annotations

from typing import Any, Final

from typing_extensions import Unpack

from tradmetrics.errors import ConfigurationError
from tradmetrics.integrations._hyperliquid_orders import HyperliquidOrders
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

_SITE: Final = "tradmetrics.integrations.hyperliquid"


@shares_options
def instrument_hyperliquid(
    exchange: Any = None,
    info: Any = None,
    *,
    strategy: Strategy = "default",
    metrics: TradingMetrics | None = None,
    **options: Unpack[Options],
) -> Handle:
    """Record orders, fills, account, market data and requests of Hyperliquid's own SDK.

    Orders are counted when `order`, `market_open`, `market_close` or `bulk_orders` sends them, and followed through the
    statuses in the answers, `open_orders`, `query_order_by_oid` and the `orderUpdates` stream. An order that is refused
    in an answer of `ok` is a reject, with the first words of Hyperliquid's message as the reason. A `ClientError` is a
    reject, too; after a `ServerError`, a timeout or a lost connection nobody knows.

    Hyperliquid tells the P&L of each fill (`closedPnl`): a trade is a fill that closes or reduces a position. Fills are
    read from `user_fills` and the streams `userFills` and `userEvents`.

    `user_state`, funding and prices that the bot asks for, or subscribes to, fill the gauges; the adapter sends no
    request. Every request counts in `trading_api_requests_total` with its path and type.

    Example:
        ```python
        import eth_account
        from hyperliquid.exchange import Exchange
        from hyperliquid.info import Info
        from tradmetrics.integrations.hyperliquid import instrument_hyperliquid


        def main(key):
            exchange, info = Exchange(eth_account.Account.from_key(key)), Info()
            instrument_hyperliquid(exchange, info, strategy="momentum")
        ```

    Args:
        exchange: A `hyperliquid.exchange.Exchange`.
        info: A `hyperliquid.info.Info`; that of the exchange is watched in any case.
        strategy: The label of all orders, or a callable that takes the order and returns it: the request by
            Hyperliquid's names (`coin`, `is_buy`, `sz`, `cloid`, …).
        metrics: The metrics object; by default the process's.
        options: The options that all adapters share; see `tradmetrics.integrations.kit.Options`.

    Returns:
        A handle whose `undo()` takes everything out again. An object that is instrumented already keeps its
        handle, which comes back.

    Raises:
        ConfigurationError: When an argument is something else, or this release of hyperliquid-python-sdk is older than
            the first supported one.
        SnapshotError: When `restore` is damaged, foreign, or of a newer version. Nothing is instrumented then.
    """
    targets = []
    if exchange is not None:
        check_target("instrument_hyperliquid", exchange, ("bulk_orders", "bulk_cancel"), "exchange=Exchange(…)")
        targets.append(exchange)
    for each in (info, getattr(exchange, "info", None)):
        if each is not None and not any(each is target for target in targets):
            check_target("instrument_hyperliquid", each, ("user_state", "open_orders"), "info=Info(…)")
            targets.append(each)
    if not targets:
        raise ConfigurationError("instrument_hyperliquid: give exchange=Exchange(…), info=Info(…), or both")
    check_version("hyperliquid-python-sdk")
    settings = Settings.read("instrument_hyperliquid", strategy, options)
    return instrument(
        targets,
        lambda handle: HyperliquidOrders(handle, settings).watch,
        metrics,
        _SITE,
        restores=settings.restore is not None,
    )
