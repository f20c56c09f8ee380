"""Losses: the cross-entropy of the outputs, and penalties on kernels."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from assay.networks.regularizers import Regularizer

__all__ = ["LOSSES", "Loss", "add_penalty_gradient", "cross_entropy", "penalty"]

Array = np.ndarray
Outputs = dict[str, Array]


class Loss(Protocol):
    """Loss of each sample (B,), gradient of their mean by head, and `correct` (B,), from raw
    outputs {head: (B, units)} and encoded targets (B, ...)."""

    def __call__(self, outputs: Outputs, targets: Array) -> tuple[Array, Outputs, Array]: ...


def cross_entropy(outputs: Outputs, targets: Array) -> tuple[Array, Outputs, Array]:
    """Softmax cross-entropy of the logits z (B, classes) of head "class" and class numbers t (B,).

        p_i = e^z_i / sum_j e^z_j
        L   = -1/B sum_b log p_t            the mean over the batch
        dL/dz_i = (p_i - [i = t]) / B

    Of soft targets q (B, classes), which add up to 1, it is -1/B sum_b sum_i q_i log p_i, with
    dL/dz_i = (p_i - q_i) / B.

    log p_t is computed as (z_t - m) - log sum_j e^(z_j - m) with m the largest logit: the same
    number, without overflow or logarithms of zero.

    Returns:
        the loss of each sample (B,); the gradient of their mean, (B, classes) by head; 1.0 if the
        largest logit is the target's, else 0.0 (B,).

    References:
        C. Bishop, "Pattern Recognition and Machine Learning", 2006, section 4.3.4.
    """
    z = outputs["class"]
    batch = np.arange(len(z))
    shifted = z - z.max(-1, keepdims=True)
    log_p = shifted - np.log(np.exp(shifted).sum(-1, keepdims=True))
    d = np.exp(log_p)
    if targets.ndim == 2:
        correct = (z.argmax(-1) == targets.argmax(-1)).astype(z.dtype)
        return -(targets * log_p).sum(-1), {"class": (d - targets) / len(z)}, correct
    d[batch, targets] -= 1
    d /= len(z)
    correct = (z.argmax(-1) == targets).astype(z.dtype)
    return -log_p[batch, targets], {"class": d}, correct


LOSSES: dict[str, Loss] = {"classify": cross_entropy}
"""Task -> its loss."""


def penalty(kernel: Array, regularizer: Regularizer) -> float:
    """l1 * sum |w| + l2 * sum w^2, as Keras defines it (no half before l2).

    References:
        R. Tibshirani, "Regression Shrinkage and Selection via the Lasso", 1996 (l1);
        A. Krogh and J. Hertz, "A Simple Weight Decay Can Improve Generalization", NIPS 1991 (l2).
    """
    total = 0.0
    if regularizer.l1:
        total += regularizer.l1 * float(np.abs(kernel).sum())
    if regularizer.l2:
        total += regularizer.l2 * float(np.square(kernel).sum())
    return total


def add_penalty_gradient(gradient: Array, kernel: Array, regularizer: Regularizer) -> None:
    """gradient += l1 * sign(w) + 2 * l2 * w, in place."""
    if regularizer.l1:
        gradient += regularizer.l1 * np.sign(kernel)
    if regularizer.l2:
        gradient += (2 * regularizer.l2) * kernel
