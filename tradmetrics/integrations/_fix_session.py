"""The orders of a FIX application, as its messages tell of them."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from typing import Any, Final

from tradmetrics.integrations._fix_messages import FixFields
from tradmetrics.integrations.kit import Connection, Handle, Orders, Settings, Ticks
from tradmetrics.vocabulary import fold as vocabulary

_MOST_PENDING: Final = 10_000
_TRADES: Final = frozenset({"F", "1", "2"})
"""Execution types that are trades: FIX 4.4's, and those of 4.2 and before."""
_CORRECTS: Final = frozenset({"G", "H"})
_ABSOLUTE: Final = "3"
_NEW_ORDERS: Final = frozenset({"D", "AB"})


class FixSession:
    """Follows what an application sends and receives.

    Args:
        handle: Of the instrumentation.
        settings: The options.
    """

    def __init__(self, handle: Handle, settings: Settings) -> None:
        self._handle = handle
        self._orders = Orders(handle, settings, dialect="fix")
        self._ticks = Ticks(handle, settings)
        self._connections: dict[str, Connection] = {}
        self._replacing: OrderedDict[str, tuple[str, str | None]] = OrderedDict()
        self._numbered: OrderedDict[str, str] = OrderedDict()

    def watch(self, app: Any) -> None:
        """Watch an application."""
        watch = self._handle.watch
        watch(app, "toApp", lambda arguments: self._sent(_message(arguments)))
        watch(app, "fromApp", lambda arguments: self._received(_message(arguments)))
        watch(app, "fromAdmin", lambda arguments: self._received(_message(arguments)))
        watch(app, "onLogon", lambda arguments: self._connection(arguments).opened())
        watch(app, "onLogout", lambda arguments: self._connection(arguments).closed())

    def _connection(self, arguments: Mapping[str, Any]) -> Connection:
        session = str(next(iter(arguments.values()), ""))
        if session not in self._connections and len(self._connections) < _MOST_PENDING:
            self._connections[session] = Connection(self._handle, "fix")
        return self._connections[session]

    # ── sent ─────────────────────────────────────────────────────────────────────────────────────────────────────

    def _sent(self, message: FixFields) -> None:
        kind, order_id = message.get(35), message.get(11)
        if "Y" in (message.get(43), message.get(97)) or order_id is None:
            return  # what is sent again was counted when it was sent first
        if kind in _NEW_ORDERS:
            self._orders.sent(
                order_id,
                message,
                side=message.get(54),
                order_type=message.get(40),
                quantity=message.get(38),
                quantity_in="quote" if message.get(38) is None and message.get(152) is not None else None,
                price=message.get(44),
            )
        elif kind == "F":
            self._orders.cancel(message.get(41), cancel_id=order_id)
        elif kind == "G":
            _keep(self._replacing, order_id, (message.get(41) or "", message.get(38)))
        if kind in (*_NEW_ORDERS, "F", "G") and message.get(34):
            _keep(self._numbered, str(message.get(34)), order_id)

    # ── received ─────────────────────────────────────────────────────────────────────────────────────────────────

    def _received(self, message: FixFields) -> None:
        kind = message.get(35)
        if kind == "8":
            self._report(message)
        elif kind == "9":
            self._not_changed(message.get(11))
        elif kind == "3":
            self._refused(self._numbered.get(message.get(45) or ""), message, message.get(373))
        elif kind == "j":
            order_id = message.get(379) or self._numbered.get(message.get(45) or "")
            self._refused(order_id, message, message.get(380))
        elif kind in ("W", "X"):
            self._ticks.tick(message.get(55))

    def _not_changed(self, order_id: str | None) -> None:
        """Take in that a cancel or a replace was refused: the order is as it was."""
        if order_id is not None and self._replacing.pop(order_id, None) is not None:
            self._orders.message("modify")

    def _refused(self, order_id: str | None, message: FixFields, reason: str | None) -> None:
        if order_id is None:
            return
        if order_id in self._replacing:
            self._not_changed(order_id)
        elif self._orders.is_open(order_id):
            self._orders.event(order_id, status="8", reason=f"reject_{reason}" if reason else "reject")

    def _report(self, message: FixFields) -> None:
        order_id, previous, broker_id = message.get(11), message.get(41), message.get(37)
        execution, status = message.get(150), message.get(39)
        if execution == "5" or (
            order_id in self._replacing and previous in self._orders and execution not in ("E", "6")
        ):
            old, quantity = self._replacing.pop(order_id or "", (previous or "", message.get(38)))
            self._orders.replace(old, order_id or old, quantity or message.get(38))
        known = next((each for each in (order_id, previous, broker_id) if each and each in self._orders), None)
        key = known or order_id or broker_id
        if key is None:
            return
        if known is not None and broker_id and broker_id not in self._orders and broker_id != "NONE":
            self._orders.alias(known, broker_id)
        fill_id, is_trade = message.get(17), execution in _TRADES or (execution is None and message.get(32))
        fill: dict[str, Any] = {}
        if is_trade or execution in _CORRECTS:
            fill = {"fill_id": fill_id, "fill_quantity": message.get(32), "price": message.get(31)}
        if execution in _CORRECTS or message.get(20) in ("1", "2"):
            fill |= {"fill_id": fill_id, "corrects": message.get(19)}
            if execution == "H" or message.get(20) == "1":
                fill["fill_quantity"] = "0"
        elif is_trade and fill_id is not None and float(message.get(32) or 0):
            self._orders.fill(
                f"{broker_id} {fill_id}",
                key,
                vocabulary.side(message.get(54), "fix"),
                symbol=message.get(55),
                quantity=message.get(32),
                price=message.get(31),
                fee=message.get(12) if message.get(13) == _ABSOLUTE else None,
                currency=message.get(15),
                opens_short=True,
            )
        reason = message.get(103)
        self._orders.event(
            key,
            status=None if execution in ("E", "6") else status,
            filled=message.get(14),
            reason=f"reject_{reason}" if status == "8" and reason else None,
            **fill,
        )


def _message(arguments: Mapping[str, Any]) -> FixFields:
    return FixFields(next(iter(arguments.values())))


def _keep(table: OrderedDict[str, Any], key: str, value: Any) -> None:
    table[key] = value
    if len(table) > _MOST_PENDING:
        table.popitem(last=False)
