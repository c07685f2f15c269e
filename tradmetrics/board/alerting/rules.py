"""Alerting and recording rules as the rule files have them, and their states over time, as Prometheus keeps them."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from tradmetrics.board.alerting.templates import fill
from tradmetrics.board.query import Evaluator, Expression, Sample, parse
from tradmetrics.board.query.durations import seconds

Key = frozenset[tuple[str, str]]
RESOLVED_SECONDS: Final = 900.0


@dataclass(frozen=True)
class Rule:
    """One rule of a rule file.

    Attributes:
        name: The alert's name, or the name that a recording rule gives to its series.
        expression: The condition.
        recording: True for a recording rule.
        wait: `for`, in seconds.
        keep: `keep_firing_for`, in seconds.
        labels: Labels that the rule adds.
        annotations: Templates of the texts.
    """

    name: str
    expression: Expression
    recording: bool = False
    wait: float = 0.0
    keep: float = 0.0
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)


def read(document: Mapping[str, Any]) -> list[Rule]:
    """Read the content of one rule file, in the order of its rules.

    Args:
        document: The file as `yaml.safe_load` gives it.

    Returns:
        Its rules.
    """
    return [_rule(each) for group in document["groups"] for each in group["rules"]]


def _rule(each: Mapping[str, Any]) -> Rule:
    if "record" in each:
        return Rule(each["record"], parse(str(each["expr"])), recording=True, labels=each.get("labels") or {})
    return Rule(
        each["alert"],
        parse(str(each["expr"])),
        wait=_duration(each.get("for")),
        keep=_duration(each.get("keep_firing_for")),
        labels=each.get("labels") or {},
        annotations=each.get("annotations") or {},
    )


def _duration(text: Any) -> float:
    return seconds(str(text)) if text else 0.0


@dataclass
class Alert:
    """One alert of a rule: the series that its expression gave.

    Attributes:
        rule: The rule.
        labels: Labels of the series and of the rule, and `alertname`.
        annotations: The texts, filled in.
        value: The value of the series.
        since: When the condition began to hold.
        firing: When it began to fire; None while it is pending.
        absent: Since when the condition has not held, while `keep_firing_for` keeps it firing.
        resolved: When it stopped to fire.
    """

    rule: Rule
    labels: dict[str, str]
    annotations: dict[str, str]
    value: float
    since: float
    firing: float | None = None
    absent: float | None = None
    resolved: float | None = None

    @property
    def key(self) -> Key:
        """The identity of the alert."""
        return frozenset(self.labels.items())


class Rulebook:
    """Evaluates rules in their order and keeps the states of their alerts.

    Args:
        rules: The rules.
        record: Takes the series of a recording rule, and of `ALERTS`, at each evaluation.
        failed: Takes the rule and the exception when an expression cannot be evaluated.
    """

    def __init__(
        self,
        rules: Iterable[Rule],
        record: Callable[[str, list[Sample]], None] = lambda name, samples: None,
        failed: Callable[[Rule, Exception], None] = lambda rule, error: None,
    ) -> None:
        self.rules = list(rules)
        self._record = record
        self._failed = failed
        self._active: dict[str, dict[Key, Alert]] = {rule.name: {} for rule in self.rules}

    def evaluate(self, evaluator: Evaluator, time: float) -> list[Alert]:
        """Evaluate every rule at one time.

        Args:
            evaluator: Over the samples until that time.
            time: Seconds since 1970.

        Returns:
            The alerts that resolved at this evaluation; `alerts` has the others.
        """
        resolved: list[Alert] = []
        for _ in self.steps(evaluator, time, resolved):
            pass
        return resolved

    def steps(self, evaluator: Evaluator, time: float, resolved: list[Alert]) -> Iterator[None]:
        """Evaluate every rule at one time, with a pause after each for other work; see `evaluate`.

        Args:
            evaluator: Over the samples until that time.
            time: Seconds since 1970.
            resolved: Takes the alerts that resolve.

        Yields:
            Nothing, once a rule.
        """
        for rule in self.rules:
            yield
            try:
                samples = evaluator.at(rule.expression, time)
            except Exception as error:
                self._failed(rule, error)
                continue
            if rule.recording:
                self._record(rule.name, [each._replace(labels={**each.labels, **rule.labels}) for each in samples])
            else:
                resolved += self._judge(rule, samples, time)
        self._record("ALERTS", [self._state(alert) for alert in self.alerts()])

    def alerts(self, *, firing: bool = False) -> list[Alert]:
        """Return the alerts that are pending or fire, or only those that fire."""
        return [
            alert
            for alerts in self._active.values()
            for alert in alerts.values()
            if alert.firing is not None or not firing
        ]

    def _judge(self, rule: Rule, samples: list[Sample], time: float) -> list[Alert]:
        active, seen = self._active[rule.name], set[Key]()
        for sample in samples:
            labels = {**sample.labels, **_texts(rule.labels, sample), "alertname": rule.name}
            labels = {name: value for name, value in labels.items() if value}
            key = frozenset(labels.items())
            seen.add(key)
            alert = active.get(key)
            if alert is None:
                alert = active[key] = Alert(rule, labels, {}, sample.value, time)
            alert.value, alert.absent = sample.value, None
            alert.annotations = _texts(rule.annotations, sample)
            if alert.firing is None and time - alert.since >= rule.wait:
                alert.firing = time
        resolved: list[Alert] = []
        for key in [key for key in active if key not in seen]:
            alert = active[key]
            if alert.firing is not None and rule.keep:
                alert.absent = time if alert.absent is None else alert.absent
                if time - alert.absent < rule.keep:
                    continue
            del active[key]
            if alert.firing is not None:
                alert.resolved = time
                resolved.append(alert)
        return resolved

    @staticmethod
    def _state(alert: Alert) -> Sample:
        state = "pending" if alert.firing is None else "firing"
        return Sample({**alert.labels, "alertstate": state}, 1.0)


def _texts(templates: Mapping[str, str], sample: Sample) -> dict[str, str]:
    return {name: fill(str(text), sample.labels, sample.value) for name, text in templates.items()}
