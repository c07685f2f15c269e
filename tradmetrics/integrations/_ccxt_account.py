"""The account and the market data that a ccxt bot asks for, and the connections of `ccxt.pro`."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Mapping
from typing import Any, Final

from tradmetrics.integrations.kit import (
    Account,
    Arguments,
    Begin,
    Connection,
    Finish,
    Handle,
    Held,
    Settings,
    Ticks,
    Trades,
)

_MONEY: Final = ("USD", "USDT", "USDC", "EUR", "FDUSD", "DAI", "BUSD", "GBP", "JPY", "KRW", "TRY", "BRL", "INR")
"""The currencies that count as capital: the first one that a balance holds; else the only one that it holds."""
_MOST_CONNECTIONS: Final = 1_000
_MOST_LISTS: Final = 100
_NO_PARAMETERS: Final = "[]"


class CcxtAccount:
    """Reads ccxt's unified structures of balances, positions, funding and market data.

    Args:
        handle: Of the instrumentation.
        settings: The options.
        trades: Takes the fills.
    """

    def __init__(self, handle: Handle, settings: Settings, trades: Trades) -> None:
        self._handle = handle
        self._trades = trades
        self._account = Account(handle, settings, trades.positions)
        self._ticks = Ticks(handle, settings, always_open=True)
        self._connections: dict[int, Connection] = {}
        self._listed: OrderedDict[str, Iterable[str]] = OrderedDict()

    def belongs_to(self, exchange: Any) -> None:
        """Know whose account it is: a bot may have several clients of one account, and clients of several."""
        self._account.belongs_to(
            lambda: (exchange.id, *(str(getattr(exchange, name, None)) for name in ("apiKey", "walletAddress")))
        )

    def methods(self) -> dict[str, Begin]:
        """The methods to watch, beside those of orders."""
        found: dict[str, Begin] = {}
        if self._account.records:
            for name in ("fetch_balance", "watch_balance"):
                found[name] = lambda _: self._balance
            for name in ("fetch_positions", "fetch_positions_ws"):
                found[name] = self._positions
            for name in ("fetch_position", "fetch_positions_for_symbol", "watch_position", "watch_positions"):
                found[name] = lambda _: self._some_positions
            found["fetch_funding_history"] = lambda _: self._funding
        if self._ticks.records:
            for name in ("fetch_ticker", "watch_ticker", "fetch_ticker_ws"):
                found[name] = lambda _: self._tick
            for name in ("fetch_tickers", "watch_tickers", "fetch_bids_asks", "watch_bids_asks"):
                found[name] = lambda _: self._ticks_of
            for name in ("fetch_order_book", "watch_order_book", "watch_order_book_for_symbols", "fetch_order_book_ws"):
                found[name] = self._order_book
            for name in ("fetch_trades", "watch_trades", "watch_trades_for_symbols", "fetch_trades_ws"):
                found[name] = lambda _: self._last_trade
        return found

    # ── the account ──────────────────────────────────────────────────────────────────────────────────────────────

    def _balance(self, result: Any, error: BaseException | None) -> None:
        if not isinstance(result, Mapping):
            return
        totals = result.get("total") or {}
        held = [code for code, amount in totals.items() if amount]
        ours = self._handle.metrics.money.currency
        code = next((each for each in (ours, *_MONEY) if each in held), None)
        if code is None:
            code = next((each for each in (ours, *_MONEY) if each in totals), held[0] if len(held) == 1 else None)
        if code is not None:
            balance = result.get(code) or {}
            used, free = balance.get("used"), balance.get("free")
            self._account.balance(
                total=balance.get("total"),
                used=used,
                available=free,
                margin_used=used,
                margin_available=free,
                currency=code,
            )

    def _positions(self, arguments: Arguments) -> Finish:
        def finish(result: Any, error: BaseException | None) -> None:
            if error is not None:
                return
            held, symbols = _held(result), arguments.get("symbols") or ()
            listed = {each.symbol for each in held}
            part = repr(sorted((arguments.get("params") or {}).items(), key=repr))
            if not symbols:
                # With parameters, it is a list of one kind of contracts: it closes those that it held before.
                symbols = self._listed.pop(part, ())
                self._listed[part] = listed
                if len(self._listed) > _MOST_LISTS:
                    self._listed.popitem(last=False)
            held += [Held(symbol, 0.0) for symbol in symbols if symbol not in listed]
            is_whole = not arguments.get("symbols") and list(self._listed) == [_NO_PARAMETERS]
            self._account.positions(held, complete=is_whole)

        return finish

    def _some_positions(self, result: Any, error: BaseException | None) -> None:
        if error is None:
            rows = [result] if isinstance(result, Mapping) else result or ()
            for is_hedged in (True, False):
                held = _held(each for each in rows if bool(each.get("hedged")) is is_hedged)
                self._account.positions(held, complete=False, one_side=is_hedged)

    def _funding(self, result: Any, error: BaseException | None) -> None:
        for payment in result or ():
            key = f"funding {payment.get('id') or payment.get('timestamp')} {payment.get('symbol')}"
            if payment.get("amount") is not None and self._trades.first_time(key):
                self._account.cash("funding", payment["amount"], currency=payment.get("code"))

    # ── market data ──────────────────────────────────────────────────────────────────────────────────────────────

    def _tick(self, result: Any, error: BaseException | None) -> None:
        if isinstance(result, Mapping):
            self._ticks.tick(result.get("symbol"), result.get("timestamp"), "ms")

    def _ticks_of(self, result: Any, error: BaseException | None) -> None:
        for ticker in result.values() if isinstance(result, Mapping) else ():
            self._tick(ticker, None)

    def _order_book(self, arguments: Arguments) -> Finish:
        def finish(result: Any, error: BaseException | None) -> None:
            if isinstance(result, Mapping):
                self._ticks.tick(result.get("symbol") or arguments.get("symbol"), result.get("timestamp"), "ms")

        return finish

    def _last_trade(self, result: Any, error: BaseException | None) -> None:
        if isinstance(result, list) and result:
            self._tick(result[-1], None)

    # ── connections ──────────────────────────────────────────────────────────────────────────────────────────────

    def connected(self, arguments: Arguments) -> None:
        """Take in that a client of `ccxt.pro` is connected."""
        client = arguments["client"]
        if id(client) not in self._connections and len(self._connections) < _MOST_CONNECTIONS:
            self._connections[id(client)] = Connection(self._handle, "websocket")
        if id(client) in self._connections:
            self._connections[id(client)].opened()

    def disconnected(self, arguments: Arguments) -> None:
        """Take in that a client of `ccxt.pro` was closed or failed."""
        connection = self._connections.pop(id(arguments["client"]), None)
        if connection is not None:
            connection.closed()


def _held(rows: Iterable[Arguments] | None) -> list[Held]:
    """The positions, with a row for each side of a hedged one."""
    held = []
    for each in rows or ():
        symbol, quantity = each.get("symbol"), each.get("contracts")
        if symbol is None or quantity is None:
            continue
        signed = -abs(float(quantity)) if each.get("side") == "short" else abs(float(quantity))
        quote = str(symbol).partition(":")[2].partition("-")[0] or None
        held.append(
            Held(
                symbol,
                signed,
                each.get("unrealizedPnl"),
                price=each.get("entryPrice"),
                currency=quote,
                side=each.get("side"),
            )
        )
    return held
