"""A network description as the source of a plain `torch.nn.Module`, with its weights."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from textwrap import fill
from typing import TYPE_CHECKING, Any

from assay.core.errors import EngineError
from assay.networks import layers
from assay.networks.generator_layers import GaussianNoise
from assay.networks.image_layers import GlobalMaxPool
from assay.networks.network import Network

if TYPE_CHECKING:
    import numpy as np

__all__ = ["torch_code", "torch_weights"]

Shape = tuple[int, ...]
Lines = list[str]

_HEAD = '''"""{title}

    from {module} import load
    model = load()                  # reads {module}.safetensors beside this file
    logits = model(images)          # float32 (batch, {shape}), pixels 0..255

It needs only torch and safetensors.
{note}"""

from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from torch import nn


class Network(nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer("pixel_mean", torch.zeros({channels}))
        self.register_buffer("pixel_std", torch.ones({channels}))
'''

_TAIL = '''

def load(path=Path(__file__).with_suffix(".safetensors")):
    """The trained network, ready to predict."""
    model = Network()
    model.load_state_dict(load_file(path))
    return model.eval()
'''

ACTIVATIONS = {
    "relu": "F.relu({x})",
    "leaky_relu": "F.leaky_relu({x}, 0.2)",
    "elu": "F.elu({x})",
    "gelu": "F.gelu({x})",
    "silu": "F.silu({x})",
    "sigmoid": "torch.sigmoid({x})",
    "tanh": "torch.tanh({x})",
    "softmax": "torch.softmax({x}, 1)",
    "linear": "{x}",
}


def torch_code(network: Network, title: str, module: str, note: str = "") -> str:
    """Source of a module that takes images (batch, height, width, channels) in 0..255.

    Args:
        title: first line of its docstring.
        module: name of the file without its ending; the weights are stored beside it.
        note: a paragraph for the end of its docstring.
    """
    init: Lines = []
    forward = ["x = (images - self.pixel_mean) / self.pixel_std", "x = x.permute(0, 3, 1, 2)"]
    shape = network.input_shape
    forward += _chain(network.trunk, "trunk", shape, "x", "x", init)
    for layer in network.trunk:
        shape = layer.output_shape(shape)
    names = {head: attribute(f"head.{head}") for head, _ in network.heads}
    for head, chain in network.heads:
        forward += _chain(chain, f"head.{head}", shape, "x", names[head], init)
    several = ", ".join(f"{head!r}: {variable}" for head, variable in names.items())
    out = f"{{{several}}}" if len(names) > 1 else next(iter(names.values()))
    text = _HEAD.format(
        title=title,
        module=module,
        shape=", ".join(map(str, network.input_shape)),
        channels=network.input_shape[-1],
        note=note and f"\n{fill(note, 88)}\n",
    )
    text += "".join(f"        {line}\n" for line in init)
    text += "\n    def forward(self, images):\n"
    text += "".join(f"        {line}\n" for line in [*forward, f"return {out}"])
    return text + _TAIL


def torch_weights(
    network: Network, weights: Mapping[str, np.ndarray], mean: np.ndarray, std: np.ndarray
) -> dict[str, np.ndarray]:
    """The state dict of that module: float32 arrays in PyTorch's layout."""
    import numpy as np

    found = {"pixel_mean": mean, "pixel_std": std}
    keys = {
        "kernel": "weight",
        "bias": "bias",
        "gamma": "weight",
        "beta": "bias",
        "moving_mean": "running_mean",
        "moving_variance": "running_var",
    }
    for place in network.leaves():
        for name, array in weights.items():
            owner, _, key = name.rpartition(".")
            if owner != place.name:
                continue
            if key == "kernel":  # (in, out) -> (out, in); (h, w, in, out) -> (out, in, h, w)
                array = array.transpose(3, 2, 0, 1) if array.ndim == 4 else array.T
            found[f"{attribute(place.name)}.{keys[key]}"] = array
        if isinstance(place.layer, layers.BatchNorm):
            found[f"{attribute(place.name)}.num_batches_tracked"] = np.array(0)
    return {
        name: np.ascontiguousarray(a, np.int64 if a.dtype.kind == "i" else np.float32)
        for name, a in found.items()
    }


def attribute(name: str) -> str:
    """A layer's name as an attribute: "trunk.3" -> "trunk_3"."""
    return name.replace(".", "_").replace(" ", "_")


def _chain(
    chain: Sequence[layers.Layer], prefix: str, shape: Shape, start: str, x: str, init: Lines
) -> Lines:
    """Return lines that apply the layers to the variable `start` and assign the result to `x`."""
    lines: Lines = []
    for i, layer in enumerate(chain):
        made = _MAKERS.get(type(layer))
        if made is None:
            kind = layer.kind
            raise EngineError(f"{prefix}.{i}: a layer {kind!r} cannot be written for torch yet")
        lines += made(layer, f"{prefix}.{i}", shape, start, x, init)
        start, shape = x, layer.output_shape(shape)
    return lines or [f"{x} = {start}"]


