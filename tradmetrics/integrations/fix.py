"""FIX: the orders of an `Application` in quickfix's shape, with quickfix's or simplefix's messages."""

from __future__ import annotations

from typing import Any, Final

from typing_extensions import Unpack

from tradmetrics.integrations._fix_session import FixSession
from tradmetrics.integrations.kit import Handle, Options, Settings, Strategy, check_target, instrument, shares_options
from tradmetrics.registry.metrics import TradingMetrics

_SITE: Final = "tradmetrics.integrations.fix"


@shares_options
def instrument_fix(
    app: Any,
    *,
    strategy: Strategy = "default",
    metrics: TradingMetrics | None = None,
    **options: Unpack[Options],
) -> Handle:
    """Record the orders, executions and sessions of a FIX application.

    The application has the methods of quickfix: `toApp(message, sessionID)`, `fromApp(message, sessionID)`,
    `onLogon(sessionID)`, `onLogout(sessionID)`. Messages are quickfix's, simplefix's, mappings from tag to value, or
    the text itself. Where no engine calls them, call them where the bot sends and receives. An order is a reject when
    `toApp` raises, as quickfix's `DoNotSend` asks for; after a lost connection it counts as unknown.

    Sent: NewOrderSingle (D) counts an order, OrderCancelRequest (F) and OrderCancelReplaceRequest (G) are messages of
    their own. Received: ExecutionReport (8) acknowledges, fills, corrects, busts, replaces and ends; OrderCancelReject
    (9) ends nothing; Reject (3) and BusinessMessageReject (j) of an order end it. Messages that the session sends again
    (PossResend, PossDupFlag) do not count again.

    FIX does not tell the P&L of an execution: each is a trade without one, once by its ExecID, unless `pnl_from_fills`
    is on. A correction or a bust counts no trade and takes none back: the position and the P&L move by the difference.
    Market data (W, X) counts as ticks, with the age of its time (272 and 273, or 52). Positions come from
    PositionReport (AP), capital and margin from CollateralReport (BA), the session from TradingSessionStatus (h),
    connections from `onLogon` and `onLogout`.

    Example:
        ```python
        import simplefix
        from tradmetrics.integrations.fix import instrument_fix


        class Application:
            def toApp(self, message, session): ...
            def fromApp(self, message, session): ...


        app = Application()
        instrument_fix(app, strategy="momentum")
        order = simplefix.FixMessage()
        for tag, value in ((35, "D"), (11, "1"), (55, "EUR/USD"), (54, 1), (38, 100_000), (40, 2), (44, 1.08)):
            order.append_pair(tag, value)
        app.toApp(order, "session")
        ```

    Args:
        app: The application.
        strategy: The label of all orders, or a callable that takes the message as a mapping from tag to text and
            returns it: `lambda message: message[1]`, its account.
        metrics: The metrics object; by default the process's.
        options: The options that all adapters share; see `tradmetrics.integrations.kit.Options`.

    Returns:
        A handle whose `undo()` takes everything out again. An application that is instrumented already keeps its
        hooks, and you get its handle.

    Raises:
        ConfigurationError: When `app` is something else.
        SnapshotError: When `restore` is damaged, foreign, or of a newer version. Nothing is instrumented then.
    """
    check_target("instrument_fix", app, ("toApp", "fromApp"), "an Application of quickfix's shape")
    settings = Settings.read("instrument_fix", strategy, options)
    return instrument(
        [app],
        lambda handle: FixSession(handle, settings).watch,
        metrics,
        _SITE,
        restores=settings.restore is not None,
    )
