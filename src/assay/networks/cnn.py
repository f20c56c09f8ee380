"""Family `cnn`: blocks of convolutions with a pooling layer after each, then dense layers.

Before the blocks may stand a convolution whose filters whiten patches and are not trained (see
`assay.networks.image_layers.Whitening`).

By default the network of A. Géron, "Hands-On Machine Learning", 3rd ed. 2022, chapter 14: 64
filters of 7x7, pool, two of 128, pool, two of 256, pool, dense 128 and 64 with dropout 0.5.
"""

from __future__ import annotations

from assay.core.config import Entry, Option
from assay.core.options import choice, flag
from assay.core.records import Spec
from assay.networks.families import FAMILIES, Family
from assay.networks.image_layers import GlobalMaxPool, SqueezeExcite, Whitening
from assay.networks.layers import (
    PADDINGS,
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
    BATCH_NORM,
    WEIGHTS,
    blocks,
    rate,
    size,
    styled,
    widths,
)

__all__ = ["CNN_OPTIONS", "cnn_trunk", "settle_cnn"]


def _convolutions(block: list[int], kernels: list[int], strides: int, options: Spec) -> list[Layer]:
    """Return convolution, batch norm (optional) and activation for each number of filters."""
    layers: list[Layer] = []
    steps = [strides, *([1] * len(block))]
    for filters, kernel, step in zip(block, kernels, steps, strict=False):
        conv = Conv2D(filters, kernel, step, padding=options["padding"], **styled(options))
        layers.append(conv)
        layers += [BatchNorm()] if options["batch_norm"] else []
        layers.append(Activation(options["activation"]))
    return layers


def cnn_trunk(options: Spec, image_shape: Shape) -> tuple[Layer, ...]:
    """The layers before the heads, from complete options."""
    layers: list[Layer] = []
    if options["whitening"]:
        layers += [Whitening(options["whitening"]), Activation(options["activation"])]
    for number, block in enumerate(options["filters"]):
        kernels = [options["kernel_size"]] * len(block)
        if number == 0 and kernels:
            kernels[0] = options["first_kernel_size"]
        strides = options["strides"][number] if number < len(options["strides"]) else 1
        convolutions = _convolutions(block, kernels, strides, options)
        if options["squeeze_excite"] and convolutions:
            convolutions.insert(-1, SqueezeExcite(options["squeeze_excite"]))
        if options["residual"] and number > 0 and convolutions:
            # the sum precedes the last activation, as in the original ResNet
            convolutions = [Residual(tuple(convolutions[:-1])), convolutions[-1]]
        layers += convolutions
        layers += [MaxPool2D(options["pool_size"])] if options["pool_size"] > 1 else []
        layers += [Dropout(options["conv_dropout"])] if options["conv_dropout"] else []
    layers.append(_POOLS[options["global_pool"]]())
    return (*layers, *dense_layers(options["dense"], options["dropout"], options))


def settle_cnn(options: Spec, usual: Spec) -> Spec:
    """Give options without effect their defaults (see `Family.settle`)."""
    blocks = options["filters"]
    units = [*options["dense"], *options.get("head_dense", ())]
    convolves = any(blocks)
    effective = {
        "dropout": options["dense"],
        "pool_size": blocks,
        "conv_dropout": blocks,
        "first_kernel_size": blocks and blocks[0],
        "kernel_size": blocks and any([blocks[0][1:], *blocks[1:]]),
        "residual": any(blocks[1:]),
        "padding": convolves,
        "squeeze_excite": convolves,
        "batch_norm": convolves or units,
        "activation": convolves or units or options["whitening"],
        "strides": _steps(options["strides"], blocks) != _steps(usual["strides"], blocks),
    }
    idle = {name: usual[name] for name, effect in effective.items() if not effect}
    return {**options, "strides": _steps(options["strides"], blocks), **idle}


def _steps(strides: list[int], blocks: list[list[int]]) -> list[int]:
    """The strides of the blocks that have convolutions, up to the last that is not 1."""
    steps = [step if block else 1 for step, block in zip(strides, blocks, strict=False)]
    while steps and steps[-1] == 1:
        steps.pop()
    return steps


_POOLS = {False: Flatten, True: GlobalAveragePool, "max": GlobalMaxPool}


def _read_pool(entry: Entry) -> bool | str:
    if entry.value == "max":
        return "max"
    if not isinstance(entry.value, bool):
        raise entry.expected("true, false or max")
    return entry.value


CNN_OPTIONS = {
    "filters": blocks(
        [[64], [128, 128], [256, 256]],
        help="Blocks of convolutions, each a list of numbers of filters; one number is a block of "
        "one convolution.",
    ),
    "kernel_size": size(3, help="Side of the kernels."),
    "first_kernel_size": size(7, help="Side of the kernels of the very first convolution."),
    "strides": widths(
        [], help="Strides of the first convolution of each block; 1 for the others.", example=[2, 1]
    ),
    "padding": choice("same", "padding", PADDINGS, help="Padding of the convolutions."),
    "pool_size": size(2, help="Side of the max pooling after each block; 1 for no pooling."),
    "dense": widths([128, 64], help="Units of the dense layers after the convolutions."),
    "dropout": rate(0.5, help="Dropout after each dense layer."),
    "conv_dropout": rate(0.0, help="Dropout after each block."),
    "activation": ACTIVATION,
    "batch_norm": BATCH_NORM,
    "residual": flag(help="Add a shortcut around every block after the first."),
    "squeeze_excite": size(
        None,
        help="Reduction of squeeze-and-excitation, before the last activation of each block.",
        example=16,
    ),
    "whitening": size(
        None,
        help="Side of the patches of a fixed whitening convolution before the first block.",
        example=2,
    ),
    "global_pool": Option(
        _read_pool,
        False,
        "Global average pooling, or maximum pooling, instead of flattening.",
        {"enum": [True, False, "max"]},
        "true, false or `max`",
        True,
    ),
    **WEIGHTS,
}

FAMILIES.add("cnn")(Family(CNN_OPTIONS, cnn_trunk, settle=settle_cnn))
