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
    """Return the mean loss of a run's network on a plane through its trained weights.

    Dropout is off and batch norm keeps its averages, as in evaluation. Test images are not used.

    Args:
        record: a run with its weights.
        network: its description.
        points: on each side of the square.
        reach: half the side of the square; at 1 a filter has moved by its own norm.
        images: number of training images, drawn at random if there are more.
        seed: seed of the two directions and of the images.

    Raises:
        StoreError: the network is not described by assay.

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
