"""The error for a broker's word that the vocabulary does not have: it shows the call that adds the word."""

from __future__ import annotations

from tradmetrics.catalogue import ORDER_STATUSES, SEVERITIES, SIDES
from tradmetrics.model.text import shown
from tradmetrics.vocabulary.fold import order_status
from tradmetrics.vocabulary.words import UNCHANGED

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
        word = shown(value)
        self.key = (label, word, dialect)
        super().__init__(_message(label, word, value, dialect, effect))


def _message(label: str, word: str, value: object, dialect: str | None, effect: str) -> str:
    if label == "status" and order_status(value, dialect, filled=0, quantity=1) is not None:
        return f"status={word} means filled or cancelled, and there are no quantities that tell which"
    choices = _CHOICES.get(label, ())
    where = "" if dialect is None or label == "severity" else f", dialect={dialect!r}"
    return (
        f"{label}={word} is not a known {'order status' if label == 'status' else label}"
        f"{effect and f', so {effect}'}. Add it before decorating: "
        f"register_spellings({label}={{{word}: 'WORD'}}{where}), where WORD is {', '.join(choices[:-1])} or "
        f"{choices[-1] if choices else ''}"
    )
