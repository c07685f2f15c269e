"""The vocabulary: every broker's spelling of a side, a type, a status or a severity means one word."""

import enum
import threading
import tracemalloc
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tradmetrics.catalogue import ORDER_STATUSES, ORDER_TYPES, SEVERITIES, SIDES, TRADE_STATUSES
from tradmetrics.errors import ConfigurationError
from tradmetrics.vocabulary import fold as vocabulary
from tradmetrics.vocabulary.fold import UNCHANGED, check_dialect, dialects, register_spellings

DIALECTS = ("fix", "ccxt", "alpaca", "ib", "nautilus", "kite")

# Each broker's own words for the state of an order: dialect, canonical word, spellings.
STATUS_CELLS = [
    ("fix", "submitted", "A"),
    ("fix", "accepted", "0, D, 7, 9"),
    ("fix", "partially_filled", "1"),
    ("fix", "filled", "2"),
    ("fix", "rejected", "8"),
    ("fix", "cancelled", "4"),
    ("fix", "expired", "C"),
    ("fix", UNCHANGED, "3, 6, E"),
    ("ccxt", "rejected", "rejected"),
    ("ccxt", "cancelled", "canceled"),
    ("ccxt", "expired", "expired"),
    ("ccxt", UNCHANGED, "canceling"),
    ("alpaca", "submitted", "pending_new, pending_review"),
    ("alpaca", "accepted", "new, accepted, accepted_for_bidding, held, stopped, suspended"),
    ("alpaca", "partially_filled", "partially_filled"),
    ("alpaca", "filled", "filled, calculated"),
    ("alpaca", "rejected", "rejected"),
    ("alpaca", "cancelled", "canceled"),
    ("alpaca", "expired", "expired"),
    ("alpaca", UNCHANGED, "done_for_day, pending_cancel, pending_replace, replaced"),
    ("ib", "submitted", "PendingSubmit, ApiPending"),
    ("ib", "accepted", "PreSubmitted, Submitted"),
    ("ib", "filled", "Filled"),
    ("ib", "rejected", "Inactive"),
    ("ib", "cancelled", "Cancelled, ApiCancelled"),
    ("ib", UNCHANGED, "PendingCancel"),
    ("nautilus", "submitted", "INITIALIZED, SUBMITTED, EMULATED, RELEASED"),
    ("nautilus", "accepted", "ACCEPTED, TRIGGERED"),
    ("nautilus", "partially_filled", "PARTIALLY_FILLED"),
    ("nautilus", "filled", "FILLED"),
    ("nautilus", "rejected", "REJECTED, DENIED"),
    ("nautilus", "cancelled", "CANCELED"),
    ("nautilus", "expired", "EXPIRED"),
    ("nautilus", UNCHANGED, "PENDING_CANCEL, PENDING_UPDATE"),
    ("kite", "submitted", "PUT ORDER REQ RECEIVED, VALIDATION PENDING, OPEN PENDING"),
    ("kite", "accepted", "OPEN, TRIGGER PENDING"),
    ("kite", "filled", "COMPLETE"),
    ("kite", "rejected", "REJECTED"),
    ("kite", "cancelled", "CANCELLED"),
    ("kite", UNCHANGED, "MODIFY PENDING"),
]
STATUS_WORDS = [(dialect, word, text) for dialect, word, cell in STATUS_CELLS for text in cell.split(", ")]

# The same where quantities decide: dialect, canonical word, spelling, filled, quantity.
QUANTITY_CELLS = [
    ("ccxt", "accepted", "open", 0.0, 2.0),
    ("ccxt", "partially_filled", "open", 0.5, 2.0),
    ("ccxt", "filled", "closed", 2.0, 2.0),
    ("ccxt", "cancelled", "closed", 0.5, 2.0),
    ("ccxt", "cancelled", "closed", 0.0, 2.0),
    ("ib", "accepted", "Submitted", 0.0, 100),
    ("ib", "partially_filled", "Submitted", 40.0, 100),
    ("kite", "accepted", "OPEN", 0, 50),
    ("kite", "partially_filled", "OPEN", 25, 50),
    ("kite", "partially_filled", "UPDATE", 25, 50),
]

