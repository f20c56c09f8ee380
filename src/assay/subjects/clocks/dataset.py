"""`clocks-rendered`: analog clocks from assay's own renderer, drawn on demand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from assay.core.options import choice, flag, integer, number
from assay.core.records import Spec
from assay.core.seeds import stream
from assay.data.catalog import DatasetEntry, Raw, Survey
from assay.data.dataset import Fresh, Split
from assay.subjects.clocks.time import minutes_of, text

if TYPE_CHECKING:
    from assay.subjects.clocks.render.scene import Scene

__all__ = ["ClocksRendered", "DrawnImages", "style_version"]

TIMES = 720
PER_TIME, TEST_PER_TIME = 20, 5
MOST_PER_TIME = 1000
SIDES = (24, 512)
STYLES = ("course", "any")


def style_version(style: str) -> int:
    """Return how often the clocks of a style have been other ones, plus 1.

    Since version 2 of `any`, dials without numerals or mark stand upright, hour hands slip, and
    there are bold drawings.
    """
    return 2 if style == "any" else 1


@dataclass(frozen=True)
class DrawnImages:
    """Pictures that are drawn when they are indexed; picture i does not depend on the others.

    Attributes:
        minutes: (n,) the times.
        style, size, seed: see `assay.subjects.clocks.render`.
        names: further names of the random stream.
        glare: fraction of them, the first ones, in which glare covers at least the tip of a hand.
    """

    minutes: np.ndarray
    style: str
    size: int
    seed: int
    names: tuple[str | int, ...]
    glare: float = 0.0

    def __len__(self) -> int:
        return len(self.minutes)

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """(n, size, size, 1)."""
        return (len(self), self.size, self.size, 1)

    @cached_property
    def scene(self) -> Scene:
        """The `Scene` to draw."""
        from assay.subjects.clocks.render import make_scene

        covered = round(self.glare * len(self))
        return make_scene(self.minutes, self.style, self.seed, self.names, covered)

    def __getitem__(self, rows: np.ndarray) -> np.ndarray:
        from assay.subjects.clocks.render import draw_scene

        return draw_scene(self.scene[rows], self.style, self.size)[..., None]

    def __array__(self, dtype: np.dtype | None = None, copy: bool | None = None) -> np.ndarray:
        return self[np.arange(len(self))]

    def marked(self) -> np.ndarray:
        """(n,) whether something on the dial shows where the 12 is."""
        from assay.subjects.clocks.render import marked

        return marked(self.scene, self.style)

    def targets(self) -> np.ndarray:
        """See `assay.subjects.clocks`: float32 (n, 5)."""
        from assay.subjects.clocks.render import targets_of

        return targets_of(self.scene)


class ClocksRendered(DatasetEntry):
    """20 clocks to train on (`per_time`) for each of the 720 times, and 5 as the test set."""

    def version_of(self, spec: Spec) -> int:
        """The version of the style."""
        return style_version(spec["style"])

    def check(self, spec: Spec) -> dict[str, str]:
        """Check that `glare` and `photo_like` are only used with fresh clocks."""
        said = "dataset.{} applies to fresh clocks and needs dataset.fresh: true"
        return {
            name: said.format(name)
            for name in ("glare", "photo_like")
            if spec[name] and not spec["fresh"]
        }

    def totals(self, spec: Spec) -> tuple[int, int]:
        """As many training clocks as `per_time` says."""
        return TIMES * spec["per_time"], TIMES * TEST_PER_TIME

    def survey(self, spec: Spec, data_dir: Path | None = None) -> Survey:
        """Describe the dataset without drawing."""
        return Survey((spec["size"], spec["size"], 1), (), *self.totals(spec))

    def read(self, spec: Spec, data_dir: Path | None = None) -> Raw:
        """Return pictures that are drawn on demand."""
        parts = []
        for part, count in (("train", spec["per_time"]), ("test", TEST_PER_TIME)):
            images = _drawn(spec, np.repeat(np.arange(TIMES), count), part)
            parts.append(Split(images, _targets(images, spec)))  # type: ignore[arg-type]
        return Raw(parts[0], parts[1], ())

    def fresh(self, spec: Spec, count: int) -> Fresh | None:
        """Draw new clocks for each epoch, if `fresh: true`."""
        if not spec["fresh"]:
            return None

        from assay.subjects.clocks.render.photo_like import some_photo_like

        def draw(epoch: int) -> Split:
            rng = stream(spec["seed"], "clock times", epoch)
            times = np.resize(rng.permutation(TIMES), count)  # every time as often as possible
            drawn = _drawn(spec, times, "fresh", epoch, glare=spec.get("glare", 0.0))
            images, targets = np.asarray(drawn), _targets(drawn, spec)
            if share := spec.get("photo_like", 0.0):
                rng = stream(spec["seed"], "photo-like", epoch)
                images, targets[:, 2:] = some_photo_like(
                    images, targets[:, 2:], share, rng, drawn.marked()
                )
            return Split(images, targets)

        return draw

    def target_name(self, target: np.ndarray, class_names: Sequence[str]) -> str:
        """The time, as on a clock."""
        return text(minutes_of(float(target[0]), float(target[1])))

    def strata(self, targets: np.ndarray) -> np.ndarray:
        """The time."""
        return (60 * targets[:, 0] + targets[:, 1]).astype(np.int64)


def _drawn(spec: Spec, minutes: np.ndarray, *names: str | int, glare: float = 0.0) -> DrawnImages:
    return DrawnImages(minutes, spec["style"], spec["size"], spec["seed"], names, glare)


def _targets(images: DrawnImages, spec: Spec) -> np.ndarray:
    found = images.targets()
    return found if spec["angles"] else found[:, :2].astype(np.int64)


RENDERED = ClocksRendered(
    name="clocks-rendered",
    title="greyscale analog clocks at every time, drawn by assay's own renderer",
    kept="drawn by assay",
    task="tell_time",
    licence="MIT, as assay itself",
    citation="assay's renderer (assay.subjects.clocks.render)",
    train=TIMES * PER_TIME,
    test=TIMES * TEST_PER_TIME,
    options={
        "style": choice("course", "style of clocks", STYLES, help="Style of the clocks."),
        "size": integer(150, low=SIDES[0], high=SIDES[1], help="Side of the pictures."),
        "seed": integer(0, low=0, help="Seed of the renderer."),
        "per_time": integer(
            PER_TIME,
            low=1,
            high=MOST_PER_TIME,
            help="Clocks to train on for each of the 720 times.",
        ),
        "fresh": flag(help="Draw new training pictures for every epoch."),
        "angles": flag(True, help="Include the directions of the 12 and the hands in the targets."),
    },
    optional={
        "glare": number(
            0.0,
            low=0,
            high=1,
            noun="a share",
            example=0.2,
            help="Fraction of fresh clocks whose glare covers the tip of a hand.",
        ),
        "photo_like": number(
            0.0,
            low=0,
            high=1,
            noun="a share",
            example=0.5,
            help="Fraction of fresh clocks that are transformed like photos: crop, coarse pixels, "
            "blur, exposure, a window's reflection, JPEG, a third of them rotated.",
        ),
    },
    note="per_time: training clocks for each of the 720 times; fresh: true draws new training "
    "pictures for every epoch; glare: fraction of these whose glare covers the tip of a hand "
    "(otherwise 1 in 23); photo_like: fraction of these that are blurred, exposed and compressed "
    "like photos; angles: false omits the directions of the 12 and the hands",
)
