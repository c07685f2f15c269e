"""`instrument_fix` on applications of quickfix's shape, with simplefix's messages and with quickfix's."""

import copy
from datetime import datetime, timedelta, timezone

import pytest
from integration_support import library
from panels import assert_filled

from tradmetrics import ConfigurationError, StrategyStats, TradingMetrics

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

    def toString(self):  # noqa: N802
        return text(self.header.fields | self.fields) + "\x01"


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


def test_sessions_that_quickfix_makes_anew_are_the_same(metrics, recorded):
    """Broken, a session stays connected for ever, because the engine hands over a new object of it each time."""

    class SessionId:
        def toString(self):  # noqa: N802
            return "FIX.4.4:US->BROKER"

    app = Application()
    with instrument_fix(app, metrics=metrics):
        app.onLogon(SessionId())
        app.onLogout(SessionId())
        assert 0 == recorded("trading_stream_connected", stream="fix")
        app.toApp(simple({**order("1"), 34: 9}), "day")
        app.toApp(simple({**order("2"), 34: 9}), "night")
        app.fromAdmin(simple({35: "3", 45: 9, 373: 5}), SessionId())
        assert 0 == recorded("trading_orders_rejected_total")
        app.fromAdmin(simple({35: "3", 45: 9, 373: 5}), "day")
        assert 1 == recorded("trading_orders_rejected_total")


def test_what_the_application_keeps_back_is_not_sent(metrics, recorded):
    """Broken, an order that `toApp` stopped stays open for ever, or a lost connection counts as a refusal."""

    class DoNotSend(Exception):  # noqa: N818 - quickfix's name
        pass

    class Careful(Application):
        def toApp(self, message, session):  # noqa: N802
            raise self.error

    app = Careful()
    with instrument_fix(app, metrics=metrics) as handle:
        for number, app.error in enumerate((DoNotSend(), ConnectionError("lost"))):
            with pytest.raises(type(app.error)):
                app.toApp(simple(order(str(number))), "x")
        assert 1 == handle.orders.open_orders()

    assert {("do_not_send",): 1.0} == recorded.by("trading_orders_rejected_total", "reason")
    assert 1 == recorded("trading_orders_unknown_total")


def test_an_id_that_the_application_gives_counts(metrics, recorded):
    """Broken, an application that numbers its orders in `toApp` has none."""

    class Numbering(Application):
        def toApp(self, *everything):  # noqa: N802
            everything[0][11] = "1"

    app = Numbering()
    with instrument_fix(app, metrics=metrics):
        fields = order()
        del fields[11]
        app.toApp(fields, "x")
        app.fromApp(report("2", "2", _17="e1", _32=100, _31=1.1, _14=100), "x")

    assert (1, 1) == (recorded("trading_orders_submitted_total"), recorded("trading_orders_filled_total"))
    assert {} == recorded.anomalies()


def test_reports_that_come_again_after_a_gap(build, metrics, recorded):
    """Broken, each reconnect fills the anomalies, or a fill that came in a gap is lost."""
    app = Application()
    with instrument_fix(app, metrics=metrics) as handle:
        app.toApp(build(order()), "x")
        app.fromApp(build(report("F", "1", _17="e1", _32=60, _31=1.1, _14=60)), "x")
        app.fromApp(build(report("F", "1", _17="e1", _32=60, _31=1.1, _14=60, _43="Y")), "x")
        app.fromApp(build(report("F", "2", _17="e2", _32=40, _31=1.2, _14=100, _43="Y")), "x")
        assert 0 == handle.orders.open_orders()

    assert (1, 2) == (recorded("trading_orders_filled_total"), recorded("trading_trades_total"))
    assert {} == recorded.anomalies()


def test_the_words_of_older_versions(build, metrics, recorded):
    """Broken, with FIX 4.2 a status report counts as a fill, or a bust leaves its fill in place."""
    app = Application()
    with instrument_fix(app, metrics=metrics) as handle:
        app.toApp(build(order()), "x")
        app.fromApp(build(report("1", "1", _17="e1", _20=0, _32=60, _31=1.1, _14=60)), "x")
        app.fromApp(build(report("1", "1", _17="e2", _20=3, _32=60, _31=1.1, _14=60)), "x")
        app.fromApp(build(report("1", "0", _17="e3", _19="e1", _20=1, _32=60, _31=1.1, _14=0)), "x")
        app.fromApp(build(report("2", "2", _17="e4", _20=0, _32=100, _31=1.1, _14=100)), "x")
        assert 0 == handle.orders.open_orders()

    assert 1 == recorded("trading_orders_filled_total")
    assert 2 == recorded("trading_trades_total")
    assert {"bust": 1.0} == recorded.anomalies()


