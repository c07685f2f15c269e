"""The log of labels whose values collapse into `__other__`: one line for each label of each metric."""

from __future__ import annotations

from contextlib import suppress

from tradmetrics.cardinality import Guard
from tradmetrics.model.definition import MetricDefinition
from tradmetrics.model.identifiers import is_identifier
from tradmetrics.model.text import shown
from tradmetrics.registry.errors_log import logger


class CollapseLog:
    """The labels that were logged."""

    def __init__(self) -> None:
        self._logged: set[tuple[str, int]] = set()

    def warn(self, definition: MetricDefinition, guard: Guard, position: int, text: str) -> None:
        """Log, the first time, that values of a label collapse, with one of them and what to do.

        Args:
            definition: The metric.
            guard: Its label budgets.
            position: Which of its labels.
            text: A value that collapsed.
        """
        if (definition.name, position) in self._logged:
            return
        self._logged.add((definition.name, position))
        with suppress(Exception):  # a logger that fails costs no count
            _log(definition, guard, position, text)


def _log(definition: MetricDefinition, guard: Guard, position: int, text: str) -> None:
    metric, label = definition.name, definition.label_names[position]
    budget = guard.budgets[position]
    said, knob = f"the label {label!r} had no place left for", f"labels={{{(metric, label)!r}: …}}"
    others = "every new value"
    if budget is not None and not budget.refuses(text):
        said = f"its {guard.series_limit} series are used up, and the label {label!r} gave way at"
        knob = f"series={{{metric!r}: …}}"
    elif is_identifier(text) or (budget is not None and budget.is_identifier(text)):
        said, knob, others = f"the label {label!r} takes no identifiers, such as", "", "every identifier"
    logger.warning(
        "%s: %s %s; it is recorded as '__other__', and so is %s. "
        "If these values are few and matter, %sname them: Limits(allow={%r: (…)}).",
        metric,
        said,
        shown(text),
        others,
        knob and f"raise the budget, Limits({knob}), or ",
        label,
        extra={"metric": metric, "label": label, "value": text},
    )
