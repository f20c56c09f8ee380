"""The page of `assay serve` about permuted pixels: a picture before and after, its restoration, and
the predictions of networks."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from assay.apps.web.asking import best_runs, network_of, task_name
from assay.apps.web.given import whole
from assay.apps.web.pages import Answer, Page, Site
from assay.core.errors import AssayError, ConfigError, unknown_name
from assay.core.records import Record
from assay.data import load
from assay.data.permutation import permute, pixel_permutation
from assay.data.transforms import switched_on
from assay.reports.svg import png_uri

__all__ = ["PAGE"]

DATASETS = ("digits", "mnist", "fashion-mnist")
SHOWN = 1200
"""Number of images to read, from which the order is estimated."""

MOST_NETWORKS = 6


def _answers(site: Site) -> Mapping[str, Answer]:
    """See `Page.answers`."""

    @lru_cache(2)
    def dataset(name: str) -> Any:
        size = 1200 if name == "digits" else SHOWN
        return load({"name": name, "train": size}, site.data_dir)

    @lru_cache(MOST_NETWORKS)
    def network(run: str) -> Any:
        record, weights = site.shelf.read(lambda s: (s.record(run), s.weights(run)))
        return network_of(record, weights)

    def look(given: Any) -> dict[str, Any]:
        """Return a picture, its permutation, and the predictions of stored networks for both."""
        name, seed, index = _asked(given)
        data = dataset(name)
        images, targets = data.validation.images, data.validation.targets
        image = images[index % len(images)][None]
        moved = permute(image, pixel_permutation(seed, *image.shape[1:3]))
        names = data.class_names
        said = []
        for title, record in _networks(site, name):
            try:
                ask = network(record.run_id)
                seen = [_top(ask(picture), names) for picture in (image, moved)]
            except AssayError:  # skip networks that cannot be loaded here
                continue
            said.append({"title": title, "run": record.run_id, "plain": seen[0], "moved": seen[1]})
        true = names[int(targets[index % len(images)])]
        pictures = {"plain": png_uri(image[0]), "moved": png_uri(moved[0])}
        return {**pictures, "true": true, "networks": said, "count": len(images)}

    def restore(given: Any) -> dict[str, Any]:
        """Estimate the order of the pixels from many permuted images alone."""
        from assay.reports.pixel_grid import animation, gif_uri
        from assay.subjects.unscrambling.solver.pipeline import unscramble
        from assay.subjects.unscrambling.truth import quality

        name, seed, index = _asked(given)
        data = dataset(name)
        height, width = data.image_shape[:2]
        truth = pixel_permutation(seed, height, width)
        moved = permute(data.train.images, truth)
        found = unscramble(moved, None, 0)
        flat = moved.reshape(len(moved), height * width, -1).astype(np.float32)
        judged = quality(found.cells, truth, flat.std(0).max(-1), found.shape)
        one = permute(data.validation.images[index % len(data.validation)][None], truth)
        return {
            "gif": gif_uri(animation(truth, found.cells, found.shape)),
            "restored": png_uri(found.apply(one)[0]),
            "neighbours": judged.neighbours,
            "in_place": judged.in_place_shifted,
            "images": len(moved),
            "seconds": found.seconds,
            "found": bool(found.found),
        }

    return {"look": look, "restore": restore}


def _asked(given: Any) -> tuple[str, int, int]:
    if not isinstance(given, dict):
        raise ConfigError("expected a JSON object that says what to show")
    name = given.get("dataset")
    if name not in DATASETS:
        raise ConfigError(unknown_name("dataset of this page", name, DATASETS))
    return name, whole(given.get("seed", 7), "seed"), whole(given.get("index", 0), "index")


def _networks(site: Site, dataset: str) -> list[tuple[str, Record]]:
    """Return the best run of each network family on this dataset, plain and permuted."""

    def kind(record: Record) -> str | None:
        data, family = record.config.get("dataset"), record.config["network"].get("family")
        if task_name(record) != "classify" or not isinstance(data, dict):
            return None
        if data.get("name") != dataset or switched_on(data):
            return None
        seed = data.get("permute")
        return f"{family}, trained on {'plain' if seed is None else f'permuted ({seed})'} pictures"

    return list(best_runs(site, kind, "val_accuracy", lowest=False).items())[:MOST_NETWORKS]


def _top(outputs: Mapping[str, np.ndarray], names: Any) -> dict[str, Any]:
    """Return the most probable class and its probability."""
    (logits,) = (values[0].astype(float) for values in outputs.values())
    shares = np.exp(logits - logits.max())
    shares /= shares.sum()
    return {"name": names[int(shares.argmax())], "share": float(shares.max())}


PAGE = Page(
    "Permutation",
    "A picture before and after its pixels are permuted, and the grid as the solver restores it.",
    Path(__file__).with_name("page_files"),
    _answers,
)
