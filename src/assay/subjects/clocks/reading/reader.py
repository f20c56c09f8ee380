"""A trained reader of clocks: one file with a network, its weights and its calibration."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from assay.core.config import Entry, Source
from assay.core.errors import AssayError, ConfigError, DataError
from assay.core.records import Spec
from assay.core.tensor_file import read_tensors, write_tensors
from assay.data.pictures import printable
from assay.engines.engine import Resources
from assay.engines.torch_engine.device import place
from assay.engines.torch_engine.module import NetworkModule
from assay.networks.checks import check_weights, widest
from assay.networks.families import build_network
from assay.networks.network import Network
from assay.subjects.clocks.labels.distributions import read_together, shares_of_times
from assay.subjects.clocks.labels.relational import HEADS, Relational
from assay.subjects.clocks.labels.scheme import Reading
from assay.subjects.clocks.looks import TURNS
from assay.subjects.clocks.reading.views import Square, beside, cut_out, squares, turned

__all__ = [
    "BOUNDS", "CERTAIN", "ENOUGH", "LONGEST", "LOOKS", "SMALLEST", "Reader", "Sight", "prepared",
]  # fmt: skip

SMALLEST = 24
"""Minimum shorter side of a picture, in pixels."""

LONGEST = 5
"""Maximum aspect ratio of a picture."""

ENOUGH = 16_000_000
"""Number of pixels of a photo that is sufficient to find a clock."""

CERTAIN = 0.5
"""Minimum certainty of a reading."""

CANDIDATES = 4
"""Number of places in a photo to refine and to evaluate in several rotations."""

STEPS = (0.16, 0.08, 0.04)
"""Steps of the refinement, relative to the side of a square."""

COLOURED = 24
"""Minimum difference of channels (of 255) in some pixel of a colour picture."""

LOOKS = 5
"""Number of views of a clock. Nine views with larger rotations were not better for the course's
clocks, and clocks without numerals must not be rotated far."""

_TOGETHER = 20
"""Number of clocks in one evaluation."""

_ROOM = 1 << 24
"""Maximum size of the largest feature map in one evaluation: 64 MB."""

SIZES = (8, 1024)
"""Range of sizes of a network's input."""

BOUNDS = ((0.2, 10.0), (-20.0, 20.0))
"""Ranges of slope and offset of a calibration."""

_FORMAT = "assay clock reader 1"


@dataclass(frozen=True)
class Sight:
    """The reading of one picture.

    Attributes:
        minutes: the time, a whole number of minutes after 12:00.
        certainty: probability that it is right within a minute, 0 to 1.
        runner_up: the second best time, at least five minutes away.
        square: the part of the picture that was read.
        directions: in the picture, in turns clockwise from up: of the 12, minute and hour hand.
        possible: spans of times (first and last minute), most probable first, that contain the true
            one for 95 % of the calibration clocks; empty without calibration.
        shares: (720,) probability of each time.
    """

    minutes: int
    certainty: float
    runner_up: int
    square: Square
    directions: tuple[float, float, float]
    possible: tuple[tuple[int, int], ...]
    shares: np.ndarray

    @property
    def percent(self) -> str:
        """Certainty in percent, never 100: photos may differ from all calibration clocks."""
        return f"{self.certainty:.0%}" if self.certainty < 0.995 else ">99%"

    @property
    def readable(self) -> bool:
        """Whether it is certain enough."""
        return self.certainty >= CERTAIN


