"""`each=`: one event for every item of a list, for streams and polls that bring several orders in one message."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence, Set, ValuesView
from enum import Enum
from typing import Any, Final, TypeAlias

from tradmetrics.capture.call_context import CallContext
from tradmetrics.capture.questions import parameters_of
from tradmetrics.capture.sources import Arg, Call, Mapped, Result, find, follow
from tradmetrics.errors import LabelSourceError, is_interruption
from tradmetrics.model.missing import MISSING
from tradmetrics.model.text import text_of

ITEM: Final = "item"
"""The name under which a callable source finds the item among `call.arguments`."""

ItemReader: TypeAlias = Callable[[Any, CallContext], Any]


class ItemSources:
    """The sources of one decorated function, sorted into those of the call and those of each item.

    A path whose first step is not a parameter of the function is a path from the item; with
    `each=result(…)`, every `result(…)` is one too. A source that was left out is looked
    up in the item, by the names that a field has.

    Args:
        function: The function that is decorated.
        given: The sources by field, `each` among them; None for the sources that were left out.
        names: The names of the fields that are looked up in an item when they have no source.

    Attributes:
        of_call: The sources that are read once for each call.

    Raises:
        LabelSourceError: If `each` is a constant, which cannot be a list of orders.
    """

    def __init__(self, function: object, given: Mapping[str, Any], names: Mapping[str, Sequence[str]]) -> None:
        each = given["each"]
        if isinstance(each, str | int | float | Enum):
            raise LabelSourceError(
                f"@orders.update: each={each!r} is not a list; write each=arg('msg.data') or each=result('orders')"
            )
        target = getattr(function, "__func__", function)
        self._parameters = {each.name for each in parameters_of(target)} if callable(target) else set()
        self._from_result = isinstance(each, Result)
        self.of_call: dict[str, Any] = {"each": each}
        self._of_item: dict[str, ItemReader] = {}
        for name, source in given.items():
            if name == "each":
                continue
            if source is None:
                if name in names:
                    self._of_item[name] = _by_name(tuple(names[name]))
            elif (reader := self._reader(source)) is not None:
                self._of_item[name] = reader
            else:
                self.of_call[name] = source

    def _reader(self, source: Any) -> ItemReader | None:
        """Return a function that reads a source from an item, or None for a source of the call."""
        if isinstance(source, Mapped):
            inner = self._reader(source.source)
            function = source.function
            return None if inner is None else lambda item, call: _mapped(inner(item, call), function)
        if isinstance(source, Result):
            path = source.path
            return (lambda item, call: follow(item, path)) if self._from_result else None
        if isinstance(source, Arg):
            path = source.path
            return None if path[0] in self._parameters else lambda item, call: follow(item, path)
        if callable(source) and not isinstance(source, type | Enum):
            return lambda item, call: source(
                Call({**call.arguments, ITEM: item}, result=call.result, exception=call.exception, seconds=call.seconds)
            )
        return None

    def read(self, item: Any, call: CallContext) -> dict[str, Any]:
        """Read the fields of an item. A source that fails costs its own value, and counts as an error."""
        values = {}
        for name, reader in self._of_item.items():
            try:
                value = reader(item, call)
            except Exception as error:
                if is_interruption(error):
                    raise
                call.fault("source", error)
                continue
            values[name] = None if value is MISSING else value
        return values


def items_of(value: Any, call: CallContext) -> Iterable[Any]:
    """Return the items of the list that `each=` names: of a sequence, a set or a mapping's values, or one mapping."""
    if value is None or value is MISSING:
        return ()
    if isinstance(value, Mapping):
        return (value,)
    if isinstance(value, Sequence | Set | ValuesView) and not isinstance(value, str | bytes | bytearray):
        return list(value)
    call.fault("source", TypeError(f"each= gave a {type(value).__name__}, which is not a list of orders"))
    return ()


def _by_name(names: tuple[str, ...]) -> ItemReader:
    def read(item: Any, call: CallContext) -> Any:
        for name in names:
            value = find(item, name)
            if value is not MISSING and not callable(value):
                return value
        return MISSING

    return read


def _mapped(value: Any, function: Callable[[str], str]) -> Any:
    return value if value is None or value is MISSING else function(text_of(value))
