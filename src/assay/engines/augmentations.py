"""Random changes to training images that plugins add, beside those of `Augment`.

A new one is one class (docs/extending.md has an example):

    @assay.register_augmentation("cutout")
    @dataclass(frozen=True)
    class Cutout(Augmentation):
        size: int = setting(integer(4, low=1, help="Side of the square, in pixels."))

        def change(self, images, rng): ...

A study switches it on with `augment: {cutout: true}`, or with its settings.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from assay.core.config import Entry, Option, read_options
from assay.core.errors import EngineError
from assay.core.options import check_fields, check_part, deferred, object_schema, options_of
from assay.core.registry import Registry

__all__ = ["AUGMENTATIONS", "Augmentation", "augmentation_options", "checked_augmentation"]


@dataclass(frozen=True)
class Augmentation:
    """A random change to training images, drawn anew for every batch.

    A subclass is a frozen dataclass with a field for each setting and the method `change`.

    Attributes:
        kind: its key in `augment:`; the class's own name, in lower case, until it is registered.
    """

    kind: ClassVar[str] = ""

    def __init_subclass__(cls) -> None:
        cls.kind = cls.__name__.lower()

    def __post_init__(self) -> None:
        check_fields(self, ("augment", self.kind))

    def change(self, images: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Return the images changed.

        Args:
            images: a batch of one run (B, height, width, channels), normalised as the network gets
                them, after the changes that assay brings; it may be written over.
            rng: a stream of this run and this augmentation alone. How many numbers are drawn may
                depend on the shape of the batch only.

        Returns:
            Images of the same shape and type.
        """
        raise NotImplementedError

    def __call__(self, images: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """`change`, checked.

        Raises:
            EngineError: it returned something else than images of this shape.
        """
        found = self.change(images, rng)
        if not isinstance(found, np.ndarray) or found.shape != images.shape:
            got = found.shape if isinstance(found, np.ndarray) else type(found).__name__
            raise EngineError(
                f"augmentation {self.kind} returned {got}, expected images {images.shape}"
            )
        return found.astype(images.dtype, copy=False)


def checked_augmentation(name: str, cls: object) -> type[Augmentation]:
    """The class that was registered under `name`; ConfigError if it is no augmentation."""
    return check_part(name, cls, Augmentation)


AUGMENTATIONS: Registry[type[Augmentation]] = Registry(
    "augmentation", None, "assay.engines.augmentations:checked_augmentation"
)
"""Key of `augment:` -> class. Those of assay are the fields of `Augment`."""


def augmentation_options() -> dict[str, Option]:
    """A key of `augment:` for each registered augmentation: true, or a mapping of its settings."""
    return {name: _option(name, AUGMENTATIONS[name]) for name in AUGMENTATIONS}


def _option(name: str, cls: type[Augmentation]) -> Option:
    settings = options_of(cls)

    def read(entry: Entry) -> Mapping[str, Any] | None:
        if entry.value is False:
            return None
        value = {} if entry.value is True else entry.value
        inner = Entry(value, entry.path, entry.source, entry.problems)
        return read_options(inner, f"setting of augmentation {name}", settings)

    said = (cls.__doc__ or "").strip().split("\n")[0]
    schema = {"anyOf": [{"type": "boolean"}, object_schema(settings)]}
    option = deferred(None, help=said, schema=schema, accepts="true or a mapping", example=True)
    return Option(read, None, option.help, option.schema, option.accepts, option.example)
