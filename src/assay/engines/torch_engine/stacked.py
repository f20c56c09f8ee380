"""Dense networks of a whole cohort as one program, with the backward pass written out.

Every tensor has the members in front: activations (S, B, units), kernels (S, in, out). Each block
keeps what its backward pass needs; there is no autograd except for the gradient of the loss with
respect to the outputs, which is a task's own business.

Members may be narrower than the stack (see `assay.networks.layers.room`). What they do not have is
zero: weights that lead to it and away from it get no gradient, so no update rule ever moves them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from assay.engines.torch_engine import gemm
from assay.engines.torch_engine.activations import FORWARD, NOT_ZERO_AT_ZERO, backward
from assay.engines.torch_engine.device import DevicePlace
from assay.engines.torch_engine.masks import DeviceBits, Masks
from assay.networks import layers

__all__ = ["BLOCKS", "Block", "DenseBlock", "DropoutBlock", "Widths"]


@dataclass(frozen=True)
class Widths:
    """Features in front of and behind a layer: each member's own, and what the stack has room for.

    Attributes:
        inputs, outputs: (S,), each member's own.
        room_in, room_out: of the stack.
        last: whether it is the last layer of a head.
    """

    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    room_in: int
    room_out: int
    last: bool = False

    def keep(self, members: list[int]) -> Widths:
        """Those of these members only."""
        inputs, outputs = (tuple(w[m] for m in members) for w in (self.inputs, self.outputs))
        return replace(self, inputs=inputs, outputs=outputs)

    @property
    def narrow(self) -> bool:
        """Whether some members have less behind the layer than the stack."""
        return any(own < self.room_out for own in self.outputs)


class Block:
    """One layer of all members.

    Attributes:
        stack: the layer's description for each member.
        params: trained tensors, members first; `gradients` has the same keys.
        buffers: tensors that are kept but not trained.
        products: whether the kernel's gradient is to be a `gemm.Product`.
    """

    products = False

    def __init__(
        self,
        stack: Sequence[Any],
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

    def load(self, weights: Sequence[dict[str, Any]]) -> None:
        """Take the members' weights, named as `initial_weights` names them."""

    def forward(self, x: Tensor, training: bool) -> Tensor:
        """Output for x (S, B, ...); keeps what `backward` needs when `training`."""
        raise NotImplementedError

    def backward(self, d: Tensor, need_input: bool) -> Tensor | None:
        """Set `gradients`; return the gradient for the input if it is needed."""
        raise NotImplementedError

    def refresh(self) -> None:
        """Follow a change of the weights from outside (low-precision copies)."""

    def copy_of(self, param: str) -> Tensor | None:
        """The low-precision copy of `param` that an update has to bring along."""
        return None

    def keep(self, members: list[int]) -> None:
        """Go on with these members only."""
        self.stack = [self.stack[m] for m in members]
        self.widths = self.widths.keep(members)
        for store in (self.params, self.buffers):
            for key, tensor in store.items():
                store[key] = tensor[members].contiguous()
        self.refresh()

    def numbers(self, param: str, member: int) -> dict[str, float]:
        """The penalties on `param` of one member."""
        return {}

    def own(self, key: str, member: int) -> tuple[slice, ...]:
        """Where in a tensor of the stack one member's own numbers are."""
        outputs = slice(self.widths.outputs[member])
        return (slice(self.widths.inputs[member]), outputs) if key == "kernel" else (outputs,)

    def part(self, key: str, tensor: Tensor, member: int) -> Tensor:
        """A view of what one member has of a tensor, shaped as its own weights."""
        row = tensor[member] if key == "kernel" else tensor[member].squeeze(0)
        return row[self.own(key, member)]

    def _stack(self, weights: Sequence[dict[str, Any]], key: str) -> Tensor:
        shape = (self.widths.room_in, self.widths.room_out)[-1 if key != "kernel" else 0 :]
        whole = torch.zeros(len(weights), *shape, dtype=self.place.master)
        for m, given in enumerate(weights):
            whole[m][self.own(key, m)] = torch.as_tensor(given[f"{self.name}.{key}"])
        return whole.to(self.place.device)


class DenseBlock(Block):
    """z = x W + b."""

    def __init__(
        self,
        stack: Sequence[Any],
        name: str,
        place: DevicePlace,
        seeds: Sequence[int],
        widths: Widths,
    ):
        super().__init__(stack, name, place, seeds, widths)
        # outputs are computed in the master type: ten units cost nothing, and rounding the logits
        # to bfloat16 makes ties
        self.forward_type = place.master if widths.last else place.compute
        self.low = self._gradient = torch.empty(0, dtype=place.compute)

    def load(self, weights: Sequence[dict[str, Any]]) -> None:
        self.params["kernel"] = self._stack(weights, "kernel")
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
        """The gradient x^T d of the kernel, for x (S, B, i), or (1, B, i), and d (S, B, o)."""
        if self.products:
            return gemm.Product(x.expand(len(d), -1, -1), d)
        if self._gradient.shape != self.low.shape:
            self._gradient = torch.empty_like(self.low)
        return gemm.weight_gradient(x, d, self._gradient)

    def numbers(self, param: str, member: int) -> dict[str, float]:
        regularizer = self.stack[member].kernel_regularizer
        return {"l1": regularizer.l1, "l2": regularizer.l2} if param == "kernel" else {}


class ActivationBlock(Block):
    """y = f(x), elementwise; 0 for units that a member does not have."""

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
        """Which units each member has, (S, 1, units)."""
        if self._units is None:
            units = torch.arange(self.widths.room_out, device=self.place.device)
            own = torch.tensor(self.widths.outputs, device=self.place.device)
            self._units = (units < own[:, None]).unsqueeze(1)
        return self._units

    def keep(self, members: list[int]) -> None:
        super().keep(members)
        self._units = None


class DropoutBlock(Block):
    """y = x * mask, each member with a rate and a stream of its own."""

    def __init__(
        self,
        stack: Sequence[Any],
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
        own = self.widths.outputs if self.widths.narrow else None
        bits = self.bits.draw(tuple(x.shape[1:]), own)
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

    Images that are not flattened yet, (S, B, h, w, c), are batches of their pixels.
    """

    def load(self, weights: Sequence[dict[str, Any]]) -> None:
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
"""What can be stacked, beside layers of images (`stacked_images`)."""
