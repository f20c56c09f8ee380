"""The base of programs that generate pictures: modules, weights, average, and state."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from assay.core.seeds import stream
from assay.data.dataset import FitData
from assay.engines.engine import Member
from assay.engines.torch_engine.average import WeightAverage, share_of
from assay.engines.torch_engine.device import DevicePlace
from assay.engines.torch_engine.generator_modules import GaussianNoiseModule
from assay.engines.torch_engine.images import DeviceSplit
from assay.engines.torch_engine.module import (
    NetworkModule,
    from_plain,
    make_slots,
    to_plain,
)
from assay.engines.torch_engine.optimizers import Slot, update
from assay.networks.assembly import Assembly
from assay.networks.network import initial_weights
from assay.subjects.generation.latents import Normal, Prior

__all__ = ["PartsProgram", "to_bytes"]

ROWS = 100
"""Pictures at a time outside of training, which limits memory."""


class PartsProgram:
    """One run of several networks. Its random draws depend only on the seed and the update's
    number.

    Attributes:
        maker: the part that generates pictures from latent points; evaluated with its average if
            the recipe has one (`Training.ema`).
    """

    maker: ClassVar[str] = ""

    def __init__(self, member: Member, place: DevicePlace, task: Any, fit: FitData):
        self.member, self.place = member, place
        self.task = task
        assert isinstance(member.network, Assembly)
        weights = initial_weights(member.network, member.seed)
        self.modules: dict[str, NetworkModule] = {}
        self.slots: dict[str, list[Slot]] = {}
        for name, network in member.network.parts:
            own = {k.removeprefix(f"{name}."): v for k, v in weights.items()}
            self.modules[name] = NetworkModule(network, own, member.seed, place)
            self.slots[name] = make_slots(member, network, self.modules[name])
        self._random = torch.Generator(place.device)
        for module in self.modules.values():
            for layer in module.modules():
                if isinstance(layer, GaussianNoiseModule):
                    layer.random = self._random
        self.average = WeightAverage(
            self.modules[self.maker].tensors(), share_of(member.training, 0)
        )
        self._maker = member.network[self.maker]
        self.latent = task.latent(self._maker)
        self.prior: Prior = Normal(self.latent)

    # -- training ------------------------------------------------------------------------------

    def step(
        self, images: Tensor, number: int, fraction: float, factor: float
    ) -> dict[str, Tensor]:
        """Update every part.

        Args:
            images: (B, c, h, w) from -1 to 1, in the compute type.
            number: number of the update, 0-based; with the seed it determines random draws.
            fraction: fraction of the budget done.
            factor: the schedule's factor on the learning rate.

        Returns:
            Losses and other scalars, means over the batch.
        """
        raise NotImplementedError

    def begin(self, number: int) -> np.random.Generator:
        """Start an update: return its random stream, from which noise layers draw as well."""
        rng = stream(self.member.seed, "update", number)
        self._random.manual_seed(int(rng.integers(2**62)))
        for module in self.modules.values():
            module.train()
        return rng

    def points(self, count: int, rng: np.random.Generator) -> Tensor:
        """Draw standard normal numbers (count, latent) on the device."""
        drawn = rng.standard_normal((count, self.latent), np.float32)
        return torch.from_numpy(drawn).to(self.place.device, self.place.master)

    def descend(self, part: str, loss: Tensor, factor: float) -> None:
        """Update the weights of one part by the gradient of a loss."""
        slots = self.slots[part]
        gradients = torch.autograd.grad(loss, [slot.weight for slot in slots])
        with torch.no_grad():
            update(type(self.member.training.optimizer), slots, list(gradients), factor)

    # -- evaluation ----------------------------------------------------------------------------

    def prepare(self, train: DeviceSplit) -> None:
        """Fit to the training part before pictures are generated at an evaluation."""

    def losses(self, split: DeviceSplit) -> dict[str, float]:
        """Return losses of a split without training, by name; empty if there are none."""
        return {}

    def make(self, points: np.ndarray) -> np.ndarray:
        """Generate pictures of latent points (n, latent): uint8 (n, h, w, c)."""
        module = self.modules[self.maker].eval()
        images = []
        with torch.no_grad(), self.average.in_place():
            for start in range(0, len(points), ROWS):
                part = torch.from_numpy(points[start : start + ROWS])
                part = part.to(self.place.device, self.place.master)
                images.append(to_bytes(self.task.images(self._maker, module, part)))
        return np.concatenate(images)

    def reconstruct(self, split: DeviceSplit, places: np.ndarray) -> np.ndarray | None:
        """Return reconstructions of a split's pictures at some places, uint8 (n, h, w, c), or
        None."""
        return None

    def extras(self, test: DeviceSplit) -> dict[str, np.ndarray]:
        """Return further small arrays for the record of a finished run, by name."""
        return {}

    # -- weights and state ---------------------------------------------------------------------

    def tensors(self) -> dict[str, Tensor]:
        """Return the weights of all parts by name."""
        return {
            f"{part}.{name}": tensor
            for part, module in self.modules.items()
            for name, tensor in module.tensors().items()
        }

    def weights(self) -> dict[str, np.ndarray]:
        """Return weights in the format of `initial_weights`, and those of the prior."""
        with self.average.in_place():
            plain = {name: to_plain(tensor) for name, tensor in self.tensors().items()}
        return plain | self.prior.weights()

    def restore(self, weights: Mapping[str, np.ndarray]) -> None:
        """Restore weights."""
        with torch.no_grad():
            for name, tensor in self.tensors().items():
                from_plain(tensor, weights[name])
        self.average.restart()

    def state(self) -> dict[str, np.ndarray]:
        """Return the exact state on which the next update depends; see `go_on`."""
        found = {f"weight/{name}": _exact(t) for name, t in self.tensors().items()}
        found |= {f"average/{name}": _exact(t) for name, t in self.average.state().items()}
        for part, slots in self.slots.items():
            for i, slot in enumerate(slots):
                found |= {f"slot/{part}/{i}/{k}": _exact(t) for k, t in slot.state.items()}
        steps = [slot.steps for slots in self.slots.values() for slot in slots]
        return found | {"steps": np.array(steps, np.int64)}

    def go_on(self, state: Mapping[str, np.ndarray]) -> None:
        """Restore a result of `state`."""
        with torch.no_grad():
            for name, tensor in self.tensors().items():
                tensor.copy_(torch.from_numpy(state[f"weight/{name}"]))
            names = self.average.state()
            self.average.load({n: torch.from_numpy(state[f"average/{n}"]) for n in names})
            numbers = iter(state["steps"].tolist())
            for part, slots in self.slots.items():
                for i, slot in enumerate(slots):
                    slot.steps, start = next(numbers), f"slot/{part}/{i}/"
                    for name in [k for k in state if k.startswith(start)]:
                        kept = slot.buffer(name.removeprefix(start))
                        kept.copy_(torch.from_numpy(state[name]))


def _exact(tensor: Tensor) -> np.ndarray:
    return tensor.detach().cpu().numpy().copy(order="C")


def to_bytes(images: Tensor) -> np.ndarray:
    """(n, c, h, w) from -1 to 1 -> uint8 (n, h, w, c)."""
    scaled = ((images.float() + 1) * 127.5).round().clamp(0, 255)
    return scaled.permute(0, 2, 3, 1).to(torch.uint8).cpu().numpy()
