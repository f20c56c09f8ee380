"""Dense networks of a whole cohort as one program, with the backward pass written out.

Every tensor has the members in front: activations (S, B, units), kernels (S, in, out). Each block
keeps what its backward pass needs; there is no autograd except for the gradient of the loss with
respect to the outputs, which is a task's own business.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from assay.engines.torch_engine import gemm
from assay.engines.torch_engine.activations import FORWARD, backward
from assay.engines.torch_engine.device import Place
from assay.engines.torch_engine.masks import Bits, Masks
from assay.networks import layers

__all__ = ["BLOCKS", "Block", "DropoutBlock"]


class Block:
    """One layer of all members.

    Attributes:
        stack: the layer's description for each member.
        params: trained tensors, members first; `gradients` has the same keys.
        buffers: tensors that are kept but not trained.
    """

    def __init__(
        self, stack: Sequence[Any], name: str, place: Place, seeds: Sequence[int], last: bool
    ):
        self.stack: list[Any] = list(stack)
        self.name, self.place = name, place
        self._kept: Any = None
        self.params: dict[str, Tensor] = {}
        self.buffers: dict[str, Tensor] = {}
        self.gradients: dict[str, Tensor | list[Tensor]] = {}

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
        for store in (self.params, self.buffers):
            for key, tensor in store.items():
                store[key] = tensor[members].contiguous()
        self.refresh()

    def numbers(self, param: str, member: int) -> dict[str, float]:
        """The penalties on `param` of one member."""
        return {}

    def _stack(self, weights: Sequence[dict[str, Any]], key: str) -> Tensor:
        rows = [torch.as_tensor(w[f"{self.name}.{key}"]) for w in weights]
        return torch.stack(rows).to(self.place.device, self.place.master)


class DenseBlock(Block):
    """z = x W + b."""

    def __init__(
        self, stack: Sequence[Any], name: str, place: Place, seeds: Sequence[int], last: bool
    ):
        super().__init__(stack, name, place, seeds, last)
        # outputs are computed in the master type: ten units cost nothing, and rounding the logits
        # to bfloat16 makes ties
        self.forward_type = place.master if last else place.compute
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
        if self._gradient.shape != kernel.shape:
            self._gradient = torch.empty_like(self.low)

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
        self.gradients["kernel"] = gemm.weight_gradient(self._kept, d, self._gradient)
        return gemm.input_gradient(d, self.low) if need_input else None

    def numbers(self, param: str, member: int) -> dict[str, float]:
        regularizer = self.stack[member].kernel_regularizer
        return {"l1": regularizer.l1, "l2": regularizer.l2} if param == "kernel" else {}


class ActivationBlock(Block):
    """y = f(x), elementwise."""

    def forward(self, x: Tensor, training: bool) -> Tensor:
        y = FORWARD[self.stack[0].function](x)
        self._kept = (x, y) if training else None
        return y

    def backward(self, d: Tensor, need_input: bool) -> Tensor | None:
        x, y = self._kept
        return backward(self.stack[0].function, d.to(y.dtype), x, y) if need_input else None


class DropoutBlock(Block):
    """y = x * mask, each member with a rate and a stream of its own."""

    def __init__(
        self, stack: Sequence[Any], name: str, place: Place, seeds: Sequence[int], last: bool
    ):
        super().__init__(stack, name, place, seeds, last)
        rates = torch.tensor([layer.rate for layer in stack], dtype=torch.float32)
        self.buffers["rate"] = rates.view(-1, 1, 1).to(place.device)
        self.bits = Bits(seeds, name, place.device)
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
"""What can be stacked; a network with any other layer takes turns."""
