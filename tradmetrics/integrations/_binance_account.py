"""The account and the market data that a Binance bot asks for, or that its sockets deliver."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from tradmetrics.integrations.kit import Account, Handle, Held, Settings, Ticks, Trades

Arguments = Mapping[str, Any]

_MONEY: Final = ("USDT", "USDC", "FDUSD", "BUSD", "EUR", "TRY", "BRL")
"""The assets that count as a spot account's capital: the first one that it holds."""
_TICKS: Final = frozenset(
    {"trade", "aggTrade", "24hrTicker", "24hrMiniTicker", "bookTicker", "depthUpdate", "kline", "markPriceUpdate"}
)
_PRICES: Final = (
    *("get_symbol_ticker", "get_orderbook_ticker", "get_ticker", "futures_symbol_ticker", "futures_ticker"),
    *("futures_orderbook_ticker", "futures_mark_price", "get_avg_price"),
)


class BinanceAccount:
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

    def watch(self, client: Any) -> None:
        """Watch what a client answers about the account and the market."""
        watch = self._handle.watch
        if self._account.records:
            for name in ("get_account", "ws_get_account"):
                watch(client, name, lambda _: self._spot)
            watch(client, "get_margin_account", lambda _: self._margin)
            for name in ("futures_account", "ws_futures_v2_account_status"):
                watch(client, name, lambda _: self._futures)
            for name in ("futures_account_balance", "ws_futures_v2_account_balance"):
                watch(client, name, lambda _: self._futures_balances)
            watch(client, "futures_position_information", self._futures_positions)
        if self._ticks.records:
            for name in _PRICES:
                watch(client, name, lambda _: self._prices)
            for name in ("get_order_book", "futures_order_book"):
                watch(client, name, self._order_book)

    def _spot(self, result: Any, error: BaseException | None) -> None:
        if isinstance(result, Mapping):
            self._assets({each["asset"]: (each["free"], each["locked"]) for each in result.get("balances") or ()})

    def _margin(self, result: Any, error: BaseException | None) -> None:
        held = {each["asset"]: each for each in result.get("userAssets") or ()} if isinstance(result, Mapping) else {}
        asset = next((each for each in _MONEY if each in held and float(held[each]["netAsset"])), None)
        if asset is not None:
            told = held[asset]
            self._account.balance(
                account="margin",
                total=told["netAsset"],  # without what is borrowed
                used=told["locked"],
                available=told["free"],
                currency=asset,
            )

    def _assets(self, balances: Mapping[str, tuple[Any, Any]]) -> None:
        held = {asset: (float(free), float(locked)) for asset, (free, locked) in balances.items()}
        asset = next((each for each in _MONEY if sum(held.get(each, ()))), None)
        asset = asset or next((each for each in _MONEY if each in held), None)
        if asset is not None:
            free, locked = held[asset]
            self._account.balance(
                account="spot", total=free + locked, used=locked, available=free, currency=asset
            )  # fmt: skip

    def _futures(self, result: Any, error: BaseException | None) -> None:
        if not isinstance(result, Mapping):
            return
        self._account.balance(
            account="futures",
            total=result.get("totalMarginBalance"),
            used=result.get("totalInitialMargin"),
            available=result.get("availableBalance"),
            margin_used=result.get("totalInitialMargin"),
            margin_available=result.get("availableBalance"),
        )
        if result.get("positions"):
            self._hold(result["positions"], complete=True)

    def _futures_balances(self, result: Any, error: BaseException | None) -> None:
        for each in result or ():
            if each.get("asset") == "USDT":
                self._account.balance(
                    account="futures", total=each["balance"], available=each["availableBalance"], currency="USDT"
                )

    def _futures_positions(self, arguments: Arguments) -> Any:
        asked = (arguments.get("params") or {}).get("symbol")

        def finish(result: Any, error: BaseException | None) -> None:
            if isinstance(result, list):
                self._hold(result, complete=not asked)

        return finish

    def _hold(self, rows: Any, *, complete: bool) -> None:
        held: dict[str, Held] = {}
        for row in rows:  # one for each side in hedge mode
            symbol = row.get("symbol") or row["s"]
            quantity = float(row.get("positionAmt", row.get("pa", 0)))
            unrealized = float(row.get("unRealizedProfit", row.get("unrealizedProfit", row.get("up", 0))) or 0)
            price = float(row.get("entryPrice", row.get("ep", 0)) or 0) or None
            before = held.get(symbol)
            if before is not None:
                quantity += float(str(before.quantity))
                unrealized += float(str(before.unrealized))
            held[symbol] = Held(symbol, quantity, unrealized, price=price)
        self._account.positions(held.values(), complete=complete)

    def _prices(self, result: Any, error: BaseException | None) -> None:
        for each in [result] if isinstance(result, Mapping) else result or ():
            self._ticks.tick(each.get("symbol"), each.get("time") or each.get("closeTime"), "ms")

    def _order_book(self, arguments: Arguments) -> Any:
        symbol = {**arguments, **(arguments.get("params") or {})}.get("symbol")

        def finish(result: Any, error: BaseException | None) -> None:
            if isinstance(result, Mapping):
                self._ticks.tick(symbol, result.get("E"), "ms")

        return finish

    def message(self, message: Arguments) -> None:
        """Take in a message of a socket that is not about an order."""
        kind = message.get("e")
        if kind == "outboundAccountPosition":
            self._assets({each["a"]: (each["f"], each["l"]) for each in message["B"]})
        elif kind == "ACCOUNT_UPDATE":
            self._account_update(message["a"])
        elif kind in _TICKS or (kind is None and "s" in message and "b" in message):
            self._ticks.tick(message.get("s"), message.get("E"), "ms")

    def _account_update(self, update: Arguments) -> None:
        for each in update.get("B") or ():
            if each["a"] == "USDT":
                self._account.balance(account="futures", total=each["wb"], currency="USDT")
            if update.get("m") == "FUNDING_FEE" and float(each.get("bc") or 0):
                self._account.cash("funding", each["bc"], currency=each["a"])
        if update.get("P"):
            self._hold(update["P"], complete=False)
