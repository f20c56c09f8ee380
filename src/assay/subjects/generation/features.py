"""Features for the measures, from a network trained on the same images without labels."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from assay.core.errors import DataError
from assay.core.records import Spec
from assay.core.tensor_file import read_tensors, write_tensors
from assay.data.storage import cache_dir
from assay.subjects.generation.measures.checks import checked_images
from assay.subjects.generation.parts import LEAST

if TYPE_CHECKING:
    from assay.subjects.generation.encoder import Encoder

__all__ = ["FeatureSettings", "Features"]

RECIPE = 1
"""Version, increased whenever equal images and settings may give other features."""
SMALLEST = 16
"""Pixels along a side."""
SOFTEST = 0.1
"""Fraction of its mean that is added to a response before taking the logarithm. Responses are
skewed, and a few extreme images would dominate: the logarithm halves the noise of a Fréchet
distance (see docs/measures.md)."""
LEAST_LEVEL = 1e-6
"""Responses and deviations below this count as 0."""

MOST = 4096
"""Pixels along a side, and filters of a level, of features from a file."""
_SIDES = {"shape": 3, "widths": 16}
"""Key of the description of features -> its range."""

_FORMAT = "assay features 1"


@dataclass(frozen=True)
class FeatureSettings:
    """How features are learned.

    Attributes:
        widths: filters of each level of the network; there are sum(widths) + widths[0] features.
        steps: updates.
        pairs: images of a step, each seen twice.
        learning_rate: of AdamW at its highest; it warms up, then falls along a cosine.
        temperature: of the contrastive loss.
    """

    widths: tuple[int, ...] = (16, 32, 64, 128)
    steps: int = 600
    pairs: int = 128
    learning_rate: float = 4e-3
    temperature: float = 0.2


class Features:
    """A fitted network; `transform` gives the features of images of the shape it was fitted to.

    Attributes:
        about: plain data: "shape" of the images, "widths", "seed", "images", and how well the
            network learned: "rotation_accuracy", "match_accuracy".
    """

    def __init__(self, about: Spec, weights: Mapping[str, np.ndarray]):
        import torch

        from assay.subjects.generation.encoder import Encoder

        _check(about, weights)
        self.about, self._weights = dict(about), dict(weights)
        with torch.random.fork_rng(devices=[]):  # do not change other random numbers
            self._encoder = Encoder.for_images(tuple(about["shape"]), tuple(about["widths"]))
        state = {
            name.removeprefix("encoder."): torch.from_numpy(array.copy())
            for name, array in self._weights.items()
            if name.startswith("encoder.")
        }
        self._encoder.load_state_dict(state)
        self._encoder.eval().requires_grad_(False)

    @classmethod
    def fit(
        cls,
        images: np.ndarray,
        seed: int = 0,
        *,
        settings: FeatureSettings | None = None,
        cache: bool = True,
    ) -> Features:
        """Learn features of images, or take them from the cache.

        Equal images, seed and settings give equal features on one machine with one number of
        threads; elsewhere they may differ in the last digits. Fit them once for a dataset, to its
        training images, and use them for all comparisons.

        Args:
            images: uint8 (n, height, width, 1 or 3), 32 of 16x16 pixels at least.
            seed: of initial weights and batches.
            settings: how to learn; the default if None.
            cache: whether to use the cache.

        Raises:
            DataError: the array does not contain such images.
        """
        images = checked_images(images, "images", LEAST["train"], SMALLEST)
        settings = settings or FeatureSettings()
        if not cache:
            return cls._learned(images, seed, settings)
        from filelock import FileLock

        folder = cache_dir() / "features"
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError:  # a cache that cannot be written only costs the time to learn again
            return cls._learned(images, seed, settings)
        path = folder / f"{_identity(images, seed, settings)}.safetensors"
        with FileLock(path.with_suffix(".lock")):
            if path.exists():
                try:
                    return cls.load(path)
                except DataError:
                    path.unlink()  # damaged: fitted again below
            found = cls._learned(images, seed, settings)
            with suppress(OSError):
                found.save(path)
        return found

    @property
    def encoder(self) -> Encoder:
        """Return the network, whose feature maps a loss may compare; do not train it."""
        return self._encoder

    @classmethod
    def _learned(cls, images: np.ndarray, seed: int, settings: FeatureSettings) -> Features:
        from assay.subjects.generation.encoder import learn

        encoder, scores = learn(images, seed=seed, **asdict(settings))
        raw = encoder.describe(images)
        level = np.maximum(SOFTEST * raw.mean(0), LEAST_LEVEL)
        logs = np.log(raw + level)
        std = logs.std(0, dtype=np.float64)
        weights = {f"encoder.{name}": t.numpy() for name, t in encoder.state_dict().items()}
        # a constant map carries no information, and must not turn rounding errors into features
        std = np.where(std < LEAST_LEVEL, np.inf, std).astype(np.float32)
        weights |= {"level": level, "mean": logs.mean(0), "std": std}
        about = {
            "shape": list(images.shape[1:]),
            "widths": list(settings.widths),
            "seed": seed,
            "images": len(images),
            **scores,
        }
        return cls(about, weights)

    def transform(self, images: np.ndarray) -> np.ndarray:
        """Features float32 (n, d) of images uint8 (n, height, width, channels).

        Each has mean 0 and deviation 1 over the images that the features were fitted to.

        Raises:
            DataError: the images have another shape.
        """
        images = checked_images(images, "images")
        shape = tuple(self.about["shape"])
        if images.shape[1:] != shape:
            raise DataError(
                f"images: shape {images.shape[1:]}, expected {shape}, that of the images that the "
                "features were fitted to"
            )
        level, mean, std = (self._weights[name] for name in ("level", "mean", "std"))
        return (np.log(self._encoder.describe(images) + level) - mean) / std

    def distance(self, first: np.ndarray, second: np.ndarray) -> np.ndarray:
        """Return the root mean square difference of features of pairs of images, float32 (n,)."""
        apart = self.transform(first) - self.transform(second)
        return np.sqrt(np.square(apart).mean(1))

    @classmethod
    def load(cls, path: str | Path) -> Features:
        """Read what `save` wrote; raises DataError for a missing, damaged or other file."""
        try:
            return cls(*read_tensors(path, _FORMAT))
        except FileNotFoundError as error:
            raise DataError(f"{path}: there is no such file") from error
        except ValueError as error:
            raise DataError(f"{path}: not a file of features ({error})") from error

    def save(self, path: str | Path) -> None:
        """Write one safetensors file atomically."""
        write_tensors(path, _FORMAT, self.about, self._weights)


def _check(about: Spec, weights: Mapping[str, np.ndarray]) -> None:
    """Check weights against the described network; ValueError if they do not match."""
    import torch

    from assay.subjects.generation.encoder import Encoder

    shape, widths = (_sides(name, about.get(name), most) for name, most in _SIDES.items())
    if len(shape) != 3:
        raise ValueError(f"shape must be (height, width, channels), got {shape}")
    with torch.device("meta"):  # described, not built: no memory is asked for
        needed = Encoder.for_images(shape, widths).state_dict()
    shapes = {f"encoder.{name}": tuple(tensor.shape) for name, tensor in needed.items()}
    shapes |= dict.fromkeys(("level", "mean", "std"), (sum(widths) + widths[0],))
    for name in shapes.keys() | weights.keys():
        found = weights[name].shape if name in weights else None
        if found != shapes.get(name):
            raise ValueError(f"tensor {name!r} is {found}, the network needs {shapes.get(name)}")
        if np.isnan(weights[name]).any():
            raise ValueError(f"tensor {name!r} holds NaN")


def _sides(name: str, sides: Any, most: int) -> tuple[int, ...]:
    if (
        not isinstance(sides, (list, tuple))
        or not 1 <= len(sides) <= most
        or not all(type(side) is int and 1 <= side <= MOST for side in sides)
    ):
        said = f"1 to {most} whole numbers from 1 to {MOST:,}"
        raise ValueError(f"{name} must be {said}, got {sides!r}")
    return tuple(sides)


def _identity(images: np.ndarray, seed: int, settings: FeatureSettings) -> str:
    said = json.dumps([RECIPE, list(images.shape), seed, asdict(settings)])
    digest = hashlib.sha256(said.encode())
    digest.update(np.ascontiguousarray(images).data)
    return digest.hexdigest()[:24]
