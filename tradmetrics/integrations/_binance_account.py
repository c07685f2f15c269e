"""The account and the market data that a Binance bot asks for, or that its sockets deliver."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any, Final

from tradmetrics.integrations._binance_words import coin_of, params_of
from tradmetrics.integrations.kit import Account, Arguments, Begin, Handle, Held, Settings, Ticks, Trades

_MONEY: Final = ("USDT", "USDC", "FDUSD", "BUSD", "EUR", "TRY", "BRL")
"""The assets that count as a spot account's capital: the first one that it holds."""
_USD: Final = "USD-margined"
_COIN: Final = "coin-margined"
_TICKS: Final = frozenset(
    {"trade", "aggTrade", "24hrTicker", "24hrMiniTicker", "bookTicker", "depthUpdate", "kline", "markPriceUpdate"}
)
_PRICES: Final = (
    *("get_symbol_ticker", "get_orderbook_ticker", "get_ticker", "futures_symbol_ticker", "futures_ticker"),
    *("futures_orderbook_ticker", "futures_mark_price", "get_avg_price", "futures_coin_symbol_ticker"),
    *("futures_coin_ticker", "futures_coin_orderbook_ticker", "futures_coin_mark_price"),
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
        self._symbols: dict[str, set[str]] = {_USD: set(), _COIN: set()}
        self._coins_held: set[str] = set()
        self._knows_portfolio = False

    def watch(self, client: Any) -> None:
        """Watch what a client answers about the account and the market."""
        watch = self._handle.watch
        self._account.belongs_to(lambda: str(client.API_KEY))
        if self._account.records:
            for names, begin in self._answers():
                for name in names.split():
                    watch(client, name, begin)
        if self._ticks.records:
            for name in _PRICES:
                watch(client, name, lambda _: self._prices)
            for name in ("get_order_book", "futures_order_book", "futures_coin_order_book"):
                watch(client, name, self._order_book)

    def _answers(self) -> tuple[tuple[str, Begin], ...]:
        """The methods that ask for the account, and who reads their answers."""
        return (
            ("get_account ws_get_account", lambda _: self._spot),
            ("get_margin_account", lambda _: self._margin),
            (
                "futures_account ws_futures_v2_account_status ws_futures_account_status papi_get_um_account "
                "papi_get_um_account_v2",
                lambda _: self._futures,
            ),
            ("futures_coin_account papi_get_cm_account", lambda _: self._coin_futures),
            (
                "futures_account_balance ws_futures_v2_account_balance ws_futures_account_balance",
                lambda _: self._futures_balances,
            ),
            ("futures_coin_account_balance", lambda _: self._coins),
            ("papi_get_account", lambda _: self._portfolio),
            ("papi_get_balance", lambda _: self._portfolio_assets),
            (
                "futures_position_information ws_futures_v2_account_position ws_futures_account_position "
                "papi_get_um_position_risk",
                partial(self._positions, _USD),
            ),
            ("futures_coin_position_information papi_get_cm_position_risk", partial(self._positions, _COIN)),
        )

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
        self._account.balance(  # of portfolio margin, it has the positions alone
            account="futures",
            total=result.get("totalMarginBalance"),
            used=result.get("totalInitialMargin"),
            available=result.get("availableBalance"),
            margin_used=result.get("totalInitialMargin"),
            margin_available=result.get("availableBalance"),
        )
        if result.get("positions"):
            self._hold(_USD, result["positions"], complete=True)

    def _coin_futures(self, result: Any, error: BaseException | None) -> None:
        if isinstance(result, Mapping):
            self._coins(result.get("assets"), None)
            self._hold(_COIN, result.get("positions") or (), complete=True)

    def _coins(self, result: Any, error: BaseException | None) -> None:
        """Take in the balances of coin-margined futures, each in its coin."""
        for each in result or ():
            total, coin = each.get("marginBalance", each.get("balance")), each["asset"]
            if total is not None and (float(total) or coin in self._coins_held):
                self._coins_held.add(coin)
                used, free = each.get("initialMargin"), each.get("availableBalance")
                self._account.balance(
                    account=f"futures {coin}",
                    total=total,
                    used=used,
                    available=free,
                    margin_used=used,
                    margin_available=free,
                    currency=coin,
                )

    def _portfolio(self, result: Any, error: BaseException | None) -> None:
        """Take in a portfolio margin account: all markets together, in US dollars."""
        if isinstance(result, Mapping):
            self._knows_portfolio = True
            total, used = result.get("actualEquity") or result.get("accountEquity"), result.get("accountInitialMargin")
            free = result.get("totalAvailableBalance") or None
            if free is None and total and used:
                free = max(0.0, float(result.get("accountEquity") or total) - float(used))
            self._account.balance(
                account="portfolio", total=total, used=used, available=free, margin_used=used, margin_available=free
            )

    def _portfolio_assets(self, result: Any, error: BaseException | None) -> None:
        """Take in the assets of a portfolio margin account, where nothing told all of them together."""
        rows = [result] if isinstance(result, Mapping) else result or ()
        held = {each["asset"]: each.get("totalWalletBalance") or 0 for each in rows}
        asset = next((each for each in _MONEY if float(held.get(each, 0))), None)
        if asset is not None and not self._knows_portfolio:
            self._account.balance(account="portfolio", total=held[asset], currency=asset)

    def _futures_balances(self, result: Any, error: BaseException | None) -> None:
        for each in result or ():
            if each.get("asset") == "USDT":
                self._account.balance(
                    account="futures", total=each["balance"], available=each["availableBalance"], currency="USDT"
                )

    def _positions(self, market: str, arguments: Arguments) -> Any:
        params = params_of(arguments)
        asked = any(params.get(name) for name in ("symbol", "pair", "marginAsset"))

        def finish(result: Any, error: BaseException | None) -> None:
            if isinstance(result, list):
                self._hold(market, result, complete=not asked)

        return finish

    def _hold(self, market: str, rows: Any, *, complete: bool, one_side: bool = False) -> None:
        held = [_held(row) for row in rows]
        symbols = {each.symbol for each in held}
        if complete:  # of this market: the other one has a list of its own
            held += [Held(symbol, 0.0) for symbol in self._symbols[market] - symbols]
        self._symbols[market] |= symbols
        self._account.positions(held, complete=False, one_side=one_side)

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
        rows = update.get("P") or ()
        for each in update.get("B") or ():
            if each["a"] == "USDT":
                self._account.balance(account="futures", total=each["wb"], currency="USDT")
            if update.get("m") == "FUNDING_FEE" and float(each.get("bc") or 0):
                self._account.cash("funding", each["bc"], currency=each["a"])
        for market in (_USD, _COIN):
            told = [row for row in rows if (coin_of(row["s"]) is None) == (market == _USD)]
            if told:
                self._hold(market, told, complete=False, one_side=True)


def _held(row: Arguments) -> Held:
    """A position as an answer or a stream tells it: one row for each side in hedge mode."""
    symbol, side = row.get("symbol") or row["s"], row.get("positionSide", row.get("ps"))
    return Held(
        symbol,
        float(row.get("positionAmt", row.get("pa", 0))),
        float(row.get("unRealizedProfit", row.get("unrealizedProfit", row.get("up", 0))) or 0),
        price=float(row.get("entryPrice", row.get("ep", 0)) or 0) or None,
        currency=coin_of(symbol),
        side=side if side in ("LONG", "SHORT") else None,
    )
