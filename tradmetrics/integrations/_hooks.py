"""What every adapter shares: a handle that undoes it, guarded hooks, and the check of the library's version."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping
from functools import wraps
from importlib import metadata
from inspect import Signature, iscoroutinefunction, signature
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from typing_extensions import Self

from tradmetrics.errors import ConfigurationError
from tradmetrics.registry.default import get_metrics
from tradmetrics.registry.metrics import TradingMetrics

if TYPE_CHECKING:
    from tradmetrics.orders.tracker import OrderTracker

Finish: TypeAlias = Callable[[Any, BaseException | None], None]
"""Called when a watched call has ended, with its result and its exception."""
Begin: TypeAlias = Callable[[Mapping[str, Any]], Finish | None]
"""Called with the arguments of a watched call before it runs."""

_ATTRIBUTE: Final = "_tradmetrics"


class Handle:
    """What an `instrument_…` call returns; as a context manager it undoes the instrumentation on leaving.

    Attributes:
        active: True until `undo()`.
        orders: The tracker that follows the orders, for `open_orders()` and `snapshot()`.
        metrics: The metrics object that is recorded to.
        site: The adapter's name where errors are counted.
    """

    orders: OrderTracker

    def __init__(self, metrics: TradingMetrics | None, site: str) -> None:
        self.active = True
        self.metrics = get_metrics() if metrics is None else metrics
        self.site = site
        self.into: Callable[[Any], None] = lambda target: None
        self._undos: list[Callable[[], object]] = []

    def undo(self) -> None:
        """Take every hook out of the library's objects again. Calling it twice is harmless."""
        self.active = False
        while self._undos:
            self._undos.pop()()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.undo()

    def __reduce__(self) -> tuple[Any, ...]:
        # A library that pickles its objects into worker processes (backtrader's optimiser) takes them without us:
        # what a worker recorded would be lost with it.
        return _undone, ()

    # ── for adapters ─────────────────────────────────────────────────────────────────────────────────────────────

    def on_undo(self, function: Callable[[], object]) -> None:
        """Have `undo()` call `function`; the last one added is called first."""
        self._undos.append(function)

    def guard(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """Run our code inside the library's: what it raises is counted, and never reaches the library.

        Returns:
            What `function` returns; None when it raised.
        """
        try:
            return function(*arguments)
        except Exception as error:
            self.metrics.fault(self.site, "source", error)
            return None

    def hook(self, function: Callable[..., Any]) -> Callable[..., None]:
        """Return `function` as a callback for the library: guarded, and silent after `undo()`."""

        @wraps(function)
        def hooked(*arguments: Any) -> None:
            if self.active:
                self.guard(function, *arguments)

        return hooked

    def watch(self, target: object, name: str, begin: Begin) -> None:
        """Watch the calls of a method of one object, sync or async, without touching arguments, result or exception.

        Args:
            target: The object; its class and other instances stay as they are.
            name: The method's name. Nothing happens when `target` has none.
            begin: Called before the method, with its arguments by name; returns what to call when it has ended.
        """
        method = getattr(target, name, None)
        if method is None:
            return
        parameters = signature(method)

        @wraps(method)
        async def watched_coroutine(*args: Any, **kwargs: Any) -> Any:
            finish = self.guard(_begin, begin, parameters, args, kwargs) if self.active else None
            try:
                result = await method(*args, **kwargs)
            except BaseException as error:
                self._finish(finish, None, error)
                raise
            self._finish(finish, result, None)
            return result

        @wraps(method)
        def watched(*args: Any, **kwargs: Any) -> Any:
            finish = self.guard(_begin, begin, parameters, args, kwargs) if self.active else None
            try:
                result = method(*args, **kwargs)
            except BaseException as error:
                self._finish(finish, None, error)
                raise
            self._finish(finish, result, None)
            return result

        self.replace(target, name, watched_coroutine if iscoroutinefunction(method) else watched)

    def _finish(self, finish: Finish | None, result: Any, error: BaseException | None) -> None:
        if finish is not None:
            self.guard(finish, result, error)

    def replace(self, target: object, name: str, value: object) -> None:
        """Set an attribute of one object, and put back on undo what was there, unless somebody has set it since."""
        attributes = vars(target)
        missing = object()
        before = attributes.get(name, missing)
        setattr(target, name, value)

        def restore() -> None:
            if attributes.get(name) is not value:
                return  # replaced by somebody who calls ours: it stays, and passes everything through
            if before is missing:
                delattr(target, name)
            else:
                setattr(target, name, before)

        self.on_undo(restore)


def _begin(begin: Begin, parameters: Signature, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Finish | None:
    bound = parameters.bind(*args, **kwargs)
    bound.apply_defaults()
    return begin(bound.arguments)


def _undone() -> Handle:
    handle = Handle(TradingMetrics(enabled=False), "")
    handle.undo()
    return handle


def instrument(
    targets: Iterable[object],
    start: Callable[[Handle], Callable[[Any], None]],
    metrics: TradingMetrics | None,
    site: str,
    *,
    restores: bool = False,
) -> Handle:
    """Instrument those of `targets` that are not yet, under one handle.

    Args:
        targets: Objects of the library that belong together. One of them that has a handle already shares it.
        start: Called once for a new handle; returns what hooks into one target.
        metrics: The metrics object; by default the process's. When it is disabled, nothing is touched.
        site: The adapter's name where errors are counted.
        restores: Whether `start` brings orders of an earlier process along.

    Raises:
        ConfigurationError: When there are orders to bring along, and a tracker already that goes without them.
    """
    targets = list(targets)
    handle = next((handle for handle in map(_attached, targets) if handle is not None), None)
    if handle is not None and restores:
        raise ConfigurationError(
            f"{site}: restore= comes too late, this is instrumented already; give it to the first call, or call undo() "
            "on the handle before"
        )
    if handle is None:
        handle = Handle(metrics, site)
        handle.into = start(handle)
    try:
        for target in targets if handle.metrics.enabled else ():
            if _attached(target) is None:
                handle.into(target)
                handle.replace(target, _ATTRIBUTE, handle)
    except BaseException:
        handle.undo()
        raise
    return handle


def _attached(target: object) -> Handle | None:
    handle = getattr(target, _ATTRIBUTE, None)
    return handle if isinstance(handle, Handle) else None


def check_target(function: str, target: object, needed: tuple[str, ...], expected: str) -> None:
    """Refuse an object that is not the library's.

    Raises:
        ConfigurationError: When it lacks one of the attributes that are needed.
    """
    missing = [name for name in needed if not hasattr(target, name)]
    if missing:
        raise ConfigurationError(f"{function} takes {expected}, not {type(target).__name__} (it has no {missing[0]!r})")


def check_version(module: str, distribution: str, first: str, below: str) -> None:
    """Refuse a version of a library that the adapter was not tested with.

    Args:
        module: The library's top module.
        distribution: Its name as it is installed.
        first: The first version that is supported, `4.4`.
        below: The first one that is not any more, `5`.

    Raises:
        ConfigurationError: When the library is missing, or its version is another.
    """
    try:
        installed = metadata.version(distribution)
    except metadata.PackageNotFoundError:
        raise ConfigurationError(
            f"{distribution} is not installed; its adapter is tested with {distribution} >= {first}, < {below}"
        ) from None
    # The module that is imported can be another than the one installed: a vendored copy, a path that comes first.
    imported = getattr(sys.modules.get(module), "__version__", installed)
    for version in (installed, imported if isinstance(imported, str) else installed):
        if not _numbers(first) <= _numbers(version) < _numbers(below):
            raise ConfigurationError(
                f"{distribution} {version} is not supported; the adapter is tested with "
                f"{distribution} >= {first}, < {below}. Install one of these, or leave this library uninstrumented"
            )


def _numbers(version: str) -> tuple[int, ...]:
    numbers = []
    for part in version.split("."):
        digits = part[: len(part) - len(part.lstrip("0123456789"))]
        if not digits:
            break
        numbers.append(int(digits))
    return tuple(numbers)
