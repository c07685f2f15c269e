"""The collectors of a registry one at a time, so that one that raises costs its own metrics and not the scrape.

`CollectorRegistry.collect` is one generator over all collectors: an exception in one of them ends it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Protocol

from prometheus_client import CollectorRegistry, Metric

Failed = Callable[[object, BaseException], None]


class Collected(Protocol):
    """A registry, or a part of one."""

    def collect(self) -> Iterable[Metric]:
        """The metrics."""
        ...


def collectors_of(registry: Collected) -> list[tuple[object, Callable[[], Iterable[Metric]]]]:
    """Return each collector of a registry, or of a part of one, with the function that collects its metrics.

    Args:
        registry: A `CollectorRegistry`, what its `restricted_registry` returns, or any other object with `collect`.
    """
    names: set[str] | None = getattr(registry, "_name_set", None)
    home: Any = registry if names is None else getattr(registry, "_registry", registry)
    if not isinstance(home, CollectorRegistry) or type(home).collect is not CollectorRegistry.collect:
        return [(registry, registry.collect)]
    with home._lock:
        if names is None:
            found: list[Any] = list(home._collector_to_names)
        else:
            # Without the names that a collector has beside the first: each collector comes once.
            known = home._names_to_collectors
            found = list(dict.fromkeys(known[name] for name in sorted(names) if name in known))
            found += [each for each in getattr(home, "_collectors_without_names", ()) if each not in found]
    info = home.get_target_info()
    pairs: list[tuple[object, Callable[[], Iterable[Metric]]]] = []
    if info and (names is None or "target_info" in names):
        pairs.append((home, lambda: (home._target_info_metric(),)))  # type: ignore[no-untyped-call]
    for collector in found:
        pairs.append((collector, collector.collect if names is None else _restricted(collector, names)))
    return pairs


def _restricted(collector: Any, names: set[str]) -> Callable[[], Iterable[Metric]]:
    def collect() -> Iterable[Metric]:
        for metric in collector.collect():
            part = metric._restricted_metric(names)
            if part:
                yield part

    return collect