SIDE_CELLS = [
    (None, "BUY", "BUY, buy, B, BOT, BID"),
    (None, "SELL", "SELL, S, SLD, ASK"),
    ("fix", "BUY", "1"),
    ("fix", "SELL", "2, 5, 6"),
]
SIDE_WORDS = [(dialect, word, text) for dialect, word, cell in SIDE_CELLS for text in cell.split(", ")]

ORDER_TYPE_CELLS = [
    (None, "MARKET", "MARKET, MKT"),
    (None, "LIMIT", "LIMIT, LMT"),
    (None, "STOP", "STOP, STP, STOP_MARKET, SL-M"),
    (None, "STOP_LIMIT", "STOP_LIMIT, STP LMT, SL"),
    (None, "TRAILING_STOP", "TRAIL, TRAIL LIMIT, TRAILING_STOP, TRAILING_STOP_MARKET, TRAILING_STOP_LIMIT"),
    ("fix", "MARKET", "1"),
    ("fix", "LIMIT", "2"),
    ("fix", "STOP", "3"),
    ("fix", "STOP_LIMIT", "4"),
]
ORDER_TYPE_WORDS = [(dialect, word, text) for dialect, word, cell in ORDER_TYPE_CELLS for text in cell.split(", ")]

# nautilus_trader's integers, from nautilus_trader.model.enums 1.221.
NAUTILUS_STATUSES = {
    "INITIALIZED": 1,
    "DENIED": 2,
    "EMULATED": 3,
    "RELEASED": 4,
    "SUBMITTED": 5,
    "ACCEPTED": 6,
    "REJECTED": 7,
    "CANCELED": 8,
    "EXPIRED": 9,
    "TRIGGERED": 10,
    "PENDING_UPDATE": 11,
    "PENDING_CANCEL": 12,
    "PARTIALLY_FILLED": 13,
    "FILLED": 14,
}
NAUTILUS_ORDER_TYPES = {
    "MARKET": 1,
    "LIMIT": 2,
    "STOP_MARKET": 3,
    "STOP_LIMIT": 4,
    "MARKET_TO_LIMIT": 5,
    "MARKET_IF_TOUCHED": 6,
    "LIMIT_IF_TOUCHED": 7,
    "TRAILING_STOP_MARKET": 8,
    "TRAILING_STOP_LIMIT": 9,
}


def respelled(text):
    """Every way of writing `text` that must not matter."""
    joined = [text.replace("_", joint).replace("-", joint).replace(" ", joint) for joint in "-_ "]
    return {way for each in (text, *joined) for way in (each, each.upper(), each.title(), f"  {each}\t")}


@pytest.mark.parametrize(("dialect", "word", "text"), STATUS_WORDS)
def test_status_cell(dialect, word, text):
    """A broker's fills or rejects would be counted as something else, or not at all."""
    for way in respelled(text):
        assert (way, word) == (way, vocabulary.order_status(way, dialect))


@pytest.mark.parametrize(("dialect", "word", "text", "filled", "quantity"), QUANTITY_CELLS)
@pytest.mark.parametrize("form", [float, str, Decimal], ids=["float", "text", "Decimal"])
def test_status_cell_with_quantities(dialect, word, text, filled, quantity, form):
    """A partly filled order that was cancelled would be counted as a fill, and a partial fill as none."""
    assert word == vocabulary.order_status(text, dialect, filled=form(filled), quantity=form(quantity))


@pytest.mark.parametrize(("dialect", "word", "text"), SIDE_WORDS)
def test_side_cell(dialect, word, text):
    """Buys would be counted as sells, or the side be lost."""
    for way in respelled(text):
        assert (way, word) == (way, vocabulary.side(way, dialect))


@pytest.mark.parametrize(("dialect", "word", "text"), ORDER_TYPE_WORDS)
def test_order_type_cell(dialect, word, text):
    """A broker's order type would be recorded as OTHER."""
    for way in respelled(text):
        assert (way, word) == (way, vocabulary.order_type(way, dialect))


@pytest.mark.parametrize("name", NAUTILUS_STATUSES)
def test_nautilus_status_integers(name):
    """NautilusTrader hands bare integers; each must mean what its name means."""
    expected = vocabulary.order_status(name, "nautilus")
    member = enum.IntEnum("OrderStatus", NAUTILUS_STATUSES)[name]

    assert expected is not None
    assert expected == vocabulary.order_status(NAUTILUS_STATUSES[name], "nautilus")
    assert expected == vocabulary.order_status(member, "nautilus")


