"""Trained networks that compute outputs for pages."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from assay.apps.web.pages import Site
from assay.core.errors import DataError
from assay.core.records import Record

if TYPE_CHECKING:
    import numpy as np

__all__ = ["best_runs", "network_of", "task_name"]


def network_of(
    record: Record, weights: Mapping[str, np.ndarray]
) -> Callable[[np.ndarray], dict[str, np.ndarray]]:
    """Return the trained network of a run, as a function of images (n, height, width, channels),
    0..255.

    Raises:
        DataError: the weights of the run were not kept.
        AssayError: the network cannot be built here.
    """
    import numpy as np
    import torch

    from assay.apps.exporters._reference import pixels
    from assay.engines.engine import Resources
    from assay.engines.torch_engine.device import place
    from assay.engines.torch_engine.module import NetworkModule
    from assay.studies.members import resolve_network

    if not weights:
        raise DataError(record.without_weights)
    where = place(Resources(device="cpu", precision="float32"))
    network = resolve_network(record.config)
    module = NetworkModule(network, dict(weights), record.seed, where).eval()
    mean, std = pixels(record)

    def ask(images: np.ndarray) -> dict[str, np.ndarray]:
        normal = torch.from_numpy((images.astype(np.float32) - mean) / std)
        with torch.inference_mode():
            made = module(normal.permute(0, 3, 1, 2))
        return {name: value.float().numpy() for name, value in made.items()}

    return ask


def best_runs(
    site: Site, kind: Callable[[Record], str | None], metric: str, lowest: bool
) -> dict[str, Record]:
    """Return the best finished run with weights of each kind, by a validation metric, best first.

    Args:
        kind: function from a record to its kind; None leaves the record out.
    """
    if not site.shelf.exists:
        return {}
    able = site.shelf.read(lambda store: [run for run in store.run_ids() if store.has_weights(run)])
    found: dict[str, Record] = {}
    sign = 1 if lowest else -1
    for record in site.shelf.records(able):
        name, value = kind(record), record.metrics.get(metric)
        if record.status != "finished" or name is None or value is None:
            continue
        if name not in found or sign * value < sign * found[name].metrics[metric]:
            found[name] = record
    return dict(sorted(found.items(), key=lambda item: sign * item[1].metrics[metric]))


def task_name(record: Record) -> str:
    """Return the name of a run's task."""
    task: Any = record.config.get("task", "classify")
    return str(task.get("name") if isinstance(task, dict) else task)
