"""The handle of an instrumented object: guarded hooks into the library, and one call that takes all of them out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from inspect import Signature, signature
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from typing_extensions import Self

from tradmetrics import catalogue
from tradmetrics.errors import ConfigurationError
from tradmetrics.integrations.kit.swap import swap_of, swapped
from tradmetrics.registry.default import get_metrics
from tradmetrics.registry.metrics import TradingMetrics

if TYPE_CHECKING:
    from tradmetrics.orders.tracker import OrderTracker

Arguments: TypeAlias = Mapping[str, Any]
"""The arguments of a watched call by their names."""
Finish: TypeAlias = Callable[[Any, BaseException | None], None]
"""Called when a watched call has ended, with its result and its exception."""
Begin: TypeAlias = Callable[[Arguments], Finish | None]
"""Called with the arguments of a watched call before it runs."""

_KEY: Final = "handle"


class Handle:
    """The result of an `instrument_…` call; as a context manager it undoes the instrumentation on leaving.

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
        # A copy of a library's object goes without us, in this process or another one.
        return _undone, ()

    # ── for adapters ─────────────────────────────────────────────────────────────────────────────────────────────

    def on_undo(self, function: Callable[[], object]) -> None:
        """Have `undo()` call `function`; the last one added is called first."""
        self._undos.append(function)

    def fault(self, error: Exception) -> None:
        """Count an error of the adapter. It does not reach the library, unless the metrics are `strict`."""
        try:
            self.metrics.fault(self.site, "source", error)
        except Exception:
            if self.metrics.strict:
                raise

    def guard(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """Run our code inside the library's: what it raises is counted, and never reaches the library.

        Returns:
            What `function` returns; None when it raised.
        """
        try:
            return function(*arguments)
        except Exception as error:
            self.fault(error)
            return None

    def hook(self, function: Callable[..., Any]) -> Callable[..., None]:
        """Return `function` as a callback for the library; see `tradmetrics.integrations.kit.hook`."""
        return _Hook(self, function)

    def watch(self, target: object, name: str, begin: Begin) -> None:
        """Watch the calls of a method of one object; see `tradmetrics.integrations.kit.watch`."""
        if getattr(target, name, None) is None:
            return
        swap = swapped(target)
        self.on_undo(swap.leave)
        self.on_undo(swap.watch(name, _Watcher(self, begin)))


class _Watcher:
    """One adapter's interest in the calls of one method."""

    def __init__(self, handle: Handle, begin: Begin) -> None:
        self._handle = handle
        self._begin = begin

    def begin(self, method: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Finish | None:
        """Take in that a call begins."""
        return self._handle.guard(self._bound, method, args, kwargs) if self._handle.active else None

    def _bound(self, method: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Finish | None:
        try:
            bound = _parameters(getattr(method, "__func__", None), method).bind(*args, **kwargs)
        except TypeError:
            return None  # Python refuses this call for its arguments: it never begins
        bound.apply_defaults()
        return self._begin(bound.arguments)

    def end(self, begun: Finish | None, result: Any, error: BaseException | None) -> None:
        """Take in how the call ended."""
        if begun is not None:
            self._handle.guard(begun, result, error)


@lru_cache(maxsize=1024)
def _parameters_of(function: Callable[..., Any]) -> Signature:
    found = signature(function)
    return found.replace(parameters=list(found.parameters.values())[1:])


def _parameters(function: Callable[..., Any] | None, method: Callable[..., Any]) -> Signature:
    return signature(method) if function is None else _parameters_of(function)


class _Hook:
    """A callback: guarded, silent after `undo()`, and left behind by copies and pickles of whatever holds it."""

    def __init__(self, handle: Handle, function: Callable[..., Any]) -> None:
        self._handle = handle
        self._function = function
        self.__name__ = getattr(function, "__name__", "hook")

    def __call__(self, *arguments: Any) -> None:
        if self._handle.active:
            self._handle.guard(self._function, *arguments)

    def __reduce__(self) -> tuple[Any, ...]:
        return _nothing, ()

    def __deepcopy__(self, memo: object) -> Callable[..., None]:
        return _pass_over


def _pass_over(*arguments: Any) -> None:
    """Stands for a hook in a copy."""


def _nothing() -> Callable[..., None]:
    return _pass_over


def _undone() -> Handle:
    handle = Handle(TradingMetrics(enabled=False), "")
    handle.undo()
    return handle


def watch(handle: Handle, target: object, name: str, begin: Begin) -> None:
    """Watch the calls of a method of one object, sync or async, without touching arguments, result or exception.

    The object gets a class of its own, and nothing is put on the object: `copy.copy`, `copy.deepcopy` and `pickle`
    give an object of the library's class, without our hooks. Its class and other instances stay as they are.

    Example:
        ```python
        def placing(arguments):
            started = time.perf_counter()
            return lambda result, error: print(arguments["symbol"], time.perf_counter() - started)


        watch(handle, client, "place_order", placing)
        ```

    Args:
        handle: Of the instrumentation; its `undo()` ends the watching.
        target: The object.
        name: The method's name. Nothing happens when `target` has none of that name.
        begin: Called before the method, with its arguments by name (defaults filled in). Returns what to call with the
            result and the exception when the call has ended, or None. An error in either is counted, and the caller
            notices nothing.

    Raises:
        ConfigurationError: When the object's class is not written in Python, so that nothing can be watched.
    """
    handle.watch(target, name, begin)


def hook(handle: Handle, function: Callable[..., Any]) -> Callable[..., None]:
    """Turn a function into a callback for the library: guarded, and silent after `undo()`.

    A copy or a pickle of the object that holds the callback has one that does nothing.

    Args:
        handle: Of the instrumentation.
        function: What to call with the library's arguments. An error in it is counted, and the library notices
            nothing.

    Returns:
        The callback.
    """
    return handle.hook(function)


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
        if handle.metrics.enabled:
            handle.guard(_show_breaker, handle.metrics, site)
    try:
        for target in targets if handle.metrics.enabled else ():
            if _attached(target) is None:
                _attach(handle, target)
                handle.into(target)
    except BaseException:
        handle.undo()
        raise
    return handle


def _show_breaker(metrics: TradingMetrics, site: str) -> None:
    """Show the circuit breaker's series from the start, so that a dashboard shows 0 instead of no data."""
    active = metrics.resolve(catalogue.CIRCUIT_BREAKER_ACTIVE, (), site=site).series
    active.set(active.value() or 0.0)
    metrics.resolve(catalogue.CIRCUIT_BREAKER_TRIGGERS, ("unknown",), site=site)


def _attach(handle: Handle, target: object) -> None:
    try:
        swap = swapped(target)
    except ConfigurationError:  # an adapter that watches no method of this object still works
        return
    swap.handles[_KEY] = handle

    def detach() -> None:
        if swap.handles.get(_KEY) is handle:
            del swap.handles[_KEY]
        swap.leave()

    handle.on_undo(detach)


def _attached(target: object) -> Handle | None:
    swap = swap_of(target)
    return None if swap is None else swap.handles.get(_KEY)


def check_target(function: str, target: object, needed: tuple[str, ...], expected: str) -> None:
    """Refuse an object that is not the library's.

    Raises:
        ConfigurationError: When it lacks one of the attributes that are needed.
    """
    missing = [name for name in needed if not hasattr(target, name)]
    if missing:
        raise ConfigurationError(f"{function} takes {expected}, not {type(target).__name__} (it has no {missing[0]!r})")
