"""The kit of all adapters: hooks that stay off the objects that they watch, versions, trades, accounts, drift."""

import asyncio
import copy
import pickle
import re
import warnings
from importlib import metadata
from pathlib import Path

import pytest
from integration_support import Recorded

from tradmetrics import ConfigurationError, LabelSourceError, StrategyStats, TradingMetrics, underlying
from tradmetrics.integrations import kit
from tradmetrics.integrations.kit import account as accounts
from tradmetrics.integrations.kit import tested as versions
from tradmetrics.integrations.kit import trades
from tradmetrics.integrations.kit.positions import Positions


class Client:
    """A client as libraries have them: its key signs what it sends."""

    def __init__(self, key="a"):
        self.key = key
        self.sent = []
        self.also = self.send  # as clients do that carry other spellings of their methods

    def send(self, symbol, quantity=1, *, fail=None):
        if fail is not None:
            raise fail
        self.sent.append((self.key, symbol, quantity))
        return {"id": f"{self.key}{len(self.sent)}", "symbol": symbol}

    async def send_later(self, symbol):
        await asyncio.sleep(0)
        return self.send(symbol)


class Copying(Client):
    """A client that copies itself as it likes."""

    def __deepcopy__(self, memo):
        return self.__copy__()

    def __copy__(self):
        made = type(self).__new__(type(self))
        vars(made).update(vars(self), sent=list(self.sent))
        return made


class Reduced(Client):
    """A client that says how it is pickled."""

    def __reduce__(self):
        return self.__class__, (self.key,)


class Slotted:
    """A client without a `__dict__`."""

    __slots__ = ("__weakref__", "key", "sent")

    def __init__(self, key="a"):
        self.key, self.sent = key, []

    def send(self, symbol):
        self.sent.append((self.key, symbol, 1))


def settings(**options):
    """The options of an instrumentation, checked."""
    return kit.Settings.read("instrument_own", options.pop("strategy", "mine"), options)


def watched(client, seen, metrics, name="send"):
    """Instrument one client, and note the calls of a method."""

    def begin(arguments):
        seen.append(dict(arguments))
        return lambda result, error: seen.append(error or result)

    return kit.instrument([client], lambda handle: lambda target: handle.watch(target, name, begin), metrics, "own")


def pickled(client):
    """A client as another process gets it."""
    return pickle.loads(pickle.dumps(client))


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, pickled])
@pytest.mark.parametrize("kind", [Client, Copying, Reduced])
def test_a_copy_acts_as_itself_and_is_not_recorded(kind, copied, metrics):
    """Broken, an order that a copied client sends goes to the original's account, or counts as the original's."""
    original, seen = kind(), []
    handle = watched(original, seen, metrics)
    twin = copied(original)
    twin.key = "b"
    twin.send("X", 2)

    assert ("b", "X", 2) == twin.sent[-1]
    assert type(twin) is kind
    assert [] == seen
    handle.undo()
    twin.send("X", 3)
    assert ("b", "X", 3) == twin.sent[-1]


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_a_pickle_of_any_protocol_is_the_librarys_own(protocol, metrics):
    """Broken, a client cannot be handed to a worker process any more, or arrives there with our hooks."""
    original = Client()
    del original.also
    watched(original, [], metrics)
    twin = pickle.loads(pickle.dumps(original, protocol))

    assert type(twin) is Client
    assert vars(original) == vars(twin)


def test_nothing_is_put_on_the_object(metrics):
    """Broken, whatever reads or stores the attributes of a client meets ours among them."""
    client = Client()
    before = dict(vars(client))
    with watched(client, [], metrics):
        assert before == vars(client)
        assert isinstance(client, Client)
        assert client.__class__ is Client
        assert "Client" == type(client).__name__
    assert before == vars(client)
    assert type(client) is Client


def test_a_method_that_the_object_carries_itself_is_watched(metrics):
    """Broken, calls by a client's other spelling of a method are not recorded."""
    client, seen = Client(), []
    with watched(client, seen, metrics, "also"):
        client.also("X")
        assert 2 == len(seen)
        copy.copy(client).also("X")
        assert 2 == len(seen)
        before = client.also
        client.also = lambda symbol: before(symbol)
        client.also("Y")
        assert 4 == len(seen)


