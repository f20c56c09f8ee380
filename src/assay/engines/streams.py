"""Random draws of a run during training, from its own streams, equal in every engine.

A member's draws are the same alone or in a cohort, on any device, in any number format.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping, Sequence
from statistics import NormalDist
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from assay.core.seeds import key, stream
from assay.engines.augmentations import ALTERNATING, Mixup
from assay.engines.training import Augment

if TYPE_CHECKING:
    from torch import Tensor

__all__ = [
    "GOLDEN",
    "MASKS",
    "MIX",
    "MOST_DROPPED",
    "NOISE",
    "PLASTIC",
    "Bits",
    "Moves",
    "mask_numbers",
    "mirrored",
    "normal_numbers",
    "read_stream",
    "scaled_mask",
    "set_stream",
    "word_places",
]


def read_stream(generator: np.random.Generator) -> np.ndarray:
    """Return the state of a stream, uint64 (6,)."""
    raw: Any = generator.bit_generator.state
    return np.array([*raw["state"]["state"], raw["has_uint32"], raw["uinteger"]], np.uint64)


def set_stream(generator: np.random.Generator, state: np.ndarray) -> None:
    """Restore a state from `read_stream`."""
    raw: Any = generator.bit_generator.state
    raw["state"]["state"] = state[:4].astype(np.uint64)
    raw["has_uint32"], raw["uinteger"] = int(state[4]), int(state[5])
    generator.bit_generator.state = raw


GOLDEN, PLASTIC = 0x9E3779B97F4A7C15, 0xD1B54A32D192ED03
"""Odd numbers near 2^64 / 1.618 and 2^64 / 1.2207: their multiples are spread over 64 bits."""

MIX = ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB), (31, 1))
"""The mixing function of `Bits`: shifts, each followed by a factor."""


MASKS = 2
"""Version of dropout's masks, part of the identity of runs that use them."""

NOISE = 2
"""Version of the noise of `gaussian_noise`, likewise."""


