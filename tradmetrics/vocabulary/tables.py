"""The tables of spellings: one closed label's words, by dialect, and how a text is looked up in them."""

from __future__ import annotations

import re
from collections.abc import Callable
from enum import Enum
from typing import Any, Final, NamedTuple

from tradmetrics.vocabulary import words as spellings
from tradmetrics.vocabulary.words import UNCHANGED

LONGEST: Final = 64
"""Characters of the longest spelling: a longer text is not folded."""
_SEPARATORS: Final = re.compile(r"[-_\s]+")
# Constants as a library writes them: OrderStatus.FILLED, ORDER_STATE_FILLED.
_QUALIFIED: Final = re.compile(r"(?:[^\W\d]\w*\.)+(?=[^\W\d])|order(?:state|status|type|side)(?=.)")

dialect_names: list[str] = list(spellings.DIALECTS)
"""All dialects, those of `register_spellings` included."""


class Table(NamedTuple):
    """One label's spellings in one dialect.

    Attributes:
        exact: Words by spelling, in the cases that are usual.
        folded: Words by folded spelling, for the others.
    """

    exact: dict[str, str]
    folded: dict[str, str]


class Words:
    """The spellings of one closed label, by dialect."""

    def __init__(
        self,
        words: tuple[str, ...],
        declared: spellings.Declared,
        rule: Callable[[str], str | None] | None = None,
    ) -> None:
        self.words = words
        self._rule = rule
        self._layers = {
            dialect: {spelling: word for word, each in table.items() for spelling in each}
            for dialect, table in declared.items()
        }
        self._own: dict[str | None, dict[str, str]] = {}
        self._tables: dict[str | None, Table] = {}

    def find(self, value: object, dialect: str | None = None) -> str | None:
        """Return the word that `value` spells, or None."""
        try:
            table = self._tables.get(dialect) or self.table(dialect)
            if type(value) is str:
                return table.exact.get(value) or self._fold(value, table)
            if isinstance(value, Enum):
                return self._fold(text_in(value.value), table) or self._fold(value.name, table)
            return self._fold(text_in(value), table)
        except Exception:  # a value whose __str__, __class__ or the like raises spells nothing
            return None

    def _fold(self, text: str, table: Table) -> str | None:
        if len(text) > LONGEST:
            return None
        folded = folded_text(text)
        word = table.exact.get(text) or table.folded.get(folded)
        if word is None and self._rule is not None:
            word = self._rule(folded)
        if word is None:
            bare = _QUALIFIED.sub("", folded, count=1)
            return self._fold(bare, table) if bare != folded else None
        return word

    def add(self, own: dict[str, str], dialect: str | None) -> None:
        """Add a user's spellings, one call at a time; a reader meanwhile sees the old table or the new one."""
        self._own[dialect] = self._own.get(dialect, {}) | own
        self._tables = {}

    def table(self, dialect: str | None) -> Table:
        """Return a dialect's table, built when first needed: a program speaks to one broker or two."""
        if dialect is not None and dialect not in dialect_names:
            return self.table(None)
        tables = (
            self._tables
        )  # read before building: tables that are built while spellings are added belong to the old ones
        if dialect not in tables:
            tables[dialect] = self._build(dialect)
        return tables[dialect]

    def _build(self, dialect: str | None) -> Table:
        # Later layers win: a broker's own meaning over the general one, a user's over ours.
        spelled: dict[str, str] = {}
        for each in (None, dialect):
            spelled |= self._layers.get(each, {}) | self._own.get(each, {})
        canonical = {word: word for word in self.words}
        folded = {folded_text(spelling): word for spelling, word in (canonical | spelled).items()}
        cases = {case: word for spelling, word in spelled.items() for case in (spelling.lower(), spelling.upper())}
        return Table(cases | spelled | canonical, folded)


def folded_text(text: str) -> str:
    """Return a spelling without what does not matter: case, `-`, `_` and blanks."""
    text = text.strip()
    if text[:1] == "-" and text[1:].isdecimal():
        return text  # -1 is not 1
    return _SEPARATORS.sub("", text.casefold())


def by_beginning(folded: str) -> str | None:
    """Words that begin with TRAIL name trailing stops."""
    return "TRAILING_STOP" if folded.startswith("trail") else None


def by_ending(folded: str) -> str | None:
    """Words that end in cancelled, canceled, rejected or expired end an order, unless a cancel or the like did."""
    for ending, word in spellings.ENDS.items():
        if folded.endswith(ending):
            before = folded.removesuffix(ending)
            for between in spellings.NO_ENDS_BETWEEN:
                before = before.removesuffix(between)
            return UNCHANGED if before == "un" or before.endswith(spellings.NO_ENDS) else word
    return None


def text_in(value: Any) -> str:
    """Return the text that a broker's value spells; nothing for None and truth values."""
    if isinstance(value, str):
        return str.__str__(value)  # the text itself, whatever a subclass prints
    if value is None or isinstance(value, bool):
        return ""
    if isinstance(value, bytes):
        return value[: LONGEST + 1].decode()  # FIX libraries hand fields as bytes
    return str(int(value)) if isinstance(value, int) else str(value)
