"""`instrument_fix` on applications of quickfix's shape, with simplefix's messages and with quickfix's."""

import copy

import pytest
from integration_support import library

from tradmetrics import ConfigurationError

simplefix = library("simplefix")

from tradmetrics.integrations.fix import instrument_fix  # noqa: E402


class Application:
    """An application as quickfix calls it."""

    def __init__(self):
        self.seen = []

    def onLogon(self, session):  # noqa: N802 - quickfix's names
        self.seen.append("logon")

    def onLogout(self, session):  # noqa: N802
        self.seen.append("logout")

    def toApp(self, message, session):  # noqa: N802
        self.seen.append(message)

    def fromApp(self, message, session):  # noqa: N802
        self.seen.append(message)

    def fromAdmin(self, message, session):  # noqa: N802
        self.seen.append(message)


class QuickfixMessage:
    """A message with quickfix's methods: fields of the header apart from the others."""

    def __init__(self, fields, header=None):
        self.fields = {tag: str(value) for tag, value in fields.items()}
        self.header = header if header is not None else QuickfixMessage({35: self.fields.pop(35)}, self)

    def getHeader(self):  # noqa: N802
        return self.header

    def isSetField(self, tag):  # noqa: N802
        return tag in self.fields

    def getField(self, tag):  # noqa: N802
        return self.fields[tag]


def simple(fields):
    """A message as simplefix's own parser gives it."""
    message = simplefix.FixMessage()
    message.append_pair(8, "FIX.4.4", header=True)
    for tag, value in fields.items():
        message.append_pair(tag, value)
    parser = simplefix.FixParser()
    parser.append_buffer(message.encode())
    return parser.get_message()


def text(fields):
    """A message as its text."""
    return "\x01".join(f"{tag}={value}" for tag, value in fields.items())


@pytest.fixture(params=[simple, QuickfixMessage, dict, text], ids=["simplefix", "quickfix", "mapping", "text"])
def build(request):
    """How a message is built."""
    return request.param


def order(order_id="1", **more):
    """The fields of a NewOrderSingle."""
    return {35: "D", 11: order_id, 55: "EUR/USD", 54: 1, 38: 100, 40: 2, 44: 1.1, **more}


def report(execution, status, order_id="1", **more):
    """The fields of an ExecutionReport."""
    fields = {35: "8", 37: f"B{order_id}", 11: order_id, 17: "0", 150: execution, 39: status, 55: "EUR/USD", 54: 1}
    return fields | {int(tag[1:]): value for tag, value in more.items()}


def test_orders_executions_and_corrections(build, metrics, recorded):
    """Broken, a FIX bot's orders stay open, fills count twice, or a correction is one more fill."""
    app = Application()
    with instrument_fix(app, strategy="s", metrics=metrics) as handle:
        app.toApp(build(order()), "x")
        app.toApp(build({**order(), 97: "Y"}), "x")
        app.fromApp(build(report("0", "0", _14=0)), "x")
        app.fromApp(build(report("F", "1", _17="e1", _32=60, _31=1.1, _14=60)), "x")
        app.fromApp(build(report("F", "1", _17="e1", _32=60, _31=1.1, _14=60)), "x")
        app.fromApp(build(report("G", "1", _17="e2", _19="e1", _32=60, _31=1.15, _14=60)), "x")
        assert 1 == handle.orders.open_orders()
        app.fromApp(build(report("F", "2", _17="e3", _32=40, _31=1.2, _14=100)), "x")
        assert 0 == handle.orders.open_orders()

    assert 1 == recorded("trading_orders_submitted_total", side="BUY", order_type="LIMIT")
    assert 1 == recorded("trading_orders_filled_total", strategy="s")
    assert 2 == recorded("trading_trades_total")
    assert {"duplicate_fill": 1.0} == recorded.anomalies()
    assert 7 == len(app.seen)


def test_replaces_cancels_and_refusals(build, metrics, recorded):
    """Broken, a refused cancel ends the order, or a replaced one is open twice."""
    app = Application()
    with instrument_fix(app, metrics=metrics) as handle:
        app.toApp(build(order()), "x")
        app.toApp(build({**order("2"), 35: "G", 41: "1", 38: 200}), "x")
        app.fromApp(build(report("E", "E", "2", _41="1", _14=0)), "x")
        app.fromApp(build(report("5", "0", "2", _41="1", _14=0)), "x")
        assert 1 == handle.orders.open_orders()
        app.toApp(build({35: "F", 11: "3", 41: "2", 55: "EUR/USD", 54: 1}), "x")
        app.fromApp(build({35: "9", 11: "3", 41: "2", 39: "0", 434: 1}), "x")
        assert 1 == handle.orders.open_orders()
        app.toApp(build({35: "F", 11: "4", 41: "2", 55: "EUR/USD", 54: 1}), "x")
        app.fromApp(build(report("4", "4", "4", _41="2", _14=0)), "x")
        assert 0 == handle.orders.open_orders()
        app.toApp(build({**order("5"), 34: 9}), "x")
        app.fromAdmin(build({35: "3", 45: 9, 373: 5}), "x")
        app.toApp(build(order("6")), "x")
        app.fromApp(build(report("8", "8", "6", _103=3, _14=0)), "x")
        assert 0 == handle.orders.open_orders()

    assert 3 == recorded("trading_orders_submitted_total")
    assert 1 == recorded("trading_orders_cancelled_total")
    assert {("reject_5",): 1.0, ("reject_3",): 1.0} == recorded.by("trading_orders_rejected_total", "reason")
    messages = recorded.by("trading_order_messages_total", "action")
    assert {("new",): 3.0, ("cancel",): 2.0, ("modify",): 1.0} == messages
    assert {} == recorded.anomalies()


def test_the_session_is_a_connection(metrics, recorded):
    """Broken, a lost session is not seen."""
    app = Application()
    with instrument_fix(app, metrics=metrics):
        app.onLogon("x")
        assert 1 == recorded("trading_stream_connected", stream="fix")
        app.onLogout("x")
    assert 0 == recorded("trading_stream_connected", stream="fix")
    assert ["logon", "logout"] == app.seen


def test_a_copy_is_not_recorded(metrics, recorded):
    """Broken, a copied application counts as the original."""
    app = Application()
    instrument_fix(app, metrics=metrics)
    twin = copy.deepcopy(app)
    assert type(twin) is Application
    twin.toApp(simple(order()), "x")

    assert 0 == recorded("trading_orders_submitted_total")


def test_something_else_is_refused():
    """Broken, a wrong argument fails later, somewhere inside, with a message about attributes."""
    with pytest.raises(ConfigurationError, match="instrument_fix takes an Application"):
        instrument_fix([])
