"""The account of one instrumented library: balances, positions, P&L and cash, as the bot asks for them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final

from tradmetrics.integrations.kit.handle import Handle
from tradmetrics.integrations.kit.held import Held, Sides
from tradmetrics.integrations.kit.options import Settings
from tradmetrics.integrations.kit.owners import Owner
from tradmetrics.integrations.kit.positions import Positions
from tradmetrics.record import snapshots
from tradmetrics.record.exporter import MetricsExporter
from tradmetrics.vocabulary.numbers import number_of

_MOST: Final = 1_000
"""Accounts of an instrumentation whose amounts are kept and added up."""
_CAPITAL: Final = ("total", "used", "available", "margin_used", "margin_available")
_PNL: Final = ("daily", "realized", "unrealized")


class Account:
    """Records the balances, positions and P&L that the broker reports.

    The adapter sends no request of its own: it reads the answers to the bot's. Amounts of several accounts add up.
    Amounts in another currency than that of the metrics object are converted by `convert=`, or left out and counted.

    Example:
        ```python
        account.balance(total=answer["equity"], available=answer["cash"], currency="USD")
        account.positions([Held(each["symbol"], each["qty"], each["unrealized"]) for each in positions])
        ```

    Args:
        handle: Of the instrumentation.
        settings: The options. With `account=False` nothing is recorded.
        positions: The positions that the fills add up to, from `Orders.trades`; with them, drift is recorded.
    """

    def __init__(self, handle: Handle, settings: Settings, positions: Positions | None = None) -> None:
        self._owner = Owner(handle, None)
        self.records = settings.account
        self._handle = handle
        self._settings = settings
        self._exporter = MetricsExporter(handle.metrics)
        self._fills = positions
        self._amounts: dict[tuple[str, str], dict[str, float]] = {}
        self._positions: dict[tuple[str, str], Held] = {}
        self._sides = Sides()
        self._accounts: set[str] = set()

    def belongs_to(self, who: Callable[[], object]) -> None:
        """Say whose account it is: the amounts of two owners add up, those of two clients of one owner do not.

        Args:
            who: Tells the owner when there are amounts, by something that can be hashed and that all clients of the
                account have, such as the key that signs requests. By default, an adapter has one owner.
        """
        self._owner = Owner(self._handle, who)

    def balance(
        self,
        *,
        total: object = None,
        used: object = None,
        available: object = None,
        margin_used: object = None,
        margin_available: object = None,
        currency: str | None = None,
        account: str = "",
    ) -> None:
        """Set capital and margin. An amount of None leaves its gauge as it was.

        Args:
            total: Capital of the account: its equity.
            used: Capital in use.
            available: Capital that is free.
            margin_used: Margin that open positions and orders hold.
            margin_available: Margin that is free.
            currency: The currency of these amounts.
            account: The account, where there are several; their amounts add up.
        """
        values = (total, used, available, margin_used, margin_available)
        sums = self._sums("capital", account, currency, dict(zip(_CAPITAL, values, strict=True)), _CAPITAL)
        if sums:
            whole, part, name = sums.get("total"), sums.get("used"), self._owner.owned().account
            self._exporter.update_capital_metrics(
                total=whole,
                used=part,
                available=sums.get("available"),
                utilization=100 * part / whole if whole and part is not None else None,
                account=name,
            )
            self._exporter.update_margin_metrics(sums.get("margin_used"), sums.get("margin_available"), account=name)

    def pnl(
        self,
        *,
        daily: object = None,
        realized: object = None,
        unrealized: object = None,
        daily_pct: object = None,
        currency: str | None = None,
        account: str = "",
    ) -> None:
        """Set the P&L of the day and of the positions. An amount of None leaves its gauge as it was.

        Args:
            daily: P&L of the trading day.
            realized: P&L of the closed positions.
            unrealized: P&L of the open positions.
            daily_pct: `daily` in percent of the capital; by default of what `balance` has told.
            currency: The currency of these amounts.
            account: The account, where there are several; their amounts add up.
        """
        sums = self._sums(
            "pnl", account, currency, {"daily": daily, "realized": realized, "unrealized": unrealized}, _PNL
        )
        day, capital = sums.get("daily"), self._total()
        if daily_pct is None and day is not None and capital is not None and capital - day > 0:
            daily_pct = 100 * day / (capital - day)
        if sums or (self.records and daily_pct is not None):
            self._exporter.update_pnl_metrics(
                sums.get("daily"),
                daily_pct,
                sums.get("realized"),
                sums.get("unrealized"),
                account=self._owner.owned().account,
            )

    def _total(self) -> float | None:
        """The capital of all accounts that the broker has reported, or None."""
        found = [each["total"] for (kind, _), each in self._amounts.items() if kind == "capital" and "total" in each]
        return sum(found) if found else None

    def positions(
        self, held: Iterable[Held], *, account: str = "", complete: bool = True, one_side: bool = False
    ) -> None:
        """Set the open positions by strategy and their unrealized P&L, and compare them with the fills.

        Args:
            held: The positions. Those of one symbol add up.
            account: The account, where there are several.
            complete: Whether these are all positions of the account. One that is not there is closed then.
            one_side: Whether the other side of a symbol, which is not there, stays as it was: streams tell the side
                that has changed.
        """
        if not self.records:
            return
        rows = list(held)
        if complete:
            gone = {symbol for name, symbol in self._positions if name == account}
            gone.update(self._fills.symbols() if self._fills is not None and not account else ())
            rows += [Held(symbol, 0.0) for symbol in sorted(gone - {each.symbol for each in rows})]
        told = self._sides.together(account, rows, one_side=one_side)
        for symbol, each in told.items():
            quantity = float(number_of(each.quantity))
            if quantity:
                self._positions[account, symbol] = each
            else:
                self._positions.pop((account, symbol), None)
            self.check(symbol, quantity, each.price, account=account, label=each.label)
        while len(self._positions) > _MOST:
            del self._positions[next(iter(self._positions))]
        snapshots.set_positions(
            self._handle.metrics, self._rows(), site=self._handle.site, reporter=self._owner.owned().reporter
        )

    def _rows(self) -> list[dict[str, object]]:
        rows = []
        for each in self._positions.values():
            strategy = self._settings.strategy if each.strategy is None else each.strategy
            row: dict[str, object] = {"strategy": "unknown" if callable(strategy) else strategy, "quantity": 1}
            unrealized = None if each.unrealized is None else self._amount(each.unrealized, each.currency)
            rows.append(row if unrealized is None else {**row, "unrealized_pnl": unrealized})
        return rows

    def check(
        self, symbol: str, actual: float, price: object = None, *, account: str = "", label: str | None = None
    ) -> None:
        """Compare the broker's position with the one that the fills imply: `trading_position_drift`.

        The first position of a symbol only begins the comparison. The comparison ends with the first position of a
        second account: fills do not say whose they are.

        Args:
            symbol: The instrument.
            actual: The broker's position.
            price: The average price at which it was entered, where the broker tells it.
            account: The account, where there are several.
            label: The symbol's label, where that is another text.
        """
        if len(self._accounts) < 2:
            self._accounts.add(account)
        if not self.records or self._fills is None or len(self._accounts) > 1:
            return
        self._fills.held(symbol, actual, None if price is None else number_of(price))
        compared = self._fills.told(symbol, actual)
        if compared is not None:
            text = symbol if label is None else label
            self._exporter.record_position_check(
                text if self._settings.symbols is None else self._settings.symbols(text), *compared
            )

    def cash(self, kind: str, amount: object, *, strategy: object = None, currency: str | None = None) -> None:
        """Record cash that came or went without a trade.

        Args:
            kind: `funding`, `fee`, `interest`, `dividend`, `transfer` or `other`.
            amount: Positive where the account receives it, negative where it pays.
            strategy: The strategy that caused it; by default the adapter's, where that is one for all orders.
            currency: The currency of the amount.
        """
        if self.records:
            label = self._settings.strategy if strategy is None else strategy
            self._exporter.record_cash_flow(kind, amount, None if callable(label) else label, currency)

    def _sums(
        self, family: str, account: str, currency: str | None, values: dict[str, Any], names: tuple[str, ...]
    ) -> dict[str, float]:
        """The sum over all accounts of each amount that was ever told; empty where nothing is to be recorded now."""
        if not self.records:
            return {}
        amounts = self._amounts.setdefault((family, account), {})
        if len(self._amounts) > _MOST:
            del self._amounts[next(iter(self._amounts))]
        told = False
        for name in names:
            amount = None if values[name] is None else self._amount(values[name], currency)
            if amount is not None:
                amounts[name] = amount
                told = True
        every = [each for (kind, _), each in self._amounts.items() if kind == family]
        return {
            name: sum(each[name] for each in every if name in each)
            for name in (names if told else ())
            if any(name in each for each in every)
        }

    def _amount(self, value: object, currency: str | None) -> float | None:
        try:
            return self._handle.metrics.money.amount(number_of(value), currency)
        except Exception as error:
            self._handle.fault(error)
            return None