@pytest.mark.parametrize(
    ("right", "profit", "held"),
    [
        ({150: "H"}, 0, 100),
        ({150: "G", 32: 100, 31: 1.15}, 5, 0),
        ({150: "G", 32: 60, 31: 1.2}, 6, 40),
    ],
    ids=["bust", "price", "quantity"],
)
def test_a_correction_moves_profit_and_position_and_counts_no_trade(build, metrics, recorded, right, profit, held):
    """Broken, a bust leaves a profit on the dashboard that nobody made, and a drift that is none."""
    app = Application()
    position = build({35: "AP", 55: "EUR/USD", 704: 0, 705: 0})
    with instrument_fix(app, metrics=metrics, pnl_from_fills=True):
        app.fromApp(position, "x")
        app.toApp(build(order()), "x")
        app.fromApp(build(report("F", "2", _17="e1", _32=100, _31=1.1, _14=100)), "x")
        app.toApp(build(order("2") | {54: 2}), "x")
        app.fromApp(build(report("F", "2", "2", _17="e2", _32=100, _31=1.2, _14=100, _54=2)), "x")
        assert 10 == pytest.approx(recorded("trading_profit_total"))
        correction = {**report("G", "1", "2", _17="e3", _19="e2", _54=2), **right}
        app.fromApp(build(correction), "x")
        app.fromApp(build(correction), "x")  # comes again
        app.fromApp(build({35: "AP", 55: "EUR/USD", 704: held, 705: 0}), "x")

    assert 1 == recorded("trading_trades_total")
    assert profit == pytest.approx(recorded("trading_profit_total") - recorded("trading_loss_total"))
    assert 0 == recorded("trading_position_drift", symbol="EUR/USD")


def test_a_report_under_the_cancels_id_alone_leads_to_the_order(build, metrics, recorded):
    """Broken, an order stays open whose broker names nothing but the cancel."""
    app = Application()
    with instrument_fix(app, metrics=metrics) as handle:
        app.toApp(build(order()), "x")
        app.toApp(build({35: "F", 11: "c1", 41: "1"}), "x")
        app.fromApp(build({35: "8", 11: "c1", 37: "NONE", 17: "0", 150: "4", 39: "4", 14: 0}), "x")
        app.toApp(build({35: "q", 11: "c2", 530: "7"}), "x")
        assert 0 == handle.orders.open_orders()

    assert 1 == recorded("trading_orders_cancelled_total")
    assert 2 == recorded("trading_order_messages_total", action="cancel")
    assert {} == recorded.anomalies()


def test_market_data_of_all_symbols_with_its_age(build, metrics, recorded):
    """Broken, prices look fresh that are minutes old."""
    at = datetime.now(timezone.utc) - timedelta(seconds=3)
    app = Application()
    with instrument_fix(app, metrics=metrics):
        app.fromApp(build({35: "W", 52: f"{at:%Y%m%d-%H:%M:%S}.250000", 55: "EUR/USD"}), "x")
        app.fromApp(b"35=X|268=2|279=1|55=EUR/USD|279=1|55=GBP/USD|", "x")

    assert 2 == recorded("trading_market_data_updates_total", symbol="EUR/USD")
    assert 1 == recorded("trading_market_data_updates_total", symbol="GBP/USD")
    assert 1 == recorded("trading_market_data_age_seconds_count")
    assert 1 < recorded("trading_market_data_age_seconds_sum") < 60


def test_positions_and_collateral(build, metrics, recorded):
    """Broken, a FIX bot sees neither its capital nor a fill that it missed."""
    app = Application()
    with instrument_fix(app, metrics=metrics):
        app.fromApp(build({35: "AP", 55: "EUR/USD", 703: "TQ", 704: 0, 705: 100}), "x")
        app.toApp(build(order()), "x")
        app.fromApp(build(report("F", "2", _17="e1", _32=100, _31=1.1, _14=100)), "x")
        app.fromApp(build({35: "AP", 55: "EUR/USD", 703: "TQ", 704: 50, 705: 0}), "x")
        app.fromApp(build({35: "BA", 1: "A", 900: 1000, 899: 400}), "x")

    assert 50 == recorded("trading_position_drift", symbol="EUR/USD")
    assert (1000, 400) == (recorded("trading_capital_total"), recorded("trading_capital_available"))
    assert (600, 400) == (recorded("trading_margin_used"), recorded("trading_margin_available"))


@pytest.mark.parametrize(("word", "is_open"), [("2", 1), ("3", 0), ("4", 0), ("6", None)])
def test_a_trading_session_status_tells_the_session(metrics, word, is_open):
    """Broken, silent market data of a closed market raises an alarm, or that of an open one none."""
    app = Application()
    with instrument_fix(app, metrics=metrics):
        app.fromApp({35: "h", 336: "FX", 340: word}, "x")

    assert is_open == metrics.registry.get_sample_value("trading_market_session_open")


