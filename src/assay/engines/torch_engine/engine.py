"""The torch engine: choose a program for a cohort and hand its members to the shared loop."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch

from assay.core.records import Record
from assay.data.dataset import Dataset
from assay.engines.compiled.choice import remembered_product
from assay.engines.engine import Cohort, Member, Progress, Resources
from assay.engines.optimizers.optimizer import try_step
from assay.engines.pretraining import begun_with, freezes, later_progress
from assay.engines.recording import train_groups, without_state
from assay.engines.targets import soft_rows
from assay.engines.torch_engine import gemm
from assay.engines.torch_engine.device import (
    DevicePlace,
    describe,
    no_denormals,
    one_numpy_thread,
    place,
    threads_as_before,
)
from assay.engines.torch_engine.graphs import GraphedTrainer, graphs_pay
from assay.engines.torch_engine.module import ModuleProgram
from assay.engines.torch_engine.optimizers import slot_to_try
from assay.engines.torch_engine.own_programs import PROGRAMS
from assay.engines.torch_engine.own_stack import OwnStackProgram, stackable_own
from assay.engines.torch_engine.program import Program, StackedProgram, stackable
from assay.engines.torch_engine.side_by_side import SideBySideProgram
from assay.engines.torch_engine.stacking import (
    IMAGE_STACK,
    SIDE_BY_SIDE,
    STACKED,
    TURNS,
    threads_alone,
    way_of_images,
)
from assay.engines.torch_engine.trainer import DeviceDataset, TorchTrainer
from assay.engines.whitening import from_images
from assay.networks.modules import OwnNetwork
from assay.networks.network import initial_weights
from assay.tasks.task import Task, find_task

__all__ = ["TorchEngine"]

_STACK = (5, 20)
"""Minimum and maximum size of a stack on a CPU; larger ones do not fit into the cache."""

_STACKED_WEIGHTS = 1_600_000
"""Number of weights that fit into the cache; small networks form larger stacks."""

_GPU_WEIGHTS, _GPU_STACK = 250_000_000, 2_000
"""Maximum number of weights and members of a stack on a GPU: a gigabyte, and as much for the
gradients and for each optimizer state."""

_OWN_STACK = 8
_OWN_WORK = {"cpu": 5e7, "cuda": 1e10}
"""Maximum number of multiply-adds of a batch, forward, for which user-defined networks are stacked:
a stack saves calls, which do not matter for larger products."""

_AS_IMAGES = {"state": "stacked images"}
"""What a description says of states that only a stack of convolutions can go on from."""

_ROWS = {True: 1000, False: 250}
"""Images at a time in evaluation, for stacked and for single programs."""


class TorchEngine:
    """Trains with PyTorch: dense networks, narrow convolutions and small user-defined networks in
    stacks, all others one by one; see `front`."""

    name = "torch"

    def check(self, cohort: Cohort, resources: Resources) -> None:
        """Raise EngineError if the device or the precision is not available."""
        place(resources, str(cohort.members[0].config.get("precision", "auto")))
        for member in cohort.members:
            try_step(member.training.optimizer, "torch", slot_to_try)
        if own := PROGRAMS.get(cohort.task_name):
            own.check(cohort)

    def limit(self, cohort: Cohort, resources: Resources) -> int:
        """Return how many train together: 5 to 20 on a CPU, up to 2,000 on a GPU, else 1."""
        gpu = resources.device.startswith("cuda")  # the name may refer to another machine
        first = cohort.members[0]
        wish = str(first.config.get("precision", "auto"))
        where = None if gpu else place(replace(resources, threads=0), wish)  # 0 changes none
        kind = where.device.type if where else "cuda"
        if cohort.task_name in PROGRAMS:
            return 1
        if isinstance(first.network, OwnNetwork):
            return _OWN_STACK if _stacks_own(first, kind, where) else 1
        if not stackable(first.network) or not _stacks(first):
            if where is None or kind != "cpu":  # measured where they train
                return 1 if freezes(first.training) else IMAGE_STACK
            return IMAGE_STACK if _way([first] * 2, where) == STACKED else 1
        if kind != "cpu":
            return min(max(1, _GPU_WEIGHTS // first.network.parameters), _GPU_STACK)
        few, many = _STACK
        return min(max(few, _STACKED_WEIGHTS // first.network.parameters), many)

    def describe(self, resources: Resources) -> dict[str, object]:
        """Device, precision, threads and versions."""
        return describe(resources)

    def train(
        self,
        cohort: Cohort,
        dataset: Dataset,
        resources: Resources,
        on_progress: Callable[[Progress], None],
    ) -> Iterator[Record]:
        """Train the members; see `Engine`."""
        with no_denormals(), one_numpy_thread(), threads_as_before():
            yield from self._train(cohort, dataset, resources, on_progress)

    def _way_to_resume(
        self, cohort: Cohort, dataset: Dataset, resources: Resources, where: DevicePlace
    ) -> str:
        """Return how the members train: as `_way` says, but in a stack if one of them goes on from
        a rung that a stack of images has trained, whose state has its own layout."""
        way, first = _way(cohort.members, where), cohort.members[0]
        own = isinstance(first.network, OwnNetwork) or not _stacks(first)
        if way != TURNS or own or resources.checkpoints is None:
            return way
        told = {"precision": where.precision, **_AS_IMAGES, **begun_with(first, resources)}
        new = without_state(cohort, dataset, {**self.describe(resources), **told}, resources)
        return way if len(new) == len(cohort.members) else STACKED

    def _train(
        self,
        cohort: Cohort,
        dataset: Dataset,
        resources: Resources,
        on_progress: Callable[[Progress], None],
    ) -> Iterator[Record]:
        started, first = time.perf_counter(), cohort.members[0]
        gemm.prefer(remembered_product(first))
        where = place(resources, str(first.config.get("precision", "auto")))
        task = find_task(cohort.task)
        dense = stackable(first.network)
        way = self._way_to_resume(cohort, dataset, resources, where)
        stacked, kind = way == STACKED, "PyTorch" if way == TURNS else way
        images = stacked and not dense and not isinstance(first.network, OwnNetwork)
        if way == TURNS:
            threads = threads_alone(first, where, torch.get_num_threads())
            place(resources := replace(resources, threads=threads))  # which sets them

        told = {"precision": where.precision, "program": kind, **begun_with(first, resources)}
        told |= _AS_IMAGES if images else {}

        def said() -> dict[str, Any]:
            return {**self.describe(resources), **told}

        if own := PROGRAMS.get(cohort.task_name):
            yield from own.train(cohort, dataset, resources, where, task, said, on_progress)
            return
        begun: dict[str, dict[str, np.ndarray]] = {}
        if first.training.pretrain and (new := without_state(cohort, dataset, said(), resources)):
            some = replace(cohort, members=new)
            pretrain = first.training.pretrain
            begun = pretrain.weights(some, dataset.fit_data, resources, on_progress, self._train)
            on_progress = later_progress(on_progress, pretrain.share)
        seen = from_images(first.network, dataset.fit_data)
        data = DeviceDataset(dataset.fit_data, dataset.read_test, task, where)
        rows = _ROWS[stacked and dense]

        def make_trainer(group: Sequence[Member]) -> TorchTrainer:
            recipe, seeds = group[0].training, [m.seed for m in group]
            augment = data.augmenter(recipe.augment, seeds)
            weights = [begun.get(m.run_id) or _start(m, seen) for m in group]
            updates = recipe.total_steps(len(dataset.train))
            program = _program(group, weights, where, task, way, updates)
            epochs = recipe.total_epochs(len(dataset.train))
            soft = soft_rows(recipe, task, dataset)
            if dense and isinstance(program, StackedProgram) and graphs_pay(where, data, recipe):
                return GraphedTrainer(program, data, task, rows, epochs, soft)
            return TorchTrainer(program, data, task, augment, rows, epochs, soft)

        yield from train_groups(
            _groups(cohort.members, way, where),
            make_trainer,
            dataset,
            task,
            said,
            on_progress,
            resources=resources,
            started=started,
        )


def _groups(members: Sequence[Member], way: str, where: DevicePlace) -> Sequence[Sequence[Member]]:
    """Return the members of each trainer; on a GPU, those of one seed are neighbours, which share
    batches."""
    if where.device.type != "cpu":
        members = sorted(members, key=lambda member: member.seed)
    return [(member,) for member in members] if way == TURNS else [members]


def _way(members: Sequence[Member], where: DevicePlace) -> str:
    """Return how these members train: STACKED, SIDE_BY_SIDE or TURNS."""
    first = members[0]
    if isinstance(first.network, OwnNetwork):
        small = len(members) > 1 and _stacks_own(first, where.device.type, where)
        return STACKED if small else TURNS
    if stackable(first.network) and _stacks(first):
        return STACKED
    # for a single network that is not dense, copies cost more than the calls that they save
    if len(members) == 1 or freezes(first.training):
        return TURNS
    return way_of_images(first, where, _stacks(first))


def _stacks(member: Member) -> bool:
    """Whether the recipe of this member allows a stack."""
    return not member.training.averages and not freezes(member.training)


def _stacks_own(member: Member, kind: str, where: DevicePlace | None) -> bool:
    """Whether members like this one, with user-defined networks, are stacked on a kind of device.

    Args:
        where: the device and the type; None on another machine.
    """
    network, recipe = member.network, member.training
    small = network.macs * recipe.batch_size <= _OWN_WORK.get(kind, 0)
    device = where.device if where else torch.device("cpu")
    own = isinstance(network, OwnNetwork) and _stacks(member) and small
    return own and stackable_own(network, device)


def _start(member: Member, seen: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return the weights of the initializers, except those computed from the images."""
    return initial_weights(member.network, member.seed) | seen


def _program(
    group: Sequence[Member],
    weights: list[dict[str, np.ndarray]],
    where: DevicePlace,
    task: Task,
    way: str,
    updates: int,
) -> Program:
    """Return the program of a group, with the weights that it begins with."""
    own = isinstance(group[0].network, OwnNetwork)
    if way == SIDE_BY_SIDE:
        return SideBySideProgram(group, weights, where, task, updates)
    if way == STACKED and (len(group) > 1 or not own):
        return (OwnStackProgram if own else StackedProgram)(group, weights, where, task)
    return ModuleProgram(group, weights, where, task, updates)
