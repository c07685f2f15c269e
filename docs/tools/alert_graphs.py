"""Draw each alert's graph for its runbook: `python -m docs.tools.alert_graphs`.

The worlds are those of the alerts' tests: a bot with the fault, scraped every 7 seconds. The board's own evaluator
gives the figure that the rule compares, and the time in which the alert fires.
"""

import math
from pathlib import Path
from typing import Final

from alerts import generate
from dashboards.limits import compared_in
from tests.alerts.scenarios import BEGIN, SETTINGS
from tests.alerts.table import SCENARIOS
from tests.alerts.worlds import EVERY
from tests.board_kit import Written
from tradmetrics.board.alerting.rules import Rule, Rulebook, read
from tradmetrics.board.formatting import shown
from tradmetrics.board.query import Evaluator
from tradmetrics.board.query.sums import StepSums

IMAGES: Final = Path(__file__).parent.parent / "images" / "alerts"
_WIDTH, _HEIGHT, _LEFT, _BOTTOM, _TOP = 720, 200, 64, 26, 14
_STYLE: Final = (
    "<style>text{font:12px system-ui,sans-serif;fill:#6b7686}.a{stroke:#8a94a655}.l{fill:none;stroke:#4f86e8;"
    "stroke-width:2}.t{stroke:#d64545;stroke-width:1.5;stroke-dasharray:6 5}.f{fill:#d6454526}.w{fill:#d64545}</style>"
)


def draw(name: str, rule: Rule) -> str:
    """Return the graph of one alert as SVG.

    Args:
        name: The alert's name.
        rule: Its rule.

    Returns:
        The drawing.
    """
    scenario = SCENARIOS[name]
    end = scenario.resolved + 120
    source = Written()
    for bot in scenario.world(True):
        for each in bot.input_series(end):
            source.write(each["series"], each["values"], 1.0)
    evaluator = Evaluator(source, step=EVERY, sums=StepSums())
    measured, threshold = compared_in(rule.expression)
    rulebook, points, firing = Rulebook([rule]), list[tuple[int, float]](), list[int]()
    for second in range(0, end, EVERY):
        rulebook.evaluate(evaluator, second)
        if rulebook.alerts(firing=True):
            firing.append(second)
        values = [each.value for each in evaluator.at(measured, second) if math.isfinite(each.value)]
        # Without a threshold, the condition holds (1) or does not (0).
        value = (float(bool(values)) if threshold is None else values[0]) if values or threshold is None else math.nan
        points.append((second, value))
    return _svg(name, points, threshold, firing, end)


def _svg(name: str, points: list[tuple[int, float]], threshold: float | None, firing: list[int], end: int) -> str:
    numbers = [value for _, value in points if value == value] + ([] if threshold is None else [threshold])
    least, most = min(numbers), max(numbers)
    margin = (most - least or abs(most) or 1.0) * 0.3
    low, high = (max(least - margin, 0.0) if least >= 0 else least - margin), most + margin

    def x(second: float) -> float:
        return round(_LEFT + (second - BEGIN + 300) / (end - BEGIN + 300) * (_WIDTH - _LEFT - 12), 1)

    def y(value: float) -> float:
        return round(_TOP + (high - value) / (high - low) * (_HEIGHT - _TOP - _BOTTOM), 1)

    base = _HEIGHT - _BOTTOM
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{name}">',
        _STYLE,
        f'<path class="a" d="M{_LEFT} {base}H{_WIDTH - 12}"/>',
    ]
    if firing:
        left, right = x(firing[0]), x(firing[-1] + EVERY)
        parts.append(f'<rect class="f" x="{left}" y="{_TOP}" width="{right - left:.1f}" height="{base - _TOP}"/>')
        parts.append(f'<text class="w" x="{left + 5}" y="{_TOP + 14}">fires</text>')
    if threshold is not None:
        parts.append(f'<path class="t" d="M{_LEFT} {y(threshold)}H{_WIDTH - 12}"/>')
        label = shown(threshold, "none")
        parts.append(f'<text x="{_LEFT - 6}" y="{y(threshold) + 4}" text-anchor="end">{label}</text>')
    path, drawing = "", False
    for second, value in points:
        if second < BEGIN - 300 or value != value:
            drawing = False
            continue
        path += f"{'L' if drawing else 'M'}{x(second)} {y(value)}"
        drawing = True
    parts.append(f'<path class="l" d="{path}"/>')
    for minute in range(-5, (end - BEGIN) // 60 + 1, -(-(end - BEGIN + 300) // 480)):
        at = x(BEGIN + minute * 60)
        parts.append(f'<text x="{at}" y="{_HEIGHT - 8}" text-anchor="middle">{minute} min</text>')
    return "".join([*parts, "</svg>\n"])


def main() -> None:
    """Write every graph."""
    IMAGES.mkdir(parents=True, exist_ok=True)
    rules = {rule.name: rule for document in generate.rules(SETTINGS).values() for rule in read(document)}
    for name in SCENARIOS:
        (IMAGES / f"{name}.svg").write_text(draw(name, rules[name]), encoding="utf-8")


if __name__ == "__main__":
    main()