def test_what_one_line_fills_of_the_dashboards():
    """Broken, half of the dashboards of a FIX bot are empty."""
    metrics = TradingMetrics(strategy_stats=StrategyStats())
    app = Application()
    with instrument_fix(app, metrics=metrics, pnl_from_fills=True):
        app.onLogon("x")
        app.fromApp({35: "AP", 55: "EUR/USD", 704: 0, 705: 0}, "x")
        app.toApp(order(), "x")
        app.fromApp(report("F", "2", _17="e1", _32=100, _31=1.1, _14=100), "x")
        app.toApp(order("2") | {54: 2}, "x")
        app.fromApp(report("F", "2", "2", _17="e2", _32=100, _31=1.2, _14=100, _54=2), "x")
        app.toApp(order("3"), "x")
        app.fromApp(report("8", "8", "3", _103=3, _14=0), "x")
        app.fromApp({35: "AP", 55: "EUR/USD", 704: 0, 705: 0}, "x")
        app.fromApp({35: "BA", 900: 1000, 899: 400}, "x")
        app.fromApp({35: "W", 55: "EUR/USD", 52: f"{datetime.now(timezone.utc):%Y%m%d-%H:%M:%S}"}, "x")
        app.fromApp({35: "h", 336: "FX", 340: 2}, "x")
        assert_filled(metrics)


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


def test_what_the_session_refuses_ends_only_what_was_refused(build, metrics, recorded):
    """Broken, a change that never reached the exchange ends the order, or an order that it refused stays open."""
    app = Application()
    with instrument_fix(app, metrics=metrics) as handle:
        for order_id in ("1", "2"):
            app.toApp(build(order(order_id)), "x")
        app.toApp(build({**order("3"), 35: "G", 41: "1", 38: 200, 34: 10}), "x")
        app.fromAdmin(build({35: "3", 45: 10, 373: 5}), "x")
        app.toApp(build({**order("4"), 35: "G", 41: "1", 38: 200}), "x")
        app.fromApp(build({35: "9", 11: "4", 41: "1", 39: "0", 434: 2}), "x")
        assert 2 == handle.orders.open_orders()
        app.fromApp(build({35: "j", 372: "D", 379: "2", 380: 4}), "x")
        app.fromApp(build({35: "j", 372: "V", 380: 4}), "x")
        app.fromAdmin(build({35: "3", 45: 99}), "x")
        assert 1 == handle.orders.open_orders()
        app.toApp(build({35: "q", 11: "5", 530: 7}), "x")
        app.toApp(build({35: "V", 262: "quotes"}), "x")

    assert {("reject_4",): 1.0} == recorded.by("trading_orders_rejected_total", "reason")
    messages = {("new",): 2.0, ("modify",): 2.0, ("cancel",): 1.0}
    assert messages == recorded.by("trading_order_messages_total", "action")
    assert {} == recorded.anomalies()


def test_reports_without_a_fill_and_without_an_order(build, metrics, recorded):
    """Broken, an answer to a status request is one more trade, or a report about nothing is an error."""
    app = Application()
    with instrument_fix(app, metrics=metrics) as handle:
        app.toApp(build(order()), "x")
        told = {"_17": "s1", "_32": 60, "_31": 1.1, "_14": 60, "_20": 3}
        app.fromApp(build(report("I", "1", **told)), "x")
        app.fromApp(build(report("F", "1", _17="e0", _32=0, _31=0, _14=60)), "x")
        app.fromApp(build({35: "8", 17: "e9", 150: "F", 39: "1"}), "x")
        assert 1 == handle.orders.open_orders()

    assert 0 == recorded("trading_trades_total")
    assert {} == recorded.anomalies()


def test_the_strategy_label_may_come_from_any_field_of_the_message(build, metrics, recorded):
    """Broken, a bot that reads its strategy as from any other mapping has one strategy for all orders."""
    app, seen = Application(), []

    def strategy(message):
        seen.append((len(message) == len(dict(message)), set(message) >= {11, 35, 58}))
        return {**message}[58]

    with instrument_fix(app, strategy=strategy, metrics=metrics):
        for number, name in enumerate(("grid", "trend")):
            app.toApp(build({**order(f"{number}"), 58: name}), "x")

    assert {("grid",): 1.0, ("trend",): 1.0} == recorded.by("trading_orders_submitted_total", "strategy")
    assert {(True, True)} == set(seen)
    assert {} == recorded.anomalies()


def test_a_time_that_is_none_leaves_the_update_without_an_age(build, metrics, recorded):
    """Broken, a counterparty with a time of its own makes market data an error, and the feed looks silent."""
    app = Application()
    with instrument_fix(app, metrics=metrics):
        app.fromApp(build({35: "W", 52: "at noon", 55: "EUR/USD", 268: 0}), "x")

    assert 1 == recorded("trading_market_data_updates_total", symbol="EUR/USD")
    assert 0 == recorded("trading_market_data_age_seconds_count")
    assert {} == recorded.anomalies()
