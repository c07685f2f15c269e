"""A raw label value into its text: an open label's cleaned, a closed label's folded into one of its values."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

from tradmetrics.errors import is_interruption
from tradmetrics.model.definition import Label
from tradmetrics.model.missing import MISSING
from tradmetrics.model.text import OTHER, UNKNOWN, shown, text_of
from tradmetrics.vocabulary import fold as vocabulary
from tradmetrics.vocabulary.endpoints import ENDPOINT, endpoint_of
from tradmetrics.vocabulary.unknown_words import UnknownWord

_FOLDS: Final[Mapping[str, Callable[[object, str | None], str | None]]] = {
    "side": vocabulary.side,
    "order_type": vocabulary.order_type,
    "status": vocabulary.trade_status,
    "severity": lambda value, dialect: vocabulary.severity(value),
}


class Problem(NamedTuple):
    """Something that was wrong with a raw label: the stage it failed at, and why."""

    stage: str
    error: BaseException


def read(label: Label, value: object, dialect: str | None, problems: list[Problem]) -> str:
    """Return the text of a raw label value; never raises.

    Args:
        label: The label.
        value: The value that its source gave; `MISSING` or None is `unknown`.
        dialect: The broker whose spellings closed labels are read in.
        problems: List that the function appends problems to.
    """
    if value is None or value is MISSING:
        return UNKNOWN
    try:
        if label.values is None:
            return text_of(value) if label.name != ENDPOINT else _endpoint(value)
        if type(value) is str and value in label.values:
            return value
        return _fold(label, label.values, value, dialect, problems)
    except BaseException as error:
        if is_interruption(error):
            raise
        problems.append(Problem("label", error))
        return UNKNOWN


def _not_among(name: str, values: tuple[str, ...], value: object, dialect: str | None) -> ValueError:
    if name in _FOLDS:
        return UnknownWord(name, value, dialect)
    return ValueError(f"{name}={shown(value)}: write one of {', '.join(values)}")


def _endpoint(value: object) -> str:
    """The text of an endpoint: the template of its path."""
    kind = type(value)
    # A client's URL object has its address for a text. Half of an address that was cut could hide an id.
    text = value if kind is str else str(value) if kind.__name__.lower() == "url" else text_of(value)
    return text_of(endpoint_of(text))  # type: ignore[arg-type]


def _fold(label: Label, values: tuple[str, ...], value: object, dialect: str | None, problems: list[Problem]) -> str:
    """The value of a closed label: a broker's spelling of one, or one as it stands."""
    fold = _FOLDS.get(label.name)
    try:
        folded = None if fold is None else fold(value, dialect)
    except BaseException as error:
        if is_interruption(error):
            raise
        problems.append(Problem("vocabulary", error))
        return UNKNOWN
    if folded in values:
        return folded
    text = text_of(value)
    if text in values:
        return text
    if text.lower() in (UNKNOWN, OTHER):
        return UNKNOWN
    if "OTHER" in values:
        return "OTHER"
    problems.append(Problem("vocabulary", _not_among(label.name, values, value, dialect)))
    return UNKNOWN
