"""py-clob-client and py-clob-client-v2: orders, trades, balance, prices and requests of a Polymarket `ClobClient`."""

from __future__ import annotations

from typing import Any, Final

from typing_extensions import Unpack

from tradmetrics.integrations._polymarket_orders import PolymarketOrders
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

_SITE: Final = "tradmetrics.integrations.polymarket"


@shares_options
def instrument_polymarket(
    client: Any,
    *,
    strategy: Strategy = "default",
    metrics: TradingMetrics | None = None,
    **options: Unpack[Options],
) -> Handle:
    """Record orders, trades, balance, prices and requests of a Polymarket client.

    Orders are counted when `post_order` or `post_orders` sends them, and followed through the answers, `get_order`,
    `get_orders` and the cancels. An answer without success is a reject with the first words of its message as the
    reason; so is a `PolyApiException` with a status below 500. After a lost connection or a status of 500 and more
    the order may be live: it counts as unknown.

    Polymarket does not tell the P&L of a trade: each trade of these orders that `get_trades` lists, as taker or maker,
    counts once without a P&L, unless `pnl_from_fills` is on. Symbols are token ids, which the label guard takes for
    identifiers: give `symbols=` a function that names them.

    The collateral's balance and the prices that the bot asks for fill the gauges; the adapter sends no request. Each
    call that sends one counts in `trading_api_requests_total` with its method's name.

    Example:
        ```python
        from py_clob_client.client import ClobClient
        from tradmetrics.integrations.polymarket import instrument_polymarket


        def main(key):
            client = ClobClient("https://clob.polymarket.com", key=key, chain_id=137)
            instrument_polymarket(client, strategy="election", symbols={"7132…": "candidate-yes"}.get)
        ```

    Args:
        client: A `py_clob_client.client.ClobClient`, or the one of `py_clob_client_v2.client`.
        strategy: The label of all orders, or a callable that takes the signed order and returns it.
        metrics: The metrics object; by default the process's.
        options: The options that all adapters share; see `tradmetrics.integrations.kit.Options`.

    Returns:
        A handle whose `undo()` takes everything out again. An object that is instrumented already keeps its
        handle, which comes back.

    Raises:
        ConfigurationError: When `client` is something else, or this release of py-clob-client is older than the first
            supported one.
        SnapshotError: When `restore` is damaged, foreign, or of a newer version. Nothing is instrumented then.
    """
    check_target("instrument_polymarket", client, ("post_order", "cancel_orders"), "a ClobClient(…)")
    check_version("py-clob-client-v2" if type(client).__module__.startswith("py_clob_client_v2") else "py-clob-client")
    settings = Settings.read("instrument_polymarket", strategy, options)
    return instrument(
        [client],
        lambda handle: PolymarketOrders(handle, settings).watch,
        metrics,
        _SITE,
        restores=settings.restore is not None,
    )
