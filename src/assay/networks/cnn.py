"""Family `cnn`: blocks of convolutions with a pooling layer after each, then dense layers.

By default the network of A. Géron, "Hands-On Machine Learning", 3rd ed. 2022, chapter 14: 64
filters of 7x7, pool, two of 128, pool, two of 256, pool, dense 128 and 64 with dropout 0.5.
"""

from __future__ import annotations

from typing import Any

from assay.core.config import Entry, Option
from assay.networks.families import FAMILIES, Family
from assay.networks.layers import (
    Activation,
    BatchNorm,
    Conv2D,
    Dropout,
    Flatten,
    GlobalAveragePool,
    Layer,
    MaxPool2D,
    Residual,
    Shape,
)
from assay.networks.mlp import dense_layers
from assay.networks.options import (
    ACTIVATION,
    BLOCKS,
    FLAG,
    RATE,
    SIZE,
    WEIGHTS,
    WIDTHS,
    read_flag,
    read_rate,
    read_size,
    read_widths,
    styled,
)

__all__ = ["CNN_OPTIONS", "cnn_trunk"]

PADDINGS = ("same", "valid")


def _read_blocks(entry: Entry) -> list[list[int]]:
    """A list of blocks; a plain number is a block of one convolution."""
    return [read_widths(block) for block in entry.items()]


def _read_padding(entry: Entry) -> str:
    return entry.choice("padding", PADDINGS)


def _convolutions(
    block: list[int], kernels: list[int], strides: int, options: dict[str, Any]
) -> list[Layer]:
    """Convolution -> batch norm (if wanted) -> activation, for each number of filters; the first
    one makes the strides."""
    layers: list[Layer] = []
    steps = [strides, *([1] * len(block))]
    for filters, kernel, step in zip(block, kernels, steps, strict=False):
        conv = Conv2D(filters, kernel, step, padding=options["padding"], **styled(options))
        layers.append(conv)
        layers += [BatchNorm()] if options["batch_norm"] else []
        layers.append(Activation(options["activation"]))
    return layers


def cnn_trunk(options: dict[str, Any], image_shape: Shape) -> tuple[Layer, ...]:
    """The layers before the heads, from complete options."""
    layers: list[Layer] = []
    for number, block in enumerate(options["filters"]):
        kernels = [options["kernel_size"]] * len(block)
        if number == 0 and kernels:
            kernels[0] = options["first_kernel_size"]
        strides = options["strides"][number] if number < len(options["strides"]) else 1
        convolutions = _convolutions(block, kernels, strides, options)
        if options["residual"] and number > 0 and convolutions:
            # the sum comes before the last activation, as in the first ResNet
            convolutions = [Residual(tuple(convolutions[:-1])), convolutions[-1]]
        layers += convolutions
        layers += [MaxPool2D(options["pool_size"])] if options["pool_size"] > 1 else []
        layers += [Dropout(options["conv_dropout"])] if options["conv_dropout"] else []
    layers.append(GlobalAveragePool() if options["global_pool"] else Flatten())
    return (*layers, *dense_layers(options["dense"], options["dropout"], options))


CNN_OPTIONS = {
    "filters": Option(
        _read_blocks,
        [[64], [128, 128], [256, 256]],
        BLOCKS,
        "filters of the convolutions, block by block; a pooling follows each block",
    ),
    "kernel_size": Option(read_size, 3, SIZE, "side of the windows"),
    "first_kernel_size": Option(
        read_size, 7, SIZE, "side of the window of the very first convolution"
    ),
    "strides": Option(
        read_widths, [], WIDTHS, "of the first convolution of each block; 1 for the others"
    ),
    "padding": Option(_read_padding, "same", ", ".join(PADDINGS), "as in Keras"),
    "pool_size": Option(read_size, 2, SIZE, "side of the pooling windows; 1 for no pooling"),
    "dense": Option(read_widths, [128, 64], WIDTHS, "units of the dense layers"),
    "dropout": Option(read_rate, 0.5, RATE, "dropout rate after each dense layer"),
    "conv_dropout": Option(read_rate, 0.0, RATE, "dropout rate after each block"),
    "activation": ACTIVATION,
    "batch_norm": Option(
        read_flag, False, FLAG, "batch normalization before each activation, dense ones too"
    ),
    "residual": Option(read_flag, False, FLAG, "a shortcut round every block after the first"),
    "global_pool": Option(read_flag, False, FLAG, "average over the image instead of flattening"),
    **WEIGHTS,
}

FAMILIES.add("cnn")(Family(CNN_OPTIONS, cnn_trunk))
