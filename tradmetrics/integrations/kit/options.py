"""The options that all adapters share, written once."""

from __future__ import annotations

import math
from collections.abc import Callable
from inspect import Parameter, signature
from typing import Any, Final, NamedTuple, ParamSpec, TypeAlias, TypedDict, TypeVar, cast

from tradmetrics.errors import ConfigurationError

P = ParamSpec("P")
R = TypeVar("R")

Strategy: TypeAlias = str | Callable[[Any], object]
"""The label of all orders, or what gives it for one of the library's own orders."""
Symbols: TypeAlias = Callable[[str], object]
"""A function that makes a label of a symbol: `underlying`, or your own."""


class Options(TypedDict, total=False):
    """The options of every `instrument_…` function, beside those that it names itself.

    Attributes:
        restore: The `handle.orders.snapshot()` of an earlier process, with or without JSON between: its orders are
            followed on, under the strategies that they have, and not counted again.
        max_open: Open orders that are remembered (100,000); for one more, the oldest goes and counts as `evicted`.
        expire_after: Seconds (86,400) after which an order that has not ended goes, and counts as `evicted`.
        account: Whether balances, positions, P&L and fees that the bot asks for, or that a stream brings, are
            recorded (True).
        market_data: Whether ticks are recorded (True).
        symbols: A function from a symbol to its label, by default the symbol itself. `underlying` folds the symbols of
            options and futures into what they are written on.
        pnl_from_fills: Whether the P&L of trades is computed from the fills by average cost, net of commission, where
            the library does not tell it (False). For spot and for linear contracts of a known size.
    """

    restore: object
    max_open: int
    expire_after: float
    account: bool
    market_data: bool
    symbols: Symbols | None
    pnl_from_fills: bool


_DEFAULTS: Final[Options] = {
    "restore": None,
    "max_open": 100_000,
    "expire_after": 86_400.0,
    "account": True,
    "market_data": True,
    "symbols": None,
    "pnl_from_fills": False,
}


class Settings(NamedTuple):
    """The options of one instrumentation, checked.

    Attributes:
        strategy: The label of all orders, or what gives it.
        restore: As in `Options`, like all others.
    """

    strategy: Strategy
    restore: object = None
    max_open: int = 100_000
    expire_after: float = 86_400.0
    account: bool = True
    market_data: bool = True
    symbols: Symbols | None = None
    pnl_from_fills: bool = False

    @classmethod
    def read(cls, function: str, strategy: Strategy, options: Options) -> Settings:
        """Check the options of a call.

        Args:
            function: The name of the function that was called, for messages.
            strategy: Its `strategy`.
            options: Its other options.

        Raises:
            ConfigurationError: When one of them cannot work as given.
            TypeError: When there is an option of another name, as Python itself raises it.
        """
        for name in options:
            if name not in _DEFAULTS:
                raise TypeError(f"{function}() got an unexpected keyword argument {name!r}")
        if strategy is None or strategy == "":
            raise ConfigurationError(
                f"{function}: strategy is the label of all orders, or a function that takes an order and returns it, "
                f"not {strategy!r}; leave it out for 'default'"
            )
        given: dict[str, Any] = {**_DEFAULTS, **options}
        settings = cls(strategy, **given)
        if settings.symbols is not None and not callable(settings.symbols):
            raise ConfigurationError(
                f"{function}: symbols is a function from a symbol to its label, such as underlying, "
                f"not {settings.symbols!r:.60}"
            )
        for name in ("account", "market_data", "pnl_from_fills"):
            if not isinstance(getattr(settings, name), bool):
                raise ConfigurationError(f"{function}: {name} is True or False, not {getattr(settings, name)!r:.60}")
        if isinstance(settings.max_open, bool) or not isinstance(settings.max_open, int) or settings.max_open < 1:
            raise ConfigurationError(
                f"{function}: max_open is a whole number above zero, not {settings.max_open!r:.60}"
            )
        seconds = settings.expire_after
        if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not 0 < seconds < math.inf:
            raise ConfigurationError(f"{function}: expire_after is seconds above zero, not {seconds!r:.60}")
        return settings


def shares_options(function: Callable[P, R]) -> Callable[P, R]:
    """Show the shared options in the signature of an `instrument_…` function that takes them as `**options`."""
    found = signature(function)
    kept = [each for each in found.parameters.values() if each.kind is not Parameter.VAR_KEYWORD]
    types = Options.__annotations__
    shared = [
        Parameter(name, Parameter.KEYWORD_ONLY, default=default, annotation=types[name])
        for name, default in _DEFAULTS.items()
        if name not in found.parameters
    ]
    cast("Any", function).__signature__ = found.replace(parameters=[*kept, *shared])
    return function
