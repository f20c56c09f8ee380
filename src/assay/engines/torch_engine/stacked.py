"""Dense networks of a whole cohort as one program, with the backward pass written out.

The first axis of every tensor contains the members: activations (S, B, units), kernels (S, in,
out). Each block stores what its backward pass needs; autograd is only used for the gradient of the
task's loss with respect to the outputs.

Members may be narrower than the stack (see `assay.networks.layers.room`). The padding is zero: its
weights have no gradient, so that no update rule changes them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from assay.engines.torch_engine import gemm
from assay.engines.torch_engine.activations import FORWARD, NOT_ZERO_AT_ZERO, backward
from assay.engines.torch_engine.device import DevicePlace
from assay.engines.torch_engine.masks import DeviceBits, Masks
from assay.networks import layers

if TYPE_CHECKING:
    import numpy as np

__all__ = ["BLOCKS", "Block", "DenseBlock", "DropoutBlock", "Widths"]


@dataclass(frozen=True)
class Widths:
    """Inputs and outputs of a layer: each member's own, and the padded numbers of the stack.

    Attributes:
        inputs, outputs: (S,), each member's own.
        room_in, room_out: padded numbers of the stack.
        last: whether it is the last layer of a head.
    """

    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    room_in: int
    room_out: int
    last: bool = False

    def keep(self, members: list[int]) -> Widths:
        """Return the widths of some members only."""
        inputs, outputs = (tuple(w[m] for m in members) for w in (self.inputs, self.outputs))
        return replace(self, inputs=inputs, outputs=outputs)

    @property
    def narrow(self) -> bool:
        """Whether some members have fewer outputs than the stack."""
        return any(own < self.room_out for own in self.outputs)


class Block:
    """One layer of all members.

    Attributes:
        stack: the layer's description of each member.
        params: trained tensors, members first; `gradients` has the same keys.
        buffers: tensors that are updated but not trained.
        products: whether the kernel's gradient has to be a `gemm.Product`.
    """

    products = False

    def __init__(
        self,
        stack: Sequence[layers.Layer],
        name: str,
        place: DevicePlace,
        seeds: Sequence[int],
        widths: Widths,
    ):
        self.stack: list[Any] = list(stack)
        self.name, self.place, self.widths = name, place, widths
        self._kept: Any = None
        self.params: dict[str, Tensor] = {}
        self.buffers: dict[str, Tensor] = {}
        self.gradients: dict[str, Tensor | list[Tensor] | gemm.Product] = {}

    def load(self, weights: Sequence[Mapping[str, np.ndarray]]) -> None:
        """Load the members' weights, named as in `initial_weights`."""

    def forward(self, x: Tensor, training: bool) -> Tensor:
        """Return the output for x (S, B, ...); if `training`, store what `backward` needs."""
        raise NotImplementedError

    def backward(self, d: Tensor, need_input: bool) -> Tensor | None:
        """Set `gradients`; return the gradient for the input if it is needed."""
        raise NotImplementedError

    def refresh(self) -> None:
        """Update low-precision copies after the weights were changed from outside."""

    def copy_of(self, param: str) -> Tensor | None:
        """Return the low-precision copy of `param` that an update has to update as well."""
        return None

    def keep(self, members: list[int]) -> None:
        """Keep only these members."""
        self.stack = [self.stack[m] for m in members]
        self.widths = self.widths.keep(members)
        for store in (self.params, self.buffers):
            for key, tensor in store.items():
                store[key] = tensor[members].contiguous()
        self.refresh()

    def numbers(self, param: str, member: int) -> dict[str, float]:
        """Return the penalties on `param` of one member."""
        return {}

    def own(self, key: str, member: int) -> tuple[slice, ...]:
        """Return the position of one member's own numbers in a tensor of the stack."""
        outputs = slice(self.widths.outputs[member])
        return (slice(self.widths.inputs[member]), outputs) if key == "kernel" else (outputs,)

    def part(self, key: str, tensor: Tensor, member: int) -> Tensor:
        """Return a view of one member's part of a tensor, in the shape of its own weights."""
        row = tensor[member] if key == "kernel" else tensor[member].squeeze(0)
        return row[self.own(key, member)]

    def _stack(self, weights: Sequence[Mapping[str, np.ndarray]], key: str) -> Tensor:
        shape = (self.widths.room_in, self.widths.room_out)[-1 if key != "kernel" else 0 :]
        whole = torch.zeros(len(weights), *shape, dtype=self.place.master)
        for m, given in enumerate(weights):
            whole[m][self.own(key, m)] = torch.as_tensor(given[f"{self.name}.{key}"])
        return whole.to(self.place.device)