def test_what_the_bot_puts_in_the_place_of_a_method_stays(metrics):
    """Broken, a bot that wraps a method of its client is recorded twice, or loses its wrapper with `undo()`."""
    client, seen = Client(), []
    handle = watched(client, seen, metrics)
    before = client.send
    client.send = lambda symbol: before(symbol, 5)
    client.send("X")
    assert [{"symbol": "X", "quantity": 5, "fail": None}, {"id": "a1", "symbol": "X"}] == seen
    handle.undo()
    client.send("Y")

    assert ("a", "Y", 5) == client.sent[-1]
    assert 2 == len(seen)


def test_a_bound_method_of_a_copy_is_the_copys(metrics):
    """Broken, a method that something was handed before the copy acts on the original."""
    original, seen = Client(), []
    watched(original, seen, metrics)
    holder = copy.deepcopy({"client": original, "call": original.send})
    holder["client"].key = "b"
    holder["call"]("X")

    assert [("b", "X", 1)] == holder["client"].sent
    assert [] == original.sent
    assert [] == seen


def test_two_adapters_watch_one_object(metrics):
    """Broken, the second instrumentation of a session that two clients share takes the first one's place."""
    client, first, second = Client(), [], []
    one = kit.Handle(metrics, "one")
    one.watch(client, "send", first.append)
    two = kit.Handle(metrics, "two")
    kit.watch(two, client, "send", second.append)
    client.send("X")
    one.undo()
    client.send("X")

    assert (1, 2) == (len(first), len(second))
    assert type(client) is not Client
    two.undo()
    assert type(client) is Client


def test_slots_and_coroutines_are_watched(metrics):
    """Broken, asynchronous clients, or clients without a `__dict__`, are not recorded or stop working."""
    slotted, seen = Slotted(), []
    with watched(slotted, seen, metrics):
        slotted.send("X")
    assert ([("a", "X", 1)], 2) == (slotted.sent, len(seen))

    client, seen = Client(), []
    with watched(client, seen, metrics, "send_later"):
        assert asyncio.iscoroutinefunction(client.send_later)
        assert "a1" == asyncio.run(client.send_later("X"))["id"]
    assert 2 == len(seen)


def test_what_python_cannot_watch_is_refused(metrics):
    """Broken, an object of an extension module fails with a message about classes that means nothing."""
    with pytest.raises(ConfigurationError, match="list: Python cannot watch the methods of this object"):
        kit.watch(kit.Handle(metrics, "own"), [], "append", lambda _: None)


@pytest.mark.parametrize("where", ["begin", "finish", "fault"])
def test_no_failure_of_ours_reaches_the_caller(where, metrics, monkeypatch):
    """Broken, a bug of ours stops a bot in the middle of an order."""
    client = Client()

    def begin(arguments):
        if where == "begin":
            raise RuntimeError("ours")
        return finish

    def finish(result, error):
        raise RuntimeError("ours")

    def broken(*_):
        raise RuntimeError("even counting fails")

    handle = kit.Handle(metrics, "own")
    handle.watch(client, "send", begin)
    if where == "fault":
        monkeypatch.setattr(TradingMetrics, "fault", broken)
    assert "a1" == client.send("X")["id"]
    kit.hook(handle, finish)(None, None)
    with pytest.raises(KeyError) as caught:
        client.send("X", fail=KeyError("theirs"))
    assert caught.value.__context__ is None


def test_a_call_that_python_refuses_never_began(metrics, recorded):
    """Broken, a typo in a bot's call counts as an order, or as an error of ours."""
    client, seen = Client(), []
    with watched(client, seen, metrics), pytest.raises(TypeError):
        client.send()
    assert [] == seen
    assert {} == recorded.anomalies()


def test_an_extra_asks_for_the_first_release_that_works():
    """Broken, pip installs a release with an extra that the adapter then refuses."""
    bounds = re.findall(r"^    ([\w-]+)>=([\d.]+)", (Path(__file__).parents[2] / "setup.cfg").read_text(), re.MULTILINE)

    firsts = {row.distribution: row.first for row in versions.TESTED if row.distribution != "ib_insync"}
    # The extra of the adapter comes first; that of the tests may ask for a newer release.
    assert firsts == {name: bound for name, bound in reversed(bounds) if name in firsts}


