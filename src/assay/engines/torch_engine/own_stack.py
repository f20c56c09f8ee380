"""User-defined modules as a stack: `torch.func` maps one module over the members' weights.

A stack is only used if it computes the same as its members in turns: `stackable_own` tries both on
a few images before training. Modules that cannot be mapped (branches on values, random draws other
than dropout, state outside of buffers) take turns.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor
from torch.func import functional_call, vmap
from torch.overrides import TorchFunctionMode

from assay.core.seeds import stream
from assay.engines.engine import Member
from assay.engines.torch_engine.device import DevicePlace
from assay.engines.torch_engine.own_module import OwnModule
from assay.engines.torch_engine.program import Outputs, plain
from assay.engines.torch_engine.slots import EagerSlot
from assay.networks.modules import OwnNetwork
from assay.tasks.task import Task

__all__ = ["OwnStack", "OwnStackProgram", "stackable_own"]

_DROPOUTS = (
    F.dropout,
    F.dropout1d,
    F.dropout2d,
    F.dropout3d,
    torch.dropout,
    torch.feature_dropout,
)
"""Modules that multiply by a random mask."""


class OwnStack:
    """The modules of several runs of one network; the first axis of every tensor contains the
    members.

    Args:
        modules: modules of the members, with their initial weights.

    Attributes:
        tensors: weights and buffers (S, ...), by name.
    """

    def __init__(self, modules: Sequence[OwnModule], seeds: Sequence[int]):
        self.one, self.seeds = modules[0], list(seeds)
        each = [module.tensors() for module in modules]
        self.tensors = {n: torch.stack([own[n].detach() for own in each]) for n in each[0]}
        self.trained = [n for n, w in self.one.inner.named_parameters() if w.requires_grad]
        self._want_gradients()

    def _want_gradients(self) -> None:
        for name in self.trained:
            self.tensors[name].requires_grad_()

    def outputs(self, images: Tensor, training: bool, step: int) -> Outputs:
        """Return outputs {head: (S, B, units)} of images (S, B, h, w, c), in update `step`."""
        place = self.one.place
        x = images.permute(0, 1, 4, 2, 3).to(place.master).contiguous()
        self.one.train(training)
        low = place.compute is torch.bfloat16

        def forward(tensors: dict[str, Tensor], x: Tensor) -> Outputs:
            return self.one.named(functional_call(self.one.inner, tensors, (x,)))

        with (
            self.one.drawing(step),
            self.one.network.blamed(f"fails for a stack of images {tuple(x.shape)}"),
            _OwnMasks(place.device, self.seeds, step),
            torch.autocast(place.device.type, torch.bfloat16, enabled=low),
        ):
            return vmap(forward, randomness="error")(self.tensors, x)

    def keep(self, members: Sequence[int]) -> None:
        """Go on with these members only."""
        self.seeds = [self.seeds[m] for m in members]
        self.tensors = {n: t.detach()[list(members)] for n, t in self.tensors.items()}
        self._want_gradients()

    def weights(self, member: int) -> dict[str, np.ndarray]:
        """Return the weights of one member, as `OwnModule.weights`."""
        self._copy(member, back=False)
        return self.one.weights()

    def restore(self, member: int, weights: dict[str, np.ndarray]) -> None:
        """Restore the weights of one member."""
        self._copy(member, back=False)
        self.one.restore(weights)
        self._copy(member, back=True)

    def _copy(self, member: int, back: bool) -> None:
        """Copy between one member and the module that is mapped."""
        with torch.no_grad():
            for name, tensor in self.one.tensors().items():
                own = self.tensors[name][member]
                (own if back else tensor).copy_(tensor if back else own)


class _OwnMasks(TorchFunctionMode):
    """Context in which dropout draws each member's mask from the member's own stream."""

    def __init__(self, device: torch.device, seeds: Sequence[int], step: int):
        super().__init__()
        self._random: Any = torch.cuda if device.type == "cuda" else torch.random
        self._states = [self._first(seed, step) for seed in seeds]

    def _first(self, seed: int, step: int) -> Tensor:
        torch.manual_seed(int(stream(seed, "draws", step).integers(2**63)))
        return self._random.get_rng_state()

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if func not in _DROPOUTS:
            return func(*args, **kwargs)
        first, *others = args

        def masks(x: Tensor) -> Tensor:
            found = []
            for m, state in enumerate(self._states):
                self._random.set_rng_state(state)
                found.append(func(torch.ones_like(x[m]), *others, **kwargs))
                self._states[m] = self._random.get_rng_state()
            return torch.stack(found)

        return _Masked.apply(first, masks)


class _Masked(torch.autograd.Function):
    """Multiply x by masks that are drawn for all members of a stack together."""

    @staticmethod
    def forward(x: Tensor, masks: Callable[[Tensor], Tensor]) -> Tensor:
        raise RuntimeError("dropout of a value that is the same for all members")

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
        """Nothing is stored, because autograd differentiates the product."""

    @staticmethod
    def vmap(info: Any, in_dims: Any, *args: Any) -> Any:
        x, masks = args
        x = x.movedim(in_dims[0], 0)
        return x * masks(x.contiguous()), 0


class OwnStackProgram:
    """Members of a user-defined network, trained as one stack."""

    def __init__(
        self, members: Sequence[Member], weights: list[dict], place: DevicePlace, task: Task
    ):
        self.place, self.task, self.steps = place, task, 0
        pairs = list(zip(members, weights, strict=True))
        modules = [OwnModule(m.network, given, m.seed, place) for m, given in pairs]  # type: ignore[arg-type]
        slots = [module.slots(m) for module, m in zip(modules, members, strict=True)]
        self._stack = OwnStack(modules, [m.seed for m in members])
        rule = type(members[0].training.optimizer)
        self._slots = [
            EagerSlot(self._stack.tensors[name], None, rule, [own[i].numbers for own in slots])
            for i, name in enumerate(self._stack.trained)
        ]

    def _weights(self) -> list[Tensor]:
        return [self._stack.tensors[name] for name in self._stack.trained]

    def step(
        self, images: Tensor, targets: Tensor, factor: float | Tensor
    ) -> tuple[Tensor, Tensor]:
        with torch.enable_grad():
            outputs = self._stack.outputs(images, True, self.steps)
            losses = self.task.loss(outputs, targets)
            total = losses.mean(-1).sum()
            gradients = torch.autograd.grad(total, self._weights(), materialize_grads=True)
        correct = self.task.correct({k: v.detach() for k, v in outputs.items()}, targets)
        for slot, gradient in zip(self._slots, gradients, strict=True):
            slot.update(gradient, factor)
        self.steps += 1
        return losses.detach().sum(-1), correct.sum(-1)

    def outputs(self, images: Tensor) -> Outputs:
        images = images.expand(len(self._stack.seeds), *images.shape[1:])
        return self._stack.outputs(images, False, 0)

    def keep(self, members: list[int]) -> None:
        self._stack.keep(members)
        for slot, weight in zip(self._slots, self._weights(), strict=True):
            slot.keep(members, weight, None)

    def weights(self, member: int) -> dict[str, np.ndarray]:
        return self._stack.weights(member)

    def restore(self, member: int, weights: dict[str, np.ndarray]) -> None:
        self._stack.restore(member, weights)

    def state(self, member: int) -> dict[str, np.ndarray]:
        """As `ModuleProgram.state`, so that a run can resume in a stack or alone."""
        found = {f"tensor/{n}": plain(tensor[member]) for n, tensor in self._stack.tensors.items()}
        for i, slot in enumerate(self._slots):
            found[f"slot/{i}/steps"] = np.array(self.steps)
            memory = slot.memory(member)
            found |= {f"slot/{i}/state/{n}": plain(tensor) for n, tensor in memory.items()}
        return found | {"average/updates": np.array(0)}

    def load(self, member: int, state: dict[str, np.ndarray]) -> None:
        with torch.no_grad():
            for name, tensor in self._stack.tensors.items():
                tensor[member].copy_(torch.from_numpy(state[f"tensor/{name}"]))
        for i, slot in enumerate(self._slots):
            start = f"slot/{i}/state/"
            names = [key.removeprefix(start) for key in state if key.startswith(start)]
            memory = {name: torch.from_numpy(state[start + name]) for name in names}
            self.steps = int(state[f"slot/{i}/steps"])
            slot.remember(member, memory, self.steps)


_IMAGES = 8
_TOLERANCE = 1e-3
_CPU = torch.device("cpu")
_found: dict[tuple[str, torch.device], bool] = {}


def stackable_own(network: OwnNetwork, device: torch.device = _CPU) -> bool:
    """Whether a stack of this network computes the same numbers as its members in turns.

    Two members process a few images, twice in training and once in evaluation; outputs, gradients
    and buffers must agree to a thousandth. This is tried once per process, on the device.
    """
    key = network.hash, device
    if key not in _found:
        try:
            _found[key] = _agrees(network, DevicePlace(device, torch.float32))
        except Exception:  # modules that cannot be mapped take turns, which have been tried already
            _found[key] = False
    return _found[key]


def _agrees(network: OwnNetwork, place: DevicePlace) -> bool:
    seeds = (0, 1)
    together = OwnStack([OwnModule(network, {}, s, place) for s in seeds], seeds)
    alone = [OwnModule(network, {}, s, place) for s in seeds]
    rng = stream(0, "tried as a stack")
    for training in (True, True, False):
        shape = (len(seeds), _IMAGES, *network.input_shape)
        images = torch.from_numpy(rng.standard_normal(shape, dtype=np.float32)).to(place.device)
        outputs = together.outputs(images, training, 1)
        weights = [together.tensors[name] for name in together.trained]
        gradients = torch.autograd.grad(_sum(outputs), weights, materialize_grads=True)
        for m, own in enumerate(alone):
            own.train(training)
            with own.drawing(1):
                expected = own(images[m].permute(0, 3, 1, 2))
            wanted = [w for w in own.inner.parameters() if w.requires_grad]
            steps = torch.autograd.grad(_sum(expected), wanted, materialize_grads=True)
            kinds = (
                [(outputs[name][m], expected[name]) for name in expected],
                [(g[m], step) for g, step in zip(gradients, steps, strict=True)],
                [(together.tensors[name][m], tensor) for name, tensor in own.tensors().items()],
            )
            if not all(map(_close, kinds)):
                return False
    return True


def _sum(outputs: Outputs) -> Tensor:
    """Return a number whose gradient differs for each output."""
    found = []
    for out in outputs.values():
        factors = torch.linspace(-1, 1, out.shape[-1], device=out.device)
        found.append((out * factors).square().sum())
    return torch.stack(found).sum()


def _close(pairs: Sequence[tuple[Tensor, Tensor]]) -> bool:
    """Whether tensors agree, up to rounding relative to the largest value."""
    found = [(a.detach().double(), b.detach().double()) for a, b in pairs]
    scale = max((float(b.abs().max()) for _, b in found if b.numel()), default=0.0)
    return all(
        torch.allclose(a, b, rtol=_TOLERANCE, atol=_TOLERANCE * scale, equal_nan=True)
        for a, b in found
    )