@pytest.mark.parametrize("name", NAUTILUS_ORDER_TYPES)
def test_nautilus_order_type_integers(name):
    """NautilusTrader's order types would be recorded as OTHER, or as each other."""
    assert vocabulary.order_type(name, "nautilus") == vocabulary.order_type(NAUTILUS_ORDER_TYPES[name], "nautilus")
    assert vocabulary.order_type(name, "nautilus") in ORDER_TYPES


def test_nautilus_side_integers():
    """NautilusTrader's buys and sells would have no side."""
    assert ["unknown", "BUY", "SELL", None] == [vocabulary.side(number, "nautilus") for number in range(4)]


@pytest.mark.parametrize("number", range(20))
@pytest.mark.parametrize("dialect", [None, "ccxt", "alpaca", "ib", "kite"])
def test_bare_integers_mean_nothing_without_a_dialect_that_has_them(number, dialect):
    """NautilusTrader's 2 (denied) would be read as FIX's 2 (filled)."""
    for value in (number, str(number)):
        assert vocabulary.side(value, dialect) is None
        assert vocabulary.order_type(value, dialect) is None
        assert vocabulary.order_status(value, dialect) is None
        assert vocabulary.trade_status(value, dialect) is None


def test_the_same_integer_differs_between_dialects():
    """Two brokers' codes would be mixed up."""
    assert ("filled", "rejected") == tuple(vocabulary.order_status(2, dialect) for dialect in ("fix", "nautilus"))
    assert (UNCHANGED, "submitted") == tuple(vocabulary.order_status(5, dialect) for dialect in ("fix", "nautilus"))
    assert ("SELL", None) == tuple(vocabulary.side(5, dialect) for dialect in ("fix", "nautilus"))


def test_true_is_not_one():
    """A boolean put where a FIX code belongs would count as a buy."""
    assert vocabulary.side(True, "fix") is None
    assert vocabulary.order_status(False, "fix") is None


@pytest.mark.parametrize("letter", "ACDE")
def test_fix_letters_mean_nothing_without_fix(letter):
    """A ticker or a grade of one letter would be taken for an order's state."""
    for dialect in (None, *DIALECTS[1:]):
        assert vocabulary.order_status(letter, dialect) is None


def test_as_defined_is_no_buy_in_fix():
    """FIX 54=B is a multi-leg order whose legs have the sides; it would be counted as a buy."""
    assert "unknown" == vocabulary.side("B", "fix")


def test_submitted_is_accepted_only_to_interactive_brokers():
    """An order on its way would count as acknowledged, or IB's acknowledged ones as on their way."""
    assert "submitted" == vocabulary.order_status("Submitted")
    assert "accepted" == vocabulary.order_status("Submitted", "ib")
    assert "accepted" == vocabulary.order_status("SUBMITTED", "ib")


@pytest.mark.parametrize(
    "text", ["Inactive", "held", "stopped", "suspended", "triggered", "released", "update", "fill"]
)
def test_ambiguous_words_need_a_dialect(text):
    """A word that only one broker uses in that sense would be guessed at."""
    assert vocabulary.order_status(text) is None
    assert any(vocabulary.order_status(text, dialect) for dialect in DIALECTS)


@pytest.mark.parametrize(("dialect", "word", "text"), STATUS_WORDS)
def test_without_a_dialect_no_word_contradicts_a_broker(dialect, word, text):
    """The table without dialects maps only what is unambiguous; `submitted` is the canonical word itself."""
    if text.casefold() != "submitted":
        assert vocabulary.order_status(text) in (word, None)


def functions():
    """Every function of the vocabulary, with the words it may answer."""
    for dialect in (None, *DIALECTS):
        yield lambda value, d=dialect: vocabulary.side(value, d), SIDES
        yield lambda value, d=dialect: vocabulary.side(value, d, opens_position=True), SIDES
        yield lambda value, d=dialect: vocabulary.order_type(value, d), ORDER_TYPES
        yield lambda value, d=dialect: vocabulary.order_status(value, d), (*ORDER_STATUSES, UNCHANGED)
        yield lambda value, d=dialect: vocabulary.trade_status(value, d), TRADE_STATUSES
    yield vocabulary.severity, SEVERITIES