@pytest.mark.parametrize("row", versions.TESTED, ids=lambda row: row.distribution)
def test_a_newer_release_warns_once_and_works_and_an_older_one_is_refused(row, monkeypatch):
    """Broken, the day of a library's release is the day on which every bot that uses it stops."""
    monkeypatch.setattr(versions, "_warned", set())
    monkeypatch.setattr(versions, "imported", lambda _: None)
    monkeypatch.setattr(metadata, "version", lambda _: "9999.0")
    with pytest.warns(UserWarning, match=rf"{row.distribution} 9999\.0 is newer than {row.newest}"):
        kit.check_version(row.distribution)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        kit.check_version(row.distribution)
    monkeypatch.setattr(versions, "_warned", set())
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        kit.check_version(row.distribution)
    monkeypatch.setattr(metadata, "version", lambda _: row.newest)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        kit.check_version(row.distribution)
    monkeypatch.setattr(metadata, "version", lambda _: "0.0.1")
    with pytest.raises(ConfigurationError, match=rf"{row.distribution} 0\.0\.1 is too old.*>= {row.first}"):
        kit.check_version(row.distribution)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"strategy": ""}, "strategy is the label of all orders"),
        ({"symbols": "BTC"}, "symbols is a function from a symbol to its label"),
        ({"account": "yes"}, "account is True or False"),
        ({"max_open": 0}, "max_open is a whole number above zero"),
        ({"expire_after": -1}, "expire_after is seconds above zero"),
    ],
)
def test_options_that_cannot_work_are_refused(options, message):
    """Broken, a wrong option shows up as missing figures, days later."""
    with pytest.raises(ConfigurationError, match=message):
        settings(**options)


def test_an_option_that_does_not_exist_is_refused():
    """Broken, a misspelt option is passed over."""
    with pytest.raises(TypeError, match="unexpected keyword argument 'acount'"):
        settings(acount=True)


# ── trades ───────────────────────────────────────────────────────────────────────────────────────────────────────


def orders_of(metrics, *, tells_pnl=False, **options):
    """The orders of an adapter without a library."""
    handle = kit.Handle(metrics, "own")
    return kit.Orders(handle, settings(**options), tells_pnl=tells_pnl)


def test_without_a_pnl_every_fill_is_a_trade(metrics, recorded):
    """Broken, fills of a venue that tells no P&L are no trades."""
    orders = orders_of(metrics)
    orders.sent("1", None, side="BUY", quantity=10)
    for number in (1, 2, 2):
        orders.fill(f"f{number}", "1", "BUY", symbol="X", quantity=5, price=10, fee=0.5, currency="USD")

    assert 2 == recorded("trading_trades_total")
    assert 0 == recorded("trading_trades_pnl_count")
    assert 1.0 == recorded("trading_cash_paid_total", kind="fee", strategy="mine")


def test_where_the_library_tells_the_pnl_a_trade_is_a_closing(metrics, recorded):
    """Broken, the win rate counts openings, whose P&L is 0."""
    orders = orders_of(metrics, tells_pnl=True)
    orders.sent("1", None, side="BUY")
    orders.fill("f1", "1", "BUY", symbol="X", quantity=5, price=10, pnl=0)
    orders.fill("f2", "1", "SELL", symbol="X", quantity=2, price=10, pnl=0)
    orders.fill("f3", "1", "SELL", symbol="X", quantity=3, price=12, pnl="6")

    assert {("SELL",): 2.0} == recorded.by("trading_trades_total", "side")
    assert 6 == recorded("trading_profit_total")


def test_a_pnl_that_is_corrected_moves_profit_and_no_count(recorded, metrics):
    """Broken, a correction counts as a second trade, or its difference is lost."""
    orders = orders_of(metrics, tells_pnl=True)
    for pnl in (30, 30, 24):
        orders.trades.told("mine", kit.Fill("f1", "SELL", pnl=pnl, fee=1.0, currency="USD"))

    assert 1 == recorded("trading_trades_total")
    assert (30, 6) == (recorded("trading_profit_total"), recorded("trading_loss_total"))
    assert 1 == recorded("trading_cash_paid_total")


def test_fills_give_the_pnl_at_average_cost_net_of_commission(metrics, recorded):
    """Broken, `pnl_from_fills` shows what nobody earned."""
    orders = orders_of(metrics, pnl_from_fills=True)
    orders.sent("1", None, side="BUY")
    for number, (side, quantity, price) in enumerate(
        [("BUY", 4, 10), ("BUY", 6, 20), ("SELL", 5, 30), ("SELL", 5, 10)]
    ):
        orders.fill(f"f{number}", "1", side, symbol="X", quantity=quantity, price=price, fee=1, currency="USD")

    assert {("SELL",): 2.0} == recorded.by("trading_trades_total", "side")
    assert 5 * (30 - 16) - 1 - 1 == recorded("trading_profit_total")
    assert 5 * (16 - 10) + 1 + 1 == recorded("trading_loss_total")
    assert 4 == recorded("trading_cash_paid_total", kind="fee")


