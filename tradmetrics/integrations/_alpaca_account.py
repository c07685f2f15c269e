"""The account and the market data that an Alpaca bot asks for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from tradmetrics.integrations.kit import Account, Arguments, Finish, Handle, Held, Settings, Ticks
from tradmetrics.integrations.kit.positions import Positions

_UPDATES: Final = frozenset({"t", "q", "b", "u", "d", "o"})
"""Trades, quotes, bars, updated and daily bars, order books."""
_LATEST: Final = ("latest_trade", "latest_quote", "latest_bar", "latest_orderbook", "snapshot")


class AlpacaAccount:
    """Reads answers of the trading client, and messages of market data.

    Args:
        handle: Of the instrumentation.
        settings: The options.
        positions: The positions that the fills add up to.
    """

    def __init__(self, handle: Handle, settings: Settings, positions: Positions) -> None:
        self._handle = handle
        self._account = Account(handle, settings, positions)
        self._ticks = Ticks(handle, settings)

    def watch(self, client: Any) -> None:
        """Watch what a trading client answers about the account."""
        self._account.belongs_to(lambda: (client._api_key, client._oauth_token))
        if self._account.records:
            self._handle.watch(client, "get_account", lambda _: self._told)
            self._handle.watch(client, "get_all_positions", lambda _: self._positions)
            self._handle.watch(client, "get_open_position", lambda _: self._position)
        if self._ticks.records:
            self._handle.watch(client, "get_clock", lambda _: self._clock)

    def watch_data(self, client: Any) -> None:
        """Watch the latest prices that a market data client answers."""
        for name in dir(type(client)) if self._ticks.records else ():
            if name.startswith("get_") and name.endswith(_LATEST):
                self._handle.watch(client, name, lambda _: self._latest)

    def data_message(self, arguments: Arguments) -> Finish | None:
        """Take in a message of a market data stream, before it is parsed."""
        message = arguments["msg"]
        if message.get("T") in _UPDATES:
            self._ticks.tick(message.get("S"), _time(message.get("t")))
        return None

    def _told(self, result: Any, error: BaseException | None) -> None:
        if error is not None:
            return
        account = fields(result)
        equity, last = _number(account.get("equity")), _number(account.get("last_equity"))
        margin = _number(account.get("initial_margin"))
        currency = account.get("currency") or None
        self._account.balance(
            total=equity,
            used=margin,
            available=_number(account.get("cash")),
            margin_used=margin,
            margin_available=None if equity is None or margin is None else max(0.0, equity - margin),
            currency=currency,
        )
        if equity is not None and last:
            self._account.pnl(daily=equity - last, daily_pct=100 * (equity - last) / last, currency=currency)

    def _clock(self, result: Any, error: BaseException | None) -> None:
        is_open = fields(result).get("is_open")
        if is_open is not None:
            self._ticks.session(bool(is_open))

    def _positions(self, result: Any, error: BaseException | None) -> None:
        if error is None:
            self._account.positions([_held(fields(each)) for each in result])

    def _position(self, result: Any, error: BaseException | None) -> None:
        if error is None:
            self._account.positions([_held(fields(result))], complete=False)

    def _latest(self, result: Any, error: BaseException | None) -> None:
        for symbol, each in result.items() if error is None and isinstance(result, Mapping) else ():
            found = fields(each)
            for part in ("latest_quote", "latestQuote", "latest_trade", "latestTrade"):
                if found.get(part) is not None:
                    found = fields(found[part])
                    break
            self._ticks.tick(symbol, _time(found.get("timestamp", found.get("t"))))


def fields(model: Any) -> Arguments:
    """A model's fields, whether the client gives models or (with `raw_data=True`) dictionaries; of None, none."""
    return model if isinstance(model, Mapping) else getattr(model, "__dict__", {})


def _held(position: Arguments) -> Held:
    side = str(getattr(position["side"], "value", position["side"]))
    quantity = abs(float(position["qty"])) * (-1 if side == "short" else 1)
    return Held(
        str(position["symbol"]),
        quantity,
        _number(position.get("unrealized_pl")),
        price=_number(position.get("avg_entry_price")),
        currency="USD",
    )


def _number(text: Any) -> float | None:
    return None if text is None or text == "" else float(text)


def _time(at: Any) -> object:
    """A time as alpaca-py has it: a datetime, msgpack's `Timestamp`, or ISO text."""
    if hasattr(at, "to_datetime"):
        return at.to_datetime()
    return at
