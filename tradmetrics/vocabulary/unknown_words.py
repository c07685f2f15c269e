"""The error for a broker's word that the vocabulary does not have: it shows the call that adds the word."""

from __future__ import annotations

from enum import Enum

from tradmetrics.catalogue import ORDER_STATUSES, SEVERITIES, SIDES
from tradmetrics.errors import is_interruption
from tradmetrics.model.redaction import logged
from tradmetrics.model.text import shown
from tradmetrics.vocabulary.fold import order_status
from tradmetrics.vocabulary.tables import LONGEST, text_in
from tradmetrics.vocabulary.words import UNCHANGED

_CHOICES = {
    "side": SIDES,
    "status": (*(each for each in ORDER_STATUSES if each != "unknown"), UNCHANGED),
    "severity": SEVERITIES,
}


_CONTAINERS = frozenset({list, tuple, dict, set, frozenset, type})


class UnknownWord(ValueError):  # noqa: N818 - its name says what it is
    """A word that no table has. The log shows each such word once.

    Args:
        label: `side`, `status` or `severity`.
        value: The word as it came.
        dialect: The broker whose spellings are read, or None.
        effect: The consequence while the word is unknown, for the message.

    Attributes:
        key: The label, the word and the dialect.
    """

    def __init__(self, label: str, value: object, dialect: str | None = None, effect: str = "") -> None:
        super().__init__(label, dialect)
        self._effect = effect
        self._shown = ""
        self._ambiguous: bool | None = None
        if not ((type(value) is str and 0 < len(value) <= LONGEST) or type(value) is int):
            # The text of such an object may change, so that it is read now.
            self._ambiguous = _is_ambiguous(label, value, dialect)
            spelling = _spelling_of(value)
            if spelling is None:
                self._shown = shown(value)
            value = f"<{type(value).__name__}>" if spelling is None else spelling
        self.key = (label, value, dialect)

    def __str__(self) -> str:
        # The message is written when it is read: most calls with an unknown word only count it.
        label, word, dialect = self.key
        is_ambiguous = _is_ambiguous(label, word, dialect) if self._ambiguous is None else self._ambiguous
        if is_ambiguous:
            return f"status={self._shown or repr(word)} means filled or cancelled, and no quantities tell which"
        named = "order status" if label == "status" else label
        effect = self._effect and f", so {self._effect}"
        if self._shown:
            return (
                f"{label}={self._shown} is not a known {named}{effect}, and not a word of 1 to {LONGEST} characters. "
                f"Give {label}= a source of the word itself, e.g. {label}=result('data.{label}')"
            )
        word = logged(repr(word), 4 * LONGEST)
        choices = _CHOICES.get(label, ())
        where = "" if dialect is None or label == "severity" else f", dialect={dialect!r}"
        return (
            f"{label}={word} is not a known {named}{effect}. Add it before decorating: "
            f"register_spellings({label}={{{word}: 'WORD'}}{where}), where WORD is {', '.join(choices[:-1])} or "
            f"{choices[-1] if choices else ''}"
        )


def _spelling_of(value: object) -> str | None:
    """Return the text by which a value is registered, or None for a value that is no word."""
    try:
        # Not isinstance(), which asks the value for its class: some classes raise at every attribute.
        if issubclass(type(value), Enum):
            text = value.value if isinstance(value.value, str) else value.name  # type: ignore[attr-defined]
        elif type(value) in _CONTAINERS or type(value).__str__ is object.__str__:
            return None
        else:
            text = text_in(value)
    except Exception as error:
        if is_interruption(error):
            raise
        return None
    return text if 0 < len(text) <= LONGEST else None


def _is_ambiguous(label: str, value: object, dialect: str | None) -> bool:
    """Return whether a state's word means filled or cancelled, which only quantities tell."""
    return label == "status" and order_status(value, dialect, filled=0, quantity=1) is not None
