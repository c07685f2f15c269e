"""The orders of a FIX application, as its messages tell of them."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from typing import Any, Final

from tradmetrics.integrations._fix_messages import FixFields, session_name
from tradmetrics.integrations.kit import Account, Connection, Fill, Finish, Handle, Held, Orders, Settings, Ticks
from tradmetrics.vocabulary import fold as vocabulary

_MOST_PENDING: Final = 10_000
_MOST_SESSIONS: Final = 100
_TRADES: Final = frozenset({"F", "1", "2"})
"""Execution types that are trades: FIX 4.4's, and those of 4.2 and before."""
_CORRECTS: Final = frozenset({"G", "H"})
_PENDING: Final = frozenset({"E", "6"})
_NOT_REPLACED: Final = _PENDING | {"8"}
_TELLS_STATUS: Final = "3"
_ABSOLUTE: Final = "3"
_NEW_ORDERS: Final = frozenset({"D", "AB"})
_CHANGES: Final = frozenset({"F", "G"})
_IN_ALL: Final = "TQ"
_SESSIONS: Final = {"1": False, "2": True, "3": False, "4": False}
"""TradSesStatus (340): halted, open, closed, before the opening. The others change nothing."""
_SIGNS: Final = {704: 1.0, 705: -1.0}


class FixSession:
    """Follows what an application sends and receives.

    Args:
        handle: Of the instrumentation.
        settings: The options.
    """

    def __init__(self, handle: Handle, settings: Settings) -> None:
        self._handle = handle
        self._orders = Orders(handle, settings, dialect="fix")
        self._account = Account(handle, settings, self._orders.trades.positions)
        self._ticks = Ticks(handle, settings)
        self._connections: dict[str, Connection] = {}
        self._replacing: OrderedDict[str, tuple[str, str | None]] = OrderedDict()
        self._cancelling: OrderedDict[str, str] = OrderedDict()
        self._numbered: OrderedDict[tuple[str, str], str] = OrderedDict()

    def watch(self, app: Any) -> None:
        """Watch an application."""
        watch = self._handle.watch
        watch(app, "toApp", self._sending)
        watch(app, "fromApp", lambda arguments: self._received(*_message(arguments)))
        watch(app, "fromAdmin", lambda arguments: self._received(*_message(arguments)))
        watch(app, "onLogon", lambda arguments: self._connection(arguments).opened())
        watch(app, "onLogout", lambda arguments: self._connection(arguments).closed())

    def _connection(self, arguments: Mapping[str, Any]) -> Connection:
        name = session_name(next(iter(_values(arguments)), ""))
        if name not in self._connections:
            if len(self._connections) >= _MOST_SESSIONS:
                self._connections.pop(next(iter(self._connections))).closed()
            self._connections[name] = Connection(self._handle, "fix")
        return self._connections[name]

    # ── sent ─────────────────────────────────────────────────────────────────────────────────────────────────────

    def _sending(self, arguments: Mapping[str, Any]) -> Finish:
        finish = self._sent(*_message(arguments))

        def finished(result: Any, error: BaseException | None) -> None:
            if finish is not None:
                finish(result, error)
            elif error is None:
                self._sent(*_message(arguments))  # `toApp` may be where the bot gives the order its id

        return finished

    def _sent(self, message: FixFields, session: str) -> Finish | None:
        """Take in a message that goes out; None where it has no id of an order."""
        kind, order_id, original = message.get(35), message.get(11), message.get(41)
        if "Y" in (message.get(43), message.get(97)):
            return _nothing  # the first sending was counted
        if message.get(34):
            self._numbered.pop((session, message[34]), None)  # numbers begin again each day
        if order_id is None:
            return None
        finish: Finish = _nothing
        if kind in _NEW_ORDERS:
            finish = self._orders.send(
                message,
                lambda key, answer: None,
                client_id=order_id,
                side=message.get(54),
                order_type=message.get(40),
                quantity=message.get(38),
                quantity_in="quote" if message.get(38) is None and message.get(152) is not None else None,
                price=message.get(44),
            )
        elif kind == "F":
            self._orders.cancel(original, cancel_id=order_id)
            _keep(self._cancelling, order_id, original or "")
        elif kind == "G":
            _keep(self._replacing, order_id, (original or "", message.get(38)))
        elif kind == "q":
            self._orders.message("cancel")
        if kind in _NEW_ORDERS | _CHANGES and message.get(34):
            _keep(self._numbered, (session, message[34]), order_id)
        return finish

    # ── received ─────────────────────────────────────────────────────────────────────────────────────────────────

    def _received(self, message: FixFields, session: str) -> None:
        kind = message.get(35)
        if kind == "8":
            self._report(message)
        elif kind == "9":
            self._not_changed(message.get(11))
        elif kind == "3":
            self._refused(self._numbered.get((session, message.get(45) or "")), message.get(373))
        elif kind == "j":
            order_id = message.get(379) or self._numbered.get((session, message.get(45) or ""))
            self._refused(order_id, message.get(380))
        elif kind in ("W", "X"):
            at = message.sent_at()
            for symbol in message.every(55):
                self._ticks.tick(symbol, at)
        elif kind == "AP":
            self._position(message)
        elif kind == "BA":
            self._collateral(message)
        elif kind == "h" and message.get(340) in _SESSIONS:
            self._ticks.session(_SESSIONS[message[340]], message.get(336))

    def _collateral(self, message: FixFields) -> None:
        """Take in a CollateralReport: the net value, and what of it no margin holds."""
        total, excess = message.get(900), message.get(899)
        used = None if total is None or excess is None else float(total) - float(excess)
        self._account.balance(
            total=total,
            used=used,
            available=excess,
            margin_used=used,
            margin_available=excess,
            currency=message.get(15),
            account=message.get(1) or "",
        )

    def _not_changed(self, order_id: str | None) -> None:
        """Take in that a cancel or a replace was refused: the order is as it was."""
        if order_id is not None and self._replacing.pop(order_id, None) is not None:
            self._orders.message("modify")

    def _refused(self, order_id: str | None, reason: str | None) -> None:
        if order_id is None:
            return
        if order_id in self._replacing:
            self._not_changed(order_id)
        elif self._orders.is_open(order_id):
            self._orders.event(order_id, status="8", reason=f"reject_{reason}" if reason else "reject")

    def _report(self, message: FixFields) -> None:
        order_id, previous, broker_id = message.get(11), message.get(41), message.get(37)
        execution, status = message.get(150), message.get(39)
        previous = previous or self._cancelling.get(order_id or "")
        self._take_replace(order_id, previous, execution, message.get(38))
        known = next((each for each in (order_id, previous, broker_id) if each and each in self._orders), None)
        key = known or order_id or broker_id
        if key is None:
            return
        if known is not None and broker_id and broker_id not in self._orders and broker_id != "NONE":
            self._orders.alias(known, broker_id)
        reason = message.get(103)
        self._orders.event(
            key,
            status=None if execution in _PENDING else status,
            filled=message.get(14),
            reason=f"reject_{reason}" if status == "8" and reason else None,
            **self._fill(message, key, broker_id),
        )

    def _take_replace(self, new: str | None, previous: str | None, execution: str | None, quantity: str | None) -> None:
        """Let the order go on under its new id, when a report says so or comes under the new id for another reason."""
        is_ours = new in self._replacing and previous in self._orders
        if execution == "5" or (is_ours and execution not in _NOT_REPLACED):
            old, wanted = self._replacing.pop(new or "", (previous or "", quantity))
            self._orders.replace(old, new or old, wanted or quantity)

    def _fill(self, message: FixFields, key: str, broker_id: str | None) -> dict[str, Any]:
        """Count the trade of a report, if it has one; return the fill as the order's event takes it."""
        execution, kind, quantity = message.get(150), message.get(20), message.get(32)
        told = {"fill_id": message.get(17), "fill_quantity": quantity, "price": message.get(31)}
        side = vocabulary.side(message.get(54), "fix")
        details: dict[str, Any] = {
            "symbol": message.get(55),
            "price": message.get(31),
            "fee": message.get(12) if message.get(13) == _ABSOLUTE else None,
            "currency": message.get(15),
            "opens_short": True,
        }
        if kind in ("1", "2") or execution in _CORRECTS:
            told["fill_quantity"] = "0" if execution == "H" or kind == "1" else quantity
            right = Fill(f"{broker_id} {message.get(17)}", side, quantity=told["fill_quantity"], **details)
            self._orders.correct(f"{broker_id} {message.get(19)}", key, right)
            return {**told, "corrects": message.get(19)}
        is_trade = execution in _TRADES or (execution is None and quantity is not None)
        if not is_trade or kind == _TELLS_STATUS or told["fill_id"] is None or not float(quantity or 0):
            return {}
        self._orders.fill(f"{broker_id} {message.get(17)}", key, side, quantity=quantity, **details)
        # After a gap the session sends reports again: the sum of the fills tells whether one is news.
        return {} if message.get(43) == "Y" else told

    def _position(self, message: FixFields) -> None:
        """Take in a PositionReport: long less short quantities, in all."""
        symbol, quantity, kind = message.get(55), 0.0, _IN_ALL
        for tag, value in message.pairs():
            if tag == 703:
                kind = value
            elif tag in _SIGNS and kind == _IN_ALL:
                quantity += _SIGNS[tag] * float(value)
        if symbol is not None:
            self._account.positions([Held(symbol, quantity)], complete=False)


def _values(arguments: Mapping[str, Any]) -> list[Any]:
    """The arguments of a call by position, also those of a method that takes `*args`."""
    values = list(arguments.values())
    return [*values[0], *values[1:]] if values and isinstance(values[0], tuple) else values


def _message(arguments: Mapping[str, Any]) -> tuple[FixFields, str]:
    message, *rest = _values(arguments)
    return FixFields(message), session_name(rest[0]) if rest else ""


def _nothing(result: Any, error: BaseException | None) -> None:
    """There is nothing to take in when a message of this kind was sent."""


def _keep(table: OrderedDict[Any, Any], key: Any, value: Any) -> None:
    table[key] = value
    if len(table) > _MOST_PENDING:
        table.popitem(last=False)
