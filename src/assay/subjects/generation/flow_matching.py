"""Flow matching: a network learns the velocity that carries noise to pictures."""

from __future__ import annotations

from collections.abc import Mapping
from math import prod
from typing import TYPE_CHECKING, ClassVar

from assay.core.config import Option
from assay.core.options import choice, integer
from assay.core.records import Spec
from assay.networks.network import Network
from assay.subjects.generation.parts import FEATURES, PartsTask, features_option

if TYPE_CHECKING:
    from torch import Tensor

    from assay.subjects.generation.velocity import Module

__all__ = ["TIMES", "FlowMatching"]

TIMES = ("logit_normal", "uniform")
"""How the times of training pictures are drawn; the first draws those in the middle more often."""


class FlowMatching(PartsTask):
    """Train the velocity of the straight way from noise to pictures, by its mean squared error.

    A latent point is the noise that a picture is made of, so it has as many numbers as a picture.

    Args:
        times: one of TIMES, from 0 (noise) to 1 (pictures).
        euler_steps: steps of Euler's method from noise to a picture, each one look of the network.
        features: updates of the network that looks at pictures.

    References:
        Y. Lipman et al., "Flow Matching for Generative Modeling", ICLR 2023; X. Liu et al., "Flow
        Straight and Fast: Learning to Generate and Transfer Data with Rectified Flow", ICLR 2023;
        P. Esser et al., "Scaling Rectified Flow Transformers for High-Resolution Image Synthesis",
        ICML 2024 (logit-normal times).
    """

    name = "flow_matching"
    has_loss: ClassVar[bool] = True
    parts: ClassVar[tuple[str, ...]] = ("velocity",)
    maker: ClassVar[str] = "velocity"
    options: Mapping[str, Option] = {
        "times": choice(
            "logit_normal", "distribution of times", TIMES, help="How training times are drawn."
        ),
        "euler_steps": integer(
            16, low=4, high=100, help="Steps of Euler's method from noise to a picture."
        ),
        "features": features_option(),
    }

    def __init__(
        self, times: str = "logit_normal", euler_steps: int = 16, features: int = FEATURES
    ):
        self.times, self.euler_steps, self.features = times, euler_steps, features

    def with_options(self, data: Spec) -> FlowMatching:
        """The task with other options, as `options` reads them."""
        return FlowMatching(**data)

    def latent(self, network: Network) -> int:
        """See `PartsTask.latent`."""
        return prod(_made(network))

    def images(self, network: Network, module: Module, points: Tensor) -> Tensor:
        """See `PartsTask.images`."""
        from assay.subjects.generation.velocity import as_images, euler

        return euler(module, as_images(points, _made(network)), self.euler_steps)


def _made(network: Network) -> tuple[int, ...]:
    """The shape (h, w, c) of the pictures of a velocity network."""
    return list(network.places())[-1].output_shape


FLOW_MATCHING = FlowMatching()
