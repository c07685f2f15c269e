"""A FIX bot with one line of instrumentation, on simplefix's own messages; the counterparty is played here.

pip install tradmetrics[fix]
python examples/fix_bot.py
"""

import simplefix
from summary import print_counters

from tradmetrics import get_metrics
from tradmetrics.integrations.fix import instrument_fix


class Application:
    """The bot's application, in quickfix's shape. Nothing in it knows of metrics."""

    def onLogon(self, session):  # noqa: N802 - quickfix's names
        print(f"logged on: {session}")

    def onLogout(self, session):  # noqa: N802
        print(f"logged out: {session}\n")

    def toApp(self, message, session):  # noqa: N802
        """Called with each message that is sent."""

    def fromApp(self, message, session):  # noqa: N802
        """Called with each message that is received."""


def message(**fields):
    """A message of these fields, `t35="D"`, as it comes out of simplefix's parser."""
    built = simplefix.FixMessage()
    built.append_pair(8, "FIX.4.4", header=True)
    for tag, value in fields.items():
        built.append_pair(int(tag[1:]), value)
    parser = simplefix.FixParser()
    parser.append_buffer(built.encode())
    return parser.get_message()


def trade(app):
    """The bot: an order that fills in two parts, one that is cancelled, and one that is refused."""
    app.onLogon("BOT->BROKER")
    for number, side in (("1", 1), ("2", 2), ("3", 1)):
        app.toApp(message(t35="D", t11=number, t55="EUR/USD", t54=side, t38=100, t40=2, t44=1.08), "session")
    app.fromApp(message(t35="8", t37="B1", t11="1", t17="e1", t150="F", t39="1", t54=1, t32=60, t31=1.08, t14=60), "")
    app.fromApp(message(t35="8", t37="B1", t11="1", t17="e2", t150="F", t39="2", t54=1, t32=40, t31=1.08, t14=100), "")
    app.toApp(message(t35="F", t11="4", t41="2", t55="EUR/USD", t54=2), "session")
    app.fromApp(message(t35="8", t37="B2", t11="4", t41="2", t17="e3", t150="4", t39="4", t54=2, t14=0), "session")
    app.fromApp(message(t35="8", t37="B3", t11="3", t17="e4", t150="8", t39="8", t54=1, t103=3, t14=0), "session")
    app.onLogout("BOT->BROKER")


def main():
    app = Application()
    instrument_fix(app, strategy="momentum")
    trade(app)
    print_counters(get_metrics())


if __name__ == "__main__":
    main()
