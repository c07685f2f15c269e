"""The data that the doctor's parts exchange: queries, findings and samples."""

from dataclasses import dataclass
from typing import Literal, TypeAlias

Labels: TypeAlias = "frozenset[str] | None"
"""Names of labels, or None where they cannot be known and any may be there."""

Kind: TypeAlias = Literal[
    "unknown-metric",
    "unknown-label",
    "impossible-value",
    "unused",
    "never-recorded",
    "overflowed",
    "instrumentation-error",
    "unreadable",
    "passed-over",
]


def escaped(text: str) -> str:
    """Return a text with its control characters escaped."""
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in text)


@dataclass(frozen=True)
class Query:
    """A PromQL expression and where it stands.

    Attributes:
        file: The file that it was read from.
        place: Where in the file: the rule, or the panel and its title.
        text: The expression, its Grafana variables replaced.
        record: Name of the recording rule that stores its answer; empty for every other query.
        added_labels: Labels that the rule adds to its answer.
        source: Type of the data source if it is not Prometheus, such as `loki`; such a query is not checked.
    """

    file: str
    place: str
    text: str
    record: str = ""
    added_labels: frozenset[str] = frozenset()
    source: str = ""


@dataclass(frozen=True)
class Finding:
    """One line of the doctor's answer.

    Attributes:
        kind: The sort of finding.
        message: The fault and, where it is known, the spelling to use instead.
        file: The file meant; empty for a finding about the metrics themselves.
        place: Where in the file.
    """

    kind: Kind
    message: str
    file: str = ""
    place: str = ""

    def __str__(self) -> str:
        """Return the finding as one line, with control characters escaped: titles come from other people's files."""
        return escaped(": ".join(part for part in (self.file, self.place, self.message) if part))


@dataclass(frozen=True)
class Sample:
    """A sample of a running system: its name, labels and value."""

    name: str
    labels: dict[str, str]
    value: float