class Bits:
    """Sixteen random bits per unit for each member, for dropout masks and noise.

    A counter-based generator: a word of 64 bits, for four units side by side, depends only on the
    member's key, on the number of draws before, and on the place of the units. So any device draws
    the same bits, in any order. With row r and word w in it, all modulo 2^64:

        word = mix((key + draw * GOLDEN) xor ((2^32 r + w) * PLASTIC))

    Args:
        seeds: the members' seeds.
        name: the layer's name; each layer has its own key.

    Attributes:
        keys: uint64 (S,).
        count: number of draws before, which is the number of updates of the run.

    References:
        J. Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011, for the idea;
        G. Steele, D. Lea and C. Flood, "Fast splittable pseudorandom number generators", OOPSLA
        2014, whose SplitMix64 has this mixing function (D. Stafford's variant 13).
    """

    def __init__(self, seeds: Sequence[int], name: str):
        self.keys = np.array([key(s, "dropout", name) for s in seeds], np.uint64)
        self.count = 0
        self._shape: tuple[int, int] = (0, 0)

    def draw(self, shape: tuple[int, ...]) -> np.ndarray:
        """int16 (S, *shape), uniform over all 65,536 values.

        A unit's bits do not depend on the number of units in its row, nor on that of rows.

        Args:
            shape: shape of one member's units; a row is along the last axis.
        """
        rows, width = math.prod(shape[:-1]), shape[-1]
        if self._shape != (rows, -(-width // 4)):
            self._shape = rows, -(-width // 4)
            self._places = word_places(*self._shape)
        own = self.keys + np.uint64(self.count * GOLDEN % 2**64)
        word = own[:, None, None] ^ self._places
        for shift, factor in MIX:
            word ^= word >> np.uint64(shift)
            word *= np.uint64(factor)
        self.count += 1
        return word.view(np.int16)[..., :width].reshape(len(own), *shape)

    def keep(self, members: Sequence[int]) -> None:
        """Keep only these members."""
        self.keys = self.keys[list(members)]


def word_places(rows: int, words: int) -> np.ndarray:
    """Return (2^32 r + w) * PLASTIC modulo 2^64 of `Bits`, uint64 (rows, words)."""
    places = (np.arange(rows, dtype=np.uint64) << np.uint64(32))[:, None]
    return (places + np.arange(words, dtype=np.uint64)) * np.uint64(PLASTIC)


Places = TypeVar("Places", np.ndarray, "Tensor")


def mirrored(places: Places, side: int) -> Places:
    """Reflect positions outside an image into it, without repeating the border pixel."""
    if side == 1:
        return places * 0
    places = places % (2 * side - 2)
    return side - 1 - abs(side - 1 - places)  # type: ignore[return-value]


MOST_DROPPED = 1 - 2**-16
"""Largest rate of dropout: of all 65,536 values of the bits, one is kept."""


def mask_numbers(rate: float) -> tuple[np.int16, np.float32]:
    """Return the smallest bits that are kept and the factor of what is kept.

    They are computed in float32 in every engine, so that masks are equal.
    """
    share = np.float32(min(rate, MOST_DROPPED))
    threshold = np.round(share * np.float32(65536) - np.float32(32768)).astype(np.int16)
    return threshold, np.float32(1) / (np.float32(1) - share)


def scaled_mask(bits: np.ndarray, rate: float, dtype: np.dtype) -> np.ndarray:
    """0 with probability `rate`, else 1 / (1 - rate), of the shape of `bits` (int16)."""
    threshold, scale = mask_numbers(rate)
    return (bits >= threshold) * dtype.type(scale)


@functools.cache
def normal_numbers() -> np.ndarray:
    """Return 65,536 quantiles of the standard normal distribution, float32, in increasing order.

    A unit's number is the one at position `bits` + 32,768, so that it is equal in every engine. The
    largest is 4.32, and their variance is 0.99998.
    """
    inverse, count = NormalDist().inv_cdf, 65536
    upper = np.array([inverse((i + 0.5) / count) for i in range(count // 2, count)], np.float32)
    return np.concatenate((-upper[::-1], upper))


class Moves:
    """Random moves and flips of training images, drawn for every batch, and further augmentations.

    Args:
        augment: the largest moves.
        seeds: the members' seeds; each has its own stream.
    """

    def __init__(self, augment: Augment, seeds: Sequence[int]):
        self.augment = augment
        self.reach = augment.shift + augment.crop
        self.streams = [stream(s, "augment") for s in seeds]
        self._further = {
            a.kind: [stream(s, "augment", a.kind) for s in seeds] for a in augment.others
        }
        self._seeds, self._sides = list(seeds), np.zeros((len(seeds), 0), np.int64)

    def start_epoch(self, orders: np.ndarray, epoch: int) -> None:
        """Set the order of images in an epoch (S, n), for alternating flips."""
        if self.augment.flip == ALTERNATING:
            count = orders.shape[1]
            first = [stream(s, "first side").integers(0, 2, count) for s in self._seeds]
            self._sides = np.take_along_axis(np.stack(first), orders, 1) ^ (epoch & 1)

    def change(self, images: np.ndarray, targets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Apply further augmentations to float images (S, B, h, w, c) and targets (S, B, ...)."""
        for augmentation in self.augment.others:
            given = zip(images, targets, self._further[augmentation.kind], strict=True)
            changed = [augmentation(*own) for own in given]
            images, targets = (np.stack(part) for part in zip(*changed, strict=True))
        return images, targets

    def mixture(self, count: int) -> tuple[float, np.ndarray]:
        """Return the share of each image of a batch, and the image that has the rest, (B,), of the
        only member and for its only further augmentation, mixup."""
        (mixup,) = self.augment.others
        assert isinstance(mixup, Mixup)
        return mixup.draw(count, self._further[mixup.kind][0])

    def state(self, member: int) -> dict[str, np.ndarray]:
        """Return the states of one member's streams."""
        further = {f"augment/{k}": read_stream(s[member]) for k, s in self._further.items()}
        return {"augment": read_stream(self.streams[member]), **further}

    def load(self, member: int, state: Mapping[str, np.ndarray]) -> None:
        """Restore a result of `state`, which may contain more."""
        set_stream(self.streams[member], state["augment"])
        for kind, streams in self._further.items():
            set_stream(streams[member], state[f"augment/{kind}"])

    def draw(self, count: int, start: int = 0) -> np.ndarray:
        """int64 (3, S, count): shift down, shift right, whether to mirror (0 or 1).

        Args:
            start: position of the first image in the order of the epoch.
        """
        drawn = np.stack([self._one(rng, count) for rng in self.streams], 1)
        if self.augment.flip == ALTERNATING:
            drawn[2] = self._sides[:, start : start + count]
        return drawn

    def keep(self, members: Sequence[int]) -> None:
        """Keep only these members."""
        self.streams = [self.streams[m] for m in members]
        self._further = {k: [s[m] for m in members] for k, s in self._further.items()}
        self._seeds, self._sides = [self._seeds[m] for m in members], self._sides[members]

    def _one(self, rng: np.random.Generator, count: int) -> np.ndarray:
        shifts = rng.integers(-self.reach, self.reach + 1, (2, count))
        flips = rng.integers(0, 2, (1, count)) * bool(self.augment.flip)
        return np.concatenate([shifts, flips])