def test_commission_moves_the_day_once(recorded):
    """Broken, a P&L net of commission and the commission itself are both taken from the day's P&L."""
    metrics = TradingMetrics(strategy_stats=StrategyStats())
    orders = orders_of(metrics, pnl_from_fills=True)
    orders.sent("1", None, side="BUY")
    orders.fill("f1", "1", "BUY", symbol="X", quantity=1, price=10, fee=1, currency="USD")
    orders.fill("f2", "1", "SELL", symbol="X", quantity=1, price=20, fee=1, currency="USD")

    day = [s.value for m in metrics.registry.collect() for s in m.samples if s.name == "trading_daily_pnl"]
    assert [8.0] == day


@pytest.mark.parametrize(
    ("fee", "code", "profit", "paid"), [(1, "USDT", 18, 2), (0.01, "BTC", 18, 2), (0.5, "BNB", 14, 6)]
)
def test_a_fee_in_coins_is_taken_from_the_pnl(fee, code, profit, paid):
    """Broken, a bot that pays its fees in coins shows a profit that nobody earned."""
    metrics = TradingMetrics(currency="USDT", convert=lambda amount, source: amount * {"BNB": 10, "BTC": 0}[source])
    recorded, orders = Recorded(metrics), orders_of(metrics, pnl_from_fills=True)
    orders.sent("1", None, side="BUY")
    more = {"symbol": "BTCUSDT", "quantity": 2, "currency": "USDT", "base": "BTC"}
    orders.fill("f1", "1", "BUY", price=100, fee=fee, fee_currency=code, **more)
    orders.fill("f2", "1", "SELL", price=110, fee=1, fee_currency="USDT", **more)

    assert (profit, paid) == (recorded("trading_profit_total"), recorded("trading_cash_paid_total", kind="fee"))


def test_a_fee_in_coins_is_not_the_currency_of_everything(metrics, recorded):
    """Broken, the balance and the P&L are left out for ever, because the first fee was paid in BNB."""
    orders = orders_of(metrics)
    account = kit.Account(kit.Handle(metrics, "own"), settings())
    orders.sent("1", None, side="BUY")
    orders.fill("f1", "1", "BUY", symbol="BTCUSDT", quantity=1, price=9, fee=1, fee_currency="BNB", currency="USDT")
    account.balance(total=100, currency="USDT")

    assert (100, 0) == (recorded("trading_capital_total"), recorded("trading_cash_paid_total"))


def test_a_fee_that_the_pnl_does_not_hold_moves_the_day():
    """Broken, a fee that cannot be told in the currency of the P&L is taken from nothing."""
    metrics = TradingMetrics(strategy_stats=StrategyStats())
    orders = orders_of(metrics, pnl_from_fills=True)
    orders.sent("1", None, side="BUY")
    orders.fill("f1", "1", "BUY", symbol="X", quantity=1, price=10, fee=1, fee_currency="USD")
    orders.fill("f2", "1", "SELL", symbol="X", quantity=1, price=20, fee=1, fee_currency="USD")

    assert 8 == Recorded(metrics)("trading_daily_pnl")


def test_what_closes_is_the_librarys_word_where_it_has_one(metrics, recorded):
    """Broken, opening a short beside a long counts as closing, and closing without a gain as nothing."""
    orders = orders_of(metrics)
    orders.sent("1", None, side="BUY")
    more = {"symbol": "X", "quantity": 1, "pnl": 0, "opens_short": True}
    orders.fill("f1", "1", "BUY", closes=False, **more)
    orders.fill("f2", "1", "SELL", closes=False, **more)
    assert 0 == recorded("trading_trades_total")
    orders.fill("f3", "1", "BUY", closes=True, **more)

    assert {("BUY",): 1.0} == recorded.by("trading_trades_total", "side")


def test_a_position_of_unknown_origin_has_no_pnl(metrics, recorded, caplog):
    """Broken, a sale of coins that were bought before the start shows their whole price as profit."""
    orders = orders_of(metrics, pnl_from_fills=True)
    orders.sent("1", None, side="SELL")
    for number in range(3):
        orders.fill(f"f{number}", "1", "SELL", symbol="X", quantity=1, price=30)

    assert 3 == recorded("trading_trades_total")
    assert 0 == recorded("trading_profit_total")
    assert 1 == len([each for each in caplog.records if "P&L of trades in X is not known" in each.getMessage()])


