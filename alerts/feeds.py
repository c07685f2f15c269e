"""The alerts about market data, streams and models."""

from typing import Final

from alerts.expressions import age, latest, rise
from alerts.model import Alert
from alerts.texts import BOT, COUNT, DURATION, SHARE, many

# A bot that shows its symbols before their first update waits for data.
_NO_UPDATE: Final = f"sum by (job, instance) ({latest('@MARKET_DATA_UPDATES')}) == 0"

MARKET_DATA: Final = (
    Alert(
        "StaleMarketData",
        "Several symbols have stale data",
        f"{latest('@MARKET_DATA_STALE')} > @threshold",
        f"{BOT}: {COUNT} symbols have stale data",
        f"{COUNT} symbols of {BOT} have stale market data (threshold: @threshold).",
    ),
    Alert(
        "StaleMarketDataShare",
        "A large share of the symbols has stale data",
        f"sum by (job, instance) ({latest('@MARKET_DATA_STALE')})\n"
        f"/ count by (job, instance) ({latest('@MARKET_DATA_LAST_UPDATE')})\n> @threshold",
        f"{BOT}: {SHARE} of the symbols have stale data",
        f"{SHARE} of the symbols of {BOT} have stale market data (threshold: @threshold_percent).",
    ),
    Alert(
        "MarketDataSilent",
        "No market data arrives",
        f"{age('@MARKET_DATA_LAST_UPDATE')} > @threshold",
        f"{BOT}: no market data for {DURATION}",
        f"{BOT} has had no update of any symbol for {DURATION} (threshold: @threshold s).",
    ),
    Alert(
        "FeedNeverCame",
        "The session is open and no market data has come",
        f"max by (job, instance) ({latest('@MARKET_SESSION_OPEN')}) == 1\n"
        "and on (job, instance) (\n"
        f"  {latest('@WEBSOCKET_CONNECTIONS')} == 0 unless max_over_time(@WEBSOCKET_CONNECTIONS[@window]) > 0\n"
        f"  or {_NO_UPDATE}\n)\n"
        f"unless on (job, instance) {latest('@MARKET_DATA_LAST_UPDATE')}",
        f"{BOT}: the session is open, but no feed has come",
        f"The session of {BOT} is open, and no symbol has had an update since the bot's start.",
    ),
    Alert(
        "PositionsWithoutData",
        "Positions are open while no market data arrives",
        # After a restart without data, the former process's last update counts, or the time since the start.
        f"sum by (job, instance) ({latest('@POSITIONS_OPEN')}) > 0\n"
        "and on (job, instance) (\n"
        f"  {age('@MARKET_DATA_LAST_UPDATE')}\n"
        "  or time() - max_over_time(max by (job, instance) (@MARKET_DATA_LAST_UPDATE)[@window:@bridge])\n"
        f"  or max by (job, instance) ({latest('@SYSTEM_UPTIME')}) and on (job, instance) {_NO_UPDATE}\n"
        ") > @threshold",
        f"{BOT}: {many('position', 'positions')} open without market data",
        f"{BOT} has {many('open position', 'open positions')} and has had no update of any symbol for more than "
        "@threshold s.",
    ),
    Alert(
        "StreamDown",
        "A stream is disconnected",
        f"{latest('@STREAM_CONNECTED')} == 0",
        f"{BOT}: the stream {{{{ $labels.stream }}}} is down",
        f"The stream {{{{ $labels.stream }}}} of {BOT} is disconnected: its events do not reach the bot.",
    ),
    Alert(
        "StreamFlapping",
        "A stream connects again and again",
        f"{rise('@STREAM_CONNECTS', 'stream')}\n> @threshold",
        f"{BOT}: the stream {{{{ $labels.stream }}}} connected {COUNT} times in @window",
        f"The stream {{{{ $labels.stream }}}} of {BOT} connected {COUNT} times within @window (threshold: "
        "@threshold): events between two connections are lost.",
    ),
    Alert(
        "WebSocketDown",
        "No WebSocket connection is up",
        f"{latest('@WEBSOCKET_CONNECTIONS')} == 0\nand max_over_time(@WEBSOCKET_CONNECTIONS[@window]) > 0",
        f"{BOT}: no WebSocket connection is up",
        f"{BOT} had WebSocket connections within @window and has none now.",
    ),
)

MODELS: Final = (
    Alert(
        "LowMLAccuracy",
        "The accuracy of a model is low",
        f"{latest('@ML_MODEL_ACCURACY')} < @threshold",
        f"{BOT}: the accuracy of {{{{ $labels.model }}}} is {SHARE}",
        f"The accuracy of {{{{ $labels.model }}}} on {BOT} is {SHARE} (threshold: @threshold_percent).",
    ),
    Alert(
        "ModelStale",
        "The model was trained long ago",
        f"time() - ({latest('@ML_LAST_TRAINING')} > 0) > @threshold",
        f"{BOT}: the last training was {DURATION} ago",
        f"The last training on {BOT} was {DURATION} ago (threshold: @threshold s).",
    ),
)
