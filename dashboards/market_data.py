"""Market data: presence, age, and the state of the market."""

from typing import Any

from dashboards.frame import Row, render
from dashboards.limits import above, compared
from dashboards.main import SESSION
from dashboards.panels import PER_SECOND, Panel, lines, number, quantiles, spread, timeline
from dashboards.queries import BOT, age, largest, most, per_second, select, total
from tradmetrics import catalogue as c


def build() -> dict[str, Any]:
    """Build the dashboard."""
    return render(
        "tradmetrics-market-data",
        "Market data",
        "Updates, staleness and age of the market data, and the market's condition.",
        [Row("Feed", _feed()), Row("Age", _age()), Row("Market", _market())],
    )


def _feed() -> list[Panel]:
    newest = compared("MarketDataSilent")
    return [
        number(
            "Since the newest update",
            "Time since any symbol was updated; it goes on rising when the system hangs.",
            "s",
            newest,
            span=8,
            decimals=1,
            legend="{{instance}}",
            limits=above("MarketDataSilent"),
        ),
        number(
            "Stale symbols",
            "Symbols without an update for longer than their limit.",
            "locale",
            total(c.MARKET_DATA_STALE, BOT),
            span=8,
            decimals=0,
            legend="{{instance}}",
            limits=above("StaleMarketData"),
        ),
        number("Updates", "Updates a second of all symbols.", PER_SECOND, per_second(c.MARKET_DATA_UPDATES), span=8),
        lines(
            "Updates of the busiest symbols",
            "Updates a second of the ten symbols with the most.",
            PER_SECOND,
            (most(10, per_second(c.MARKET_DATA_UPDATES, "symbol")), "{{symbol}}"),
            minimum=0,
        ),
        lines(
            "Stale symbols",
            "Symbols without an update for longer than their limit; dashed: the alert's threshold.",
            "locale",
            (compared("StaleMarketData"), "{{instance}}"),
            limits=above("StaleMarketData"),
            minimum=0,
        ),
    ]


def _age() -> list[Panel]:
    return [
        quantiles(c.MARKET_DATA_AGE, "Age on arrival", "Age of the data of each update when it arrived.", span=8),
        spread(c.MARKET_DATA_AGE, "Ages on arrival", "How many updates were how old when they arrived.", span=8),
        lines(
            "Longest silent symbols",
            "Time since the last update of the ten symbols that have been silent for longest.",
            "s",
            (most(10, age(largest(c.MARKET_DATA_LAST_UPDATE, "symbol"))), "{{symbol}}"),
            span=8,
            minimum=0,
        ),
    ]


def _market() -> list[Panel]:
    return [
        lines(
            "Volatility index", "Level of the volatility index.", "none", (select(c.MARKET_VIX), "{{instance}}"), span=8
        ),
        timeline(
            "Condition",
            "The condition that the market is in.",
            (largest(c.MARKET_CONDITION, "condition"), "{{condition}}"),
            states={0: ("no", "transparent"), 1: ("yes", "blue")},
            span=8,
        ),
        timeline(
            "Session",
            "Whether the market's session is open.",
            (select(c.MARKET_SESSION_OPEN), "{{instance}}"),
            states=SESSION,
            span=8,
        ),
    ]