@pytest.mark.parametrize(("size", "short", "expected"), [(1.0, True, 10.0), (0.01, True, 0.1), (None, True, None)])
def test_contracts_are_sold_short_and_have_a_size(size, short, expected):
    """Broken, short positions and contracts of another size than 1 have a wrong P&L."""
    positions = Positions()
    assert not positions.fill("X", -5, 10.0, contract_size=size, opens_short=short).reduces
    closing = positions.fill("X", 8, 8.0, contract_size=size, opens_short=short)

    assert closing.reduces
    assert expected == (None if closing.pnl is None else pytest.approx(closing.pnl))
    turned = positions.fill("X", -3, 9.0, contract_size=size, opens_short=short)
    assert (None if size is None else pytest.approx(3 * size)) == turned.pnl


def test_fills_of_orders_that_nobody_sent_here_are_no_trades(metrics, recorded, let_a_minute_pass):
    """Broken, what a person trades by hand on the same account counts as the bot's."""
    orders = orders_of(metrics)
    orders.event("9", status="filled", filled=1)
    orders.fill("f1", "9", "BUY", symbol="X", quantity=1, price=1)

    assert 0 == recorded("trading_trades_total")


def test_an_id_belongs_to_its_symbol(metrics, recorded):
    """Broken, of two orders that a venue numbers alike, one for each market, only one is followed."""
    orders = orders_of(metrics)
    for symbol in ("BTC/USD", "ETH/USD"):
        orders.send(None, lambda key, result: orders.answer(key, result), symbol=symbol, side="BUY")("7", None)
    orders.event("7", symbol="BTC/USD", status="filled")
    assert 1 == orders.tracker.open_orders()
    orders.event("7", symbol="ETH/USD", status="canceled")

    assert 2 == recorded("trading_orders_submitted_total")
    assert (1, 1) == (recorded("trading_orders_filled_total"), recorded("trading_orders_cancelled_total"))
    assert {} == recorded.anomalies()


def test_an_order_that_was_not_listed_is_followed_on_when_there_is_news(metrics, recorded):
    """Broken, an order that a list left out too early is filled without a trace."""
    orders = orders_of(metrics)
    orders.sent("1", None, symbol="X", side="BUY", quantity=1)
    orders.list_open(orders.open_keys("X"), [], "X")
    assert 0 == orders.tracker.open_orders()
    assert 1 == recorded("trading_orders_unknown_total", reason="not_listed")
    orders.event("1", symbol="X", status="filled", filled=1)

    assert 1 == recorded("trading_orders_filled_total")
    assert 1 == recorded("trading_orders_submitted_total")


# ── the account ──────────────────────────────────────────────────────────────────────────────────────────────────


def test_accounts_add_up_and_currencies_do_not(metrics, recorded):
    """Broken, yen and dollars are one sum, or the account that spoke last is the only one."""
    account = kit.Account(kit.Handle(metrics, "own"), settings())
    account.balance(account="1", total=100, used=10, currency="USD")
    account.balance(account="2", total=300, used=30, currency="USD")
    account.balance(account="3", total=1_000_000, currency="JPY")

    assert (400, 10) == (recorded("trading_capital_total"), recorded("trading_capital_utilization"))


def test_adapters_of_one_metrics_object_add_up(metrics, recorded):
    """Broken, of two brokers in one process, only the one that spoke last has capital and P&L."""
    for site in ("one", "other", "one"):  # instrumented again, it is the same account
        account = kit.Account(kit.Handle(metrics, site), settings())
        account.balance(total=100, used=10, margin_used=5, currency="USD")
        account.pnl(daily=4, currency="USD")

    assert (200, 10) == (recorded("trading_capital_total"), recorded("trading_capital_utilization"))
    assert (10, 8) == (recorded("trading_margin_used"), recorded("trading_daily_pnl"))


def test_positions_that_are_gone_are_closed(metrics, recorded):
    """Broken, a position that the broker no longer lists stays on the dashboard."""
    account = kit.Account(kit.Handle(metrics, "own"), settings())
    account.positions([kit.Held("X", 1, 5.0), kit.Held("Y", -2, -3.0)])
    assert (2, 2) == (recorded("trading_positions_open"), recorded("trading_unrealized_pnl"))
    account.positions([kit.Held("Y", -2, -1.0)])
    assert (1, -1) == (recorded("trading_positions_open"), recorded("trading_unrealized_pnl"))
    account.positions([kit.Held("Z", 1, 4.0)], complete=False)
    assert (2, 3) == (recorded("trading_positions_open"), recorded("trading_unrealized_pnl"))


