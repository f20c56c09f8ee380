"""The loss around the weights of a stored run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from assay.core.errors import StoreError
from assay.core.seeds import stream

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np

    from assay.core.records import Record
    from assay.data.dataset import Dataset
    from assay.networks.network import Network
    from assay.reports.surface_figure import Surface

__all__ = ["direction", "loss_surface"]


def loss_surface(
    record: Record,
    network: Network,
    dataset: Dataset,
    *,
    points: int = 25,
    reach: float = 1.0,
    images: int = 1000,
    seed: int = 0,
) -> Surface:
    """The mean loss of a run's network, as the weights move in a plane through what it learned.

    Dropout is off and batch norm keeps its averages, as in evaluation. Test images are not used.

    Args:
        record: with its weights.
        network: its description.
        points: on each side of the square.
        reach: the square goes from -reach to reach; at 1 a filter has moved by its own norm.
        images: of the training part, drawn at random where there are more.
        seed: draws the two directions and the images.

    Raises:
        StoreError: the network is no description of assay's.

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
    split = dataset.fit_data.train
    chosen = np.sort(stream(seed, "surface", "images").permutation(len(split))[:images])
    loss_of = _loss(record, network, dataset, chosen)
    first, second = (direction(record.weights, seed, name) for name in ("first", "second"))
    steps = np.linspace(-reach, reach, points)
    loss = np.empty((points, points))
    for row, b in enumerate(steps):
        for column, a in enumerate(steps):
            moved = {
                name: (array + a * first[name] + b * second[name]).astype(np.float32)
                for name, array in record.weights.items()
            }
            loss[row, column] = loss_of(moved)
    return Surface(steps, loss, len(chosen))


def _loss(
    record: Record, network: Network, dataset: Dataset, chosen: np.ndarray
) -> Callable[[dict[str, np.ndarray]], float]:
    """From weights to the mean loss on some training images."""
    import numpy as np
    import torch

    from assay.engines.engine import Resources
    from assay.engines.torch_engine.device import place
    from assay.engines.torch_engine.images import Normalise
    from assay.engines.torch_engine.module import make_module
    from assay.tasks.task import find_task

    task, split = find_task(record.config["task"]), dataset.fit_data.train
    where = place(Resources(device="cpu", precision="float32"))
    normalise = Normalise(dataset.mean.astype(np.float32), dataset.std.astype(np.float32), where)
    seen = normalise(torch.from_numpy(np.ascontiguousarray(split.images[chosen])))
    seen = seen.permute(0, 3, 1, 2)
    targets = torch.from_numpy(task.encode(split.targets[chosen]))

    def loss_of(weights: dict[str, np.ndarray]) -> float:
        module = make_module(network, weights, record.seed, where).eval()
        with torch.inference_mode():
            return float(task.loss(module(seen), targets).mean())

    return loss_of


def direction(weights: dict[str, np.ndarray], seed: int, name: str) -> dict[str, np.ndarray]:
    """A random direction in which each filter has the norm of the one that it moves.

    A filter is all that leads to one unit, the last axis of a kernel; biases and the parameters of
    batch norm do not move.
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
