"""Cohorts that the compiled program can train; nothing here loads PyTorch."""

from __future__ import annotations

import functools
import sys
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec

from assay.engines.augmentations import Mixup
from assay.engines.engine import Cohort, Member, Resources
from assay.engines.precision import gpu_possible
from assay.networks import layers
from assay.networks.modules import OwnNetwork
from assay.tasks.looks import looks_of
from assay.tasks.task import find_task

__all__ = ["PROGRAM_SETTING", "compiles", "covers", "precision_of", "torch_version"]

PROGRAM_SETTING = "ASSAY_PROGRAM"
"""Environment variable that chooses the program for dense networks, "compiled" or "pytorch";
without it, the faster one is used."""

TASKS = ("classify",)
"""Tasks whose loss is compiled."""

LAYERS = (layers.Dense, layers.Activation, layers.Dropout, layers.BatchNorm, layers.Flatten)


@functools.cache
def compiles() -> bool:
    """Whether Numba is available."""
    return find_spec("numba") is not None


def covers(cohort: Cohort, resources: Resources) -> bool:
    """Whether the compiled program can train a cohort on these resources."""
    if not compiles() or cohort.task_name not in TASKS:
        return False
    if any(look.turn for look in looks_of(find_task(cohort.task))):
        return False
    if resources.device != "cpu" and (resources.device != "auto" or gpu_possible()):
        return False
    wish = str(cohort.members[0].config.get("precision", "auto"))
    return precision_of(resources, wish) is not None and all(map(_described, cohort.members))


def _described(member: Member) -> bool:
    from assay.engines.compiled.rules import step_of

    network, recipe = member.network, member.training
    if isinstance(network, OwnNetwork) or len(network.heads) != 1:
        return False
    if recipe.swa or recipe.lookahead:
        return False
    others = {type(augmentation) for augmentation in recipe.augment.others}
    if recipe.pretrain or others - {Mixup} or recipe.augment.reflect:
        return False
    kinds = [type(place.layer) for place in network.places()]
    return set(kinds) <= set(LAYERS) and layers.Dense in kinds and step_of(member) is not None


def precision_of(resources: Resources, wish: str) -> str | None:
    """Return the number format if this program supports it: "float32", "float64"."""
    wish = wish if resources.precision == "auto" else resources.precision
    return {"auto": "float32", "float32": "float32", "float64": "float64"}.get(wish)


def torch_version() -> str:
    """Return the version of PyTorch without loading it."""
    if "torch" in sys.modules:
        return str(sys.modules["torch"].__version__)
    try:
        return version("torch")
    except PackageNotFoundError:
        return "not installed"
