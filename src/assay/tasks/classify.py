"""Classification: one output per class, softmax cross-entropy, accuracy."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from assay.core.config import Option
from assay.core.errors import DataError
from assay.core.options import choice
from assay.core.records import Spec
from assay.data.dataset import Dataset
from assay.tasks.looks import TEST_TIME, Look
from assay.tasks.task import TASKS

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["Classify", "log_odds"]


class Classify:
    """Predict the class of an image.

    A record keeps per image: "predicted" (int16), "confidence" (float16, the softmax probability of
    the predicted class), and, if a metric needs them, of each class "probabilities" (float16) and
    "log_odds" (float32, see `log_odds`).

    Args:
        test_time: name of the test-time augmentation (`TEST_TIME`): logits are averaged over
            several views of each validation and test image; None for one view.
    """

    name = "classify"
    monitor = "val_accuracy"
    measures = ("accuracy",)
    soft_targets = True
    options: Mapping[str, Option] = {
        "test_time": choice(
            None,
            "test-time augmentation",
            TEST_TIME,
            help="Test-time augmentation: each validation and test image is also seen flipped, "
            "shifted by a pixel, or both, and logits are averaged.",
            example="flip",
        )
    }

    def __init__(self, test_time: str | None = None):
        self.looks = TEST_TIME[test_time] if test_time else (Look(),)

    def with_options(self, data: Spec) -> Classify:
        """Return the task with other options, as read by `options`."""
        return Classify(**data)

    def heads(self, dataset: Dataset) -> dict[str, int]:
        """Return one head, "class", with a unit per class."""
        if len(dataset.class_names) < 2:
            raise DataError(f"dataset {dataset.name} has no classes")
        return {"class": len(dataset.class_names)}

    def encode(self, targets: np.ndarray) -> np.ndarray:
        """Return class numbers, int64 (n,)."""
        return np.asarray(targets, np.int64)

    def loss(self, outputs: dict[str, Tensor], targets: Tensor) -> Tensor:
        """Cross-entropy of each sample from logits (..., B, classes) and class numbers (..., B), or
        soft targets (..., B, classes)."""
        logits = outputs["class"].log_softmax(-1)
        if targets.is_floating_point():
            return -(targets * logits).sum(-1)
        return -logits.gather(-1, targets.unsqueeze(-1)).squeeze(-1)

    def loss_gradient(
        self, outputs: dict[str, Tensor], targets: Tensor
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """`loss` and its gradient for each sample's logits: softmax minus target."""
        logits = outputs["class"].log_softmax(-1)
        if targets.is_floating_point():
            return -(targets * logits).sum(-1), {"class": logits.exp() - targets}
        chosen = targets.unsqueeze(-1)
        picked = logits.gather(-1, chosen)
        gradient = logits.exp()
        gradient.scatter_(-1, chosen, picked.exp() - 1)
        return -picked.squeeze(-1), {"class": gradient}

    def correct(self, outputs: dict[str, Tensor], targets: Tensor) -> Tensor:
        """Return 1 if the largest logit is that of the target (or a soft target's largest
        share)."""
        if targets.is_floating_point():
            targets = targets.argmax(-1)
        return (outputs["class"].argmax(-1) == targets).float()

    def combine(self, outputs: dict[str, Any]) -> dict[str, Any]:
        """Return the weighted mean of the logits (..., views, classes) over the views."""
        return {
            head: sum(look.weight * seen[..., i, :] for i, look in enumerate(self.looks))
            for head, seen in outputs.items()
        }

    def predictions(self, outputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Predicted class and its softmax probability.

        The class is that of the largest logit, unless the outputs hold the "predicted" ones, (n,),
        of a classifier that decides by a rule of its own.
        """
        logits = outputs["class"].astype(np.float32)
        exponential = np.exp(logits - logits.max(-1, keepdims=True))
        predicted = outputs.get("predicted", logits.argmax(-1))
        chosen = np.take_along_axis(exponential, predicted[..., None], -1)[..., 0]
        return {
            "predicted": predicted.astype(np.int16),
            "confidence": (chosen / exponential.sum(-1)).astype(np.float16),
        }

    def more_predictions(self, outputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        """The softmax probability of each class, and its log-odds, (n, classes)."""
        logits = outputs["class"].astype(np.float32)
        exponential = np.exp(logits - logits.max(-1, keepdims=True))
        shares = exponential / exponential.sum(-1, keepdims=True)
        odds = log_odds(outputs["class"]).astype(np.float32)
        return {"probabilities": shares.astype(np.float16), "log_odds": odds}

    def metrics(self, predictions: dict[str, np.ndarray], targets: np.ndarray) -> dict[str, float]:
        """Accuracy, 0 to 1."""
        return {"accuracy": float((predictions["predicted"] == targets).mean())}


def log_odds(logits: np.ndarray) -> np.ndarray:
    """Return log(p / (1 - p)) of the softmax p of logits (n, classes), in float64.

    They rank images as p does, also where p rounds to 0 or 1, which confident networks reach.
    """
    from scipy.special import logsumexp

    z = logits.astype(np.float64)
    first = np.arange(z.shape[-1]) == z.argmax(-1)[:, None]
    whole = logsumexp(z, axis=-1, keepdims=True)
    without_first = logsumexp(np.where(first, -np.inf, z), axis=-1, keepdims=True)
    p = np.minimum(np.exp(z - whole), 0.5)  # of the others; the difference 1 - p is exact for them
    return z - np.where(first, without_first, whole + np.log1p(-p))


TASKS.add("classify")(Classify())
