"""Thresholds for panels, read from the alerts' settings so that a line in a panel is where the alert fires."""

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from alerts.generate import load, rules
from dashboards.queries import chosen
from tradmetrics.board.query import (
    Aggregate,
    Binary,
    Expression,
    FunctionCall,
    Negate,
    Number,
    Selector,
    Subquery,
    parse,
)
from tradmetrics.catalogue import BY_NAME, SYSTEM_UPTIME

_SETTINGS: Final[dict[str, Any]] = load()
_COMPARISONS: Final = frozenset(("<", ">", "<=", ">="))


def use(paths: Iterable[Path]) -> None:
    """Draw the thresholds of these files, laid over alerts/settings.yml; see `alerts.generate.load`."""
    _SETTINGS.update(load(paths))


def limit(alert: str) -> float:
    """Return the threshold of an alert, from alerts/settings.yml."""
    return float(_SETTINGS["alerts"][alert]["threshold"])


def setting(alert: str, name: str) -> str:
    """Return a setting of an alert, such as its `window`, from alerts/settings.yml."""
    return str(_SETTINGS["alerts"][alert][name])


def above(alert: str, colour: str = "red") -> list[tuple[float, str]]:
    """Colour what lies above the threshold of an alert."""
    return [(limit(alert), colour)]


def below(alert: str, colour: str = "red") -> list[tuple[float, str]]:
    """Colour what lies below the threshold of an alert."""
    return [(float("-inf"), colour), (limit(alert), "green")]


def docs() -> str:
    """Return where the documentation with the runbooks is served."""
    return str(_SETTINGS["docs"])


def names() -> list[str]:
    """Return the names of the alerts that tell a person something, in the order of the rule files."""
    return [name for name, rule in _rules().items() if rule["labels"]["severity"] != "none" and name != "Watchdog"]


def compared(alert: str) -> Expression:
    """Return the expression that an alert compares with its threshold, for the bots and strategies that are chosen.

    The strategy is a condition where every metric of the expression has that label, and nowhere else: both parts of a
    share must count the same events.

    Args:
        alert: The alert's name.

    Returns:
        The expression, without the comparison and without further conditions of the alert.

    Raises:
        ValueError: The alert compares nothing with a number.
    """
    found = _compared(parse(_rules()[alert]["expr"]))
    if found is None:
        raise ValueError(f"{alert} compares nothing with a number")
    # The uptime only tells whether the bot was there.
    strategy = all(map(_has_strategy, _names(found) - {SYSTEM_UPTIME.name}))
    return _for_chosen(found, strategy=strategy)


def _has_strategy(name: str) -> bool:
    metric = BY_NAME.get(name.removesuffix("_bucket"), BY_NAME.get(name))
    return metric is not None and "strategy" in metric.label_names


def compared_in(expression: Expression) -> tuple[Expression, float | None]:
    """Return what a rule compares, and with which number; the whole expression and None where it compares nothing."""
    found = _compared(expression)
    if found is None:
        return expression, None
    number = _number(expression, found)
    return found, number


def _number(node: Expression, found: Expression) -> float | None:
    """Find the number that stands beside the expression in a comparison."""
    if isinstance(node, Binary):
        for side, other in ((node.left, node.right), (node.right, node.left)):
            if side is found and isinstance(other, Number):
                return other.value
    return next((value for child in _children(node) if (value := _number(child, found)) is not None), None)


def _rules() -> dict[str, dict[str, Any]]:
    return {
        rule["alert"]: rule
        for file in rules(_SETTINGS).values()
        for group in file["groups"]
        for rule in group["rules"]
        if "alert" in rule
    }


def _compared(node: Expression) -> Expression | None:
    if isinstance(node, Binary):
        if node.operator in _COMPARISONS:
            constants = [isinstance(side, Number) for side in (node.left, node.right)]
            if constants == [False, True]:
                return node.left
            return node.right if constants == [True, False] else None
        if node.operator in ("and", "unless", "or"):
            return _compared(node.left) or _compared(node.right)
    if isinstance(node, Subquery):
        return _compared(node.expression)
    if isinstance(node, FunctionCall) and node.arguments:
        return _compared(node.arguments[-1])
    if isinstance(node, Aggregate):
        return _compared(node.expression)
    return None


def _names(node: Expression) -> set[str]:
    if isinstance(node, Selector):
        return {node.name}
    return {name for child in _children(node) for name in _names(child)}


def _children(node: Expression) -> tuple[Expression, ...]:
    if isinstance(node, Binary):
        return (node.left, node.right)
    if isinstance(node, FunctionCall):
        return node.arguments
    if isinstance(node, Aggregate | Subquery | Negate):
        return (node.expression,)
    return ()


def _for_chosen(node: Expression, *, strategy: bool) -> Expression:
    if isinstance(node, Selector):
        matchers = [each for each in node.matchers if each.label not in ("job", "instance")]
        return replace(node, matchers=(*chosen(strategy=strategy and _has_strategy(node.name)), *matchers))
    if isinstance(node, Binary):
        left, right = (_for_chosen(side, strategy=strategy) for side in (node.left, node.right))
        return replace(node, left=left, right=right)
    if isinstance(node, FunctionCall):
        return replace(node, arguments=tuple(_for_chosen(each, strategy=strategy) for each in node.arguments))
    if isinstance(node, Aggregate | Subquery | Negate):
        return replace(node, expression=_for_chosen(node.expression, strategy=strategy))
    return node
