"""The page of `assay serve` about generated pictures: GAN, VAE and flow side by side."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from assay.apps.web.asking import best_runs, task_name
from assay.apps.web.given import number, whole
from assay.apps.web.pages import Answer, Page, Site
from assay.core.errors import AssayError, ConfigError, brief
from assay.core.records import Record
from assay.core.seeds import stream
from assay.reports.svg import png_uri

if TYPE_CHECKING:
    from assay.subjects.generation.sampler import PictureSampler

__all__ = ["PAGE", "principal_directions"]

KINDS = {"adversarial": "GAN", "autoencode": "VAE", "flow_matching": "Flow"}
KNOBS = 6
DRAWN = 240
"""Number of pictures from which directions are learned."""

STEPS = 101
"""Number of steps between two pictures."""


def principal_directions(sampler: PictureSampler, count: int = KNOBS) -> np.ndarray:
    """Return latent directions, unit vectors (count, size), along which pictures change the most.

    The principal components of many pictures are regressed on their latent points.

    References:
        E. Härkönen et al., "GANSpace: Discovering Interpretable GAN Controls", NeurIPS 2020.
    """
    points = sampler.prior.draw(DRAWN, stream(0, "latent directions"))
    images = sampler.make(points).reshape(DRAWN, -1).astype(np.float32)
    images -= images.mean(0)
    scores, sizes, _ = np.linalg.svd(images, full_matrices=False)
    kept = min(count, points.shape[1])
    centred = points - points.mean(0)
    found = (scores[:, :kept] * sizes[:kept]).T @ centred
    return (found / np.maximum(np.linalg.norm(found, axis=1, keepdims=True), 1e-9)).astype(
        np.float32
    )


def _answers(site: Site) -> Mapping[str, Answer]:
    """See `Page.answers`."""
    from assay.subjects.generation.latents import point, way
    from assay.subjects.generation.sampler import PictureSampler

    made: dict[str, tuple[Any, np.ndarray]] = {}

    def makers() -> list[tuple[str, Record, Any, np.ndarray]]:
        found = []
        for title, record in _runs(site).items():
            if record.run_id not in made:
                try:
                    sampler = PictureSampler(*site.shelf.read(_with_weights(record.run_id)))
                except AssayError:  # a run without stored weights
                    continue
                made[record.run_id] = sampler, principal_directions(sampler)
            found.append((title, record, *made[record.run_id]))
        return found

    def make(given: Any) -> dict[str, Any]:
        """Generate pictures of a point between two faces, moved along the directions."""
        first, second, share, knobs = _asked(given)
        pictures = []
        for title, record, sampler, directions in makers():
            start, end = (point(sampler.prior, seed)[0] for seed in (first, second))
            at = way(sampler.prior, start, end, STEPS)[round(share * (STEPS - 1))]
            moved = at + np.array(knobs[: len(directions)], np.float32) @ directions[: len(knobs)]
            images = sampler.make(np.stack([start, moved, end]).astype(np.float32))
            pictures.append(
                {
                    "title": title,
                    "run": record.run_id,
                    "distance": record.metrics.get("val_distance"),
                    "images": [png_uri(image) for image in images],
                }
            )
        return {"pictures": pictures}

    return {"make": make}


def _with_weights(run: str) -> Any:
    return lambda store: (store.record(run), store.weights(run))


def _runs(site: Site) -> dict[str, Record]:
    """Return the best run of each kind and dataset."""

    def kind(record: Record) -> str | None:
        name, data = KINDS.get(task_name(record)), record.config.get("dataset")
        return f"{name}, {data['name']}" if name and isinstance(data, dict) else None

    return best_runs(site, kind, "val_distance", lowest=True)


def _asked(given: Any) -> tuple[int, int, float, list[float]]:
    if not isinstance(given, dict):
        raise ConfigError("expected a JSON object that says what to generate")
    first, second = (whole(given.get(key, i), key) for i, key in enumerate(("first", "second")))
    share, knobs = number(given.get("share", 0), "share", 0, 1), given.get("knobs") or [0.0]
    if not isinstance(knobs, list):
        raise ConfigError(f"knobs must be a list of numbers, got {brief(repr(knobs))}")
    return first, second, share, [number(k, "a knob", -6, 6) for k in knobs[:KNOBS]]


PAGE = Page(
    "Faces",
    "Explore the images that a GAN, a VAE and a flow generate.",
    Path(__file__).with_name("page_files"),
    _answers,
)
