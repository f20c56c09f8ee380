"""A user's own `torch.nn.Module`, built for a run, with the interface of the engine's networks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy
from torch.utils.flop_counter import FlopCounterMode

from assay.core.errors import EngineError, NetworkError
from assay.core.seeds import stream
from assay.engines.engine import Member
from assay.engines.torch_engine.device import DevicePlace
from assay.engines.torch_engine.optimizers import Slot
from assay.engines.torch_engine.program import Outputs, optimizer_numbers
from assay.networks.modules import Measured, OwnNetwork
from assay.networks.own import check_outputs, written_at

__all__ = ["OwnModule", "check_own_weights", "measure"]

_IMAGES = 2
"""Number of images with which a network is tried."""


@contextmanager
def drawing(device: torch.device, seed: int, *names: str | int) -> Iterator[None]:
    """Context in which PyTorch's generators draw from the named stream; then they are restored."""
    devices = [device] if device.type == "cuda" else []
    with torch.random.fork_rng(devices=devices):
        torch.manual_seed(int(stream(seed, *names).integers(2**63)))
        yield


class OwnModule(nn.Module):
    """The module of one run: images (B, c, h, w) -> outputs {head: (B, units)}.

    Its random draws in training depend only on the seed and the number of the update, so that
    checkpoints need no generator state.

    Args:
        weights: by the names of `state_dict`; empty to keep those of the module.
    """

    def __init__(
        self, network: OwnNetwork, weights: Mapping[str, np.ndarray], seed: int, place: DevicePlace
    ):
        super().__init__()
        self.network, self.place, self._seed = network, place, seed
        self.inner = _build(network, seed).to(place.device, place.master)
        if weights:
            self.restore(weights)

    def forward(self, x: Tensor) -> Outputs:
        low = self.place.compute is torch.bfloat16
        with (
            self.network.blamed(f"fails for images {tuple(x.shape)}"),
            torch.autocast(self.place.device.type, torch.bfloat16, enabled=low),
        ):
            # in contiguous memory, or `view` fails in the user's code; `contiguous` does nothing
            # for images of one channel, whatever their strides
            plain = x.to(self.place.master).clone(memory_format=torch.contiguous_format)
            return self.named(self.inner(plain))

    def named(self, found: Tensor | Outputs) -> Outputs:
        """Return the module's outputs by head, in the master type."""
        if not isinstance(found, dict):
            found = {self.network.units[0][0]: found}
        return {name: found[name].to(self.place.master) for name, _ in self.network.units}

    def drawing(self, step: int) -> AbstractContextManager[None]:
        """Context in which dropout and similar layers draw the numbers of update `step`."""
        return drawing(self.place.device, self._seed, "draws", step)

    def tensors(self) -> dict[str, Tensor]:
        """Return weights and buffers by name, each once."""
        return {**dict(self.inner.named_parameters()), **dict(self.inner.named_buffers())}

    def slots(self, member: Member) -> list[Slot]:
        """Return the weights that the optimizer updates: all parameters that require a gradient."""
        wanted = [weight for weight in self.inner.parameters() if weight.requires_grad]
        kernels = [i for i, weight in enumerate(wanted) if weight.dim() > 1]
        hidden = set(
            kernels[: -len(self.network.units)]
        )  # the last one of each output is not hidden
        shapes = [tuple(w.shape)[::-1] if i in hidden else None for i, w in enumerate(wanted)]
        pairs = zip(wanted, shapes, strict=True)
        return [Slot(weight, optimizer_numbers(member, shape)) for weight, shape in pairs]

    def count_draws(self, updates: int) -> None:
        """Nothing is counted: see `drawing`."""

    def weights(self) -> dict[str, np.ndarray]:
        """Return all of `state_dict`, with floating-point numbers as float32."""
        return {name: _array(tensor) for name, tensor in self.inner.state_dict().items()}

    def restore(self, weights: Mapping[str, np.ndarray]) -> None:
        """Restore weights.

        Raises:
            EngineError: they are not weights of this module.
        """
        there = self.inner.state_dict()
        wrong = sorted(
            name
            for name in there.keys() | weights.keys()
            if name not in there
            or name not in weights
            or tuple(there[name].shape) != weights[name].shape
        )
        if wrong:
            raise EngineError(
                f"these weights do not fit network {self.network.source!r}: {', '.join(wrong[:5])} "
                "differ"
            )
        with torch.no_grad():
            for name, tensor in there.items():
                tensor.copy_(torch.from_numpy(weights[name]))


def check_own_weights(network: OwnNetwork, weights: Mapping[str, np.ndarray]) -> None:
    """Raise EngineError unless these are the weights of this network."""
    OwnModule(network, weights, 0, DevicePlace(torch.device("cpu"), torch.float32))


def _array(tensor: Tensor) -> np.ndarray:
    tensor = tensor.detach().float() if tensor.is_floating_point() else tensor.detach()
    return np.array(tensor.cpu().numpy(), order="C")


