"""The account and the market data that a Hyperliquid bot asks for, or that its stream delivers."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any, Final

from tradmetrics.integrations.kit import Account, Arguments, Handle, Held, Settings, Ticks, Trades

_CURRENCY: Final = "USDC"
_ADDRESS: Final = 42
"""Characters of an address."""


class HyperliquidAccount:
    """Reads answers and messages.

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
        self._addresses: set[str] = set()
        self._began = time.time() * 1000

    def own(self, exchange: Any) -> None:
        """Know whose account is traded: bots look at those of others, too."""
        wallet = getattr(exchange, "wallet", None)
        addresses = (
            getattr(exchange, "vault_address", None),
            getattr(exchange, "account_address", None),
            getattr(wallet, "address", None),
        )
        address = next((each for each in addresses if each), None)  # as the SDK's own `market_close` chooses it
        if address is not None:
            self._addresses.add(str(address).lower())
            self._account.belongs_to(lambda: frozenset(self._addresses))

    def is_ours(self, address: object) -> bool:
        """Whether an address is the bot's; without an `Exchange`, any is."""
        return not self._addresses or str(address).lower() in self._addresses

    def is_anothers(self, address: object) -> bool:
        """Whether a whole address belongs to another account."""
        return len(str(address)) == _ADDRESS and not self.is_ours(address)

    def watch(self, info: Any) -> None:
        """Watch what an `Info` answers about the account and the market."""
        watch = self._handle.watch
        if self._account.records:
            watch(info, "user_state", self._state)
            watch(
                info,
                "user_funding_history",
                lambda arguments: None if self.is_anothers(arguments["user"]) else self._fundings,
            )
        if self._ticks.records:
            watch(info, "all_mids", lambda _: self._mids)
            watch(info, "l2_snapshot", lambda _: self._order_book)

    def _state(self, arguments: Arguments) -> Any:
        is_ours, dex = self.is_ours(arguments["address"]), str(arguments.get("dex") or "")

        def finish(result: Any, error: BaseException | None) -> None:
            if is_ours and isinstance(result, Mapping):
                self._hold(result, dex)

        return finish

    def _hold(self, state: Arguments, dex: str = "") -> None:
        summary, free = state["marginSummary"], state.get("withdrawable")
        used = summary.get("totalMarginUsed")
        self._account.balance(
            account=dex,
            total=summary.get("accountValue"),
            used=used,
            available=free,
            margin_used=used,
            margin_available=free,
            currency=_CURRENCY,
        )
        rows = [each["position"] for each in state.get("assetPositions") or ()]
        self._account.positions(
            [
                Held(row["coin"], row["szi"], row["unrealizedPnl"], price=row.get("entryPx"), currency=_CURRENCY)
                for row in rows
            ],
            account=dex,
        )

    def _fundings(self, result: Any, error: BaseException | None) -> None:
        for each in result if isinstance(result, list) else ():
            self._funding({**each["delta"], "time": each["time"]})

    def _funding(self, payment: Arguments) -> None:
        key = f"funding {payment['time']} {payment['coin']}"
        if self._trades.first_time(key):
            self._account.cash("funding", payment["usdc"], currency=_CURRENCY)

    def _mids(self, result: Any, error: BaseException | None) -> None:
        for coin in result if isinstance(result, Mapping) else ():
            if not coin.startswith("@"):
                self._ticks.tick(coin)

    def _order_book(self, result: Any, error: BaseException | None) -> None:
        if isinstance(result, Mapping):
            self._ticks.tick(result.get("coin"), result.get("time"), "ms")

    def message(self, channel: str, data: Any) -> None:
        """Take in a message of the stream that is not about orders."""
        if channel == "userFundings":
            for payment in () if self.is_anothers(data.get("user")) else data.get("fundings") or ():
                # Each connection begins with payments of the last weeks: those of before are not this process's.
                if not data.get("isSnapshot") or payment["time"] >= self._began:
                    self._funding(payment)
        elif channel == "user":
            if data.get("funding"):
                self._funding(data["funding"])
        elif channel == "webData2":
            if self._account.records and self.is_ours(data.get("user")) and data.get("clearinghouseState"):
                self._hold(data["clearinghouseState"])
        elif channel == "allMids":
            self._mids(data.get("mids"), None)
        elif channel in ("l2Book", "bbo"):
            self._order_book(data, None)
        elif channel == "trades" and data:
            self._order_book(data[-1], None)
        elif channel == "candle":
            self._ticks.tick(data.get("s"))
