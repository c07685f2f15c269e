"""Texts of exceptions and values in log lines."""

from __future__ import annotations

import pytest

from tradmetrics.model.redaction import cut, escaped, logged, masked
from tradmetrics.model.text import shown, text_of

SECRET = "S3cr3tV4lue"


@pytest.mark.parametrize(
    "text",
    [
        f"GET https://api.example.com/v1/orders?apiKey={SECRET}&symbol=SPY: 401",
        f"key={SECRET}",
        f"api_key: {SECRET}",
        f"X-MBX-APIKEY: {SECRET}",
        f"{{'APCA-API-SECRET-KEY': '{SECRET}', 'side': 'buy'}}",
        f'{{"secret": "{SECRET} and more", "side": "buy"}}',
        f"access_token={SECRET}; side=buy",
        f"token%3D{SECRET}",
        f"POST /order?signature={SECRET}",
        f"sign={SECRET}",
        f"password='{SECRET} with blanks'",
        f"Authorization: Bearer {SECRET}",
        f"'authorization': 'Basic {SECRET}=='",
        f"Authorization: token {SECRET}:{SECRET}",
        f"Authorization: enctoken {SECRET}==",
        f"Authorization: AWS4-HMAC-SHA256 Credential={SECRET}, Signature={SECRET}",
        f"bearer {SECRET}",
        f"wss://trader:{SECRET}@api.example.com/ws",
        f"postgres://trader:p@{SECRET}@db.example.com/trades",
        f"POST https://api.telegram.org/bot123456789:{SECRET}-AAE/sendMessage: 400",
        f"Cookie: lang=en; enc={SECRET}",
        f"{{'cookie': 'lang=en; enc={SECRET}'}}",
        f"passphrase={SECRET}",
        f"password={SECRET}" + "x" * 5_000,
    ],
)
def test_secrets_are_masked(text: str) -> None:
    """An API key would stand in the log, and in the systems that collect logs."""
    assert SECRET not in masked(text)
    assert SECRET not in logged(text)
    assert SECRET not in shown(text)


@pytest.mark.parametrize(
    "text",
    [
        "KeyError: 'order.side'",
        "the side is 'BUY' at https://api.example.com/v1",
        "monkey business",
        "https://api.example.com/users?email=a@b",
        "GET https://api.example.com/bots/17: 404",
        "tokens: none left",
    ],
)
def test_plain_texts_stay(text: str) -> None:
    """A message would lose the part that helps."""
    assert text == logged(text)


def test_a_line_cannot_be_forged() -> None:
    """A line feed or an escape sequence in a value would write a line of its own, or move the terminal's cursor."""
    assert r"odd\n17:00 CRITICAL\x1b[31m\u202e" == escaped("odd\n17:00 CRITICAL\x1b[31m\u202e")
    assert logged("a\nb").isprintable()


def test_a_cut_value_is_closed() -> None:
    """A reader could not see where the value ends."""
    assert "'aaaaaaa…'" == cut(repr("a" * 50), 10)
    assert "[1, 2, 3…]" == cut(repr(list(range(1, 50))), 10)
    assert "short" == cut("short", 10)
    assert shown("x" * 500).endswith("…'")


@pytest.mark.parametrize("invisible", ["\u202e", "\u200b", "\u200d", "\ufeff", "\u2066", "\u00ad"])
def test_invisible_characters_leave_labels(invisible: str) -> None:
    """Two series would look the same, or one like another one."""
    assert "ab" == text_of(f"a{invisible}b")
    assert "unknown" == text_of(invisible)