def test_canonical_words_stand_for_themselves_in_every_dialect():
    """Recording a word that was folded already would change it."""
    for function, words in functions():
        for word in words:
            assert word == function(word)


TEXTS = st.one_of(
    st.sampled_from([text for _, _, text in (*STATUS_WORDS, *SIDE_WORDS, *ORDER_TYPE_WORDS)]).flatmap(
        lambda text: st.sampled_from(sorted(respelled(text)))
    ),
    st.text(),
    st.integers(-2, 20),
)


@given(TEXTS)
def test_folding_is_idempotent_and_closed(value):
    """A label of a closed domain would get a value outside it, or change when read again."""
    for function, words in functions():
        word = function(value)
        assert word is None or word in words
        assert word == (None if word is None else function(word))


def raising(*_):
    """Stand in for a method that fails."""
    raise RuntimeError("hostile")


class Hostile:
    """An object that fails wherever it can."""

    __str__ = __repr__ = __eq__ = __hash__ = __float__ = __bool__ = __len__ = __getattr__ = raising
    __class__ = property(raising)


class HostileText(str):
    """A text whose methods fail; what it says is still its text."""

    __str__ = __repr__ = __eq__ = __len__ = __hash__ = casefold = replace = raising


class LyingText(str):
    """A text that prints as something else."""

    def __str__(self):
        return "sell"


VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.floats(),
    st.binary(),
    st.text(),
    st.integers(),
    st.lists(st.integers(), max_size=2),
    st.dictionaries(st.text(max_size=2), st.none(), max_size=1),
    st.sampled_from([object(), ValueError("x"), "\ud800", "\x00", Decimal("NaN")]),
)


@given(VALUES, VALUES, VALUES)
def test_no_value_raises(value, filled, quantity):
    """A strange value from a broker would raise into the trading call."""
    for function, words in functions():
        assert function(value) in (None, *words)
    for dialect in (None, *DIALECTS):
        word = vocabulary.order_status(value, dialect, filled=filled, quantity=quantity)
        assert word in (None, UNCHANGED, *ORDER_STATUSES)


