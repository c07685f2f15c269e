"""The orders and trades of a freqtrade bot by its RPC messages, its wallets and its exchange's requests."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from typing import Any, Final

from tradmetrics.integrations._ccxt_requests import CcxtRequests
from tradmetrics.integrations.kit import (
    Account,
    Arguments,
    Finish,
    Handle,
    Held,
    Orders,
    Settings,
    Ticks,
    leading_words,
)

_MOST_WORDS: Final = 6
_MOST_ORDERS: Final = 10_000
_WHOLE: Final = 0.97
"""A fill of this part of an order is all of it: amounts of entries are net of fees in the coin."""
_KEPT: Final = "keeping order open"
_BY_EXCHANGE: Final = "on exchange"
_EXCHANGES: Final = ("_api", "_api_async", "_ws_async")


class FreqtradeBot:
    """Follows one bot.

    Args:
        handle: Of the instrumentation.
        settings: The options.
        strategy: The strategy object.
    """

    def __init__(self, handle: Handle, settings: Settings, strategy: Any) -> None:
        self._handle = handle
        self._strategy = strategy
        self._orders = Orders(handle, settings, dialect="freqtrade", tells_pnl=True)
        self._account = Account(handle, settings)
        self._ticks = Ticks(handle, settings, always_open=True)
        self._amounts: OrderedDict[str, float] = OrderedDict()
        self._closed: dict[str, float] = {}

    def watch(self, manager: Any) -> None:
        """Watch the manager of the RPC messages, the exchange and the wallets."""
        self._handle.watch(manager, "send_msg", self._message)
        exchange = getattr(self._strategy.dp, "_exchange", None)
        requests = CcxtRequests(self._handle)
        for name in _EXCHANGES:
            api = getattr(exchange, name, None)
            if api is not None:
                requests.watch(api)
                self._handle.watch(api, "fetch_ticker", self._price)
                self._handle.watch(api, "fetch_order_book", self._price)
        for name in ("create_order", "create_stoploss") if exchange is not None else ():
            self._handle.watch(exchange, name, self._creating)
        wallets = getattr(self._strategy, "wallets", None)
        if wallets is not None and self._account.records:
            self._handle.watch(wallets, "update", lambda _: lambda result, error: self._wallet(wallets))
            self._handle.guard(self._wallet, wallets)
            self._handle.guard(self._open_trades)
        self._handle.watch(manager, "cleanup", lambda _: self._end)

    def _message(self, arguments: Arguments) -> Finish | None:
        message = arguments["msg"]
        kind = str(getattr(message.get("type"), "value", message.get("type")))
        leg, _, event = kind.partition("_")
        if leg in ("entry", "exit"):
            {"": self._placed, "fill": self._filled, "cancel": self._cancelled}.get(event, _nothing)(leg, message)
        elif kind == "analyzed_df":  # comes before the message about the candle, with the candle itself
            pair, timeframe, *_ = message["data"]["key"]
            self._closed[pair] = _close(message["data"]["df"], timeframe)
        elif kind == "new_candle":
            self._ticks.tick(message["data"][0], self._closed.pop(message["data"][0], None))
        return None

    def _end(self, result: Any, error: BaseException | None) -> None:
        """Take in that the bot ends. After `/reload_config` another one begins, which tells of itself."""
        self._account.positions([])
        self._orders.list_open(self._orders.open_keys(), [])
        self._handle.undo()

    def _price(self, arguments: Arguments) -> Finish:
        def finish(result: Any, error: BaseException | None) -> None:
            if isinstance(result, Mapping):
                self._ticks.tick(arguments.get("symbol"), result.get("timestamp"), "ms")

        return finish

    # ── orders ───────────────────────────────────────────────────────────────────────────────────────────────────

    def _creating(self, arguments: Arguments) -> Finish:
        """Count an order that the exchange refuses: freqtrade sends no message about it."""

        def finish(result: Any, error: BaseException | None) -> None:
            if error is not None:
                order_type = arguments.get("ordertype", "stop")
                order = {"type": "refused", "pair": arguments["pair"], "order_type": order_type, "enter_tag": None}
                details = {"side": arguments["side"], "order_type": order_type, "quantity": arguments["amount"]}
                self._orders.send(order, lambda key, answer: None, **details)(None, error.__cause__ or error)

        return finish

    def _placed(self, leg: str, message: Arguments) -> str:
        key = f"{message['trade_id']}/{leg}/{len(self._keys(leg, message)) + 1}"
        self._amounts[key] = float(message.get("amount") or 0)
        if len(self._amounts) > _MOST_ORDERS:
            self._amounts.popitem(last=False)
        self._orders.sent(
            key,
            message,
            side=_side(leg, message),
            order_type=message.get("order_type"),
            quantity=message.get("amount"),
            reference_price=message.get("order_rate") or message.get("limit"),
        )
        self._orders.event(key, status="accepted")
        return key

    def _keys(self, leg: str, message: Arguments) -> list[str]:
        """The orders of a trade's leg, the oldest first. Messages carry no ids of orders: ours count them."""
        keys: list[str] = []
        while (key := f"{message['trade_id']}/{leg}/{len(keys) + 1}") in self._orders:
            keys.append(key)
        return keys

    def _open(self, leg: str, message: Arguments) -> list[str]:
        return [key for key in self._keys(leg, message) if self._orders.is_open(key)]

    def _filled(self, leg: str, message: Arguments) -> None:
        # A fill can be the first message of an order: a stop on the exchange has no other.
        key = next(iter(self._open(leg, message)), None) or self._placed(leg, message)
        amount = float(message.get("amount") or 0)
        is_whole = amount >= self._amounts.get(key, 0.0) * _WHOLE
        price = message.get("close_rate") if leg == "exit" else message.get("order_rate", message.get("open_rate"))
        self._orders.event(key, status="filled" if is_whole else None, filled=amount, price=price)
        if leg == "exit":
            self._orders.trades.trade(
                self._orders.label(key),
                _side(leg, message),
                message.get("profit_amount"),
                message.get("stake_currency"),
            )
        is_over = leg == "exit" and bool(message.get("is_final_exit", not message.get("sub_trade")))
        if is_over:
            self._orders.cancelled([*self._open("entry", message), *self._open("exit", message)])
        held = Held(
            f"{message['trade_id']}",
            0.0 if is_over else -1.0 if _is_short(message) else 1.0,
            strategy=self._orders.label(key),
            label=str(message.get("pair")),
        )
        self._account.positions([held], complete=False)

    def _cancelled(self, leg: str, message: Arguments) -> None:
        text = str(message.get("reason") or "")
        key = next(iter(self._open(leg, message)), None)
        if key is None or _KEPT in text:
            return
        if _BY_EXCHANGE not in text:
            self._orders.cancel(key)
        self._orders.event(key, status="cancelled", reason=leading_words(text, _MOST_WORDS))

    # ── the account ──────────────────────────────────────────────────────────────────────────────────────────────

    def _wallet(self, wallets: Any) -> None:
        """Set the capital: the free stake currency, and the stakes of the open trades."""
        currency = self._strategy.config["stake_currency"]
        free, stakes = wallets.get_free(currency), _stakes()
        self._account.balance(total=free + stakes, used=stakes, available=free, currency=currency)

    def _open_trades(self) -> None:
        """Take in the trades that were open before the bot started."""
        held = [
            Held(f"{trade.id}", -1.0 if trade.is_short else 1.0, strategy=self._orders.label(""), label=trade.pair)
            for trade in _trades()
        ]
        if held:
            self._account.positions(held, complete=False)


def _trades() -> list[Any]:
    from freqtrade.persistence import Trade  # type: ignore[import-not-found, unused-ignore]

    return list(Trade.get_trades_proxy(is_open=True)) if hasattr(Trade, "session") else []


def _stakes() -> float:
    from freqtrade.persistence import Trade  # type: ignore[import-not-found, unused-ignore]

    return float(Trade.total_open_trades_stakes()) if hasattr(Trade, "session") else 0.0


def _close(candles: Any, timeframe: str) -> float:
    """When the last candle was complete; its date is that of its beginning."""
    from freqtrade.exchange import timeframe_to_seconds  # type: ignore[import-not-found, unused-ignore]

    return float(candles["date"].iloc[-1].timestamp()) + float(timeframe_to_seconds(timeframe))


def _is_short(message: Arguments) -> bool:
    return str(message.get("direction")).lower() == "short"


def _side(leg: str, message: Arguments) -> str:
    return "SELL" if (leg == "exit") != _is_short(message) else "BUY"


def _nothing(leg: str, message: Arguments) -> None:
    """Other messages of the kind are passed over."""
