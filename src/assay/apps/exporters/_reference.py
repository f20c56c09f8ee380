"""The reference for every exported model: the outputs of assay's own network."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING

from assay.core.errors import EngineError
from assay.core.records import Record
from assay.data.transforms import changes_of
from assay.networks.network import Network
from assay.tasks.looks import looks_of
from assay.tasks.task import find_task

if TYPE_CHECKING:
    import numpy as np

__all__ = ["expected", "hold", "left_out", "pixels", "sample_images"]

TOLERANCE = 1e-3
"""Largest accepted difference of an output from assay's, relative to the largest output."""


def pixels(record: Record) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation that normalise each channel of an image: float32 (channels,)."""
    import numpy as np

    found = record.provenance["pixels"]
    return np.asarray(found["mean"], np.float32), np.asarray(found["std"], np.float32)


def left_out(record: Record) -> str:
    """Sentences on what the run did that the model does not: changes of images before all that it
    does, and further views of each image in evaluation; or ""."""
    said = []
    if changes := changes_of(record.config.get("dataset") or {}):
        listed = ", ".join(f"{name}: {json.dumps(value)}" for name, value in changes.items())
        said.append(
            f"The images of this run were changed first ({listed}), as assay.data.load does it; "
            "the model takes images that are changed in the same way, and is wrong about others."
        )
    task = record.config.get("task", "classify")
    if (views := len(looks_of(find_task(task)))) > 1:
        said.append(
            f"This run was evaluated with {views} views of each image, whose outputs were combined "
            f"(task: {json.dumps(task)}); the model sees an image once, so its accuracy may be "
            "another."
        )
    return " ".join(said)


def sample_images(network: Network, count: int = 5) -> np.ndarray:
    """Random images, float32 (count, height, width, channels), whole numbers 0..255."""
    import numpy as np

    rng = np.random.default_rng(0)
    return rng.integers(0, 256, (count, *network.input_shape)).astype(np.float32)


def expected(record: Record, network: Network, images: np.ndarray) -> dict[str, np.ndarray]:
    """Outputs (n, units) by head, computed by the torch engine in float32."""
    import torch

    from assay.engines.engine import Resources
    from assay.engines.torch_engine.device import place
    from assay.engines.torch_engine.module import make_module

    mean, std = pixels(record)
    where = place(Resources(device="cpu", precision="float32"))
    module = make_module(network, record.weights, record.seed, where).eval()
    normal = torch.from_numpy((images - mean) / std).permute(0, 3, 1, 2)
    with torch.no_grad():
        outputs = module(normal.contiguous(memory_format=torch.channels_last))
    return {head: array.float().numpy() for head, array in outputs.items()}


def hold(found: Mapping[str, np.ndarray], wanted: Mapping[str, np.ndarray], what: str) -> None:
    """Raise EngineError unless the outputs of an exported model equal assay's."""
    import numpy as np

    if list(found) == [""]:  # a single output has no name
        found = dict.fromkeys(wanted, found[""])
    for head, array in wanted.items():
        scale = float(np.abs(array).max()) or 1.0
        difference = float(np.abs(found[head] - array).max()) / scale
        if not difference <= TOLERANCE:
            raise EngineError(
                f"the exported {what} model is not written: its output {head!r} differs from "
                f"assay's by {difference:.1e} of the largest; expected at most {TOLERANCE:.0e}"
            )
