"""Muon: momentum, orthogonalised by a Newton-Schulz iteration."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import sqrt
from typing import TYPE_CHECKING, Any, ClassVar

from assay.core.errors import EngineError
from assay.core.options import flag, integer, number, setting
from assay.engines.optimizers.adam import adam_numpy_step, adam_torch_step
from assay.engines.optimizers.optimizer import (
    OPTIMIZERS,
    ArrayWeight,
    Numbers,
    Optimizer,
    Weight,
    some,
)
from assay.networks.description import free, value

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor

__all__ = ["Muon", "orthogonalised"]

_A, _B, _C = 3.4445, -4.7750, 2.0315
"""Coefficients of the iteration: the steepest rise of small singular values."""

_TINY = 1e-12
"""Added to the norm of a kernel, which may be zero at the start."""


def orthogonalised(matrix: Tensor, steps: int) -> Tensor:
    """Newton-Schulz: U V^T of a matrix U S V^T, with singular values of about 0.7 to 1.2 for 1.

    Each step maps every singular value x to a x + b x^3 + c x^5. Five steps are sufficient for
    values of at least a hundredth of the Frobenius norm; singular values of 0 stay 0.

    Args:
        matrix: (..., rows, columns), a NumPy array or a tensor.
        steps: of the iteration.
    """
    tall = matrix.shape[-2] > matrix.shape[-1]
    x = matrix.mT if tall else matrix  # multiply the smaller square matrix
    norm = (x * x).sum((-2, -1))[..., None, None] ** 0.5
    x = x / (norm + 1e-7)
    for _ in range(steps):
        square = x @ x.mT
        x = _A * x + (_B * square + _C * (square @ square)) @ x
    return x.mT if tall else x


@OPTIMIZERS.add("muon")
@dataclass(frozen=True)
class Muon(Optimizer):
    """m <- momentum m + g; u = g + momentum m with Nesterov's momentum, else m;
    w <- w - r rms_rate sqrt(max(rows, columns)) O(u), where O makes all singular values about 1 by
    five steps of a Newton-Schulz iteration. r is the learning rate.

    With `relative_rate`, w <- sqrt(columns) w / |w| - r relative_rate O(u): each kernel keeps its
    norm, whatever the weight decay, and a step is this many learning rates of it. This suits
    kernels before a batch norm, whose outputs do not depend on the kernel's norm.

    This is the update of kernels of hidden layers; those of convolutions are treated as matrices
    (filters, all other axes). Biases, scales of normalisation layers and kernels of output layers
    are updated by AdamW with `adam_beta_1`, `adam_beta_2` and `epsilon`. In a user-defined module,
    the last parameters with two or more axes, one for each output, count as those of output layers.

    References:
        K. Jordan et al., "Muon: An optimizer for hidden layers in neural networks", 2024;
        J. Liu et al., "Muon is Scalable for LLM Training", 2025 (rms_rate, with which the learning
        rates and weight decay of AdamW can be used);
        K. Jordan, "94% on CIFAR-10 in 3.29 Seconds on a Single GPU", 2024, and its later version
        with Muon (relative_rate).
    """

    momentum: float = free(number(0.95, low=0, below=1, help="Decay of the sum of gradients."))
    nesterov: bool = setting(flag(True, help="Use Nesterov momentum."))
    ns_steps: int = setting(
        integer(5, low=1, high=20, help="Steps of the Newton-Schulz iteration.")
    )
    rms_rate: float = free(
        number(
            0.2, above=0, help="Root mean square of an update, as a fraction of the learning rate."
        )
    )
    # not free: in one stack, a member without it would have kernels of the norm 0
    relative_rate: float = setting(
        number(
            0.0,
            low=0,
            help="Size of an update relative to its kernel, in learning rates, with kernels of a "
            "constant norm; 0 uses `rms_rate`.",
            example=12,
        )
    )
    adam_beta_1: float = free(
        number(0.9, low=0, below=1, help="`beta_1` of AdamW, for all but hidden kernels.")
    )
    adam_beta_2: float = free(
        number(0.999, low=0, below=1, help="`beta_2` of AdamW, for all but hidden kernels.")
    )
    epsilon: float = free(number(1e-7, low=0, help="`epsilon` of AdamW."))
    weight_decay: float = value(
        number(
            0.004,
            low=0,
            help="Weight decay: this fraction of the weights, times the learning rate, is "
            "subtracted.",
        )
    )

    keras: ClassVar[str] = "Muon"

    def numbers(self, hidden: tuple[int, int] | None) -> dict[str, float]:
        """See `Optimizer`; `scale` is 0 for weights that AdamW updates, `norm` for kernels whose
        norm is free."""
        found = super().numbers(hidden)
        scale = norm = 0.0
        if hidden and self.relative_rate:
            scale, norm = self.relative_rate, sqrt(hidden[1])
        elif hidden:
            scale = self.rms_rate * sqrt(max(hidden))
        betas = {"beta_1": self.adam_beta_1, "beta_2": self.adam_beta_2}
        return found | {"scale": scale, "norm": norm, **betas}

    def keras_settings(
        self, hidden: Mapping[str, tuple[int, ...]], outputs: Sequence[str]
    ) -> Mapping[str, object]:
        """See `Optimizer`."""
        if any(len(shape) != 2 for shape in hidden.values()):
            raise EngineError(
                "optimizer muon of the keras engine supports dense layers only, and this network "
                "has convolutions; use engine: torch",
                "training.optimizer",
            )
        if self.relative_rate:
            raise EngineError(
                "optimizer muon of the keras engine has no relative_rate; use engine: torch",
                "training.optimizer.relative_rate",
            )
        found = super().numbers(None) | {"adam_weight_decay": self.weight_decay}
        del found["relative_rate"]
        return {**found, "exclude_layers": [f"(^|/){name}/" for name in outputs]}

    @staticmethod
    def torch_step(slot: Weight[Tensor], gradient: Tensor, rate: float | Tensor) -> None:
        """See the class."""
        n = slot.numbers
        if not some(n["scale"]):
            adam_torch_step(slot, gradient, rate, n)
            return
        momentum = slot.buffer("momentum").mul_(n["momentum"]).add_(gradient)
        update = _blend(gradient, momentum, n)
        as_matrix = update.flatten(1 + slot.stacked) if update.dim() > 2 + slot.stacked else update
        change = orthogonalised(as_matrix, n["ns_steps"]).reshape(update.shape)
        if some(n["norm"]):
            squares = slot.weight.square()
            norms = squares.sum(tuple(range(int(slot.stacked), squares.dim())), keepdim=True).sqrt()
            slot.weight.mul_(n["norm"] / (norms + _TINY))
        slot.weight.sub_(change * (rate * n["scale"]))

    @staticmethod
    def numpy_step(slot: ArrayWeight, gradient: np.ndarray, rate: float) -> None:
        """See the class."""
        n = slot.numbers
        if not n["scale"]:
            adam_numpy_step(slot, gradient, rate, n)
            return
        momentum = slot.buffer("momentum")
        momentum *= n["momentum"]
        momentum += gradient
        change = orthogonalised(_blend(gradient, momentum, n), n["ns_steps"])
        if n["norm"]:
            slot.weight *= n["norm"] / (float((slot.weight**2).sum()) ** 0.5 + _TINY)
        slot.weight -= change * (rate * n["scale"])


def _blend(gradient: Any, momentum: Any, n: Numbers) -> Any:
    return gradient + momentum * n["momentum"] if n["nesterov"] else momentum
