"""The RPC messages of a freqtrade bot, its exchange and its wallets."""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any, Final

from tradmetrics.integrations._ccxt_requests import CcxtRequests
from tradmetrics.integrations.kit import Account, Finish, Handle, Held, Orders, Settings, Ticks

Message = Mapping[str, Any]

_WORDS: Final = re.compile(r"[A-Za-z]+")
_MOST_WORDS: Final = 6
_MOST_TRADES: Final = 10_000
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
        self._current: OrderedDict[tuple[object, str], str] = OrderedDict()

    def watch(self, manager: Any) -> None:
        """Watch the manager of the RPC messages, the exchange and the wallets."""
        self._handle.watch(manager, "send_msg", self._message)
        exchange = getattr(self._strategy.dp, "_exchange", None)
        requests = CcxtRequests(self._handle)
        for name in _EXCHANGES:
            api = getattr(exchange, name, None)
            if api is not None:
                requests.watch(api)
        wallets = getattr(self._strategy, "wallets", None)
        if wallets is not None and self._account.records:
            self._handle.watch(wallets, "update", lambda _: lambda result, error: self._wallet(wallets))
            self._handle.guard(self._wallet, wallets)

    def _message(self, arguments: Mapping[str, Any]) -> Finish | None:
        message = arguments["msg"]
        kind = str(getattr(message.get("type"), "value", message.get("type")))
        leg, _, event = kind.partition("_")
        if leg in ("entry", "exit"):
            {"": self._placed, "fill": self._filled, "cancel": self._cancelled}.get(event, _nothing)(leg, message)
        elif kind == "new_candle":
            self._ticks.tick(message["data"][0])
        return None

    # ── orders ───────────────────────────────────────────────────────────────────────────────────────────────────

    def _placed(self, leg: str, message: Message) -> None:
        number = 1
        while f"{message['trade_id']}/{leg}/{number}" in self._orders:
            number += 1
        key = f"{message['trade_id']}/{leg}/{number}"
        self._current[message["trade_id"], leg] = key
        if len(self._current) > _MOST_TRADES:
            self._current.popitem(last=False)
        self._orders.sent(
            key,
            message,
            side=_side(leg, message),
            order_type=message.get("order_type"),
            quantity=message.get("amount"),
            reference_price=message.get("order_rate") or message.get("limit"),
        )
        self._orders.event(key, status="accepted")

    def _key(self, leg: str, message: Message) -> str:
        """The key of the order that a message is about; one that nobody told of, as a stop on the exchange, is new."""
        key = self._current.get((message["trade_id"], leg))
        if key is None or not self._orders.is_open(key):
            self._placed(leg, message)
            key = self._current[message["trade_id"], leg]
        return key

    def _filled(self, leg: str, message: Message) -> None:
        key = self._key(leg, message)
        price = message.get("close_rate") if leg == "exit" else message.get("open_rate")
        self._orders.event(key, status="filled", filled=message.get("amount"), price=price)
        is_closed = leg == "exit" and bool(message.get("is_final_exit", not message.get("sub_trade")))
        if leg == "exit":
            self._orders.trades.trade(
                self._orders.label(key),
                _side(leg, message),
                message.get("profit_amount"),
                message.get("stake_currency"),
            )
        held = Held(
            f"{message['trade_id']}",
            0.0 if is_closed else -1.0 if _is_short(message) else 1.0,
            strategy=self._orders.label(key),
            label=str(message.get("pair")),
        )
        self._account.positions([held], complete=False)

    def _cancelled(self, leg: str, message: Message) -> None:
        reason = "_".join(_WORDS.findall(str(message.get("reason") or ""))[:_MOST_WORDS]).lower()
        self._orders.event(self._key(leg, message), status="cancelled", reason=reason or None)

    # ── the wallet ───────────────────────────────────────────────────────────────────────────────────────────────

    def _wallet(self, wallets: Any) -> None:
        currency = self._strategy.config["stake_currency"]
        self._account.balance(
            total=wallets.get_total(currency),
            used=wallets.get_used(currency),
            available=wallets.get_free(currency),
            currency=currency,
        )


def _is_short(message: Message) -> bool:
    return str(message.get("direction")).lower() == "short"


def _side(leg: str, message: Message) -> str:
    return "SELL" if (leg == "exit") != _is_short(message) else "BUY"


def _nothing(leg: str, message: Message) -> None:
    """Other messages of the kind are passed over."""
