"""The currency of a metrics object: amounts in another currency are converted or left out, never added up."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from enum import Enum
from typing import Any, Final, TypeAlias, Union

from tradmetrics.errors import ConfigurationError
from tradmetrics.model.missing import MISSING
from tradmetrics.model.text import shown, text_of
from tradmetrics.vocabulary.numbers import number_of

_NOT_GIVEN: Final = frozenset({"", "-", "--", "N/A", "NA", "NONE", "NULL", "NAN", "UNKNOWN"})


Converter: TypeAlias = Union[Callable[[float, str, str], object], Callable[[float, str], object]]
"""Turns an amount in one currency into one in another: called with the amount, its currency, and the target's."""


def currency_code(currency: object) -> str | None:
    """Return a currency's code in upper case, or None where a source gives no currency.

    Args:
        currency: A text, an enum member, or an object with a `code`, such as the currencies of nautilus_trader.
    """
    if currency is None or currency is MISSING:
        return None
    if not isinstance(currency, str | Enum):
        code = getattr(currency, "code", None)
        currency = code if isinstance(code, str) else currency
    code = text_of(currency).strip().upper()
    return None if code in _NOT_GIVEN else code


class Money:
    """The currency of a metrics object, and its converter.

    Args:
        currency: The currency of all amounts, such as `USD`; None takes the first one that a source gives.
        convert: Turns an amount in another currency into one in this currency: `convert(amount, source, target)`, or
            `convert(amount, source)`.

    Raises:
        ConfigurationError: If `currency` is not a text, or `convert` cannot be called with two or three arguments.

    Attributes:
        currency: The currency's code; None until a source gives one.
        convert: The function as you gave it.
    """

    __slots__ = ("_takes_target", "convert", "currency")

    def __init__(self, currency: object = None, convert: Converter | None = None) -> None:
        if currency is not None and (isinstance(currency, int | float) or currency_code(currency) is None):
            raise ConfigurationError(
                f"TradingMetrics: currency is a currency's code such as 'USD', not {shown(currency)}"
            )
        self.currency = currency_code(currency)
        self.convert = convert
        self._takes_target = convert is not None and _takes_target(convert)

    def amount(self, value: float, currency: object = None) -> float:
        """Return an amount in the currency of the metrics object.

        Args:
            value: The amount.
            currency: Its currency; where a source gives none, the amount is in the currency of the metrics object.

        Raises:
            ValueError: If the amount is in another currency and cannot be converted.
        """
        if currency is None or currency is MISSING:
            return value
        code = currency_code(currency)
        if code is None or code == self.currency:
            return value
        if self.currency is None:
            self.currency = code
            return value
        if self.convert is None:
            raise ValueError(
                f"{value:g} {code} was left out, because these metrics are in {self.currency}; to convert it, set "
                f"TradingMetrics(currency={self.currency!r}, convert=…), a function of (amount, {code!r}, "
                f"{self.currency!r})"
            )
        arguments: tuple[Any, ...] = (value, code, self.currency) if self._takes_target else (value, code)
        try:
            return number_of(self.convert(*arguments))
        except Exception as error:
            raise ValueError(
                f"{value:g} {code} was left out, because convert= did not turn it into {self.currency}: {error!s:.120}"
            ) from error


def _takes_target(convert: object) -> bool:
    """Whether a converter takes the target currency too: it has three parameters without a default, or any number."""
    if not callable(convert):
        raise ConfigurationError(
            f"TradingMetrics: convert is a function of (amount, source, target), not {shown(convert)}"
        )
    try:
        signature = inspect.signature(convert)
    except (TypeError, ValueError):
        return True
    needed = [
        each
        for each in signature.parameters.values()
        if each.default is each.empty and each.kind in (each.POSITIONAL_ONLY, each.POSITIONAL_OR_KEYWORD)
    ]
    for count in (2, 3) if len(needed) == 2 else (3, 2):
        try:
            signature.bind(*range(count))
        except TypeError:
            continue
        return count == 3
    raise ConfigurationError(
        "TradingMetrics: convert is called with (amount, source, target), or with (amount, source); this one takes "
        f"neither: {shown(convert)}"
    )
