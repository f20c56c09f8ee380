"""Whether a task of the user's own does what `Task` promises; tried before anything is trained."""

from __future__ import annotations

import numbers
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

import numpy as np

from assay.core.code_places import defined_at, is_own
from assay.core.own import OwnPart, watched
from assay.data.dataset import Dataset, Split
from assay.tasks.looks import looks_of
from assay.tasks.metrics import direction, measures_of
from assay.tasks.task import Task, parts_of

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["heads_of", "try_task"]

_FEW = 64
"""Images whose loss is tried."""

_NUMBERS = 4_000_000
"""Largest number of outputs that are made up for the metrics."""


def heads_of(task: Task, dataset: Dataset) -> dict[str, int]:
    """Return the units of each output of a task.

    Raises:
        ConfigError: a task of the user's own fails or gives something else.
    """
    if not is_own(task):
        return task.heads(dataset)
    part = _own(task)
    heads = part.call("heads", dataset)
    fits = isinstance(heads, Mapping) and all(map(_is_head, heads.items()))
    if not fits or not (heads or parts_of(task)):
        raise part.wrong("heads", f"returned {heads!r}, expected {{output: units}}")
    return {name: int(units) for name, units in heads.items()}


def try_task(task: Task, dataset: Dataset) -> None:
    """Call the methods of a task as training does, with made-up outputs.

    Args:
        dataset: its validation images are those that are judged.

    Raises:
        ConfigError: a method fails or returns something else than `Task` says, with its line.
    """
    with watched(f"task {task.name!r}", defined_at(type(task))):
        direction(task, task.monitor)
    part, heads = _own(task), heads_of(task, dataset)
    if parts_of(task):  # it has a program of its own, and no predictions of single images
        return
    _try_loss(part, heads, dataset.validation)
    most = max(_FEW, _NUMBERS // sum(heads.values()))
    _try_metrics(part, heads, Split(*(a[:most] for a in _arrays(dataset.validation))))


def _own(task: Task) -> OwnPart:
    return OwnPart("task", str(task.name), task)


def _is_head(item: tuple[object, object]) -> bool:
    name, units = item
    whole = isinstance(units, numbers.Integral) and not isinstance(units, bool)
    return isinstance(name, str) and whole and int(units) > 0  # type: ignore[call-overload]


def _arrays(split: Split) -> tuple[np.ndarray, np.ndarray]:
    return split.images, split.targets


def _try_loss(part: OwnPart, heads: Mapping[str, int], split: Split) -> None:
    """Try the loss of two runs in a stack, as every engine asks for it."""
    import torch

    count = min(_FEW, len(split))
    encoded = part.call("encode", split.targets[:count])
    if not isinstance(encoded, np.ndarray) or encoded.shape[:1] != (count,):
        raise part.wrong("encode", f"returned {_said(encoded)}, expected an array ({count}, ...)")
    targets = torch.from_numpy(encoded)
    targets = targets.expand(2, *targets.shape)
    outputs = {
        name: torch.tensor(_drawn(2, count, units), requires_grad=True)
        for name, units in heads.items()
    }
    losses = _checked_each(part, "loss", part.call("loss", outputs, targets), count)
    if not losses.requires_grad and not hasattr(part.part, "loss_gradient"):
        raise part.wrong("loss", "returned a tensor without a gradient of the outputs")
    detached = {name: output.detach() for name, output in outputs.items()}
    _checked_each(part, "correct", part.call("correct", detached, targets), count)


def _checked_each(part: OwnPart, method: str, found: object, count: int) -> Tensor:
    import torch

    if not isinstance(found, torch.Tensor) or tuple(found.shape) != (2, count):
        expected = f"a tensor (2, {count}), a number for each image of two runs"
        raise part.wrong(method, f"returned {_said(found)}, expected {expected}")
    return found


def _try_metrics(part: OwnPart, heads: Mapping[str, int], split: Split) -> None:
    count, task = len(split), part.part
    looks = len(looks_of(task)) if not hasattr(task, "combine") else 1
    shape = (count, looks) if looks > 1 else (count,)
    outputs = {name: _drawn(*shape, units) for name, units in heads.items()}
    kept = part.call("predictions", outputs)
    for name, array in kept.items() if isinstance(kept, Mapping) else [("", None)]:
        if not isinstance(array, np.ndarray) or array.shape[:1] != (count,):
            found = f"{name}: {_said(array)}" if name else _said(kept)
            raise part.wrong("predictions", f"returned {found}, expected arrays ({count}, ...)")
    measured = part.call("metrics", kept, split.targets)
    expected = f"a finite number for each of {', '.join(measures_of(task))}"
    if not isinstance(measured, Mapping):
        raise part.wrong("metrics", f"returned {_said(measured)}, expected {expected}")
    for name, value in (dict.fromkeys(_lacking(task, measured)) | dict(measured)).items():
        if isinstance(value, str) or not _is_finite(value):
            found = "nothing" if name not in measured else _said(value)
            raise part.wrong("metrics", f"returned {found} as {name}, expected {expected}")


def _lacking(task: Task, measured: Iterable[str]) -> list[str]:
    """Return the metrics that were not measured; the loss is known without the task."""
    return [name for name in measures_of(task) if name not in {*measured, "loss"}]


def _is_finite(value: object) -> bool:
    try:
        return np.ndim(value) == 0 and bool(np.isfinite(float(value)))  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return False


def _drawn(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).normal(size=shape).astype(np.float32)


def _said(found: object) -> str:
    """Say what was returned: the shape of an array, or a plain value itself."""
    if found is None or isinstance(found, (int, float, str, np.generic)):
        return repr(found)
    shape = getattr(found, "shape", None)
    return type(found).__name__ + ("" if shape is None else f" {tuple(shape)}")
