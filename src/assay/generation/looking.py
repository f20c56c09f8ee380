"""A small network that has learned to look at pictures, with no labels and nothing from outside.

It is trained on the training part alone, to tell each picture from all others whatever its place,
size, mirror image and brightness. Its features are the means of all its maps, scaled by their
spread over the training pictures and turned to their principal components. The same dataset and
number of updates give the same network, which is kept in the cache folder.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.numpy import load_file, save_file
from torch import Tensor, nn

from assay.core.seeds import stream
from assay.data.dataset import FitData
from assay.data.storage import cache_dir

__all__ = ["Features", "Looker", "features_of", "pixels"]

WIDTHS = (32, 64, 128, 128)
COMPONENTS = 64
BATCH = 128
TEMPERATURE = 0.2
LEARNING_RATE = 1e-3
_RECIPE = "1"
"""To be changed with anything above, so that no network of an older recipe is taken."""


def pixels(images: np.ndarray) -> Tensor:
    """uint8 (n, h, w, c) -> float32 (n, c, h, w) from -1 to 1."""
    return torch.tensor(images).permute(0, 3, 1, 2).float() / 127.5 - 1


class Looker(nn.Module):
    """Convolutions of stride 2; `maps` are what it sees on its way."""

    def __init__(self, channels: int, rng: np.random.Generator):
        super().__init__()
        self.kernels, self.biases = nn.ParameterList(), nn.ParameterList()
        for width in WIDTHS:
            scale = np.sqrt(2 / (9 * channels))
            kernel = rng.standard_normal((width, channels, 3, 3), np.float32) * np.float32(scale)
            self.kernels.append(nn.Parameter(torch.from_numpy(kernel)))
            self.biases.append(nn.Parameter(torch.zeros(width)))
            channels = width

    def maps(self, x: Tensor) -> list[Tensor]:
        """Its maps (n, width, h', w'), from the finest to the coarsest."""
        found = []
        for kernel, bias in zip(self.kernels, self.biases, strict=True):
            x = F.leaky_relu(F.conv2d(x, kernel.to(x.dtype), bias.to(x.dtype), 2, 1), 0.1)
            found.append(x)
        return found

    def forward(self, x: Tensor) -> Tensor:
        """The means of all maps, (n, sum of widths)."""
        return torch.cat([m.mean((2, 3)) for m in self.maps(x)], 1)


class Features:
    """A trained network with the scale and the directions of its features.

    Args:
        weights: as `weights` of another one gives them.
    """

    def __init__(self, channels: int, weights: Mapping[str, np.ndarray]):
        self.weights = dict(weights)
        self.network = Looker(channels, stream(0, "features"))
        own = {k: torch.from_numpy(v) for k, v in weights.items() if "." in k}
        self.network.load_state_dict(own)
        self.network.requires_grad_(False)

    def __call__(self, images: np.ndarray) -> np.ndarray:
        """Features of uint8 (n, h, w, c): float32 (n, COMPONENTS or fewer)."""
        raw = _raw(self.network, images)
        return (raw - self.weights["mean"]) / self.weights["std"] @ self.weights["directions"]


def _raw(network: Looker, images: np.ndarray) -> np.ndarray:
    with torch.no_grad():
        parts = [network(pixels(images[i : i + 250])) for i in range(0, len(images), 250)]
    return torch.cat(parts).numpy()


def features_of(data: FitData, fingerprint: str, updates: int, seed: int = 0) -> Features:
    """The network that looks at the pictures of a dataset, from the cache or trained now.

    Args:
        fingerprint: identity of the dataset.
        updates: of the network, with BATCH pictures each.
        seed: another one gives another network of the same kind.
    """
    file = cache_dir() / "features" / f"{fingerprint}-{updates}-{seed}-{_RECIPE}.safetensors"
    channels = data.train.images.shape[-1]
    with suppress(Exception):  # not there, damaged or of another shape: it is made again
        return Features(channels, load_file(file))
    weights = _train(data, updates, seed)
    with suppress(OSError):  # a cache that cannot be written only costs the time to train again
        file.parent.mkdir(parents=True, exist_ok=True)
        unfinished = file.with_suffix(f".{stream(seed).bit_generator.random_raw():x}.part")
        save_file(weights, unfinished)
        unfinished.replace(file)
    return Features(channels, weights)


def _train(data: FitData, updates: int, seed: int) -> dict[str, np.ndarray]:
    """Train the network; returns its weights, "mean", "std" and "directions".

    References:
        T. Chen et al., "A Simple Framework for Contrastive Learning of Visual Representations",
        ICML 2020.
    """
    rng, images = stream(seed, "features"), data.train.images
    network = Looker(images.shape[-1], rng)
    total = sum(WIDTHS)
    head = torch.from_numpy(rng.standard_normal((64, total), np.float32) / np.sqrt(total))
    head = nn.Parameter(head.float())
    optimizer = torch.optim.Adam([*network.parameters(), head], lr=LEARNING_RATE)
    for _ in range(updates):
        chosen = rng.integers(0, len(images), BATCH)
        batch = pixels(images[chosen])
        views = torch.cat([_view(batch, rng), _view(batch, rng)])
        loss = _contrast(F.linear(network(views), head))
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
    weights: dict[str, Any] = {k: v.detach().numpy() for k, v in network.state_dict().items()}
    some = images[np.sort(rng.permutation(len(images))[:4_000])]
    raw = _raw(network, some)
    mean, std = raw.mean(0), np.maximum(raw.std(0), 1e-6)
    _, _, axes = np.linalg.svd((raw - mean) / std, full_matrices=False)
    directions = np.ascontiguousarray(axes[:COMPONENTS].T, np.float32)
    return weights | {"mean": mean, "std": std, "directions": directions}


def _contrast(z: Tensor) -> Tensor:
    """How badly each view (2n, d) is told by its twin among all others."""
    z = F.normalize(z)
    n = len(z) // 2
    likeness = z @ z.T / TEMPERATURE
    likeness = likeness - 1e9 * torch.eye(len(z))
    twins = torch.cat([torch.arange(n, 2 * n), torch.arange(n)])
    return F.cross_entropy(likeness, twins)


def _view(images: Tensor, rng: np.random.Generator) -> Tensor:
    """The pictures moved, enlarged, mirrored and lit anew; nothing here blurs or adds noise."""
    n = len(images)
    size = rng.uniform(0.7, 1.0, n)
    matrix = np.zeros((n, 2, 3), np.float32)
    matrix[:, 0, 0] = size * rng.choice([-1, 1], n)
    matrix[:, 1, 1] = size
    matrix[:, :, 2] = rng.uniform(-1, 1, (n, 2)) * (1 - size[:, None])
    grid = F.affine_grid(torch.from_numpy(matrix), list(images.shape), align_corners=False)
    moved = F.grid_sample(images, grid, padding_mode="reflection", align_corners=False)
    light = rng.uniform(0.8, 1.2, (n, 1, 1, 1)).astype(np.float32)
    shift = rng.uniform(-0.15, 0.15, (n, images.shape[1], 1, 1)).astype(np.float32)
    return moved * torch.from_numpy(light) + torch.from_numpy(shift)
