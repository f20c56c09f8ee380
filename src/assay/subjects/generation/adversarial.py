"""Adversarial generation: a generator learns to deceive a discriminator."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from assay.core.config import Entry, Option
from assay.core.options import choice, number
from assay.core.records import Spec
from assay.subjects.generation.parts import FEATURES, PartsTask, features_option

__all__ = ["LOSSES", "POLICIES", "Adversarial"]

LOSSES = ("least_squares", "non_saturating", "hinge", "relativistic")
"""Losses of the two networks; `assay.subjects.generation.training.losses` has the formulas."""

POLICIES = ("flip", "color", "translation", "cutout")
"""Augmentations of all pictures that the discriminator sees, real and generated."""


class Adversarial(PartsTask):
    """Train a generator against a discriminator, which is updated first.

    Args:
        loss: one of LOSSES.
        r1, r2: strength of the penalty on the discriminator's squared gradient at real and at
            generated pictures; 0 for none.
        augment: augmentations, some of POLICIES, of real and generated pictures before the
            discriminator.
        features: number of updates of the feature network.

    References:
        I. Goodfellow et al., "Generative Adversarial Nets", NeurIPS 2014; X. Mao et al., "Least
        Squares GANs", ICCV 2017; L. Mescheder et al., "Which Training Methods for GANs do actually
        Converge?", ICML 2018 (R1, R2); S. Zhao et al., "Differentiable Augmentation for
        Data-Efficient GAN Training", NeurIPS 2020; Y. Huang et al., "The GAN is dead; long live the
        GAN! A Modern GAN Baseline", NeurIPS 2024 (relativistic with R1 and R2).
    """

    name = "adversarial"
    parts: ClassVar[tuple[str, ...]] = ("generator", "discriminator")
    maker: ClassVar[str] = "generator"
    options: Mapping[str, Option] = {
        "loss": choice("least_squares", "loss", LOSSES, help="The loss of the two networks."),
        "r1": number(
            0.0, low=0, help="Penalty on the discriminator's squared gradient at real images."
        ),
        "r2": number(
            0.0, low=0, help="Penalty on the discriminator's squared gradient at generated images."
        ),
        "augment": Option(
            lambda entry: _read_policies(entry),
            [],
            "Changes applied to real and generated images before the discriminator.",
            {
                "anyOf": [
                    {"enum": list(POLICIES)},
                    {"type": "array", "items": {"enum": list(POLICIES)}},
                ]
            },
            f"a list of: {', '.join(POLICIES)}",
            ["flip", "translation"],
        ),
        "features": features_option(),
    }

    def __init__(
        self,
        loss: str = "least_squares",
        r1: float = 0.0,
        r2: float = 0.0,
        augment: list[str] | None = None,
        features: int = FEATURES,
    ):
        self.loss_name, self.r1, self.r2 = loss, r1, r2
        self.augment, self.features = tuple(augment or ()), features

    def with_options(self, data: Spec) -> Adversarial:
        """The task with other options, as `options` reads them."""
        return Adversarial(**data)


def _read_policies(entry: Entry) -> list[str]:
    """Some of POLICIES in any order; the canonical one is that of POLICIES."""
    items = entry.items() if isinstance(entry.value, (list, tuple)) else [entry]
    chosen = {item.choice("change of pictures", POLICIES) for item in items}
    return [policy for policy in POLICIES if policy in chosen]


ADVERSARIAL = Adversarial()
