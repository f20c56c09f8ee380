"""Family `clock-net`: a small, fast network for clocks.

Blocks of three by three pixels become channels, so that no convolution works at full size; each
block of convolutions except the first halves the map and ends in a shortcut; a 1x1 convolution
reduces the input of the single dense layer, which would have most weights. All layers are
normalised, because the dense layer dies otherwise. For 150x150 pixels 1.4 million weights and 69
million multiply-adds; a third more filters learn less in the same time.
"""

from __future__ import annotations

from dataclasses import replace

from assay.core.records import Spec
from assay.networks.families import Family
from assay.networks.layers import (
    Activation,
    BatchNorm,
    Conv2D,
    Dense,
    Flatten,
    Layer,
    Residual,
    Shape,
    SpaceToDepth,
)
from assay.networks.options import ACTIVATION, WEIGHTS, blocks, size, styled, widths

__all__: list[str] = []

_MOMENTUM = 0.95
"""Momentum of the moving averages, low enough for runs of a few hundred updates."""


def _convolution(filters: int, kernel: int, strides: int, options: Spec) -> list[Layer]:
    conv = Conv2D(filters, kernel, strides, use_bias=False, **styled(options))
    return [conv, BatchNorm(_MOMENTUM)]


def _block(number: int, units: list[int], options: Spec) -> list[Layer]:
    layers: list[Layer] = []
    for i, filters in enumerate(units):
        strides = 2 if number and not i else 1
        body = _convolution(filters, 3, strides, options)
        fits = i and units[i - 1] == filters
        layers += [Residual(tuple(body))] if fits else body
        layers.append(Activation(options["activation"]))
    return layers


def _dense(units: list[int], options: Spec) -> list[Layer]:
    layers: list[Layer] = []
    for width in units:
        layers.append(Dense(width, use_bias=False, **styled(options)))
        layers += [BatchNorm(_MOMENTUM), Activation(options["activation"])]
    return layers


def _trunk(options: Spec, image_shape: Shape) -> tuple[Layer, ...]:
    divide = (k for k in (3, 2, 1) if not image_shape[0] % k and not image_shape[1] % k)
    layers: list[Layer] = [SpaceToDepth(options["block_size"] or next(divide))]
    for number, block in enumerate(options["filters"]):
        layers += _block(number, block, options)
    layers += _convolution(options["squeeze"], 1, 1, options)
    layers += [Activation(options["activation"]), Flatten()]
    return (*layers, *_dense(options["dense"], options))


def _head(options: Spec) -> list[Layer]:
    return _dense(options["head_dense"], options)


_OPTIONS = {
    "block_size": size(
        None,
        help="Side of the blocks of pixels that become channels; by default the largest of 3, 2 "
        "and 1 that divides height and width.",
        example=3,
    ),
    "filters": blocks(
        [[32], [48, 48], [96, 96], [160, 160]],
        help="Blocks of convolutions, each a list of numbers of filters.",
    ),
    "squeeze": size(64, help="Filters of the 1x1 convolution before the dense layer."),
    "dense": widths([256], help="Units of the dense layers after the convolutions."),
    "head_dense": widths(
        [], help="Units of the separate dense layers of each output.", example=[64]
    ),
    "activation": ACTIVATION,
    **WEIGHTS,
    "kernel_initializer": replace(WEIGHTS["kernel_initializer"], default="he_normal"),
}

CLOCK_NET = Family(_OPTIONS, _trunk, _head, dataset="clocks-rendered")