def _build(network: OwnNetwork, seed: int) -> nn.Module:
    """Make the module on the CPU, with its own initial weights."""
    cpu = torch.device("cpu")
    with drawing(cpu, seed, "init", "module"), torch.enable_grad():
        module = network.make()
        if not isinstance(module, nn.Module):
            raise NetworkError(
                f"{network.source} returned a {type(module).__name__}, expected a torch.nn.Module"
            )
        if any(map(is_lazy, [*module.parameters(), *module.buffers()])):
            with torch.no_grad(), network.blamed("cannot be built"):
                module.eval()(_images(network))  # lazy layers infer their sizes
    return module


def _images(network: OwnNetwork) -> Tensor:
    height, width, channels = network.input_shape
    rng = stream(0, "tried")
    return torch.from_numpy(
        rng.standard_normal((_IMAGES, channels, height, width), dtype=np.float32)
    )


def measure(network: OwnNetwork) -> tuple[tuple[str, Measured], ...]:
    """Build the module, run it forward and backward once, and return its layers.

    Raises:
        NetworkError: it cannot be built, fails, does not return what the task needs, has no
            trainable parameters, or its initial weights do not depend only on the seed.
    """
    module, images = _build(network, 0), _images(network)
    _check_weights(network, module)
    shapes: dict[str, tuple[int, ...]] = {}
    hooks = [
        inner.register_forward_hook(
            lambda _, inputs, output, name=name: shapes.update({name: _shape(output)})
        )
        for name, inner in module.named_modules()
    ]
    counter = FlopCounterMode(display=False)
    shape = tuple(images.shape)
    with drawing(images.device, 0, "draws", 0):
        with network.blamed(f"fails for images {shape}"), torch.no_grad(), counter:
            outputs = module.eval()(images)
        check_outputs(network, _shapes(outputs), _IMAGES, module)
        for hook in hooks:
            hook.remove()
        with network.blamed(f"fails for images {shape} in training"), torch.enable_grad():
            found = module.train()(images)
            found = found if isinstance(found, dict) else {"": found}
            if not any(out.requires_grad for out in found.values()):
                raise NetworkError(
                    f"{written_at(network, module, 'forward')}: network {network.source!r} returns "
                    "outputs that do not depend on its weights, for example after detach()"
                )
            torch.stack([out.float().sum() for out in found.values()]).sum().backward()
    return tuple(_layers(module, shapes, counter.get_flop_counts()))


def _check_weights(network: OwnNetwork, module: nn.Module) -> None:
    where = written_at(network, module)
    state, again = module.state_dict(), _build(network, 0).state_dict()
    for name, tensor in state.items():
        if not isinstance(tensor, Tensor):
            raise NetworkError(
                f"{where}: network {network.source!r} keeps {name!r}, which is not a tensor; "
                "expected parameters and buffers"
            )
        if name not in again or not torch.equal(
            torch.nan_to_num(tensor), torch.nan_to_num(again[name])
        ):
            raise NetworkError(
                f"{where}: the first weights {name!r} of network {network.source!r} differ when it "
                "is built again with the same seed; draw them with torch"
            )
    if not any(weight.requires_grad for weight in module.parameters()):
        raise NetworkError(f"{where}: network {network.source!r} has no parameters to train")


def _shapes(outputs: Any) -> Any:
    """Describe the shapes of a module's outputs, or their type."""
    if isinstance(outputs, dict):
        return {str(name): _shapes(out) for name, out in outputs.items()}
    if isinstance(outputs, Tensor):
        kind = "" if outputs.is_floating_point() else f"{outputs.dtype} "
        return f"{kind}{tuple(outputs.shape)}" if kind else tuple(outputs.shape)
    return f"a {type(outputs).__name__}"


def _shape(output: Any) -> tuple[int, ...]:
    """Return the shape of an output for one image, in assay's order of axes."""
    if not isinstance(output, Tensor):
        return ()
    shape = tuple(output.shape[1:])
    return (*shape[1:], shape[0]) if len(shape) == 3 else shape


def _layers(
    module: nn.Module, shapes: Mapping[str, tuple[int, ...]], counts: Mapping[str, Any]
) -> Iterator[tuple[str, Measured]]:
    """Return a row for every module without submodules or with its own computation."""
    root, seen = type(module).__name__, set()

    def operations(name: str, inner: nn.Module) -> int:
        if found := counts.get(f"{root}.{name}" if name else root):
            return sum(found.values())
        return below(name, inner)  # a container that is never called

    def below(name: str, inner: nn.Module) -> int:
        named = inner.named_children()
        return sum(operations(f"{name}.{key}".removeprefix("."), child) for key, child in named)

    for name, inner in module.named_modules():
        children = any(True for _ in inner.children())
        weights = [w for w in inner.parameters(recurse=False) if id(w) not in seen]
        seen |= {id(weight) for weight in weights}
        trained = sum(weight.numel() for weight in weights if weight.requires_grad)
        own = operations(name, inner) - below(name, inner)
        products = max(own, 0) // (2 * _IMAGES)
        if children and not (weights or products):
            continue
        text = f"{type(inner).__name__}({'' if children else inner.extra_repr()})"
        yield name or root, Measured(text, shapes.get(name, ()), trained, products)