def test_a_stream_that_tells_one_side_leaves_the_other(metrics, recorded):
    """Broken, a hedged bot has an alert about drift at each fill, and half of its unrealized P&L."""
    orders = orders_of(metrics)
    account = kit.Account(kit.Handle(metrics, "own"), settings(), orders.trades.positions)
    orders.sent("1", None, side="BUY")
    account.positions([kit.Held("X", 2, 5.0, side="long"), kit.Held("X", -2, -3.0, side="short")])
    orders.fill("f1", "1", "BUY", symbol="X", quantity=1, price=10, opens_short=True)
    account.positions([kit.Held("X", 3, 6.0, side="long")], complete=False, one_side=True)
    assert (1, 3) == (recorded("trading_positions_open"), recorded("trading_unrealized_pnl"))
    account.positions([kit.Held("X", 3, 6.0, side="long")])  # a list: it has both sides, where there are two
    assert 6 == recorded("trading_unrealized_pnl")
    account.positions([])
    account.positions([kit.Held("X", -1, 1.0, side="short")], complete=False, one_side=True)
    assert (1, 1) == (recorded("trading_positions_open"), recorded("trading_unrealized_pnl"))

    assert {("X",): -2.0} == recorded.by("trading_position_drift", "symbol")  # -1 there, where the fills say 1


def test_a_trade_by_hand_shows_as_drift(metrics, recorded):
    """Broken, a liquidation, a manual trade or a fill that was missed goes unnoticed."""
    orders = orders_of(metrics, symbols=underlying)
    account = kit.Account(kit.Handle(metrics, "own"), settings(symbols=underlying), orders.trades.positions)
    orders.sent("1", None, side="BUY")
    account.positions([kit.Held("ESZ4", 1)])
    orders.fill("f1", "1", "BUY", symbol="ESZ4", quantity=2, price=10)
    account.positions([kit.Held("ESZ4", 3)])
    assert {} == recorded.by("trading_position_drift", "symbol")
    account.positions([])  # somebody has closed it
    assert {("ES",): -3.0} == recorded.by("trading_position_drift", "symbol")
    account.positions([kit.Held("ESZ4", 3)])
    assert {} == recorded.by("trading_position_drift", "symbol")


def test_switched_off_nothing_is_recorded_of_account_and_market(metrics, recorded):
    """Broken, `account=False` and `market_data=False` do not keep figures away that the bot records itself."""
    handle, off = kit.Handle(metrics, "own"), settings(account=False, market_data=False)
    account = kit.Account(handle, off)
    account.balance(total=100)
    account.pnl(daily=1)
    account.positions([kit.Held("X", 1)])
    account.cash("funding", 5)
    kit.Ticks(handle, off).tick("X")

    names = {sample.name for metric in metrics.registry.collect() for sample in metric.samples if sample.value}
    assert [] == [name for name in names if name.startswith("trading_") and "uptime" not in name]


@pytest.mark.parametrize(("at", "unit", "errors"), [(0, "s", 1), (None, "s", 0), (1e12, "s", 1), ("", "ms", 0)])
def test_what_is_no_time_is_no_age(at, unit, errors, metrics, recorded):
    """Broken, a feed that sends 0 as its time makes data 56 years old."""
    kit.Ticks(kit.Handle(metrics, "own"), settings()).tick("X", at, unit)

    assert (1, 0) == (
        recorded("trading_market_data_updates_total", symbol="X"),
        recorded("trading_market_data_age_seconds_count"),
    )
    assert errors == recorded("tradmetrics_instrumentation_errors_total")


def test_a_stream_is_connected_once_and_counts_its_connects(metrics, recorded):
    """Broken, a stream that reconnects all night looks like many streams, or like one that never left."""
    handle = kit.Handle(metrics, "own")
    connection = kit.Connection(handle, "orders")
    connection.closed()
    connection.opened()
    connection.opened()
    assert (1, 2) == (recorded("trading_stream_connected"), recorded("trading_stream_connects_total"))
    assert 1 == recorded("trading_websocket_connections")
    handle.undo()

    assert (0, 0) == (recorded("trading_stream_connected"), recorded("trading_websocket_connections"))


def test_the_session_is_open_while_that_of_any_market_is(metrics, recorded):
    """Broken, the close of one market mutes the alerts about the data of another one that is open."""
    ticks = kit.Ticks(kit.Handle(metrics, "own"), settings())
    ticks.session(True, "NSE")
    ticks.session(False, "MCX")
    assert 1 == recorded("trading_market_session_open")
    ticks.session(False, "NSE")
    assert 0 == recorded("trading_market_session_open")