HOSTILE = {
    "object": Hostile,
    "text": lambda: HostileText("x"),
    "long text": lambda: "a" * 1_000_000,
    "long bytes": lambda: b"a" * 1_000_000,
    "long integer": lambda: 10**5000,
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_no_hostile_value_raises(kind):
    """An object that fails wherever it is touched, or a huge one, would raise into the trading call."""
    value = HOSTILE[kind]()
    for function, _ in functions():
        assert function(value) is None
    assert "filled" == vocabulary.order_status("filled", filled=value, quantity=value)


def test_subclasses_of_text_are_read_as_their_text():
    """A text subclass with its own methods would raise, or be read as what it prints."""
    assert "BUY" == vocabulary.side(HostileText("buy"))
    assert "BUY" == vocabulary.side(LyingText("buy"))


class Status(enum.Enum):
    """Enums as brokers' libraries write them."""

    FILLED = "filled"
    REJECTED = "canceled"
    CANCELED = 8
    EXPIRED = object()


class TextStatus(str, enum.Enum):
    """alpaca-py's kind of enum, whose text differs between Python versions."""

    WORKING = "accepted"


def test_an_enums_value_is_read_before_its_name():
    """On some Python versions the text of a member is its class and name, and a name may differ from the value."""
    assert "cancelled" == vocabulary.order_status(Status.REJECTED)
    assert "accepted" == vocabulary.order_status(TextStatus.WORKING)


def test_an_enums_name_is_read_when_its_value_says_nothing():
    """An enum of integers or objects would have no status without a dialect."""
    assert "cancelled" == vocabulary.order_status(Status.CANCELED)
    assert "expired" == vocabulary.order_status(Status.EXPIRED)


def test_bytes_are_read_as_text():
    """FIX libraries hand fields as bytes; they would be unknown."""
    assert "filled" == vocabulary.order_status(b"2", "fix")
    assert "BUY" == vocabulary.side(b"buy")


@pytest.mark.parametrize("text", ["LONG", "long", enum.Enum("Side", ["LONG"]).LONG])
def test_long_and_short_are_sides_only_when_opening(text):
    """Closing a long position sells; it would be counted as a buy."""
    assert "unknown" == vocabulary.side(text)
    assert "BUY" == vocabulary.side(text, opens_position=True)
    assert "SELL" == vocabulary.side("Short", "ib", opens_position=True)


@pytest.mark.parametrize(
    ("text", "filled", "quantity", "word"),
    [
        ("canceled", 2, 2, "filled"),
        ("expired", 2, 2, "filled"),
        ("pending_cancel", 2, 2, "filled"),
        ("whatever", "2", "2", "filled"),
        (None, 2, 2, "filled"),
        ("pending_cancel", 1, 2, "partially_filled"),
        ("submitted", 1, 2, "partially_filled"),
        ("accepted", 1, None, "partially_filled"),
        ("filled", 1, 2, "filled"),
        ("filled", 99.997714, 100, "filled"),
        ("executed", 1, 2, "filled"),
        ("canceled", 1, 2, "cancelled"),
        ("rejected", 0, 2, "rejected"),
        ("filled", 0, 2, "filled"),
        ("filled", 1, None, "filled"),
        ("partially_filled", 0, 2, "partially_filled"),
        ("whatever", 1, 2, None),
        (None, 0, 2, None),
        ("closed", None, None, None),
        ("closed", None, 2, None),
        ("closed", 2, None, None),
        ("closed", 0.1 + 0.2 - 1e-16, 0.3, "filled"),
        ("open", -2, -2, "filled"),
        ("open", 0, 0, "accepted"),
        ("open", "a lot", 2, "accepted"),
        ("open", float("nan"), 2, "accepted"),
        ("open", 1, float("inf"), "partially_filled"),
        ("closed", "1,000.50", "1,000.50", "filled"),
        ("closed", "999.5", "1,000.50", "cancelled"),
        ("open", True, 1, "accepted"),
    ],
)
def test_quantities_win_over_the_word(text, filled, quantity, word):
    """An order filled completely would be counted as cancelled because the broker calls it so."""
    assert word == vocabulary.order_status(text, filled=filled, quantity=quantity)


def test_quantities_win_before_a_dialects_word():
    """IB's open orders with fills, and FIX's, would never read as filled in part."""
    assert "partially_filled" == vocabulary.order_status("0", "fix", filled=1, quantity=5)
    assert "filled" == vocabulary.order_status("Cancelled", "ib", filled=5, quantity=5)


@pytest.mark.parametrize(
    ("text", "word"),
    [("executed", "executed"), ("FAILED", "failed"), ("Filled", "filled"), ("pending_cancel", None), ("closed", None)],
)
def test_trade_statuses(text, word):
    """A trade's status would be lost, or be a word that the metric does not have."""
    assert word == vocabulary.trade_status(text)


@pytest.mark.parametrize(("text", "word"), [("Executed", "filled"), ("EXECUTED", "filled"), ("FAILED", "rejected")])
def test_an_executed_order_is_filled_and_a_failed_one_rejected(text, word):
    """An order whose venue uses the words of trades would stay open for ever."""
    assert word == vocabulary.order_status(text)


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("reduceOnlyCanceled", "cancelled"),
        ("PARTIALLY_FILLED_CANCELLED", "cancelled"),
        ("AMO CANCELLED", "cancelled"),
        ("partial-canceled", "cancelled"),
        ("SELF_TRADE_CANCELED", "cancelled"),
        ("cancelled by user, order expired", "expired"),
        ("post_only_rejected", "rejected"),
        ("Order was rejected", "rejected"),
        ("gtdExpired", "expired"),
        ("PartiallyFilledAndExpired", "expired"),
        ("NOT CANCELLED", UNCHANGED),
        ("notRejected", UNCHANGED),
        ("never_expired", UNCHANGED),
        ("order_cancel_rejected", UNCHANGED),
        ("cancelRequestRejected", UNCHANGED),
        ("CANCEL_ORDER_REJECTED", UNCHANGED),
        ("replace_rejected", UNCHANGED),
        ("modifyRejected", UNCHANGED),
        ("MODIFY-EXPIRED", UNCHANGED),
        ("amend_rejected", UNCHANGED),
        ("to_be_cancelled", UNCHANGED),
        ("could not be cancelled", UNCHANGED),
        ("unexpired", UNCHANGED),
        ("cancellation", None),
        ("rejected_by_nobody", None),
        ("x" * 60 + "cancelled", None),
    ],
)
@pytest.mark.parametrize("dialect", [None, "binance", "fix"])
def test_a_status_that_no_table_has_is_read_by_its_ending(text, word, dialect):
    """An order whose end is not understood stays open, alerts, and is evicted."""
    assert word == vocabulary.order_status(text, dialect)