class Reader:
    """Reads clocks.

    Args:
        about: {"network", "size", "mean", "std", "style", "calibration", ...}, JSON data as in the
            file.
        weights: float arrays as `initial_weights` names them.

    Attributes:
        looks: number of views of each clock, 1 to 9.

    Raises:
        ConfigError, NetworkError: its description is invalid, or the weights do not match its
            network.
    """

    def __init__(self, about: Spec, weights: Mapping[str, np.ndarray]):
        self.about, self.weights = dict(about), dict(weights)
        self.scheme = Relational()
        self.looks = LOOKS
        self.size, network = _checked(about, weights, self.scheme.heads())
        self._together_most = max(1, _ROOM // widest(network))
        self._place = place(Resources(device="cpu"))
        full = {name: np.asarray(array, np.float32) for name, array in weights.items()}
        self._module = NetworkModule(network, full, 0, self._place).eval()

    @classmethod
    def load(cls, path: str | Path) -> Reader:
        """Read a reader's file; raises DataError if it is missing, damaged or of another kind."""
        try:
            about, weights = read_tensors(path, _FORMAT)
        except FileNotFoundError as error:
            raise DataError(f"{printable(path)}: there is no such reader") from error
        except ValueError as error:
            said = "expected a file that assay clocks train wrote"
            raise DataError(
                f"{printable(path)}: not a reader of clocks ({error}); {said}"
            ) from error
        try:
            return cls(about, weights)
        except AssayError as error:
            raise DataError(f"{printable(path)}: not a reader of clocks: {error}") from error

    def save(self, path: str | Path) -> None:
        """Write the file atomically, with weights as float16."""
        half = {name: np.asarray(array, np.float16) for name, array in self.weights.items()}
        write_tensors(path, _FORMAT, self.about, half)

    def outputs(self, images: np.ndarray) -> dict[str, np.ndarray]:
        """Return outputs for images uint8 (n, size, size, 1): {head: float32 (n, 120)}."""
        shift, scale = (np.asarray(self.about[k], np.float32) for k in ("mean", "std"))
        parts = []
        with torch.inference_mode():
            for start in range(0, len(images), self._together_most):
                some = images[start : start + self._together_most].astype(np.float32)
                normal = torch.from_numpy((some - shift) / scale)
                parts.append(self._module(normal.permute(0, 3, 1, 2)))
        return {name: np.concatenate([p[name].float().numpy() for p in parts]) for name in HEADS}

    def read(self, picture: np.ndarray) -> Sight:
        """Read a picture uint8 (height, width, 1 or 3) of any size.

        Raises:
            DataError: the picture is too small or too elongated.
        """
        greys, ratio = prepared(picture, self.size)
        places = self.places(greys[0])
        sights = [self._look(grey, square, ratio) for square in places for grey in greys]
        return max(sights, key=lambda sight: sight.certainty)

    def places(self, photo: Image.Image) -> list[Square]:
        """Return the few squares of a grey photo with the most certain readings."""
        found = squares(photo.height, photo.width, self.size)
        if len(found) == 1:
            return found
        surest = self._surest(photo, found, CANDIDATES)
        return [self._approach(photo, square) for square in surest]

    def _surest(self, photo: Image.Image, found: list[Square], count: int) -> list[Square]:
        """Return the squares with the most certain readings of the network."""
        seen = np.stack([cut_out(photo, square, self.size) for square in found])
        certainty = self.scheme.decode(self.outputs(seen)).certainty
        return [found[i] for i in np.argsort(-certainty, kind="stable")[:count]]

    def _approach(self, photo: Image.Image, square: Square) -> Square:
        """Move a square to the most certain position, in decreasing steps."""
        for step in STEPS:
            near = beside(square, step, photo.height, photo.width)
            (square,) = self._surest(photo, near, 1)
        return square

    def _look(self, photo: Image.Image, square: Square, ratio: float) -> Sight:
        """Evaluate several views of one square and combine them."""
        outputs = self.outputs(turned(photo, square, self.size, TURNS[: self.looks]))
        read = self._together(outputs)
        logs = [log.mean(0) for log in self.scheme.log_shares(outputs)]
        bins = [int(outputs[name][0].argmax()) / outputs[name].shape[-1] for name in HEADS]
        return Sight(
            minutes=int(read.minutes[0]),
            certainty=self.trust(float(read.certainty[0])),
            runner_up=int(read.runner_up[0]),
            square=Square(square.left * ratio, square.top * ratio, square.side * ratio),
            directions=(bins[0], bins[1], bins[2]),
            possible=(),
            shares=shares_of_times(*logs),
        )

    def glance(self, images: np.ndarray) -> Reading:
        """Read clocks in pictures uint8 (n, size, size, 1), with uncalibrated certainties."""
        whole = Square(0, 0, self.size)
        found = []
        for start in range(0, len(images), _TOGETHER):
            photos = map(Image.fromarray, images[start : start + _TOGETHER, ..., 0])
            views = np.concatenate(
                [turned(p, whole, self.size, TURNS[: self.looks]) for p in photos]
            )
            found.append(self._together(self.outputs(views)))
        parts = ("minutes", "certainty", "runner_up")
        return Reading(*(np.concatenate([getattr(read, k) for read in found]) for k in parts))

    def _together(self, outputs: Mapping[str, np.ndarray]) -> Reading:
        """Return readings (n,) from outputs for n clocks, with all views of a clock in sequence."""
        logs = self.scheme.log_shares(outputs)
        shape = (-1, self.looks, logs[0].shape[-1])
        return read_together(*(log.reshape(shape).mean(1) for log in logs))

    def trust(self, certainty: float) -> float:
        """Return the calibrated probability that a reading is correct within a minute."""
        slope, offset = self.about.get("calibration") or (1.0, 0.0)
        clipped = min(max(certainty, 1e-6), 1 - 1e-6)
        return 1 / (1 + math.exp(-(slope * math.log(clipped / (1 - clipped)) + offset)))


def prepared(picture: np.ndarray, size: int) -> tuple[list[Image.Image], float]:
    """Return a picture uint8 (height, width, 1 or 3), reduced for `size`: in grey and, if it has
    colours, its red, green and blue channels; and the reduction factor.

    Raises:
        DataError: the picture is too small or too elongated.
    """
    height, width = picture.shape[:2]
    if max(height, width) > LONGEST * min(height, width):
        raise DataError(
            f"{width}x{height} pixels: this shape cannot be a photo of a clock, expected one side "
            f"at most {LONGEST} times as long as the other"
        )
    if min(height, width) < SMALLEST:
        raise DataError(
            f"{width}x{height} pixels: too small to show a clock, expected at least "
            f"{SMALLEST}x{SMALLEST}"
        )
    whole = Image.fromarray(picture[..., 0] if picture.shape[-1] == 1 else picture)
    shrunk, ratio = _shrunk(whole, size)
    return _greys(shrunk), ratio


def _checked(
    about: Spec, weights: Mapping[str, np.ndarray], heads: Mapping[str, int]
) -> tuple[int, Network]:
    """Check a reader's picture size and network against the weights."""
    given = Entry(dict(about), (), Source(dict(about))).keys()
    for name in ("network", "size", "mean", "std", "style"):
        if name not in given:
            raise ConfigError(f"{name} is missing")
    if not isinstance(about["network"], (str, dict)):
        raise given["network"].expected("a mapping")
    size = given["size"].integer(*SIZES)
    for name, least in (("mean", None), ("std", 1e-6)):
        (number,) = _numbers(given[name], 1)
        number.number(least, 1e6)
    given["style"].text()
    if about.get("calibration") is not None:
        for number, (low, high) in zip(_numbers(given["calibration"], 2), BOUNDS, strict=True):
            number.number(low, high)
    network = build_network(given["network"].value, (size, size, 1), heads, described=True)
    check_weights(network, weights)
    return size, network


def _numbers(entry: Entry, count: int) -> list[Entry]:
    if not isinstance(entry.value, (list, tuple)) or len(entry.value) != count:
        raise entry.expected(f"{count} number{'s' * (count > 1)} in a list")
    return entry.items()


def _greys(photo: Image.Image) -> list[Image.Image]:
    """Return the photo in grey and, if it has colours, its channels, because a red hand on a green
    dial may be as bright as the dial."""
    grey = photo.convert("L")
    if photo.mode == "L":
        return [grey]
    colours = photo.convert("RGB")
    apart = np.ptp(np.asarray(colours), axis=-1).max(initial=0)
    return [grey, *colours.split()] if apart >= COLOURED else [grey]


def _shrunk(photo: Image.Image, size: int) -> tuple[Image.Image, float]:
    """Reduce a large photo so that its smallest square has the size of the network's input."""
    enough = 2.5 * size
    ratio = max(min(photo.size) / enough, 1.0)
    if ratio == 1:
        return photo, 1.0
    sides = (round(photo.width / ratio), round(photo.height / ratio))
    return photo.resize(sides, Image.Resampling.BILINEAR, reducing_gap=2.0), ratio
