"""What every program of several networks has: modules, weights, average, state to go on from."""

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
"""Pictures at a time where nothing is trained; bounds the memory."""


class PartsProgram:
    """One run of several networks. All that it draws depends on the seed and the update's number.

    Attributes:
        maker: the part that makes pictures of latent points; evaluated with its average where the
            recipe asks for one (`Training.ema`).
    """

    maker: ClassVar[str] = ""

    def __init__(self, member: Member, place: DevicePlace, task: Any, fit: FitData):
        self.member, self.place, self.task = member, place, task
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
        self.latent = member.network[self.maker].input_shape[0]
        self.prior: Prior = Normal(self.latent)

    # -- training ------------------------------------------------------------------------------

    def step(
        self, images: Tensor, number: int, fraction: float, factor: float
    ) -> dict[str, Tensor]:
        """One update of every part.

        Args:
            images: (B, c, h, w) from -1 to 1, in the compute type.
            number: of the update, 0-based; with the seed it decides what is drawn.
            fraction: share of the budget done.
            factor: the schedule's share of the learning rate.

        Returns:
            Losses and the like, scalars, means over the batch.
        """
        raise NotImplementedError

    def begin(self, number: int) -> np.random.Generator:
        """Begin an update: the stream from which it draws; noise layers follow from it too."""
        rng = stream(self.member.seed, "update", number)
        self._random.manual_seed(int(rng.integers(2**62)))
        for module in self.modules.values():
            module.train()
        return rng

    def points(self, count: int, rng: np.random.Generator) -> Tensor:
        """Standard normal numbers (count, latent) on the device."""
        drawn = rng.standard_normal((count, self.latent), np.float32)
        return torch.from_numpy(drawn).to(self.place.device, self.place.master)

    def descend(self, part: str, loss: Tensor, factor: float) -> None:
        """Update the weights of one part down the gradient of a loss."""
        slots = self.slots[part]
        gradients = torch.autograd.grad(loss, [slot.weight for slot in slots])
        with torch.no_grad():
            update(type(self.member.training.optimizer), slots, list(gradients), factor)

    # -- evaluation ----------------------------------------------------------------------------

    def prepare(self, train: DeviceSplit) -> None:
        """Called before pictures are made at an evaluation: what is fitted to the training part."""

    def losses(self, split: DeviceSplit) -> dict[str, float]:
        """Losses of a split without training, by name; empty where there are none."""
        return {}

    def make(self, points: np.ndarray) -> np.ndarray:
        """Pictures of latent points (n, latent): uint8 (n, h, w, c)."""
        module = self.modules[self.maker].eval()
        images = []
        with torch.no_grad(), self.average.in_place():
            for start in range(0, len(points), ROWS):
                part = torch.from_numpy(points[start : start + ROWS])
                made = module(part.to(self.place.device, self.place.master))["image"]
                images.append(to_bytes(made))
        return np.concatenate(images)

    def reconstruct(self, split: DeviceSplit, count: int) -> np.ndarray | None:
        """The first pictures of a split, encoded and decoded again, uint8 (count, h, w, c); None
        from a program that cannot."""
        return None

    def extras(self, test: DeviceSplit) -> dict[str, np.ndarray]:
        """What else the record keeps of a finished run, small arrays by name."""
        return {}

    # -- weights and state ---------------------------------------------------------------------

    def tensors(self) -> dict[str, Tensor]:
        """Weights of all parts by name."""
        return {
            f"{part}.{name}": tensor
            for part, module in self.modules.items()
            for name, tensor in module.tensors().items()
        }

    def weights(self) -> dict[str, np.ndarray]:
        """Weights as `initial_weights` names and lays them out, and those of the prior."""
        with self.average.in_place():
            plain = {name: to_plain(tensor) for name, tensor in self.tensors().items()}
        return plain | self.prior.weights()

    def restore(self, weights: Mapping[str, np.ndarray]) -> None:
        """Put weights back."""
        with torch.no_grad():
            for name, tensor in self.tensors().items():
                from_plain(tensor, weights[name])
        self.average.restart()

    def state(self) -> dict[str, np.ndarray]:
        """All that the next update depends on, exactly; see `go_on`."""
        found = {f"weight/{name}": _exact(t) for name, t in self.tensors().items()}
        found |= {f"average/{name}": _exact(t) for name, t in self.average.state().items()}
        for part, slots in self.slots.items():
            for i, slot in enumerate(slots):
                found |= {f"slot/{part}/{i}/{k}": _exact(t) for k, t in slot.state.items()}
        steps = [slot.steps for slots in self.slots.values() for slot in slots]
        return found | {"steps": np.array(steps, np.int64)}

    def go_on(self, state: Mapping[str, np.ndarray]) -> None:
        """Continue from what `state` gave."""
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
