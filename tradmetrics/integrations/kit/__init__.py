"""Instrument a library of your own: the building blocks of all adapters, without any trading library.

| Name | For |
|---|---|
| `instrument`, `Handle` | one handle for the objects of a library, and one call that takes everything out |
| `watch`, `hook` | calls of a method; callbacks for a library's events |
| `Orders` | orders that are sent, answered, changed, cancelled, filled and listed |
| `Account`, `Held` | balances, positions, P&L and cash |
| `Ticks` | market data |
| `Connection` | streams |
| `request`, `watch_route`, `watch_session` | API requests |
| `Options`, `Settings`, `shares_options` | the options that all adapters share |
| `TESTED`, `check_version`, `check_target` | which releases, and which objects |
"""

from tradmetrics.integrations.kit.account import Account
from tradmetrics.integrations.kit.connection import Connection
from tradmetrics.integrations.kit.handle import Arguments, Begin, Finish, Handle, check_target, hook, instrument, watch
from tradmetrics.integrations.kit.held import Held
from tradmetrics.integrations.kit.known import leading_code, leading_words
from tradmetrics.integrations.kit.options import Options, Settings, Strategy, Symbols, shares_options
from tradmetrics.integrations.kit.orders import Orders
from tradmetrics.integrations.kit.requests import record_request, request, watch_route, watch_session, watched_request
from tradmetrics.integrations.kit.tested import TESTED, Tested, check_version
from tradmetrics.integrations.kit.ticks import Ticks
from tradmetrics.integrations.kit.trades import Fill, Trades

__all__ = [
    "TESTED",
    "Account",
    "Arguments",
    "Begin",
    "Connection",
    "Fill",
    "Finish",
    "Handle",
    "Held",
    "Options",
    "Orders",
    "Settings",
    "Strategy",
    "Symbols",
    "Tested",
    "Ticks",
    "Trades",
    "check_target",
    "check_version",
    "hook",
    "instrument",
    "leading_code",
    "leading_words",
    "record_request",
    "request",
    "shares_options",
    "watch",
    "watch_route",
    "watch_session",
    "watched_request",
]
