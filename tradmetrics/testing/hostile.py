"""Objects that fail or lie when they are read, compared or hashed: what a label may come as on a bad day."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum, Flag, IntEnum
from itertools import count
from typing import Any, Final


class HostileError(Exception):
    """The error that hostile objects raise."""


def _fail(*args: object) -> Any:
    raise HostileError("a hostile object was touched")


def _class(name: str, base: type = object, **attributes: Any) -> type[Any]:
    # Every one can be shown, since hypothesis shows what it drew; `str()` of a plain object shows it, too.
    return type(name, (base,), {"__repr__": lambda self: f"<{name}>", **attributes})


def _different_each_time() -> Callable[[object], str]:
    numbers = count()
    return lambda self: f"reading {next(numbers)}"


class _UnreadableEnum(Enum):
    MEMBER = "member"

    @property
    def value(self) -> Any:
        return _fail()


class SideEnum(Enum):
    """Text for values: what most brokers' libraries have."""

    BUY = "buy"
    SELL = "sell"


class TextEnum(str, Enum):
    """Members that are texts, and whose `str()` differs between versions of Python."""

    BUY = "BUY"
    STOP_LIMIT = "stop_limit"


class NumberEnum(IntEnum):
    """Members that are equal to numbers, as in NautilusTrader."""

    BUY = 1
    SELL = 2


class FlagEnum(Flag):
    """Members that combine, into ones without a name of their own."""

    FILL = 1
    KILL = 2


ENUMS: Final[tuple[type[Enum], ...]] = (SideEnum, TextEnum, NumberEnum, FlagEnum)

MAKERS: Final[tuple[Callable[[], object], ...]] = (
    _class("StrRaises", __str__=_fail),
    _class("StrIsNoText", __str__=lambda self: 7),
    _class("StrIsMegabytes", __str__=lambda self: "x" * 1_000_000),
    _class("StrDiffersEachTime", __str__=_different_each_time()),
    _class("HashRaises", __hash__=_fail),
    _class("EqRaises", __eq__=_fail, __hash__=lambda self: 7),
    _class("EqIsAlwaysTrue", __eq__=lambda self, other: True, __hash__=lambda self: hash("BUY")),
    _class("BoolRaises", __bool__=_fail),
    _class("LenRaises", __len__=_fail),
    _class("FloatRaises", __float__=_fail),
    _class("FormatRaises", __format__=_fail),
    _class("GetattrRaises", __getattr__=_fail),
    _class("EverythingRaises", __str__=_fail, __hash__=_fail, __eq__=_fail, __bool__=_fail, __getattr__=_fail),
    _class("TextWithStrRaises", str, __str__=_fail),
    _class("TextWithEqRaises", str, __eq__=_fail, __hash__=_fail),
    _class("TextWithOwnHash", str, __hash__=lambda self: 7),
    lambda: _UnreadableEnum.MEMBER,
    object,
)
"""Functions that make one hostile object each."""
