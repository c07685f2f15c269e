"""Read the fields of every snapshot that a function returns, for all decorators of snapshots."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from enum import Enum
from typing import Final

from tradmetrics.capture.call_context import CallContext
from tradmetrics.capture.readers import Field
from tradmetrics.capture.recipe import Recipe
from tradmetrics.capture.sources import Result, follow
from tradmetrics.model.definition import MetricDefinition
from tradmetrics.model.missing import MISSING
from tradmetrics.record.items import OPTIONAL, items_of, read

Apply = Callable[[CallContext, Mapping[str, object]], None]

_ALSO: Final[Mapping[str, tuple[str, ...]]] = {
    "daily": ("daily", "daily_pnl"),
    "daily_pct": ("daily_pct", "daily_pnl_pct", "daily_pnl_percent"),
    "unrealized": ("unrealized", "unrealized_pnl"),
    "realized": ("realized", "realized_pnl"),
    "account": ("account", "account_id", "accountId"),
}
"""Other names that fields of a snapshot go by."""
_ABOUT: Final = ("strategy", "currency", "account")
"""Fields that say what the figures are of; a parameter of the function may give them too."""


def snapshot_recipe(
    decorator: str, given: Mapping[str, object], apply: Apply, also: Iterable[MetricDefinition]
) -> Recipe:
    """A recipe that reads the named fields of every snapshot returned, and applies them."""
    fields = tuple(Field(name, from_arguments=name in _ABOUT, names=_ALSO.get(name, ())) for name in given)
    figures = [name for name in given if name not in _ABOUT]
    looked_for = ", ".join(" or ".join(_ALSO.get(name, (name,))) for name in figures)

    def effect(reading: CallContext) -> None:
        if reading.exception is not None or reading.result is None:
            return
        for item in items_of(reading.result):
            values = {field.name: value_of(reading, field, given.get(field.name), item) for field in fields}
            if any(values[name] is not MISSING for name in figures):
                apply(reading, values)
            else:
                message = f"a {type(item).__name__} has none of the fields {looked_for}; say where: {example}"
                reading.fault("value", LookupError(message))

    example = f"@{decorator}({figures[0]}=result('…'))"
    return Recipe(decorator, fields, effect=effect, needs_result=True, also=tuple(also))


def plain(values: Mapping[str, object], name: str, source: object) -> object:
    """A field that names something; an object that merely has that name, such as a parameter `account`, is skipped."""
    value = values[name]
    return value if source is not None or isinstance(value, str | int | Enum) else None


def value_of(reading: CallContext, field: Field, source: object, item: object) -> object:
    """A field of a snapshot: `MISSING` where there is none, and None where reading it failed, which is counted."""
    if source is None:
        for name in field.names or (field.name,):
            value = read(reading.metrics, reading.site.name, item, name, optional=field.name in OPTIONAL)
            if value is not MISSING:
                return value
        return reading(field.name) if field.from_arguments else MISSING
    if isinstance(source, Result):
        try:
            return follow(item, source.path)
        except Exception as error:
            reading.fault("source", error)
            return None
    value = reading(field.name)
    return None if value is MISSING else value
