"""scikit-learn's MLPClassifier: plain SGD, one pass over some images for each measurement."""

from __future__ import annotations

import time
import warnings
from typing import Any

import numpy as np
import sklearn
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier

from protocol import IMAGES, Measured, Setup, images, main


class SklearnPeer:
    """Float32 images from 0 to 1; its own thread count."""

    def __init__(self, setup: Setup):
        self.setup = setup

    def prepare(self) -> dict[str, Any]:
        """Put the images in memory as float32 and see how many pass in the time asked for."""
        pictures, labels = images(self.setup.side)
        self.x = pictures.reshape(len(pictures), -1).astype(np.float32) / 255
        self.y = labels
        self.count = 50 * self.setup.batch
        self.measure("fit")
        return {
            "variants": ["fit"],
            "settings": {"fit": "solver sgd, no momentum, no penalty"},
            "threads": 0,
            "versions": {"scikit-learn": sklearn.__version__},
        }

    def measure(self, variant: str) -> Measured:
        """Fit images for about the time asked for, in one epoch; checks of the input included."""
        model = MLPClassifier(
            self.setup.hidden,
            solver="sgd",
            momentum=0.0,
            alpha=0.0,
            learning_rate_init=0.01,
            batch_size=self.setup.batch,
            max_iter=1,
        )
        started = time.perf_counter()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            model.fit(self.x[: self.count], self.y[: self.count])
        took = time.perf_counter() - started
        seen = Measured(self.count, took)
        wanted = int(self.count * self.setup.seconds / took)
        self.count = max(self.setup.batch, min(wanted, IMAGES))
        return seen


if __name__ == "__main__":
    main(SklearnPeer)
