"""Models: are they right, what do they predict, and when were they trained."""

from typing import Any

from dashboards.frame import Row, render
from dashboards.limits import above, below
from dashboards.panels import PER_SECOND, Panel, lines, number, quantiles, spread
from dashboards.queries import in_range, per_second, select
from tradmetrics import catalogue as c


def build() -> dict[str, Any]:
    """Build the dashboard."""
    return render(
        "tradmetrics-models",
        "Models",
        "Accuracy, predictions and training of the models.",
        [Row("Accuracy and predictions", _accuracy()), Row("Training", _training())],
    )


def _accuracy() -> list[Panel]:
    return [
        number(
            "Lowest accuracy",
            "Accuracy of the model that does worst; red below the alert's threshold.",
            "percentunit",
            f"min({select(c.ML_MODEL_ACCURACY)})",
            span=8,
            limits=below("LowMLAccuracy"),
        ),
        number(
            "Predictions", "Predictions in the time shown.", "short", in_range(c.ML_PREDICTIONS), span=8, decimals=0
        ),
        number(
            "Since the last training",
            "Time since a model was last trained; red past the alert's threshold.",
            "s",
            f"time() - max({select(c.ML_LAST_TRAINING)})",
            span=8,
            limits=above("ModelStale"),
        ),
        lines(
            "Accuracy",
            "Accuracy of each model; dashed: the alert's threshold.",
            "percentunit",
            (f"min by (model) ({select(c.ML_MODEL_ACCURACY)})", "{{model}}"),
            limits=below("LowMLAccuracy"),
        ),
        lines(
            "Predictions",
            "Predictions a second, by model and outcome. A model that only ever says one thing has drifted.",
            PER_SECOND,
            (per_second(c.ML_PREDICTIONS, "model, prediction"), "{{model}} {{prediction}}"),
            stacked=True,
            minimum=0,
        ),
    ]


def _training() -> list[Panel]:
    return [
        quantiles(c.ML_TRAINING_DURATION, "Training time", "Time that training a model took.", span=8),
        spread(c.ML_TRAINING_DURATION, "Training times", "How many trainings took how long.", span=8),
        lines(
            "Since the last training",
            "Time since a model was last trained; dashed: the alert's threshold.",
            "s",
            (f"time() - {select(c.ML_LAST_TRAINING)}", "{{instance}}"),
            span=8,
            limits=above("ModelStale"),
            minimum=0,
        ),
    ]
