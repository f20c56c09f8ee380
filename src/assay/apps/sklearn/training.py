"""Training one run on arrays, and prediction with its network."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from assay.core.errors import DataError, EngineError, NetworkError
from assay.core.records import Config, Record
from assay.data.dataset import Dataset
from assay.engines.engine import Cohort, Member, Resources, check_engine
from assay.engines.own_recipes import try_recipe
from assay.execution.executors.worker import find_engine
from assay.networks.checks import widest
from assay.networks.families import build_network
from assay.networks.modules import OwnNetwork
from assay.studies.training import build_training
from assay.tasks.task import find_task

__all__ = ["Shape", "image_shape", "outputs", "train_run", "unfolded", "written"]

_ROWS = 500
"""Maximum number of images in one prediction."""
_ROOM = 1 << 26
"""Maximum size of the largest feature map in one prediction: 256 MB in float32."""

_STEPS = 100
"""A range of X that has fewer steps of the number format is refused."""

Shape = tuple[int, int, int]


def unfolded(X: Any) -> tuple[Any, Shape | None]:
    """Flatten images (n, h, w[, c]) to rows (n, features); return them and the images' shape."""
    sides = np.shape(X) if isinstance(X, (list, tuple)) else getattr(X, "shape", ())
    if len(sides) < 3:
        return X, None
    if len(sides) > 4:
        said = "(n, features), (n, height, width) or (n, height, width, channels)"
        raise DataError(f"X must be {said}, got an array of shape {tuple(sides)}")
    height, width, channels = (int(side) for side in (*sides[1:], 1)[:3])
    rows = np.asarray(X).reshape(len(X), height * width * channels)
    return rows, (height, width, channels)


def check_held(given: object, rows: np.ndarray) -> None:
    """Check that the network's number format holds the samples and their differences.

    Raises:
        DataError: the values are too close to 0 for the type, or hardly differ at their size;
            nothing could be learned.
    """
    if rows.dtype.kind != "f":
        return
    least, kind = np.finfo(rows.dtype).tiny, rows.dtype
    low, high = float(rows.min()), float(rows.max())
    largest = max(-low, high)
    step = float(np.spacing(kind.type(largest)))
    if largest >= least and high - low >= _STEPS * step:
        return
    exact = np.asarray(given).astype(np.float64)
    if largest < least and exact.any():
        raise DataError(
            f"all values of X are closer to 0 than {least:.3g}, too close to 0 for {kind}; "
            "multiply them"
        )
    if (exact != rows).any():
        raise DataError(
            f"the values of X range from {exact.min():.12g} to {exact.max():.12g}, but {kind} "
            f"has steps of {step:.3g} there; subtract their mean"
        )


def image_shape(features: int, found: Shape | None, asked: list[int] | None) -> Shape:
    """Return the network's input shape: that of the images, the requested one, or one row.

    Raises:
        DataError: the requested shape does not fit.
    """
    height, width, channels = asked or found or (1, features, 1)
    shape = (height, width, channels)
    if shape[0] * shape[1] * shape[2] != features or found not in (None, shape):
        held = f"images of {written(found)}" if found else f"vectors of {features} features"
        raise DataError(f"shape {written(shape)} does not fit X, which contains {held}")
    return shape


def written(shape: Shape) -> str:
    """Format a shape: 28x28x1."""
    return "x".join(map(str, shape))


def train_run(config: Config, dataset: Dataset, device: str) -> Record:
    """Train one run to its end.

    Args:
        config: with its seed; its dataset is the name of `dataset`.

    Returns:
        Its record, with weights and without the metrics of the placeholder test part.

    Raises:
        ConfigError: a part of the user's own breaks its contract.
        NetworkError: the network does not fit the images.
        EngineError: the engine cannot train it, or its loss was not finite.
    """
    heads = find_task(config["task"]).heads(dataset)
    try:
        network = build_network(config["network"], dataset.image_shape, heads)
    except NetworkError as error:
        flat = dataset.image_shape[0] == 1
        hint = "; shape=(height, width) turns flat vectors into images"
        said = f"{written(dataset.image_shape)}{hint if flat else ', height x width x channels'}"
        raise NetworkError(f"{error} (images are {said})") from None
    check_engine(network, config["engine"])
    training = build_training(config["training"]).on(len(dataset.train))
    try_recipe(training, len(dataset.train), dataset.image_shape, max(heads.values()))
    member = Member(config, network, training, config["seed"])
    cohort, resources = Cohort((member,), config["task"]), Resources(device=device)
    engine = find_engine(config["engine"])
    engine.check(cohort, resources)
    (record,) = engine.train(cohort, dataset, resources, lambda progress: None)
    if record.status != "finished":
        said = "try a smaller learning_rate or other initial weights"
        raise EngineError(f"this training {record.status}: {record.message}; {said}")
    metrics = {k: v for k, v in record.metrics.items() if not k.startswith("test_")}
    return replace(record, metrics=metrics, predictions={})


def outputs(record: Record, images: np.ndarray, classes: int, device: str) -> np.ndarray:
    """Raw outputs of a trained network, (n, classes).

    In float32, or in float64 if it was trained in float64.

    Args:
        images: (n, height, width, channels), as in training.
    """
    import torch

    from assay.engines.keras_engine.own_model import own_outputs
    from assay.engines.torch_engine.device import place
    from assay.engines.torch_engine.images import Normalise
    from assay.engines.torch_engine.module import make_module

    height, width, channels = images.shape[1:]
    shape = (height, width, channels)
    network = build_network(record.config["network"], shape, {"class": classes})
    exact = "float64" if record.provenance["precision"] == "float64" else "float32"
    where = place(Resources(device=device, precision=exact))
    pixels = record.provenance["pixels"]
    number = np.float64 if images.dtype == np.float64 else np.float32  # normalised as in training
    mean, std = (np.asarray(pixels[name], number) for name in ("mean", "std"))
    if isinstance(network, OwnNetwork) and network.family == "keras":
        return own_outputs(network, record.weights, (images - mean) / std)
    module = make_module(network, record.weights, record.seed, where).eval()
    normalise, parts = Normalise(mean, std, where), []
    with torch.inference_mode():
        rows = min(max(1, _ROOM // widest(network)), _ROWS)
        for start in range(0, len(images), rows):
            seen = normalise(torch.tensor(images[start : start + rows]))
            parts.append(module(seen.permute(0, 3, 1, 2))["class"].cpu().numpy())
    return np.concatenate(parts)
