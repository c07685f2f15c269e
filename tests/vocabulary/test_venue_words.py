"""The words of venues and libraries: each row of the list folds as its venue means it."""

from __future__ import annotations

import csv
import enum
import logging
import re
from pathlib import Path

import pytest

from tests.recorded import errors, recorded
from tradmetrics import OrderTracker, TradingMetrics, register_spellings, track_order, track_trade
from tradmetrics.vocabulary import fold as vocabulary

LIST = Path(__file__).parents[1] / "data" / "venue-words.tsv"
LIVE = ("submitted", "accepted", vocabulary.UNCHANGED)


def rows() -> list[dict[str, str]]:
    """The list."""
    with LIST.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))


def folded(row: dict[str, str]) -> str | None:
    """The word that a row's spelling folds into, as the list names it."""
    word, dialect = row["word"], row["dialect"] or None
    if row["kind"] == "side":
        return vocabulary.side(word, dialect)
    if row["kind"] == "order_type":
        return vocabulary.order_type(word, dialect) or "OTHER"
    plain = vocabulary.order_status(word, dialect)
    by_quantity = [vocabulary.order_status(word, dialect, filled=filled, quantity=2) for filled in (0, 1, 2)]
    return "by_quantity" if plain is None and by_quantity == ["cancelled", "cancelled", "filled"] else plain


@pytest.mark.parametrize("row", rows(), ids=lambda row: f"{row['dialect']}-{row['kind']}-{row['word']}")
def test_each_word_folds_as_its_venue_means_it(row: dict[str, str]) -> None:
    """An order whose word is not understood stays open, alerts, and is evicted."""
    if "live" in row["note"]:
        assert folded(row) in LIVE
    else:
        assert row["means"] == folded(row)


def test_every_venue_of_the_list_is_a_dialect() -> None:
    """A user of a listed venue could not name it."""
    assert {row["dialect"] for row in rows()} - {""} == {*vocabulary.dialects()} & {row["dialect"] for row in rows()}
    for dialect in vocabulary.dialects():
        OrderTracker(strategy="s", dialect=dialect, metrics=TradingMetrics())


class Lines(logging.Handler):
    """The messages of the library."""

    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.texts.append(record.getMessage())


@pytest.fixture
def lines() -> Lines:
    """The messages that the library logs."""
    handler = Lines()
    logger = logging.getLogger("tradmetrics")
    logger.addHandler(handler)
    yield handler
    logger.removeHandler(handler)


def test_each_unknown_word_is_logged_once_with_the_call_to_paste(lines: Lines) -> None:
    """The second unknown word would stay unseen, and its orders open."""
    metrics = TradingMetrics()
    track = track_order(strategy="s", order_type="LIMIT", dialect="binance", metrics=metrics)
    place = track(lambda side, status: {"status": status})
    for _ in range(3):
        for word in ("Half Baked", "Lapsed Quietly"):
            place("BUY", word)
        place("Sideways", "NEW")
    track_trade(strategy="s", side="BUY", status="Half Settled", metrics=metrics)(lambda: None)()
    assert 4 == len(lines.texts)
    for text, call in zip(
        lines.texts,
        (
            "register_spellings(status={'Half Baked': 'WORD'}, dialect='binance')",
            "register_spellings(status={'Lapsed Quietly': 'WORD'}, dialect='binance')",
            "register_spellings(side={'Sideways': 'WORD'}, dialect='binance')",
            "register_spellings(status={'Half Settled': 'WORD'})",
        ),
        strict=True,
    ):
        assert call in text
    assert 9 == errors(metrics)["<lambda>", "vocabulary"] - 1


class Wording(enum.Enum):
    """A library's states that no table has."""

    TEXT = "half_minted"
    NUMBER = 9_017
    OBJECT = object()


class Coded(enum.IntEnum):
    """The same, as numbers with names."""

    HALF_POSTED = 9_018


class Spoken:
    """A state of a library that is written in another language: only its text tells it."""

    def __str__(self) -> str:
        return "HALF_SPOKEN"


@pytest.mark.parametrize(
    "word",
    [*Wording, Coded.HALF_POSTED, b"half_bytes", Spoken(), "half " + "long" * 14, 9_019, "it's half"],
    ids=lambda word: type(word).__name__,
)
def test_the_call_to_paste_works_for_words_of_any_type(word: object, lines: Lines) -> None:
    """A user who pastes the call would get a syntax error, or the same message again."""

    def cancelled() -> float | None:
        metrics = TradingMetrics()
        orders = OrderTracker(strategy="s", metrics=metrics)
        orders.submitted("1", side="BUY")
        orders.updated("1", status=word)
        return recorded(metrics).get("trading_orders_cancelled_total s unknown")

    assert cancelled() is None
    (text,) = lines.texts
    call = re.search(r"register_spellings\(status=(\{.*?\})\)", text)
    assert call is not None
    register_spellings(status=eval(call[1].replace("WORD", "cancelled")))
    assert 1 == cancelled()


@pytest.mark.parametrize("value", [True, ["filled"], {"state": "filled"}, object(), "long " * 20])
def test_a_value_that_is_no_word_asks_for_another_source(value: object, lines: Lines) -> None:
    """The log would show a call that `register_spellings` refuses, once for every object that comes."""
    metrics = TradingMetrics()
    track = track_order(strategy="s", side="BUY", order_type="LIMIT", metrics=metrics)
    for _ in range(2):
        track(lambda: {"status": value})()
    (text,) = lines.texts
    assert "register_spellings" not in text
    assert "status=" in text
    assert "a source of the word itself" in text


def test_words_without_end_are_not_kept(lines: Lines) -> None:
    """A field that holds free text would fill the log and the memory."""
    metrics = TradingMetrics()
    orders = OrderTracker(strategy="s", metrics=metrics)
    orders.submitted("1", side="BUY")
    for number in range(1_100):
        orders.updated("1", status=f"free text {number}")
    assert 1_000 <= len(lines.texts) <= 1_010


def test_an_ambiguous_word_without_quantities_says_so(lines: Lines) -> None:
    """The message would ask for a spelling that does not help."""
    track = track_order(strategy="s", side="BUY", order_type="LIMIT", metrics=TradingMetrics())
    track(lambda: {"status": "done"})()
    (text,) = lines.texts
    assert "filled or cancelled" in text
    assert "register_spellings" not in text


def test_a_failed_order_is_a_reject() -> None:
    """An exchange's `FAILED` would leave the order open."""
    metrics = TradingMetrics()
    track_order(strategy="s", side="BUY", metrics=metrics)(lambda: {"status": "FAILED"})()
    assert 1 == recorded(metrics)["trading_orders_rejected_total s unknown"]