def test_a_registered_word_wins_over_its_ending():
    """A venue that means something else by a word could not be corrected."""
    register_spellings(dialect="odd", status={"softRejected": "accepted"})
    assert "accepted" == vocabulary.order_status("soft_rejected", "odd")
    assert "rejected" == vocabulary.order_status("soft_rejected")


@pytest.mark.parametrize(
    ("label", "text", "dialect", "word"),
    [
        ("status", "OrderStatus.FILLED", None, "filled"),
        ("status", "alpaca.trading.OrderStatus.PENDING_NEW", "alpaca", "submitted"),
        ("status", "ORDER_STATE_PLACED", "mt5", "accepted"),
        ("status", "ORDER_STATUS_PARTIALLY_FILLED", None, "partially_filled"),
        ("side", "Side.buy", None, "BUY"),
        ("side", "ORDER_TYPE_SELL_STOP", "mt5", "SELL"),
        ("order_type", "ORDER_TYPE_SELL_STOP_LIMIT", "mt5", "STOP_LIMIT"),
        ("order_type", "OrderType.StopLimit", None, "STOP_LIMIT"),
        ("status", "2.0", "fix", None),
        ("status", "1.2", "fix", None),
        ("side", "-1", "fix", None),
        ("side", "-1", "fyers", "SELL"),
        ("side", -1, "fyers", "SELL"),
        ("side", 1, "fyers", "BUY"),
    ],
)
def test_constants_are_read_with_their_prefix_and_numbers_as_they_are(label, text, dialect, word):
    """The printed name of a library's constant would be unknown, or half of a number be read as a state."""
    read = {"status": vocabulary.order_status, "side": vocabulary.side, "order_type": vocabulary.order_type}[label]
    assert word == read(text, dialect)


@pytest.mark.parametrize(
    ("text", "word"),
    [
        *(("debug", "debug"), ("INFO", "info"), ("notice", "info"), ("WARN", "warning"), ("Warning", "warning")),
        *(("err", "error"), ("ERROR", "error"), ("FATAL", "critical"), ("emerg", "critical"), ("shrug", None)),
    ],
)
def test_severities(text, word):
    """Alerts on errors and critical errors would miss the loggers' and syslog's spellings."""
    assert word == vocabulary.severity(text)


def test_dialects_are_listed_and_checked():
    """A mistyped dialect would silently fold nothing, from the first order on."""
    assert DIALECTS == dialects()[: len(DIALECTS)]
    assert "ib" == check_dialect("ib")
    assert check_dialect(None) is None


@pytest.mark.parametrize(("wrong", "right"), [("alpca", "alpaca"), ("IB", "ib"), ("nautilus_trader", "nautilus")])
def test_an_unknown_dialect_names_the_nearest(wrong, right):
    """The user would have to search for the right name."""
    with pytest.raises(ConfigurationError, match=f"{wrong}.*did you mean '{right}'"):
        check_dialect(wrong)


@pytest.mark.parametrize("wrong", ["", "zzzz", 5, b"ib", object()])
def test_a_hopeless_dialect_lists_all(wrong):
    """The user would not learn which dialects there are."""
    with pytest.raises(ConfigurationError, match="fix, ccxt, alpaca, ib, nautilus, kite"):
        check_dialect(wrong)


def test_unknown_dialects_are_read_as_none_and_not_kept():
    """A dialect computed at run time would grow memory with every name, or lose what every broker means."""
    tracemalloc.start()
    words = {vocabulary.side("BOT", f"dialect {number}") for number in range(200)}
    kept, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert {"BUY"} == words
    assert kept < 100_000


def test_registered_spellings_are_folded():
    """A broker that the package does not know could not be used."""
    register_spellings(
        side={"Kauf": "BUY", "Verkauf": "SELL"},
        order_type={"bestens": "MARKET"},
        status={"in Arbeit": "accepted", "abgerechnet": "executed", "wird gestrichen": UNCHANGED},
        severity={"schlimm": "critical"},
    )

    assert "BUY" == vocabulary.side("KAUF", "fix")
    assert "MARKET" == vocabulary.order_type("Bestens")
    assert "accepted" == vocabulary.order_status("in_arbeit")
    assert UNCHANGED == vocabulary.order_status("wird-gestrichen")
    assert "executed" == vocabulary.trade_status("abgerechnet")
    assert "filled" == vocabulary.order_status("abgerechnet")
    assert "critical" == vocabulary.severity("Schlimm")


