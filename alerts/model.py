"""The definition of an alerting rule and of a recording rule.

Texts are templates: `@CONSTANT` stands for the metric that `tradmetrics.catalogue` keeps under that name, and
`@word` for a setting of the alert (`@threshold`, `@window`, …) in settings.yml. `{{ … }}` is Prometheus's own
template language and stays as it is.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Alert:
    """One alerting rule, before its settings are filled in.

    Attributes:
        name: The alert's name, which is also the name of its runbook page.
        title: The alert in a few words, for the list of runbooks.
        expression: The PromQL condition.
        summary: One line for a phone's screen: which bot, what, how much.
        description: The fault in a sentence, with the value and the threshold.
    """

    name: str
    title: str
    expression: str
    summary: str
    description: str


@dataclass(frozen=True)
class Recording:
    """One recording rule: the name under which the answer of an expression is stored."""

    name: str
    expression: str
