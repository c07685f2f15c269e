"""freqtrade: the orders and trades of a bot by its RPC messages, and the requests of its exchange; dry run too."""

from __future__ import annotations

from typing import Any, Final

from typing_extensions import Unpack

from tradmetrics.integrations._freqtrade_bot import FreqtradeBot
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

_SITE: Final = "tradmetrics.integrations.freqtrade"


@shares_options
def instrument_freqtrade(
    strategy: Any,
    *,
    label: Strategy | None = None,
    metrics: TradingMetrics | None = None,
    **options: Unpack[Options],
) -> Handle:
    """Record the orders, trades, wallet and requests of a freqtrade bot, from its strategy's `bot_start`.

    Orders and trades are those of freqtrade's own RPC messages, in a dry run as well: an entry or exit that is placed,
    filled or cancelled. freqtrade tells the P&L of each exit (`profit_amount`, net of fees): a trade is an exit that
    was filled. Requests are those of freqtrade's ccxt exchange. The capital is read when freqtrade updates its
    wallets: the free stake currency, and the stakes of the open trades at their cost. Trades that were open before the
    start count as open positions. Each new candle is an update of market data, as old as the
    time since the candle was complete.

    `/reload_config` makes a new bot, and its `bot_start` instruments that one: the old one's open trades leave the
    gauges, and orders that it left open count as unknown.

    In a backtest, a hyperopt run or a plot there is no RPC: nothing is recorded, and the handle does nothing.

    Example:
        ```python
        from tradmetrics import start_metrics_server
        from tradmetrics.integrations.freqtrade import instrument_freqtrade


        class Momentum:  # yours: class Momentum(IStrategy)
            def bot_start(self, **kwargs):
                instrument_freqtrade(self)
                start_metrics_server()
        ```

    Args:
        strategy: The strategy object, `self` in its `bot_start`.
        label: The label of all orders, or a callable that takes freqtrade's RPC message and returns it:
            `lambda message: message["enter_tag"]`. By default the name of the strategy's class.
        metrics: The metrics object; by default the process's.
        options: The options that all adapters share; see `tradmetrics.integrations.kit.Options`.

    Returns:
        A handle whose `undo()` takes everything out again. An object that is instrumented already keeps its
        handle, which comes back.

    Raises:
        ConfigurationError: When `strategy` is something else, or this release of freqtrade is older than the first
            supported one.
        SnapshotError: When `restore` is damaged, foreign, or of a newer version. Nothing is instrumented then.
    """
    check_target("instrument_freqtrade", strategy, ("config", "dp"), "a strategy in its bot_start: self")
    check_version("freqtrade")
    name: Strategy = type(strategy).__name__ if label is None else label
    settings = Settings.read("instrument_freqtrade", name, options)
    manager = getattr(strategy.dp, "_DataProvider__rpc", None)
    return instrument(
        [] if manager is None else [manager],
        lambda handle: FreqtradeBot(handle, settings, strategy).watch,
        metrics,
        _SITE,
        restores=settings.restore is not None,
    )
