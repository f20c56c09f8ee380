"""Networks as one `torch.nn.Module`, trained by autograd; members take turns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from assay.engines.engine import Member
from assay.engines.pretraining import freezes
from assay.engines.torch_engine import generator_modules
from assay.engines.torch_engine.activations import RISING
from assay.engines.torch_engine.average import SlowWeights, WeightAverage, share_of
from assay.engines.torch_engine.device import DevicePlace
from assay.engines.torch_engine.generator_modules import GaussianNoiseModule
from assay.engines.torch_engine.modules import (
    WITH_WEIGHTS,
    WITHOUT_WEIGHTS,
    ActivationModule,
    ConvModule,
    DropoutModule,
    ResidualModule,
)
from assay.engines.torch_engine.optimizers import Slot, update
from assay.engines.torch_engine.own_module import OwnModule
from assay.engines.torch_engine.program import Outputs, optimizer_numbers, plain
from assay.networks import layers
from assay.networks.generator_layers import GaussianNoise
from assay.networks.modules import OwnNetwork
from assay.networks.network import Network, hidden_kernels
from assay.tasks.task import Task

if TYPE_CHECKING:
    import numpy as np

__all__ = [
    "ModuleProgram",
    "NetworkModule",
    "from_plain",
    "make_module",
    "make_slots",
    "to_plain",
]

_WITH_WEIGHTS = {**WITH_WEIGHTS, **generator_modules.WITH_WEIGHTS}
_WITHOUT_WEIGHTS = {**WITHOUT_WEIGHTS, **generator_modules.WITHOUT_WEIGHTS}


class NetworkModule(nn.Module):
    """The network of one run: images (B, c, h, w) -> outputs {head: (B, units)}."""

    def __init__(
        self, network: Network, weights: Mapping[str, np.ndarray], seed: int, place: DevicePlace
    ):
        super().__init__()
        self.place, self._seed, self._weights = place, seed, weights
        self.owners: dict[str, nn.Module] = {}
        shape = network.input_shape
        self.trunk = self._chain("trunk", network.trunk, shape)
        for layer in network.trunk:
            shape = layer.output_shape(shape)
        self.heads = nn.ModuleDict(
            {name: self._chain(f"head.{name}", chain, shape) for name, chain in network.heads}
        )
        del self._weights

    def _chain(self, prefix: str, chain: Sequence[layers.Layer], shape: tuple) -> nn.Sequential:
        modules: list[nn.Module] = []
        for i, layer in enumerate(chain):
            module = self._module(f"{prefix}.{i}", layer, shape)
            # an increasing function commutes with the maximum, which saves three quarters of the
            # work
            at = len(modules) - (type(layer) is layers.MaxPool2D and _rises(modules))
            if isinstance(layer, layers.MaxPool2D) and at:
                _leave_off(modules[at - 1], layer, shape)
            modules.insert(at, module)
            shape = layer.output_shape(shape)
        return nn.Sequential(*modules)

    def _own(self, name: str) -> dict[str, Tensor]:
        """Return the weights of layer `name`, on the device."""
        mine = {k: v for k, v in self._weights.items() if k.rpartition(".")[0] == name}
        return {
            k.rpartition(".")[2]: torch.tensor(v, dtype=self.place.master, device=self.place.device)
            for k, v in mine.items()
        }

    def _module(self, name: str, layer: Any, shape: tuple) -> nn.Module:
        if isinstance(layer, layers.Residual):
            body, shortcut = self._chain(name, layer.body, shape), layer.projection(shape)
            if shortcut is None:
                return ResidualModule(body, None)
            return ResidualModule(body, self._module(f"{name}.shortcut", shortcut, shape))
        if isinstance(layer, layers.Dropout):
            return DropoutModule(layer, name, self._seed, self.place.device)
        if isinstance(layer, GaussianNoise):
            return GaussianNoiseModule(layer, name, self._seed, self.place.device)
        if type(layer) in _WITHOUT_WEIGHTS:
            return _WITHOUT_WEIGHTS[type(layer)](layer)
        self.owners[name] = _WITH_WEIGHTS[type(layer)](layer, self._own(name))
        return self.owners[name]

    def tensors(self) -> dict[str, Tensor]:
        """Return weights and moving statistics by name."""
        return {
            f"{name}.{key}": tensor
            for name, module in self.owners.items()
            for key, tensor in module.state_dict().items()
        }

    def forward(self, x: Tensor) -> Outputs:
        x = self.trunk(x.to(self.place.compute))
        # outputs are computed in the master type, as in the stacked program
        outputs = {}
        for name, head in self.heads.items():
            *hidden, last = head.children()
            y = x
            for module in hidden:
                y = module(y)
            outputs[name] = last(y.to(self.place.master))
        return outputs

    def drawing(self, step: int) -> AbstractContextManager[None]:
        """Context for the draws of update `step`; dropout has its own bits."""
        return nullcontext()

    def slots(self, member: Member) -> list[Slot]:
        """Return the weights that the optimizer updates."""
        return make_slots(member, member.network, self)

    def count_draws(self, updates: int) -> None:
        """Let the next draws be those of a run after so many updates."""
        for module in self.modules():
            if isinstance(module, (DropoutModule, GaussianNoiseModule)):
                module.bits.count = updates

    def weights(self) -> dict[str, np.ndarray]:
        """Return weights in the layout of `initial_weights`."""
        return {name: to_plain(tensor) for name, tensor in self.tensors().items()}

    def restore(self, weights: Mapping[str, np.ndarray]) -> None:
        """Restore a result of `weights`."""
        for name, tensor in self.tensors().items():
            from_plain(tensor, weights[name])


def _leave_off(module: nn.Module, pool: layers.MaxPool2D, shape: tuple) -> None:
    """Tell a convolution which of its last rows and columns the following pool never reads.

    A 2x2 pool of a 7x7 map reads 6x6 of it: a quarter of that convolution can be skipped.
    """
    if isinstance(module, ConvModule) and pool.padding == "valid" and module.layer.strides == 1:
        read = [(side - 1) * pool.step + pool.pool_size for side in pool.output_shape(shape)[:2]]
        module.unread = (shape[0] - read[0], shape[1] - read[1])


def _rises(modules: list[nn.Module]) -> bool:
    """Whether the last module is a monotonically increasing activation."""
    last = modules[-1] if modules else None
    return isinstance(last, ActivationModule) and last.function in RISING


class ModuleProgram:
    """One member as a module.

    Args:
        updates: number of updates of the whole run, for averages of the weights.
    """

    def __init__(
        self,
        members: Sequence[Member],
        weights: list[dict],
        place: DevicePlace,
        task: Task,
        updates: int = 0,
    ):
        (self.member,) = members
        self.place, self.task = place, task
        self.module = make_module(self.member.network, weights[0], self.member.seed, place)
        self.rule = type(self.member.training.optimizer)
        self._slots = self.module.slots(self.member)
        names = getattr(self.module, "owners", {}) if freezes(self.member.training) else {}
        self._frozen = [owner for name, owner in names.items() if name.startswith("trunk.")]
        followed = {n: t for n, t in self.module.tensors().items() if t.is_floating_point()}
        recipe = self.member.training
        self._average = WeightAverage(followed, share_of(recipe, updates))
        self._slow = SlowWeights([slot.weight for slot in self._slots], recipe.lookahead)

    def step(
        self, images: Tensor, targets: Tensor, factor: float | Tensor
    ) -> tuple[Tensor, Tensor]:
        self.module.train()
        for frozen in self._frozen:
            frozen.eval()
        with torch.enable_grad(), self.module.drawing(self._slots[0].steps):
            outputs = self.module(images[0].permute(0, 3, 1, 2))
            losses = self.task.loss(outputs, targets[0])
            trained = [slot.weight for slot in self._slots]
            gradients = torch.autograd.grad(losses.mean(), trained, materialize_grads=True)
        correct = self.task.correct({k: v.detach() for k, v in outputs.items()}, targets[0])
        update(self.rule, self._slots, list(gradients), factor)
        self._slow.update()
        self._average.update()
        return losses.detach().sum()[None], correct.sum()[None]

    def outputs(self, images: Tensor) -> Outputs:
        self.module.eval()
        with self._average.in_place(), self.module.drawing(0):
            outputs = self.module(images[0].permute(0, 3, 1, 2))
        return {name: out[None] for name, out in outputs.items()}

    def keep(self, members: list[int]) -> None:
        """There is only one member."""

    def weights(self, member: int) -> dict[str, np.ndarray]:
        with self._average.in_place():
            return self.module.weights()

    def restore(self, member: int, weights: dict[str, np.ndarray]) -> None:
        self.module.restore(weights)
        self._slow.restart()
        self._average.restart()

    def state(self, member: int) -> dict[str, np.ndarray]:
        found = {f"tensor/{name}": plain(tensor) for name, tensor in self.module.tensors().items()}
        for i, slot in enumerate(self._slots):
            found[f"slot/{i}/steps"] = np.array(slot.steps)
            found |= {f"slot/{i}/state/{n}": plain(tensor) for n, tensor in slot.state.items()}
        found |= {f"average/{n}": plain(tensor) for n, tensor in self._average.state().items()}
        found |= {f"slow/{n}": plain(tensor) for n, tensor in self._slow.state().items()}
        return found

    def load(self, member: int, state: dict[str, np.ndarray]) -> None:
        with torch.no_grad():
            for name, tensor in self.module.tensors().items():
                tensor.copy_(torch.from_numpy(state[f"tensor/{name}"]))
        for i, slot in enumerate(self._slots):
            slot.steps, start = int(state[f"slot/{i}/steps"]), f"slot/{i}/state/"
            for name in (k.removeprefix(start) for k in state if k.startswith(start)):
                slot.buffer(name).copy_(torch.from_numpy(state[start + name]))
        for part, start in ((self._average, "average/"), (self._slow, "slow/")):
            own = [k for k in state if k.startswith(start)]
            part.load({k.removeprefix(start): torch.from_numpy(state[k]) for k in own})
        self.module.count_draws(self._slots[0].steps)


def make_module(
    network: Network, weights: Mapping[str, np.ndarray], seed: int, place: DevicePlace
) -> NetworkModule | OwnModule:
    """Return the module of a network, user-defined or described."""
    if isinstance(network, OwnNetwork):
        return OwnModule(network, weights, seed, place)
    return NetworkModule(network, dict(weights), seed, place)


def to_plain(tensor: Tensor) -> np.ndarray:
    """Return a weight in the layout of `initial_weights`: convolution kernels (kh, kw, in, out)."""
    if tensor.dim() == 4:
        tensor = tensor.permute(2, 3, 1, 0)
    return np.ascontiguousarray(tensor.float().cpu().numpy()).copy()


def from_plain(tensor: Tensor, array: np.ndarray) -> None:
    """Copy a result of `to_plain` into its tensor."""
    value = torch.from_numpy(array)
    tensor.copy_(value.permute(3, 2, 0, 1) if value.dim() == 4 else value)


def make_slots(member: Member, network: Network, module: NetworkModule) -> list[Slot]:
    """Return the weights that the optimizer updates: those of `network` that are not frozen."""
    described: dict[str, Any] = {p.name: p.layer for p in network.leaves()}
    hidden = hidden_kernels(network)
    slots: list[Slot] = []
    for name, owner in module.owners.items():
        if freezes(member.training) and name.startswith("trunk."):
            continue
        for key, weight in owner.named_parameters(recurse=False):
            numbers = optimizer_numbers(member, hidden.get(f"{name}.{key}"))
            if key == "kernel":
                regularizer = described[name].kernel_regularizer
                numbers |= {"l1": regularizer.l1, "l2": regularizer.l2}
            slots.append(Slot(weight, numbers))
    return slots