def _dense(layer: Any, name: str, shape: Shape, start: str, x: str, init: Lines) -> Lines:
    own = attribute(name)
    init.append(f"self.{own} = nn.Linear({shape[0]}, {layer.units}, bias={layer.use_bias})")
    return [f"{x} = self.{own}({start})"]


def _padded(shape: Shape, window: int, strides: int, padding: str, start: str, number: str) -> str:
    """Return `start` with Keras's padding: the extra row and column come last."""
    if padding == "valid":
        return start
    totals = [max(0, (-(-size // strides) - 1) * strides + window - size) for size in shape[:2]]
    top, left = (total // 2 for total in totals)
    sides = (left, totals[1] - left, top, totals[0] - top)
    return f"F.pad({start}, {sides}{number})" if any(sides) else start


def _conv(layer: Any, name: str, shape: Shape, start: str, x: str, init: Lines) -> Lines:
    own, size, step = attribute(name), layer.kernel_size, layer.strides
    init.append(
        f"self.{own} = nn.Conv2d({shape[-1]}, {layer.filters}, {size}, {step}, "
        f"bias={layer.use_bias})"
    )
    return [f"{x} = self.{own}({_padded(shape, size, step, layer.padding, start, '')})"]


def _pool(layer: Any, name: str, shape: Shape, start: str, x: str, init: Lines) -> Lines:
    size, step = layer.pool_size, layer.step
    if not isinstance(layer, layers.AveragePool2D):
        low = ", value=float('-inf')"
        padded = _padded(shape, size, step, layer.padding, start, low)
        return [f"{x} = F.max_pool2d({padded}, {size}, {step})"]
    padded = _padded(shape, size, step, layer.padding, start, "")
    if padded == start:
        return [f"{x} = F.avg_pool2d({start}, {size}, {step})"]
    ones = padded.replace(start, f"torch.ones_like({start})", 1)
    return [
        f"counted = F.avg_pool2d({ones}, {size}, {step})",
        f"{x} = F.avg_pool2d({padded}, {size}, {step}) / counted",
    ]


def _batch_norm(layer: Any, name: str, shape: Shape, start: str, x: str, init: Lines) -> Lines:
    kind, own = ("BatchNorm2d" if len(shape) == 3 else "BatchNorm1d"), attribute(name)
    momentum = round(1 - layer.momentum, 12)
    init.append(f"self.{own} = nn.{kind}({shape[-1]}, eps={layer.epsilon}, momentum={momentum})")
    return [f"{x} = self.{own}({start})"]


def _dropout(layer: Any, name: str, shape: Shape, start: str, x: str, init: Lines) -> Lines:
    return [f"{x} = F.dropout({start}, {layer.rate}, self.training)"]


def _gaussian_noise(layer: Any, name: str, shape: Shape, start: str, x: str, init: Lines) -> Lines:
    noisy = f"{start} + {layer.stddev} * torch.randn_like({start})"
    return [f"{x} = {noisy} if self.training else {start}"]


def _activation(layer: Any, name: str, shape: Shape, start: str, x: str, init: Lines) -> Lines:
    return [f"{x} = {ACTIVATIONS[layer.function].format(x=start)}"]


def _flatten(layer: Any, name: str, shape: Shape, start: str, x: str, init: Lines) -> Lines:
    # rows, columns, channels: Keras's order
    return [
        f"{x} = {start}.permute(0, 2, 3, 1).flatten(1)" if len(shape) == 3 else f"{x} = {start}"
    ]


def _global_pool(layer: Any, name: str, shape: Shape, start: str, x: str, init: Lines) -> Lines:
    return [f"{x} = {start}.{'amax' if isinstance(layer, GlobalMaxPool) else 'mean'}((2, 3))"]


def _residual(layer: Any, name: str, shape: Shape, start: str, x: str, init: Lines) -> Lines:
    body, shortcut = f"{attribute(name)}_body", layer.projection(shape)
    lines = _chain(layer.body, name, shape, start, body, init)
    other = start
    if shortcut is not None:
        other = f"{attribute(name)}_other"
        lines += _conv(shortcut, f"{name}.shortcut", shape, start, other, init)
    return [*lines, f"{x} = {body} + {other}"]


def _space_to_depth(layer: Any, name: str, shape: Shape, start: str, x: str, init: Lines) -> Lines:
    (h, w, c), size = shape, layer.block_size
    cut = f"{start}.reshape(-1, {c}, {h // size}, {size}, {w // size}, {size})"
    joined = f"reshape(-1, {size * size * c}, {h // size}, {w // size})"
    return [f"{x} = {cut}.permute(0, 3, 5, 1, 2, 4).{joined}"]


_MAKERS: dict[type[layers.Layer], Callable[..., Lines]] = {
    layers.Dense: _dense,
    layers.Conv2D: _conv,
    layers.MaxPool2D: _pool,
    layers.AveragePool2D: _pool,
    layers.GlobalAveragePool: _global_pool,
    GlobalMaxPool: _global_pool,
    layers.Flatten: _flatten,
    layers.Dropout: _dropout,
    GaussianNoise: _gaussian_noise,
    layers.BatchNorm: _batch_norm,
    layers.Activation: _activation,
    layers.Residual: _residual,
    layers.SpaceToDepth: _space_to_depth,
}
