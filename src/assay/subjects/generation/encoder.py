"""The small network that turns images into features, and how it is trained without labels.

This module is the only one of the package that imports PyTorch; `features` imports it when needed.

Two things are learned at once from the same pass: by how many quarter turns an image was rotated
(which depends on the content), and which two of many pictures are the same image, shifted and
mirrored (which depends on details). Properties that a measure should detect, such as colour, blur
or noise, are never changed in training, so that the features do not become invariant to them;
shifts by whole pixels do not change pixels.

References:
    S. Gidaris, P. Singh and N. Komodakis, "Unsupervised Representation Learning by Predicting Image
    Rotations", 2018; T. Chen et al., "A Simple Framework for Contrastive Learning of Visual
    Representations", 2020.
"""

from __future__ import annotations

import math

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from assay.core.seeds import stream

__all__ = ["Encoder", "learn"]

FINE = 48
"""Images with shorter sides are processed at full resolution; others start with stride 2."""
TURNS = 4
PROJECTED = 64
INFERENCE_BATCH = 256


class Encoder(nn.Module):
    """Convolutions with stride 2, with average features of every level.

    Args:
        channels: of the images.
        widths: filters of each level.
        stride: of the first level.
    """

    def __init__(self, channels: int, widths: tuple[int, ...], stride: int):
        super().__init__()
        inputs = (channels, *widths[:-1])
        strides = (stride, *[2] * (len(widths) - 1))
        self.levels = nn.ModuleList(
            nn.Sequential(
                nn.Conv2d(i, o, 3, s, padding=1, bias=False), nn.BatchNorm2d(o), nn.ReLU()
            )
            for i, o, s in zip(inputs, widths, strides, strict=True)
        )

    @classmethod
    def for_images(cls, shape: tuple[int, ...], widths: tuple[int, ...]) -> Encoder:
        """Return an encoder of images (height, width, channels)."""
        return cls(shape[2], widths, 1 if min(shape[:2]) < FINE else 2)

    def forward(self, x: torch.Tensor) -> list[torch.Tensor]:
        """Feature maps (n, filters, h, w) of each level, of images (n, channels, height, width)."""
        maps = []
        for level in self.levels:
            x = level(x)
            maps.append(x)
        return maps

    def describe(self, images: np.ndarray) -> np.ndarray:
        """Return raw features float32 (n, d) of images uint8 (n, height, width, channels).

        The mean of every feature map of every level, from single edges to whole objects, and the
        standard deviation of the first level's, which blur decreases and noise increases.
        """
        self.eval()
        found = []
        with torch.inference_mode():
            for start in range(0, len(images), INFERENCE_BATCH):
                maps = self(_tensor(images[start : start + INFERENCE_BATCH]))
                parts = [m.mean((2, 3)) for m in maps]
                apart = maps[0] - maps[0].mean((2, 3), keepdim=True)
                parts.append(apart.square_().mean((2, 3)).sqrt())  # `std` takes ten times as long
                found.append(torch.cat(parts, 1).numpy())
        return np.concatenate(found)


def learn(
    images: np.ndarray,
    *,
    widths: tuple[int, ...],
    steps: int,
    pairs: int,
    learning_rate: float,
    temperature: float,
    seed: int,
) -> tuple[Encoder, dict[str, float]]:
    """Train an encoder on images uint8 (n, height, width, channels).

    Returns:
        The encoder, and its final accuracy in both tasks: "rotation_accuracy" (chance is 0.25)
        and "match_accuracy" (chance is 1 in twice the pairs), over the last tenth of the steps.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(int(stream(seed, "features", "init").integers(2**31)))
        encoder = Encoder.for_images(images.shape[1:], widths).train()
        turn = nn.Linear(widths[-1], TURNS)
        project = nn.Sequential(
            nn.Linear(widths[-1], widths[-1]), nn.ReLU(), nn.Linear(widths[-1], PROJECTED)
        )
    weights = [*encoder.parameters(), *turn.parameters(), *project.parameters()]
    optimizer = torch.optim.AdamW(weights, learning_rate, weight_decay=1e-2)
    rng, right = stream(seed, "features", "batches"), []
    for step in range(steps):
        warm, rest = min(1.0, (step + 1) / 50), 0.5 + 0.5 * math.cos(math.pi * step / steps)
        optimizer.param_groups[0]["lr"] = learning_rate * warm * rest
        x, turns = _pairs_of_views(images, min(pairs, len(images)), rng)
        seen = encoder(x)[-1].mean((2, 3))
        turned, same = turn(seen), _similarities(project(seen), temperature)
        partner = (torch.arange(len(same)) + len(same) // 2) % len(same)
        loss = F.cross_entropy(turned, turns) + 0.5 * F.cross_entropy(same, partner)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        if step >= 9 * steps // 10:
            hits = [turned.argmax(1) == turns, same.argmax(1) == partner]
            right.append([float(h.float().mean()) for h in hits])
    scores = np.mean(right, 0).tolist()
    return encoder.eval(), dict(zip(("rotation_accuracy", "match_accuracy"), scores, strict=True))


def _pairs_of_views(
    images: np.ndarray, pairs: int, rng: np.random.Generator
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return two views of each of some images, (2 * pairs, channels, side, side), and their
    rotations.

    Both views of an image have the same rotation, so that features of details can depend on it.
    """
    chosen = images[rng.choice(len(images), pairs, replace=False)]
    turns = rng.integers(TURNS, size=pairs)
    views = np.concatenate([_shifted(chosen, rng), _shifted(chosen, rng)])
    for k in range(1, TURNS):
        rows = np.tile(turns == k, 2)
        views[rows] = np.rot90(views[rows], k, (1, 2))
    return _tensor(views), torch.from_numpy(np.tile(turns, 2))


def _shifted(images: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A square window (n, side, side, channels) of each image, moved by up to a fifth of it over
    the reflected border, every other one mirrored."""
    n, height, width, _ = images.shape
    side = min(height, width)
    edge = side // 5
    padded = np.pad(images, ((0, 0), (edge, edge), (edge, edge), (0, 0)), mode="reflect")
    top = rng.integers(height - side + 2 * edge + 1, size=n)
    left = rng.integers(width - side + 2 * edge + 1, size=n)
    rows = top[:, None] + np.arange(side)
    columns = left[:, None] + np.arange(side)
    mirrored = rng.random(n) < 0.5
    columns[mirrored] = columns[mirrored, ::-1]
    return padded[np.arange(n)[:, None, None], rows[:, :, None], columns[:, None, :]]


def _similarities(projected: torch.Tensor, temperature: float) -> torch.Tensor:
    """Cosines of all pairs over the temperature; no view is its own partner."""
    unit = F.normalize(projected, dim=1)
    return (unit @ unit.T / temperature).fill_diagonal_(-1e9)


def _tensor(images: np.ndarray) -> torch.Tensor:
    """Float32 (n, channels, height, width) in -1..1, laid out as the images are."""
    return torch.from_numpy(np.ascontiguousarray(images)).permute(0, 3, 1, 2).float() / 127.5 - 1
