"""The loss around the weights of a stored run."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from assay.core.errors import ConfigError, StoreError, brief, did_you_mean, nearest
from assay.core.seeds import stream

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import numpy as np

    from assay.core.records import Record
    from assay.data.dataset import Dataset
    from assay.networks.network import Network
    from assay.reports.surface_figure import Surface

__all__ = ["direction", "find_weight", "loss_surface"]

Weights = dict[str, "np.ndarray"]

_NUMBER = r"\s*[0-9]{1,18}\s*"
"""Part of an index; no array has longer sides."""


def loss_surface(
    record: Record,
    network: Network,
    dataset: Dataset,
    *,
    weights: tuple[str, str] | None = None,
    points: int = 25,
    reach: float | None = None,
    images: int = 1000,
    seed: int = 0,
) -> Surface:
    """Return the mean loss of a run's network on a plane through its trained weights.

    Dropout is off and batch norm keeps its averages, as in evaluation. Test images are not used.

    Args:
        record: a run with its weights.
        network: its description.
        weights: two single weights that span the plane, such as "trunk.1.kernel[0,0]"; None for two
            random directions.
        points: on each side of the square.
        reach: half the side of the square. In random directions a filter has moved by its own norm
            at 1, the default; for two weights the default is twice the larger of them, at least 2,
            so that both can change their signs.
        images: number of training images, drawn at random if there are more.
        seed: seed of the two directions and of the images.

    Raises:
        StoreError: the network is not described by assay.
        ConfigError: the network has no such weight.

    References:
        H. Li et al., "Visualizing the Loss Landscape of Neural Nets", NeurIPS 2018.
    """
    import numpy as np

    from assay.networks.modules import OwnNetwork
    from assay.reports.surface_figure import Surface
    from assay.tasks.task import find_task, parts_of

    if isinstance(network, OwnNetwork) or parts_of(find_task(record.config["task"])):
        said = "draws one network that assay describes"
        raise StoreError(f"loss-surface {said}, run {record.run_id} has another kind")
    if weights is None:
        first, second = (direction(record.weights, seed, name) for name in ("first", "second"))
        names, centre, usual = ("first direction", "second direction"), (0.0, 0.0), 1.0
    else:
        (first, second), names, centre = _along(record.weights, weights)
        usual = 2 * max(1.0, *map(abs, centre))
    split = dataset.fit_data.train
    chosen = np.sort(stream(seed, "surface", "images").permutation(len(split))[:images])
    loss_of = _loss(record, network, dataset, chosen)
    reach = usual if reach is None else reach
    steps = np.linspace(-reach, reach, points)
    loss = np.array(
        [[loss_of(_moved(record.weights, a, first, b, second)) for a in steps] for b in steps]
    )
    return Surface(steps, loss, len(chosen), names, centre, random=weights is None)


def _moved(weights: Weights, a: float, first: Weights, b: float, second: Weights) -> Weights:
    """Return the weights at a point of the plane."""
    import numpy as np

    return {
        name: (array + a * first[name] + b * second[name]).astype(np.float32)
        for name, array in weights.items()
    }


def find_weight(weights: Mapping[str, np.ndarray], text: str) -> tuple[str, tuple[int, ...]]:
    """Return the array and the index of a single weight, such as "trunk.1.kernel[0,0]".

    Raises:
        ConfigError: there is no such array, or the index is not within its shape.
    """
    name, bracket, inside = (part.strip() for part in text.partition("["))
    numbers = re.fullmatch(rf"{_NUMBER}(?:,{_NUMBER})*\]", inside)
    if name not in weights:
        close = nearest(name, weights)
        hint = did_you_mean(close and text.replace(name, close, 1))
        known = ", ".join(f"{key} ({_shape(array)})" for key, array in weights.items())
        raise ConfigError(f"unknown weight {brief(repr(text))}{hint} (arrays and shapes: {known})")
    array = weights[name]
    index = tuple(map(int, inside[:-1].split(","))) if bracket and numbers else ()
    inner = [i < size for i, size in zip(index, array.shape, strict=False)]
    if len(index) != array.ndim or not all(inner):
        last = ",".join(str(size - 1) for size in array.shape)
        raise ConfigError(
            f"weight {brief(repr(text))}: {name} has the shape {_shape(array)}; expected an index "
            f"from {name}[{','.join('0' * array.ndim)}] to {name}[{last}]"
        )
    return name, index


def _shape(array: np.ndarray) -> str:
    return "x".join(map(str, array.shape))


def _along(
    weights: Weights, texts: tuple[str, str]
) -> tuple[list[Weights], tuple[str, str], tuple[float, float]]:
    """The directions that move one weight by 1 each, their names, and where the run is on both."""
    import numpy as np

    places = [find_weight(weights, text) for text in texts]
    if places[0] == places[1]:
        raise ConfigError(f"weight {texts[0]!r} is given twice; expected two different weights")
    directions = []
    for name, index in places:
        moving = {key: np.zeros(array.shape) for key, array in weights.items()}
        moving[name][index] = 1
        directions.append(moving)
    first, second = (f"{name}[{','.join(map(str, index))}]" for name, index in places)
    here, there = (float(weights[name][index]) for name, index in places)
    return directions, (first, second), (here, there)


def _loss(
    record: Record, network: Network, dataset: Dataset, chosen: np.ndarray
) -> Callable[[dict[str, np.ndarray]], float]:
    """Return a function from weights to the mean loss on some training images."""
    import numpy as np
    import torch

    from assay.engines.engine import Resources
    from assay.engines.torch_engine.device import place
    from assay.engines.torch_engine.images import Normalise
    from assay.engines.torch_engine.module import make_module
    from assay.tasks.task import find_task

    task, split = find_task(record.config["task"]), dataset.fit_data.train
    where = place(Resources(device="cpu", precision="float32"))
    normalise = Normalise(dataset.mean, dataset.std, where)
    seen = normalise(torch.from_numpy(np.ascontiguousarray(split.images[chosen])))
    seen = seen.permute(0, 3, 1, 2)
    targets = torch.from_numpy(task.encode(split.targets[chosen]))

    def loss_of(weights: dict[str, np.ndarray]) -> float:
        module = make_module(network, weights, record.seed, where).eval()
        with torch.inference_mode():
            return float(task.loss(module(seen), targets).mean())

    return loss_of


def direction(weights: dict[str, np.ndarray], seed: int, name: str) -> dict[str, np.ndarray]:
    """Return a random direction whose filters have the norms of the network's filters.

    A filter is the part of a kernel that leads to one unit (last axis); biases and the parameters
    of batch norm do not move.
    """
    import numpy as np

    found = {}
    for key, array in weights.items():
        drawn = stream(seed, "surface", name, key).standard_normal(array.shape)
        if array.ndim < 2:
            found[key] = np.zeros_like(drawn)
            continue
        axes = tuple(range(array.ndim - 1))
        norms = np.sqrt(np.square(drawn).sum(axes))
        found[key] = drawn * np.sqrt(np.square(array.astype(float)).sum(axes)) / norms
    return found