def test_an_age_that_the_library_tells_is_taken_as_it_is(metrics, recorded):
    """Broken, data of a backtest is years old."""
    kit.Ticks(kit.Handle(metrics, "own"), settings()).tick("X", age=0.25)

    assert 0.25 == recorded("trading_market_data_age_seconds_sum", symbol="X")


def test_a_corrected_fill_is_as_if_it_had_been_right_from_the_beginning():
    """Broken, the P&L after the correction of an opening, or of a correction, is not the one of the right prices."""
    positions = Positions()
    positions.fill("X", 10, 5.0, fill_id="a")
    positions.fill("Y", 1, 1.0, fill_id="other")
    positions.fill("X", -4, 8.0, fee=1.0, fill_id="b")
    assert (pytest.approx(4.0), 0) == positions.correct("a", "a2", 10, 4.0)
    assert (pytest.approx(-2.0), 2.0) == positions.correct("b", "b2", -4, 8.0, fee=3.0)
    assert (pytest.approx(4.0), 0) == positions.correct("a2", "a3", 10, 3.0)
    assert (0, 0) == positions.correct("never seen", "c", 1, 1.0)

    assert pytest.approx(6 * (8.0 - 3.0)) == positions.fill("X", -6, 8.0).pnl


def test_the_memory_for_corrections_is_bounded(monkeypatch):
    """Broken, a bot that trades for weeks grows; or a fill that is too old to be corrected leaves the position."""
    monkeypatch.setattr("tradmetrics.integrations.kit.positions._MOST_FILLS", 3)
    positions = Positions()
    for number in range(10):
        positions.fill("X", 1, float(number), fill_id=f"f{number}")
    assert (0, 0) == positions.correct("f0", "g", 0, None)
    positions.correct("f9", "g", 0, None)

    assert pytest.approx(9 * 10.0 - sum(range(9))) == positions.fill("X", -9, 10.0).pnl


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, pickled])
def test_a_copy_leaves_callbacks_and_the_handle_behind(copied, metrics):
    """Broken, what a copied client hears counts as the original's, or a client with a callback cannot be copied."""
    heard = []
    client = Client()
    del client.also
    handle = watched(client, [], metrics)
    client.listeners = (kit.hook(handle, heard.append), handle)
    client.listeners[0]("mine")
    if copied is not copy.copy:  # which shares what the object holds
        callback, other = copied(client).listeners
        assert callback("the copy's") is None
        assert not other.active
        other.undo()
        assert (True, True) == (handle.active, callback is not client.listeners[0])
    handle.undo()
    client.listeners[0]("after the end")

    assert ["mine"] == heard


def test_strict_metrics_show_an_error_of_an_adapter():
    """Broken, a developer who asks for errors does not see that the adapter has one."""

    def broken(arguments):
        raise LookupError("a bug of ours")

    for strict, sent in ((True, 0), (False, 1)):
        client, metrics = Client(), TradingMetrics(strict=strict)
        kit.instrument([client], lambda handle: lambda target: handle.watch(target, "send", broken), metrics, "own")
        if strict:
            with pytest.raises(LabelSourceError, match="own: at the stage 'source': LookupError: a bug of ours"):
                client.send("X")
        else:
            client.send("X")
        assert sent == len(client.sent)


def test_an_instrumentation_that_fails_half_way_is_taken_back(metrics):
    """Broken, a bot whose second object is wrong goes on with half of an instrumentation, and no handle to end it."""
    first, second, seen = Client(), Client(), []

    def start(handle):
        def into(target):
            if target is second:
                raise ConfigurationError("not this one")
            handle.watch(target, "send", seen.append)

        return into

    with pytest.raises(ConfigurationError, match="not this one"):
        kit.instrument([first, second], start, metrics, "own")
    first.send("X")

    assert [] == seen
    assert (Client, Client) == (type(first), type(second))


def test_the_class_of_a_watched_object_shows_the_librarys_methods(metrics):
    """Broken, a bot that calls a method through its class, as `super` and mixins do, gets an error instead."""
    client, seen = Client(), []
    for name in ("send", "send_later"):
        watched(client, seen, metrics, name)
    assert type(client).send is Client.send
    assert type(client).send_later is Client.send_later
    type(client).send(client, "X")
    assert [("a", "X", 1)] == client.sent


