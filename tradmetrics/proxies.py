"""What stands for a decorated callable that is no plain function."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import wrapt

from tradmetrics.instrument import Site


class InstrumentedCallable(wrapt.ObjectProxy):  # type: ignore[type-arg]
    """A decorated callable object, partial, bound method or builtin: all of it shows through, calls are recorded."""

    def __init__(self, wrapped: Any, shell: Callable[..., Any], sites: tuple[Site, ...]) -> None:
        super().__init__(wrapped)
        self._self_shell = shell
        self._self_sites = sites

    @property
    def __tradmetrics__(self) -> tuple[Site, ...]:
        return self._self_sites

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the wrapped object through its shell."""
        return self._self_shell(*args, **kwargs)

    def __reduce_ex__(self, protocol: Any) -> Any:
        # Pickled as what it wraps: by name where that goes by name, and undecorated where it goes by value.
        return self.__wrapped__.__reduce_ex__(protocol)
