"""A plain PyTorch loop: nn.Sequential, DataLoader, SGD; as in a tutorial."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from protocol import CLASSES, Measured, Setup, images, main


class TorchPeer:
    """Float32, or autocast to bfloat16 with channels_last memory; PyTorch's own thread count."""

    def __init__(self, setup: Setup):
        self.setup = setup
        self.mixed = setup.precision == "bfloat16"

    def prepare(self) -> dict[str, Any]:
        """Put the images in memory as float32, build the model, take a few steps."""
        pictures, labels = images(self.setup.side)
        x = torch.from_numpy(pictures).permute(0, 3, 1, 2).float().div_(255)
        self.loader = DataLoader(
            TensorDataset(x, torch.from_numpy(labels)), self.setup.batch, shuffle=True
        )
        made = {"cnn": _cnn, "digits-cnn": _narrow_cnn}.get(self.setup.model)
        self.model = made() if made else _mlp(self.setup)
        if self.mixed:
            self.model = self.model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.optimizer = torch.optim.SGD(self.model.parameters(), lr=0.01)
        self.loss = nn.CrossEntropyLoss()
        self.batches = self._batches()
        self._train(0.3)
        return {
            "variants": ["loop"],
            "settings": {"loop": "autocast, channels_last" if self.mixed else "as it is"},
            "threads": torch.get_num_threads(),
            "versions": {"torch": torch.__version__},
        }

    def measure(self, variant: str) -> Measured:
        """Take steps for the time asked for."""
        return self._train(self.setup.seconds)

    def _batches(self) -> Iterator[tuple[Tensor, Tensor]]:
        while True:
            yield from self.loader

    def _train(self, seconds: float) -> Measured:
        self.model.train()
        steps, started, now = 0, time.perf_counter(), 0.0
        while now < seconds or steps < 2:
            x, y = next(self.batches)
            if self.mixed:
                x = x.to(memory_format=torch.channels_last)
            self.optimizer.zero_grad()
            cast = torch.autocast("cpu", torch.bfloat16) if self.mixed else contextlib.nullcontext()
            with cast:
                loss = self.loss(self.model(x), y)
            loss.backward()
            self.optimizer.step()
            steps += 1
            now = time.perf_counter() - started
        return Measured(steps * self.setup.batch, now)


def _mlp(setup: Setup) -> nn.Sequential:
    layers: list[nn.Module] = [nn.Flatten()]
    width = setup.side**2
    for units in setup.hidden:
        layers += [nn.Linear(width, units), nn.ReLU()]
        width = units
    return nn.Sequential(*layers, nn.Linear(width, CLASSES))


def _cnn() -> nn.Sequential:
    """A. Géron, "Hands-On Machine Learning", 3rd ed. 2022, chapter 14."""
    layers: list[nn.Module] = [nn.Conv2d(1, 64, 7, padding="same"), nn.ReLU(), nn.MaxPool2d(2)]
    for before, filters in ((64, 128), (128, 256)):
        for channels in (before, filters):
            layers += [nn.Conv2d(channels, filters, 3, padding="same"), nn.ReLU()]
        layers.append(nn.MaxPool2d(2))
    layers += [nn.Flatten(), nn.Linear(256 * 9, 128), nn.ReLU(), nn.Dropout(0.5)]
    layers += [nn.Linear(128, 64), nn.ReLU(), nn.Dropout(0.5), nn.Linear(64, CLASSES)]
    return nn.Sequential(*layers)


def _narrow_cnn() -> nn.Sequential:
    """For digits of 8x8, as in the study `tour`."""
    layers: list[nn.Module] = []
    for before, filters in ((1, 16), (16, 32)):
        layers += [nn.Conv2d(before, filters, 3, padding="same"), nn.ReLU(), nn.MaxPool2d(2)]
    layers += [nn.Flatten(), nn.Linear(32 * 4, 64), nn.ReLU(), nn.Dropout(0.2)]
    return nn.Sequential(*layers, nn.Linear(64, CLASSES))


if __name__ == "__main__":
    main(TorchPeer)
