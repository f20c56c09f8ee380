"""Family `clock-cnn`: a course group's CNN for clocks, for comparing representations.

Family `cnn` with strides where the picture is large, and layers of its own for every head: with
150x150 pixels 77 million multiply-adds, instead of 4,900 million without the strides.
"""

from __future__ import annotations

from typing import Any

from assay.core.config import Option
from assay.networks.cnn import CNN_OPTIONS, cnn_trunk
from assay.networks.families import Family
from assay.networks.layers import Layer
from assay.networks.mlp import dense_layers
from assay.networks.options import RATE, WIDTHS, read_widths

__all__: list[str] = []


def _head(options: dict[str, Any]) -> list[Layer]:
    return dense_layers(options["head_dense"], 0.0, options)


_OPTIONS = {
    **CNN_OPTIONS,
    "strides": Option(read_widths, [3, 2, 1], WIDTHS, "of the convolutions"),
    "dense": Option(read_widths, [128], WIDTHS, "units of the dense layers of the trunk"),
    "head_dense": Option(read_widths, [64], WIDTHS, "units of the dense layers of each head's own"),
    "dropout": Option(
        CNN_OPTIONS["dropout"].read, 0.0, RATE, "dropout rate after each dense layer"
    ),
}

CLOCK_CNN = Family(_OPTIONS, cnn_trunk, _head, dataset="clocks-rendered")
