"""A FIX bot with one line of instrumentation, with simplefix's messages and parser; the broker is played here.

pip install tradmetrics[fix]
python examples/fix_bot.py
"""

import itertools

import simplefix
from summary import print_counters

from tradmetrics import get_metrics
from tradmetrics.integrations.fix import instrument_fix


def message(kind, **fields):
    """A message of FIX 4.4; `t55` is the field 55."""
    made = simplefix.FixMessage()
    made.append_pair(8, "FIX.4.4", header=True)
    made.append_pair(35, kind, header=True)
    for tag, value in fields.items():
        made.append_pair(int(tag[1:]), value)
    return made


class Application:
    """Yours: it sends the bot's messages, and takes in the broker's. quickfix calls these methods by itself."""

    def __init__(self, send):
        self.send = send

    def onLogon(self, session):  # noqa: N802 - quickfix's names
        print("logged on")

    def onLogout(self, session):  # noqa: N802
        print("logged out\n")

    def toApp(self, outgoing, session):  # noqa: N802
        self.send(outgoing.encode())

    def fromApp(self, incoming, session):  # noqa: N802
        print(f"report on {incoming.get(11).decode()}: status {incoming.get(39).decode()}")


class Broker:
    """Takes in what the bot sends, and tells of executions."""

    def __init__(self):
        self.received = []
        self._parser = simplefix.FixParser()
        self._executions = itertools.count(1)

    def take(self, text):
        """Read what came over the wire."""
        self._parser.append_buffer(text)
        self.received.append(self._parser.get_message())

    def report(self, order_id, execution, status, **fields):
        """An ExecutionReport, as the bot's parser reads it."""
        fields = {"t37": "B-1", "t11": order_id, "t17": next(self._executions), "t150": execution, "t39": status,
                  "t55": "EUR/USD", "t54": 1, **fields}  # fmt: skip
        parser = simplefix.FixParser()
        parser.append_buffer(message("8", **fields).encode())
        return parser.get_message()


def trade(app, broker):
    """The bot. Nothing in it knows of metrics."""
    app.onLogon("BOT->BROKER")
    order = {"t55": "EUR/USD", "t54": 1, "t38": 100, "t40": 2, "t44": 1.08}
    app.toApp(message("D", t11="1", **order), "BOT->BROKER")
    for execution in (
        broker.report("1", "0", "0", t14=0),
        broker.report("1", "F", "1", t32=60, t31=1.08, t14=60),
        broker.report("1", "F", "2", t32=40, t31=1.08, t14=100),
    ):
        app.fromApp(execution, "BOT->BROKER")

    sell = order | {"t54": 2}
    app.toApp(message("D", t11="2", **sell), "BOT->BROKER")
    app.fromApp(broker.report("2", "0", "0", t14=0, t37="B-2"), "BOT->BROKER")
    app.toApp(message("G", t11="3", t41="2", **sell | {"t44": 1.09}), "BOT->BROKER")
    app.fromApp(broker.report("3", "5", "0", t41="2", t14=0, t37="B-2"), "BOT->BROKER")
    app.toApp(message("F", t11="4", t41="3", t55="EUR/USD", t54=2), "BOT->BROKER")
    app.fromApp(broker.report("4", "4", "4", t41="3", t14=0, t37="B-2"), "BOT->BROKER")

    app.toApp(message("D", t11="5", **order), "BOT->BROKER")
    app.fromApp(broker.report("5", "8", "8", t103=3, t14=0, t37="B-5"), "BOT->BROKER")
    app.onLogout("BOT->BROKER")


def main():
    broker = Broker()
    app = Application(broker.take)
    instrument_fix(app, strategy="momentum")
    trade(app, broker)
    print_counters(get_metrics())


if __name__ == "__main__":
    main()
