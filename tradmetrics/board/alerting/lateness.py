"""Notices a loop or a feed that stopped within seconds, by the rhythm that it had before."""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from tradmetrics.board.query import Sample
from tradmetrics.board.query.samples import Labels

LEAST_SECONDS: Final = 4.0
"""Nothing is late before this."""
_TIMES: Final = 3.0
_GAPS: Final = 20
_NEEDED: Final = 5
_MOST: Final = 2_000


@dataclass
class _Rhythm:
    stamp: float
    moved: float
    gaps: deque[float] = field(default_factory=lambda: deque(maxlen=_GAPS))


class Lateness:
    """Learns how often timestamps move, and tells which have stood still for much longer than usual.

    A loop that beats every second is late after 4 seconds; a feed of one-minute bars after 3 minutes. Nothing is late
    before a few beats were seen.
    """

    def __init__(self) -> None:
        self._rhythms: dict[frozenset[tuple[str, str]], _Rhythm] = {}

    def observe(self, samples: Iterable[Sample], now: float) -> list[Sample]:
        """Take the timestamps of one moment.

        Args:
            samples: Series whose values are times in seconds since 1970, all of one metric.
            now: The time of the moment.

        Returns:
            The series that are late, each with the seconds since it moved.
        """
        late: list[Sample] = []
        seen: set[frozenset[tuple[str, str]]] = set()
        for sample in samples:
            key = frozenset(sample.labels.items())
            seen.add(key)
            rhythm = self._rhythms.get(key)
            if rhythm is None:
                if len(self._rhythms) < _MOST:
                    self._rhythms[key] = _Rhythm(sample.value, now)
                continue
            if sample.value != rhythm.stamp:
                rhythm.gaps.append(now - rhythm.moved)
                rhythm.stamp, rhythm.moved = sample.value, now
            elif len(rhythm.gaps) >= _NEEDED and now - rhythm.moved > max(LEAST_SECONDS, _TIMES * max(rhythm.gaps)):
                late.append(Sample(sample.labels, now - rhythm.moved, now))
        for key in [key for key in self._rhythms if key not in seen]:
            del self._rhythms[key]
        return late


def newest(samples: Iterable[Sample], by: tuple[str, ...]) -> list[Sample]:
    """Return the newest timestamp for each combination of some labels."""
    found: dict[tuple[str, ...], tuple[Labels, float]] = {}
    for sample in samples:
        key = tuple(sample.labels.get(name, "") for name in by)
        if key not in found or found[key][1] < sample.value:
            found[key] = (dict(zip(by, key, strict=True)), sample.value)
    return [Sample(labels, value) for labels, value in found.values()]
