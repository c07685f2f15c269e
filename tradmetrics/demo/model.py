"""Two toy models: one says where the price will go next, one how volatile it will be."""

import math
from collections import deque
from dataclasses import dataclass
from random import Random
from typing import Final

from tradmetrics import (
    arg,
    catalogue,
    result,
    track,
    track_prediction,
    track_training,
    training_timer,
)
from tradmetrics.demo.ledger import Ledger

DIRECTION: Final = "direction"
VOLATILITY: Final = "volatility"
_REMEMBERED: Final = 100
_CONFIDENT: Final = 0.6


class DirectionModel:
    """Logistic regression of the next move's direction.

    The features are the order-book imbalance and one that is
    noise.

    Args:
        random: The model's own source of chance.
        ledger: Records predictions and trainings.
    """

    def __init__(self, random: Random, ledger: Ledger) -> None:
        self._random = random
        self._ledger = ledger
        self._weights = [0.0, 0.0, 0.0]
        self._examples: deque[tuple[tuple[float, float], bool]] = deque(maxlen=200)
        self._hits: deque[bool] = deque([True] * 8 + [False] * 2, maxlen=_REMEMBERED)

    @track_prediction(model=DIRECTION, prediction=result())
    def predict(self, features: tuple[float, float]) -> str:
        """Return `long`, `short`, or `skip` when it is not sure."""
        rise = self._rise(features)
        return "long" if rise > _CONFIDENT else "short" if rise < 1 - _CONFIDENT else "skip"

    def learn(self, features: tuple[float, float], prediction: str, rose: bool) -> None:
        """Remember how a prediction turned out."""
        self._examples.append((features, rose))
        if prediction != "skip":
            self._hits.append((prediction == "long") == rose)

    def train(self) -> None:
        """Fit the weights to the examples seen last, by gradient descent."""
        with training_timer(DIRECTION):
            for _ in range(10):
                for features, rose in self._examples:
                    wrong = float(rose) - self._rise(features)
                    for i, x in enumerate((1.0, *features)):
                        self._weights[i] += 0.1 * wrong * x
        self._ledger.add("trainings")

    def warm_up(self) -> None:
        """Train once on made-up history, so that the session begins with a model that works."""
        for _ in range(100):
            imbalance = self._random.uniform(-1.0, 1.0)
            self._examples.append(((imbalance, self._random.gauss(0.0, 1.0)), self._random.random() < 0.5 + imbalance))
        self.train()

    @track(catalogue.ML_MODEL_ACCURACY, value=result(), model=DIRECTION)
    def live_accuracy(self) -> float:
        """Share of the latest predictions that came true; no decorator of its own, so `track` serves."""
        return sum(self._hits) / len(self._hits)

    def _rise(self, features: tuple[float, float]) -> float:
        score = self._weights[0] + self._weights[1] * features[0] + self._weights[2] * features[1]
        return 1 / (1 + math.exp(-max(-30.0, min(30.0, score))))


@dataclass(frozen=True)
class Fit:
    """The result of a training."""

    threshold: float
    accuracy: float


class VolatilityModel:
    """Says `calm` or `volatile` for the next minute by a threshold on the volatility index."""

    def __init__(self) -> None:
        self._readings: deque[float] = deque(maxlen=_REMEMBERED)
        self._threshold = 20.0

    @track_prediction(model=VOLATILITY)
    def predict(self, vix: float) -> dict[str, str]:
        """Return the prediction under the key `prediction`, where the decorator looks by itself."""
        self._readings.append(vix)
        return {"prediction": "volatile" if vix > self._threshold else "calm"}

    @track_training(model=arg("name"), accuracy=result("accuracy"))
    def train(self, name: str) -> Fit:
        """Choose the threshold that tells volatile minutes from calm ones best.

        Args:
            name: The model's name.
        """
        pairs = list(zip(self._readings, list(self._readings)[1:], strict=False))

        def accuracy(threshold: float) -> float:
            return sum((now > threshold) == (later > 20.0) for now, later in pairs) / len(pairs) if pairs else 1.0

        best = max((accuracy(threshold), -abs(threshold - 20.0)) for threshold in range(15, 26))
        self._threshold = 20.0 + best[1]
        return Fit(self._threshold, best[0])