def test_a_method_that_the_object_carries_may_be_taken_away(metrics):
    """Broken, a bot that removes its own override of a method cannot, or loses the library's method with it."""
    client, seen = Client(), []
    client.send = lambda symbol: {"id": "own", "symbol": symbol}
    handle = watched(client, seen, metrics)
    assert "own" == client.send("X")["id"]
    assert type(client).send is Client.send
    del client.send
    assert "a1" == client.send("Y")["id"]
    with pytest.raises(AttributeError, match="send"):
        del client.send
    handle.undo()

    assert [{"symbol": "X"}, {"id": "own", "symbol": "X"}] == seen
    assert [("a", "Y", 1)] == client.sent


def test_a_library_that_is_not_there_is_named_with_its_extra(monkeypatch):
    """Broken, a missing library shows as an error about attributes, without what to install."""

    def missing(name):
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "version", missing)
    monkeypatch.setattr(versions, "imported", lambda _: None)
    with pytest.raises(ConfigurationError, match=r"pybit is not installed; .*pip install 'tradmetrics\[pybit\]'"):
        kit.check_version("pybit")
    pybit = next(row for row in versions.TESTED if row.distribution == "pybit")
    assert "not installed" == pybit.verdict()
    verdicts = []
    for version in ("0.1", pybit.newest, f"{pybit.newest}.0", f"{pybit.newest}rc1", "9999.0.dev3"):
        monkeypatch.setattr(metadata, "version", lambda _, version=version: version)
        verdicts.append(pybit.verdict())
    assert ["too old", "tested", "tested", "tested", "newer"] == verdicts


def test_a_correction_in_a_foreign_currency_is_an_error_and_no_profit(recorded, metrics):
    """Broken, a correction of 6 euros moves the profit by 6 dollars."""
    metrics.money.amount(0.0, "USD")
    orders = orders_of(metrics, tells_pnl=True)
    orders.trades.told("mine", kit.Fill("f1", "SELL", pnl=30, currency="USD"))
    orders.trades.told("mine", kit.Fill("f1", "SELL", pnl=36, fee=1.0, currency="EUR"))

    assert (30, 0) == (recorded("trading_profit_total"), recorded("trading_cash_paid_total"))
    assert 2 == sum(recorded.anomalies().values())


def test_what_is_no_number_is_no_quantity(metrics, recorded):
    """Broken, one spoilt field of a fill loses the trade, or makes a position that nobody has."""
    orders = orders_of(metrics)
    orders.sent("1", None, side="BUY")
    for number, quantity in enumerate(("", "much", float("nan"), None)):
        orders.fill(f"f{number}", "1", "BUY", symbol="X", quantity=quantity, price="-", fee=" ", currency="USD")

    assert 4 == recorded("trading_trades_total", side="BUY")
    assert 0 == recorded("trading_cash_paid_total")
    assert {} == recorded.anomalies()


def test_the_memory_for_fills_is_bounded(metrics, recorded, monkeypatch):
    """Broken, a bot that trades all year grows with each fill until it is killed."""
    monkeypatch.setattr(trades, "_MOST_FILLS", 2)
    orders = orders_of(metrics)
    orders.sent("1", None, side="BUY")
    for number in (1, 2, 2, 3, 3, 1):  # the first one has been forgotten
        orders.fill(f"f{number}", "1", "BUY", symbol="X", quantity=1, price=10)
    assert 4 == recorded("trading_trades_total")

    for number in (1, 2, 2, 3, 3, 1):
        orders.trades.told("mine", kit.Fill(f"p{number}", "SELL", pnl=5, currency="USD"))
    assert 20 == recorded("trading_profit_total")


def test_the_memory_for_positions_is_bounded(metrics, recorded, monkeypatch):
    """Broken, a bot that looks at all symbols of an exchange grows with each of them until it is killed."""
    monkeypatch.setattr(accounts, "_MOST", 3)
    account = kit.Account(kit.Handle(metrics, "own"), settings())
    for number in range(10):
        account.positions([kit.Held(f"S{number}", 1.0, 2.0)], complete=False)

    assert (3, 6) == (recorded("trading_positions_open"), recorded("trading_unrealized_pnl"))


def test_an_order_that_nobody_sent_here_takes_no_second_id(metrics, recorded):
    """Broken, a stream of somebody else's orders makes them those of the bot."""
    orders = orders_of(metrics)
    orders.alias("nobody's", "77")
    orders.event("77", status="FILLED", filled=1)
    orders.correct("f1", "nobody's", kit.Fill("f2", "BUY", quantity=1, price=10))

    assert (0, 0) == (recorded("trading_orders_filled_total"), recorded("trading_trades_total"))
    assert {} == recorded.anomalies()