class DenseBlock(Block):
    """z = x W + b.

    Attributes:
        shares: whether neighbours may share x, which is (G, B, i) then; see `gemm.beside`.
    """

    shares = False

    def __init__(
        self,
        stack: Sequence[layers.Layer],
        name: str,
        place: DevicePlace,
        seeds: Sequence[int],
        widths: Widths,
    ):
        super().__init__(stack, name, place, seeds, widths)
        # outputs are computed in the master type: they are cheap, and rounding logits to bfloat16
        # would cause ties
        self.forward_type = place.master if widths.last else place.compute
        self.low = self._gradient = torch.empty(0, dtype=place.compute)

    def load(self, weights: Sequence[Mapping[str, np.ndarray]]) -> None:
        kernel = self._stack(weights, "kernel")
        self.params["kernel"] = gemm.by_outputs(kernel) if self.shares else kernel
        if f"{self.name}.bias" in weights[0]:
            self.params["bias"] = self._stack(weights, "bias").unsqueeze(1)
        self.refresh()

    def refresh(self) -> None:
        kernel = self.params["kernel"]
        if self.place.compute is kernel.dtype:
            self.low = kernel
        elif self.low.shape != kernel.shape:
            self.low = kernel.to(self.place.compute)
        else:
            self.low.copy_(kernel)

    def keep(self, members: list[int]) -> None:
        super().keep(members)
        if self.shares:
            self.params["kernel"] = gemm.by_outputs(self.params["kernel"])
            self.low = torch.empty(0, dtype=self.place.compute)  # new, in the same order in memory
            self.refresh()

    def copy_of(self, param: str) -> Tensor | None:
        return self.low if param == "kernel" and self.low is not self.params["kernel"] else None

    def forward(self, x: Tensor, training: bool) -> Tensor:
        x = x.to(self.place.compute)
        self._kept = x if training else None
        bias, kernel = self.params.get("bias"), self.low
        if self.forward_type is not kernel.dtype:
            x, kernel = x.to(self.forward_type), self.params["kernel"]
        return gemm.affine(x, kernel, None if bias is None else bias.to(self.forward_type))

    def backward(self, d: Tensor, need_input: bool) -> Tensor | None:
        if "bias" in self.params:
            self.gradients["bias"] = d.sum(1, keepdim=True, dtype=self.place.master)
        d = d.to(self.place.compute)
        self.gradients["kernel"] = self.weight_gradient(self._kept, d)
        return gemm.input_gradient(d, self.low) if need_input else None

    def weight_gradient(self, x: Tensor, d: Tensor) -> Tensor | list[Tensor] | gemm.Product:
        """Return the kernel's gradient x^T d for x (S, B, i) or shared, and d (S, B, o)."""
        if self.products:
            return gemm.Product(x if self.shares else x.expand(len(d), -1, -1), d)
        if self._gradient.shape != self.low.shape:
            self._gradient = torch.empty_like(self.low)
        return gemm.weight_gradient(x, d, self._gradient)

    def numbers(self, param: str, member: int) -> dict[str, float]:
        regularizer = self.stack[member].kernel_regularizer
        return {"l1": regularizer.l1, "l2": regularizer.l2} if param == "kernel" else {}


class ActivationBlock(Block):
    """y = f(x), elementwise; 0 for padding."""

    _units: Tensor | None = None

    def forward(self, x: Tensor, training: bool) -> Tensor:
        function = self.stack[0].function
        if self.widths.narrow and function == "softmax":
            x = x.masked_fill(~self._there(), -torch.inf)
        y = FORWARD[function](x)
        if self.widths.narrow and function in NOT_ZERO_AT_ZERO:
            y = y * self._there().to(y.dtype)
        self._kept = (x, y) if training else None
        return y

    def backward(self, d: Tensor, need_input: bool) -> Tensor | None:
        x, y = self._kept
        return backward(self.stack[0].function, d.to(y.dtype), x, y) if need_input else None

    def _there(self) -> Tensor:
        """Return which units each member has, (S, 1, units)."""
        if self._units is None:
            units = torch.arange(self.widths.room_out, device=self.place.device)
            own = torch.tensor(self.widths.outputs, device=self.place.device)
            self._units = (units < own[:, None]).unsqueeze(1)
        return self._units

    def keep(self, members: list[int]) -> None:
        super().keep(members)
        self._units = None