def test_registering_again_adds():
    """The second call of a program with two brokers would undo the first."""
    register_spellings(side={"achat": "BUY"})
    register_spellings(side={"vente": "SELL"})

    assert ("BUY", "SELL") == (vocabulary.side("achat"), vocabulary.side("vente"))


def test_a_dialect_of_ones_own():
    """An in-house gateway's integers would have no meaning, or another broker's."""
    register_spellings(side={1: "BUY", -1: "SELL"}, dialect="gateway")

    assert "gateway" in dialects()
    assert "gateway" == check_dialect("gateway")
    assert ("BUY", "SELL") == (vocabulary.side(1, "gateway"), vocabulary.side(-1, "gateway"))
    assert vocabulary.side(1) is None
    assert "filled" == vocabulary.order_status("FILLED", "gateway")


def test_ones_own_spelling_wins_within_its_dialect():
    """A broker's change of meaning could not be corrected without a new release."""
    assert UNCHANGED == vocabulary.order_status("order_replace_rejected", "alpaca")

    register_spellings(dialect="alpaca", status={"order_replace_rejected": "rejected"})

    assert "rejected" == vocabulary.order_status("ORDER_REPLACE_REJECTED", "alpaca")
    assert UNCHANGED == vocabulary.order_status("order_replace_rejected")


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"side": {"Kauf": "buy"}}, "side: 'Kauf'.*'buy'.*did you mean 'BUY'"),
        ({"status": {"x": "canceled"}}, "status: 'x'.*did you mean 'cancelled'"),
        ({"order_type": {"x": "STOPLIMIT"}}, "order_type: 'x'.*did you mean 'STOP_LIMIT'"),
        ({"severity": {"x": "warn"}}, "severity: 'x'.*did you mean 'warning'"),
        ({"side": {"x": None}}, "write one of BUY, SELL, unknown"),
        ({"side": {"": "BUY"}}, "cannot be a spelling"),
        ({"side": {"x" * 65: "BUY"}}, "64"),
        ({"side": {True: "BUY"}}, "cannot be a spelling"),
        ({"side": {None: "BUY"}}, "cannot be a spelling"),
        ({"side": {"BUY": "SELL"}}, "'BUY' is a canonical word"),
        ({"severity": {"x": "info"}, "dialect": "ib"}, "no dialects"),
        ({"side": {"x": "BUY"}, "dialect": " "}, "dialect"),
        ({"side": {"x": "BUY"}, "dialect": 3}, "dialect"),
        ({"side": "x"}, "side='x': a mapping of your spellings to words, e.g. {'…': 'BUY'}"),
        ({"status": [("x", "filled")]}, "status=.*: a mapping of your spellings to words, e.g. {'…': 'submitted'}"),
        ({"severity": 0}, "severity=0: a mapping"),
    ],
)
def test_wrong_registrations_are_refused_with_the_right_word(wrong, message):
    """A mistake would surface in production as orders without a side or a status."""
    with pytest.raises(ConfigurationError, match=message):
        register_spellings(**wrong)


def test_a_refused_registration_changes_nothing():
    """Half of a wrong registration would stay."""
    with pytest.raises(ConfigurationError):
        register_spellings(side={"halb": "BUY"}, status={"halb": "nonsense"}, dialect="half")

    assert vocabulary.side("halb") is None
    assert "half" not in dialects()


def test_reading_while_others_register():
    """A thread that trades would see a half-built table while another registers."""
    stop = threading.Event()
    wrong = []

    def read():
        while not stop.is_set():
            if vocabulary.side("bot", "ib") != "BUY" or vocabulary.order_status("Submitted", "ib") != "accepted":
                wrong.append(1)

    reader = threading.Thread(target=read)
    reader.start()
    for number in range(50):
        register_spellings(side={f"spelling {number}": "BUY"}, status={f"state {number}": "filled"})
    stop.set()
    reader.join(10)

    assert [] == wrong
    assert all(vocabulary.side(f"spelling {number}") == "BUY" for number in range(50))
