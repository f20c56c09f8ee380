"""First weights from rendered clocks: a run begins where the same run on drawn clocks ended."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

import numpy as np

from assay.core.errors import EngineError
from assay.core.records import VALIDATION_ONLY, Record
from assay.data.dataset import Dataset
from assay.data.loading import load
from assay.engines.contract import Cohort, Member, Progress, Resources

__all__ = ["SHARE", "pretrained"]

SHARE = 0.5
"""How much of the progress bar pretraining takes."""

EPOCH = 3200
"""Fresh clocks drawn at a time."""

LOOKS = 20
"""Evaluations, after each of which an interrupted pretraining can go on."""

Train = Callable[[Cohort, Dataset, Resources, Callable[[Progress], None]], Iterable[Record]]


def pretrained(
    cohort: Cohort,
    dataset: Dataset,
    resources: Resources,
    on_progress: Callable[[Progress], None],
    train: Train,
) -> dict[str, dict[str, np.ndarray]]:
    """By name of the run, the weights of each member after pretraining: the same recipe, for its
    own number of updates, on fresh rendered clocks of the dataset's size.

    Args:
        train: trains a cohort from its first weights.

    Raises:
        EngineError: the pictures are not square and grey.
    """
    recipe = cohort.members[0].training.pretrain
    assert recipe is not None
    height, width, channels = dataset.image_shape
    if height != width or channels != 1:
        raise EngineError(
            f"training.pretrain draws square grey pictures; dataset {dataset.name} has "
            f"{height}x{width}x{channels}"
        )
    spec: dict[str, Any] = {"name": "clocks-rendered", "style": recipe.style, "size": height}
    spec |= {"fresh": True, "train": EPOCH, "validation": 720, "test": 720}
    members = tuple(_first_part(member, recipe.steps) for member in cohort.members)
    inner = replace(resources, save_weights=True)

    def report(p: Progress) -> None:
        on_progress(replace(p, fraction=SHARE * p.fraction))

    drawn = load(spec)
    records = {r.run_id: r for r in train(replace(cohort, members=members), drawn, inner, report)}
    pairs = zip(cohort.members, members, strict=True)
    return {own.run_id: records[first.run_id].weights for own, first in pairs}


def _first_part(member: Member, steps: int) -> Member:
    training = replace(
        member.training, pretrain=None, steps=steps, evaluate_every=-(-steps // LOOKS),
        early_stopping=None, stop_after=None, test_curve=False,
    )  # fmt: skip
    config = {**member.config, VALIDATION_ONLY: True, "pretraining": steps}
    return replace(member, config=config, training=training)