class DropoutBlock(Block):
    """y = x * mask, each member with its own rate and bits."""

    def __init__(
        self,
        stack: Sequence[layers.Dropout],
        name: str,
        place: DevicePlace,
        seeds: Sequence[int],
        widths: Widths,
    ):
        super().__init__(stack, name, place, seeds, widths)
        rates = torch.tensor([layer.rate for layer in stack], dtype=torch.float32)
        self.buffers["rate"] = rates.view(-1, 1, 1).to(place.device)
        self.bits = DeviceBits(seeds, name, place.device)
        self._masks: Masks | None = None

    def forward(self, x: Tensor, training: bool) -> Tensor:
        if not training:
            return x
        bits = self.bits.draw(tuple(x.shape[1:]))
        if self._masks is None:
            self._masks = Masks(self.buffers["rate"].view(-1, *(1,) * (x.dim() - 1)))
        self._kept = self._masks.scaled(bits, x.dtype)
        return x * self._kept

    def backward(self, d: Tensor, need_input: bool) -> Tensor | None:
        return d * self._kept if need_input else None

    def keep(self, members: list[int]) -> None:
        super().keep(members)
        self.bits.keep(members)
        self._masks = None


class BatchNormBlock(Block):
    """y = gamma * (x - mean) / sqrt(var + epsilon) + beta over the batch, in the master type.

    For images, (S, B, h, w, c), every pixel counts as a sample of the batch.
    """

    def load(self, weights: Sequence[Mapping[str, np.ndarray]]) -> None:
        for key in ("gamma", "beta"):
            self.params[key] = self._stack(weights, key).unsqueeze(1)
        for key in ("moving_mean", "moving_variance"):
            self.buffers[key] = self._stack(weights, key).unsqueeze(1)

    def forward(self, x: Tensor, training: bool) -> Tensor:
        layer, dtype, shape = self.stack[0], x.dtype, x.shape
        x = x.to(self.place.master).flatten(1, -2)
        mean, variance = self.buffers["moving_mean"], self.buffers["moving_variance"]
        if training:
            batch_variance, batch_mean = torch.var_mean(x, 1, correction=0, keepdim=True)
            for moving, batch in ((mean, batch_mean), (variance, batch_variance)):
                moving.mul_(layer.momentum).add_(batch, alpha=1 - layer.momentum)
            mean, variance = batch_mean, batch_variance
        inverse = (variance + layer.epsilon).rsqrt()
        normal = (x - mean) * inverse
        self._kept = (normal, inverse) if training else None
        return (normal * self.params["gamma"] + self.params["beta"]).to(dtype).view(shape)

    def backward(self, d: Tensor, need_input: bool) -> Tensor | None:
        normal, inverse = self._kept
        dtype, shape, d = d.dtype, d.shape, d.to(self.place.master).flatten(1, -2)
        gamma = (d * normal).sum(1, keepdim=True)
        beta = d.sum(1, keepdim=True)
        self.gradients = {"gamma": gamma, "beta": beta}
        if not need_input:
            return None
        n = d.shape[1]
        scale = self.params["gamma"] * inverse
        return (scale * (d - beta / n - normal * (gamma / n))).to(dtype).view(shape)


class FlattenBlock(Block):
    """(S, B, h, w, c) -> (S, B, h * w * c)."""

    def forward(self, x: Tensor, training: bool) -> Tensor:
        self._kept = x.shape
        return x.flatten(2)

    def backward(self, d: Tensor, need_input: bool) -> Tensor | None:
        return d.reshape(self._kept)


BLOCKS: dict[type[layers.Layer], type[Block]] = {
    layers.Dense: DenseBlock,
    layers.Activation: ActivationBlock,
    layers.Dropout: DropoutBlock,
    layers.BatchNorm: BatchNormBlock,
    layers.Flatten: FlattenBlock,
}
"""Layers that can be stacked, except layers of images (`stacked_images`)."""
