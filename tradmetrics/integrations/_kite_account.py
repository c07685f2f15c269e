"""The margins and positions that a Kite bot asks for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from tradmetrics.integrations.kit import Account, Finish, Handle, Held, Settings
from tradmetrics.integrations.kit.positions import Positions

CURRENCY: Final = "INR"


class KiteAccount:
    """Reads the answers of a `KiteConnect`.

    Args:
        handle: Of the instrumentation.
        settings: The options.
        positions: The positions that the fills add up to.
    """

    def __init__(self, handle: Handle, settings: Settings, positions: Positions) -> None:
        self._handle = handle
        self._account = Account(handle, settings, positions)

    def watch(self, kite: Any) -> None:
        """Watch what the client answers about the account."""
        self._account.belongs_to(lambda: str(kite.api_key))
        if self._account.records:
            self._handle.watch(kite, "margins", self._margins)
            self._handle.watch(kite, "positions", lambda _: self._positions)

    def _margins(self, arguments: Mapping[str, Any]) -> Finish:
        def finish(result: Any, error: BaseException | None) -> None:
            if not isinstance(result, Mapping):
                return
            segment = arguments.get("segment")
            for name, margin in ({segment: result} if segment else result).items():
                if isinstance(margin, Mapping) and margin.get("enabled", True):
                    free, used = margin["net"], (margin.get("utilised") or {}).get("debits", 0)
                    self._account.balance(
                        account=str(name),
                        total=free + used,
                        used=used,
                        available=free,
                        margin_used=used,
                        margin_available=free,
                        currency=CURRENCY,
                    )

        return finish

    def _positions(self, result: Any, error: BaseException | None) -> None:
        if not isinstance(result, Mapping):
            return
        held: dict[str, Held] = {}
        for row in result["net"]:  # one for each product of a symbol
            symbol, unrealized = row["tradingsymbol"], row.get("unrealised") or 0.0
            before = held.get(symbol, Held(symbol, 0.0, 0.0))
            quantity = float(str(before.quantity)) + float(row["quantity"])
            held[symbol] = Held(symbol, quantity, float(str(before.unrealized)) + unrealized, currency=CURRENCY)
        self._account.positions(held.values())
        self._account.pnl(
            daily=sum(row.get("m2m") or 0.0 for row in result["net"]),
            realized=sum(row.get("realised") or 0.0 for row in result["net"]),
            currency=CURRENCY,
        )
