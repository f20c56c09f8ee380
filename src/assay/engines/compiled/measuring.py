"""Measures how fast each program trains a network, a tenth of a second for each candidate."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from assay.core.cores import physical_cores
from assay.data.dataset import Dataset, Split
from assay.engines.compiled.choice import ALL_THREADS, BATCHED, BFLOAT16, COMPILED, ONEDNN, Rates
from assay.engines.engine import Member
from assay.engines.precision import fast_bfloat16
from assay.networks.network import initial_weights
from assay.tasks.task import find_task

__all__ = ["MEMBERS", "measured", "rate"]

SECONDS = 0.1
"""For each candidate."""

MEMBERS = 5
"""Of a stack."""


def measured(member: Member, precision: str) -> Rates:
    """Return images a second on one core, by program, for updates of `member`'s network."""
    rates = {COMPILED: _compiled(member, precision)}
    with_torch = _pytorch(member, precision)
    return rates | with_torch


def rate(images: int, step: Callable[[], object]) -> float:
    """Return the best rate in images a second, after a first call."""
    step()
    best, end = 0.0, time.perf_counter() + SECONDS
    while (start := time.perf_counter()) < end or not best:
        step()
        best = max(best, images / (time.perf_counter() - start))
    return round(best, 1)


def _compiled(member: Member, precision: str) -> float:
    from assay.engines.compiled.engine import prepare
    from assay.engines.compiled.pictures import Pixels
    from assay.engines.compiled.program import CompiledProgram

    batch, dtype = member.training.batch_size, np.dtype(precision)
    prepare(member, dtype, lambda said: print(said, file=sys.stderr, flush=True))
    program = CompiledProgram(member, initial_weights(member.network, member.seed), dtype)
    data = _dataset(member, batch)
    pictures = Pixels(data.fit_data, data.read_test, find_task("classify"), dtype)
    still = np.zeros((0, 3), np.int64)

    def step() -> None:
        program.train(pictures, np.tile(np.arange(batch), 4), still, np.ones(4), np.zeros(2))

    return rate(4 * batch, step)


def _dataset(member: Member, images: int) -> Dataset:
    """Return random pictures of the network's input shape."""
    shape, rng = member.network.input_shape, np.random.default_rng(0)
    classes = list(member.network.places())[-1].output_shape[-1]
    pictures = rng.integers(0, 256, (images, *shape), np.uint8)
    split = Split(pictures, rng.integers(0, classes, images))
    names = tuple(map(str, range(classes)))
    half = np.full(shape[-1], 128, np.float32)
    return Dataset({"name": "random"}, split, split, split, names, half, half / 2, "random")


def _pytorch(member: Member, precision: str) -> Rates:
    import torch

    from assay.engines.engine import Resources
    from assay.engines.torch_engine import gemm
    from assay.engines.torch_engine.device import place
    from assay.engines.torch_engine.program import StackedProgram

    members = [replace(member, training=replace(member.training, ema=0.0))] * MEMBERS
    batch, before = member.training.batch_size, torch.get_num_threads()
    images = torch.randn(MEMBERS, batch, *member.network.input_shape)
    weights = [initial_weights(member.network, member.seed)] * MEMBERS
    targets = torch.zeros(MEMBERS, batch, dtype=torch.int64)

    def trained(threads: int, precision: str, onednn: bool) -> float:
        where = place(Resources("cpu", precision, threads))
        gemm.prefer(onednn)
        program = StackedProgram(members, weights, where, find_task("classify"))
        shown = images.to(where.compute)
        with torch.no_grad():
            return rate(MEMBERS * batch, lambda: program.step(shown, targets, 1.0)) / threads

    cores = physical_cores()
    try:
        found = {BATCHED: trained(1, precision, False)}
        if precision == "float32":
            found[ONEDNN] = trained(1, precision, True)
        if precision == "float32" and fast_bfloat16("cpu"):
            found[BFLOAT16] = trained(1, "bfloat16", False)
        if cores > 1:
            best = max((BATCHED, ONEDNN), key=lambda name: found.get(name, 0.0))
            found[ALL_THREADS] = trained(cores, precision, best == ONEDNN)
        return found
    finally:
        torch.set_num_threads(before)
        gemm.prefer(None)
