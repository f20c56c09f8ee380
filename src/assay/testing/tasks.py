"""Conformance tests for tasks, datasets and networks."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from assay.core.errors import ConfigError
from assay.testing.toy import toy_dataset

if TYPE_CHECKING:
    from assay.data.dataset import Dataset
    from assay.tasks.task import TaskName

__all__ = ["check_dataset", "check_network", "check_task"]


def check_task(name: TaskName, dataset: Dataset | str | Mapping[str, object] | None = None) -> None:
    """Check a task.

    Targets, losses and predictions must have the right shapes, the loss must have gradients and be
    the same in a stack, and the metrics must have a direction.

    Args:
        name: name of the task, or a mapping with its options.
        dataset: a dataset with the targets that the task learns, or its name or specification; by
            default the toy dataset, whose targets are class numbers. A task with targets of its own
            needs a dataset with them.
    """
    import torch

    from assay.data import load
    from assay.tasks.contracts import try_task
    from assay.tasks.metrics import direction, measures_of
    from assay.tasks.task import find_task, parts_of

    task = find_task(name)
    data = load(dataset) if isinstance(dataset, (str, Mapping)) else dataset or toy_dataset()
    assert isinstance(direction(task, task.monitor), bool)
    try:
        try_task(task, data)
    except ConfigError as error:
        more = "" if dataset is not None else _OTHER_TARGETS.format(task.name)
        raise AssertionError(f"{error}{more}") from error
    if parts_of(task):  # it has a program of its own, and no predictions of single images
        return
    part = data.validation
    targets = torch.from_numpy(np.asarray(task.encode(part.targets)))
    rng = np.random.default_rng(0)
    drawn = {h: rng.normal(size=(2, len(part), u)) for h, u in task.heads(data).items()}
    outputs = {h: torch.tensor(array, requires_grad=True) for h, array in drawn.items()}
    losses = task.loss(outputs, targets.expand(2, *targets.shape))
    assert torch.isfinite(losses).all(), "a loss is not finite"
    first = task.loss({h: o[0] for h, o in outputs.items()}, targets)
    np.testing.assert_allclose(
        first.detach(), losses[0].detach(), 1e-6, err_msg="alone, in a stack"
    )
    gradients = torch.autograd.grad(losses.sum(), list(outputs.values()))
    assert all(torch.isfinite(g).all() for g in gradients), "a gradient is not finite"
    if hasattr(task, "loss_gradient"):
        plain = {h: torch.tensor(array) for h, array in drawn.items()}
        _, written = task.loss_gradient(plain, targets.expand(2, *targets.shape))
        for found, expected in zip(written.values(), gradients, strict=True):
            np.testing.assert_allclose(found, expected, 1e-6, 1e-9, err_msg="loss_gradient")
    kept = task.predictions({h: array[0].astype(np.float32) for h, array in drawn.items()})
    measured = task.metrics(kept, part.targets)
    assert set(measured) == set(measures_of(task)), f"metrics are {sorted(measured)}"


_OTHER_TARGETS = (
    "; it was checked with class numbers as targets: if it has others, name a dataset that has "
    "them, check_task({!r}, dataset=...)"
)


def check_dataset(spec: str | Mapping[str, object], data_dir: Path | None = None) -> None:
    """Check a dataset: it must match its description, and be the same each time it is read."""
    from assay import data

    first, again = (data.load(spec, data_dir) for _ in range(2))
    assert first.fingerprint == again.fingerprint, "it differs when it is read again"
    for part in (first.train, first.validation, first.test):
        assert len(part), "a part has no images"
        assert len(part.targets) == len(part.images), "there is not one target for each image"
        assert part.images.shape[1:] == first.image_shape, "images have different shapes"
        assert part.images.dtype in (np.uint8, np.float32, np.float64), part.images.dtype
        assert np.isfinite(part.images).all(), "a pixel is not finite"
    if first.class_names:
        targets = np.concatenate([first.train.targets, first.test.targets])
        assert targets.min() >= 0, "a class number is negative"
        assert targets.max() < len(first.class_names), "a class number has no name"


def check_network(network: str | Mapping[str, object], **outputs: int) -> None:
    """Check a described network or a custom module for images (8, 8, 1).

    Equal seeds must give equal initial weights, and training resumed from a checkpoint must equal
    uninterrupted training.

    Args:
        network: as in a study.
        outputs: units of each output; by default 4 units of the output "class".
    """
    from assay.engines.engine import Member, Resources
    from assay.engines.torch_engine.device import place
    from assay.engines.torch_engine.module import ModuleProgram
    from assay.engines.training import Training
    from assay.networks.families import build_network
    from assay.networks.network import initial_weights
    from assay.tasks.task import find_task

    units, data = outputs or {"class": 4}, toy_dataset()
    first, again = (build_network(network, data.image_shape, units) for _ in range(2))
    assert first.hash == again.hash, "it differs when it is built again"
    where, task = (
        place(Resources(device="cpu", precision="float32", threads=1)),
        find_task("classify"),
    )

    def program(seed: int) -> Any:
        member = Member({"seed": seed}, first, Training(learning_rate=0.01), seed)
        return ModuleProgram([member], [initial_weights(first, seed)], where, task)

    start, same, other = program(0), program(0), program(1)
    weights = [p.weights(0) for p in (start, same, other)]
    assert all(np.array_equal(weights[0][n], weights[1][n]) for n in weights[0]), (
        "equal seeds give different weights"
    )
    assert any(not np.array_equal(weights[0][n], weights[2][n]) for n in weights[0]), (
        "other seeds give equal weights"
    )
    if set(units) == {"class"}:
        _train(start, data, 0, 4)
        _train(same, data, 0, 2)
        later = program(0)
        later.load(0, same.state(0))
        _train(later, data, 2, 4)
        ends = start.weights(0), later.weights(0)
        said = "training resumed from a checkpoint differs"
        assert all(np.array_equal(ends[0][n], ends[1][n]) for n in ends[0]), said


def _train(program: Any, data: Any, start: int, stop: int) -> None:
    import torch

    images = torch.from_numpy((data.train.images - data.mean) / data.std)[None]
    targets = torch.from_numpy(data.train.targets)[None]
    with torch.no_grad():
        for step in range(start, stop):
            part = slice(20 * step, 20 * step + 20)
            loss, _ = program.step(images[:, part], targets[:, part], 1.0)
            assert torch.isfinite(loss).all(), "the loss is not finite"
