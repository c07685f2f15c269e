"""The objects that remember series of a metrics object, and must forget them when the series go."""

from __future__ import annotations

import weakref
from collections.abc import Iterator
from typing import Protocol

from tradmetrics.storage.series import Series


class Dependent(Protocol):
    """An object that remembers series of a metrics object, such as a decorated function."""

    def unbind(self) -> None:
        """Forget all of them, and which metrics object they are of."""
        ...

    def forget_series(self, name: str, gone: list[Series]) -> None:
        """Forget series of the metric `name` that were removed."""
        ...


class Dependents:
    """The objects that remember series of one metrics object, each held weakly."""

    def __init__(self) -> None:
        self._by_id: dict[int, weakref.ref[Dependent]] = {}

    def add(self, dependent: Dependent) -> None:
        """Have an object forget from now on."""
        number, by_id = id(dependent), self._by_id
        by_id[number] = weakref.ref(dependent, lambda gone: by_id.pop(number, None))

    def __iter__(self) -> Iterator[Dependent]:
        for reference in self._by_id.copy().values():
            dependent = reference()
            if dependent is not None:
                yield dependent
