"""The exception tree of the package.

Every message names the function, the label or the setting, and the spelling to use. All of these
are raised while decorating or configuring; nothing here is raised into a trading call unless a metrics object is
`strict`.
"""

from collections.abc import Iterable


class TradmetricsError(Exception):
    """Base class of every error that this package raises on purpose."""


class LabelSourceError(TradmetricsError, TypeError):
    """A label of a decorated function has no source, or a source that cannot exist.

    Raised when decorating. In a `strict` metrics object it is also raised when a source fails during a call.
    """


class ConfigurationError(TradmetricsError, ValueError):
    """A definition, a limit, a bucket list or another setting cannot work as given."""


class SnapshotError(TradmetricsError, ValueError):
    """A snapshot of open orders is damaged, foreign, or of a newer version."""


class DecorationError(TradmetricsError, TypeError):
    """A decorator was put on something that it cannot record, such as a class or a text."""


def nearest(name: str, names: Iterable[str]) -> str:
    """`; did you mean '…'?` for a misspelt name, or nothing."""
    import difflib  # only when there is something to correct

    matches = difflib.get_close_matches(name, list(names), n=1, cutoff=0.5)
    return f"; did you mean {matches[0]!r}?" if matches else ""
