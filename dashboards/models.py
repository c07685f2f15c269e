"""Models: are they right, what do they predict, and when were they trained."""

from typing import Any

from dashboards.frame import Row, render
from dashboards.limits import above, below, compared
from dashboards.panels import PER_SECOND, Panel, lines, number, quantiles, spread
from dashboards.queries import age, in_range, largest, per_second, smallest
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
            smallest(c.ML_MODEL_ACCURACY),
            span=8,
            limits=below("LowMLAccuracy"),
        ),
        number(
            "Predictions", "Predictions in the time shown.", "locale", in_range(c.ML_PREDICTIONS), span=8, decimals=0
        ),
        number(
            "Since the last training",
            "Time since a model was last trained; red past the alert's threshold.",
            "s",
            age(largest(c.ML_LAST_TRAINING)),
            span=8,
            limits=above("ModelStale"),
        ),
        lines(
            "Accuracy",
            "Accuracy of each model; dashed: the alert's threshold.",
            "percentunit",
            (compared("LowMLAccuracy"), "{{instance}} {{model}}"),
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
            (compared("ModelStale"), "{{instance}}"),
            span=8,
            limits=above("ModelStale"),
            minimum=0,
        ),
    ]
