"""Identifiers are told from symbols and names: the ones must never become labels, the others must."""

import hashlib
import pathlib
import uuid
from datetime import timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tradmetrics.model.identifiers import is_identifier

SYMBOLS = [
    line
    for line in (pathlib.Path(__file__).parents[1] / "data" / "symbols.txt").read_text(encoding="utf-8").splitlines()
    if line and not line.startswith("# ")
]
CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


def ulid(number):
    """The 26 digits of a 128-bit number in Crockford's base 32."""
    return "".join(CROCKFORD[number >> 5 * place & 31] for place in reversed(range(26)))


BITS = st.integers(0, 2**128 - 1)
UUIDS = st.builds(uuid.UUID, int=BITS)
MOMENTS = st.datetimes(timezones=st.none() | st.just(timezone.utc))
IDENTIFIERS = {
    "uuid": UUIDS.map(str),
    "upper-case uuid": UUIDS.map(lambda value: str(value).upper()),
    "uuid with underscores": UUIDS.map(lambda value: str(value).replace("-", "_")),
    "uuid in braces": UUIDS.map("{{{}}}".format),
    "uuid as urn": UUIDS.map(lambda value: value.urn),
    "compact uuid": st.uuids(version=4).map(lambda value: value.hex),
    "ulid": BITS.map(ulid),
    "lower-case ulid": BITS.map(lambda number: ulid(number).lower()),
    "snowflake": st.integers(10**16, 2**63 - 1).map(str),
    "unix milliseconds": st.integers(10**12, 4 * 10**12).map(str),
    "negative number": st.integers(-(2**63), -(10**12)).map(str),
    "md5": st.binary().map(lambda value: hashlib.md5(value).hexdigest()),
    "sha256": st.binary().map(lambda value: hashlib.sha256(value).hexdigest().upper()),
    "object id": st.binary().map(lambda value: hashlib.sha1(value).hexdigest()[:24]),
    "address of a wallet": st.binary().map(lambda value: "0x" + hashlib.sha1(value).hexdigest()),
    "iso date-time": MOMENTS.map(lambda moment: moment.isoformat()),
    "iso date-time with a blank": MOMENTS.map(lambda moment: moment.isoformat(" ")),
    "iso date-time to the minute": MOMENTS.map(lambda moment: moment.isoformat(timespec="minutes")),
    "basic iso date-time": MOMENTS.map(lambda moment: f"{moment.year:04}{moment:%m%dT%H%M%S}Z"),
    "fix timestamp": MOMENTS.map(lambda moment: f"{moment.year:04}{moment:%m%d-%H:%M:%S}"),
    "e-mail": st.emails(),
}
BEFORE = st.sampled_from(["", "order-", "order_", "ord:", "client/", "Order ", "x", "gamma_scalping#", "feed", "("])
AFTER = st.sampled_from(["", "-1", "_retry", "/fill", " ", ")", "z"])


@pytest.mark.parametrize("kind", IDENTIFIERS)
@given(st.data())
def test_identifiers_are_recognised_alone_and_within_longer_values(kind, data):
    """Each order, message or moment would become a series of its own, until Prometheus runs out of memory."""
    text = data.draw(BEFORE) + data.draw(IDENTIFIERS[kind]) + data.draw(AFTER)

    assert is_identifier(text)


@pytest.mark.parametrize(
    "text",
    [
        "1234567890123",
        "170405000616033",
        "x1234567890123x",
        "gamma_scalping-client-1234567890123-",  # as long as a UUID
        "507f1f77bcf86cd799439011",
        "abcdefabcdefabcdefabcde1",
        "1abcdefabcdefabcdefabcde",
        "01ARZ3NDEKTSV4RRFFQ69G5FAV",
        "ffffffff-ffff-ffff-ffff-ffffffffffff",
        "2024-01-19T09:30",
        "2024-01-19 09:30",
        "2024-01-19T09:30:00.123456+05:30",
        "20240119T0930",
        "2024-01-19t09:30",
        "2024-01-19_09:30",
        "2024-01-19T09-30",
        "20240119 09:30:00",
        "a@b.co",
        "jane.doe+bot@mail.example.com",
        "trader@почта.рф",
        "desk bot@my-firm.co",
        "a@b.c.org",
        "a@b_2.io",
        "Order at 0x1c3f2a",
        "<Order object at 0x7efd30188c4b70>",
        "<bound method Order.place of <Order object at 0x1c3f2a0>>",
        "<desk.Order object at 0x000001F2A3B4C5D0>",
    ],
)
def test_the_shortest_of_each_kind(text):
    """An identifier at the edge of its definition would become a label."""
    assert is_identifier(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "123456789012",
        "1234567-12345678",
        "abcdefabcdefabcdefabcdef",
        "abcdefabcdefabcdefabcd1",
        "0123456789abcdefghijklmno",
        "81ARZ3NDEKTSV4RRFFQ69G5FAV",
        "01ARZ3NDEKTSV4RRFFQ69G5FAL",
        "01ARZ3NDEKTSV4RRFFQ69G5FA",
        *(f"01ARZ3NDEKTSV4RRFFQ69G5FA{letter}" for letter in "IOUilou"),
        "123e4567-e89b-12d3-a456-42661417400",
        "2024-01-19",
        "2024-01-19T",
        "20240119",
        "20240119 0930",
        "2024-20-19T09:30",
        "2024-01-40T09:30",
        "2024-01-19T30:00",
        "2024-01-19T09:60",
        "2024-01-19 30:00",
        "2024-01-19 09:60",
        "202-01-19T09:30",
        "20242019T0930",
        "1234567-e89b-12d3-a456-426614174000",
        "09:30:00",
        "vwap@close",
        "scalp@1.5",
        "@ES.D",
        "a@b",
        "a@b.c",
        "a@b.c1",
        "a@b.c_",
        "a@b.1co",
        "a@b..co",
        "a@.co",
        "@b.co",
        "a @b.co",
        "a@ b.co",
        "a@@b.co",
        "Order at 0x1c3f2",
        "stopped at 0x1f",
        "filled at 0.123456",
        "look at 0x12345",
        "0x1c3f2a0 desk",
    ],
)
def test_what_is_just_short_of_an_identifier(text):
    """A usual label would be lost in __other__."""
    assert not is_identifier(text)


@pytest.mark.parametrize("symbol", SYMBOLS)
def test_symbols_and_names_are_no_identifiers(symbol):
    """The market data or the orders of a real instrument or strategy would vanish into __other__."""
    assert not is_identifier(symbol)


def test_the_list_of_symbols_is_long_and_free_of_repeats():
    """The test above would prove less than it says."""
    assert len(SYMBOLS) >= 300
    assert len(SYMBOLS) == len(set(SYMBOLS))


@given(st.text(), st.sampled_from(["a", "1", "a1", "12345678901-", "0000-0", "x@", "@x.", "abcdef0-", "2024-01-19 "]))
def test_no_text_is_slow_or_raises(text, repeated):
    """A hostile value would hold up the trading call: no part of the pattern may try everything from everywhere."""
    assert is_identifier(text) in (True, False)
    assert is_identifier(repeated * 2_000 + text) in (True, False)
