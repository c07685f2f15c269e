"""The error for a broker's word that the vocabulary does not have: it shows the call that adds the word."""

from __future__ import annotations

from tradmetrics.catalogue import ORDER_STATUSES, SEVERITIES, SIDES
from tradmetrics.model.text import shown
from tradmetrics.vocabulary.fold import order_status
from tradmetrics.vocabulary.words import UNCHANGED

_LONGEST_WORD = 100
_CHOICES = {
    "side": SIDES,
    "status": (*(each for each in ORDER_STATUSES if each != "unknown"), UNCHANGED),
    "severity": SEVERITIES,
}


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
        is_short = type(value) is str and len(value) <= _LONGEST_WORD
        self._is_shown = not (is_short or type(value) is int)
        self._effect = effect
        if self._is_shown:
            # The text of such an object may change, so that it is read now.
            self._ambiguous = _is_ambiguous(label, value, dialect)
            value = shown(value)
        self.key = (label, value, dialect)

    def __str__(self) -> str:
        # The message is written when it is read: most calls with an unknown word only count it.
        label, word, dialect = self.key
        if self._is_shown:
            return _message(label, str(word), dialect, self._effect, is_ambiguous=self._ambiguous)
        is_ambiguous = _is_ambiguous(label, word, dialect)
        return _message(label, shown(word), dialect, self._effect, is_ambiguous=is_ambiguous)


def _is_ambiguous(label: str, value: object, dialect: str | None) -> bool:
    """Return whether a state's word means filled or cancelled, which only quantities tell."""
    return label == "status" and order_status(value, dialect, filled=0, quantity=1) is not None


def _message(label: str, word: str, dialect: str | None, effect: str, *, is_ambiguous: bool) -> str:
    if is_ambiguous:
        return f"status={word} means filled or cancelled, and there are no quantities that tell which"
    choices = _CHOICES.get(label, ())
    where = "" if dialect is None or label == "severity" else f", dialect={dialect!r}"
    return (
        f"{label}={word} is not a known {'order status' if label == 'status' else label}"
        f"{effect and f', so {effect}'}. Add it before decorating: "
        f"register_spellings({label}={{{word}: 'WORD'}}{where}), where WORD is {', '.join(choices[:-1])} or "
        f"{choices[-1] if choices else ''}"
    )
