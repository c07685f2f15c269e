"""The account and the market data that a Bybit bot asks for, or that its streams deliver."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any, Final

from tradmetrics.integrations._pybit_words import body_of, result_of, rows_of
from tradmetrics.integrations.kit import Account, Arguments, Handle, Held, Settings, Ticks, Trades

_TICKS: Final = frozenset({"tickers", "orderbook", "publicTrade", "kline"})
_MOST: Final = 100_000
_DOLLARS: Final = frozenset({None, "USD", "USDT", "USDC"})


class PybitAccount:
    """Reads answers and messages.

    Args:
        handle: Of the instrumentation.
        settings: The options.
        trades: Takes the fills.
    """

    def __init__(self, handle: Handle, settings: Settings, trades: Trades) -> None:
        self._handle = handle
        self._account = Account(handle, settings, trades.positions)
        self._ticks = Ticks(handle, settings, always_open=True)
        self._markets: OrderedDict[str, tuple[object, object]] = OrderedDict()
        self._listed: dict[object, set[str]] = {}

    def watch(self, http: Any) -> None:
        """Watch what a client answers about the account and the market."""
        watch = self._handle.watch
        self._account.belongs_to(lambda: str(http.api_key))
        if self._account.records:
            watch(http, "get_wallet_balance", lambda _: self._wallet)
            watch(http, "get_positions", self._positions)
        if self._ticks.records:
            watch(http, "get_tickers", lambda _: self._tickers)
            watch(http, "get_orderbook", lambda _: self._order_book)

    def remember(self, order_id: object, market: tuple[object, object]) -> None:
        """Note the category and the symbol of an order."""
        if order_id:
            self._markets[str(order_id)] = market
            if len(self._markets) > _MOST:
                self._markets.popitem(last=False)

    def market_of(self, order_id: str) -> tuple[object, object] | None:
        """The category and the symbol of an order, where they are known."""
        return self._markets.get(order_id)

    def funding(self, amount: float, currency: str | None) -> None:
        """Record funding that was received (positive) or paid."""
        self._account.cash("funding", amount, currency=currency)

    def _wallet(self, result: Any, error: BaseException | None) -> None:
        for account in rows_of(result) if error is None else ():
            self._balance(account)

    def _balance(self, account: Arguments) -> None:
        margin, free = account.get("totalInitialMargin") or None, account.get("totalAvailableBalance") or None
        self._account.balance(
            account=str(account.get("accountType", "")),
            total=account.get("totalEquity") or None,
            used=margin,
            available=free,
            margin_used=margin,
            margin_available=free,
            currency=self._dollars(),
        )

    def _dollars(self) -> str | None:
        """The currency of Bybit's totals: dollars, which its coins are counted as unless the metrics are in others."""
        ours = self._handle.metrics.money.currency
        return None if ours in _DOLLARS else "USD"

    def _positions(self, arguments: Arguments) -> Any:
        params = arguments["kwargs"]

        def finish(result: Any, error: BaseException | None) -> None:
            if error is not None:
                return
            rows = rows_of(result)
            is_whole = not result_of(result).get("nextPageCursor") and not set(params) - {
                "category",
                "settleCoin",
                "limit",
            }
            if is_whole:
                # Such a list is of one category and coin: what it leaves out of those is closed, and nothing else.
                listed = {str(row["symbol"]) for row in rows}
                before = self._listed.get((params.get("category"), params.get("settleCoin")), set())
                self._listed[params.get("category"), params.get("settleCoin")] = listed
                rows = [*rows, *({"symbol": symbol} for symbol in before - listed)]
            self._hold(rows, complete=is_whole and len(self._listed) == 1)

        return finish

    def _hold(self, rows: Any, *, complete: bool, one_side: bool = False) -> None:
        self._account.positions([_held(row) for row in rows], complete=complete, one_side=one_side)

    def _tickers(self, result: Any, error: BaseException | None) -> None:
        for ticker in rows_of(result) if error is None else ():
            self._ticks.tick(ticker.get("symbol"), body_of(result).get("time"), "ms")

    def _order_book(self, result: Any, error: BaseException | None) -> None:
        book = result_of(result)
        if book and error is None:
            self._ticks.tick(book.get("s"), book.get("ts"), "ms")

    def message(self, topic: str, message: Arguments) -> None:
        """Take in a message of a stream that is not about orders."""
        if topic == "wallet":
            for account in message["data"]:
                self._balance(account)
        elif topic == "position":
            self._hold(message["data"], complete=False, one_side=True)
        elif topic in _TICKS:
            self._ticks.tick(str(message["topic"]).rpartition(".")[2], message.get("ts"), "ms")


def _held(row: Arguments) -> Held:
    """A position as an answer or a stream tells it: one row for each side in hedge mode."""
    quantity, index = float(row.get("size") or 0), row.get("positionIdx")
    return Held(
        row["symbol"],
        -quantity if row.get("side") == "Sell" else quantity,
        float(row.get("unrealisedPnl") or 0),
        price=row.get("avgPrice") or row.get("entryPrice") or None,
        side=str(index) if index else None,
    )
