"""Family `clock-cnn`: a course group's CNN for clocks, for comparing representations.

Family `cnn` with strides for large pictures, and separate layers for every head: 77 million
multiply-adds for 150x150 pixels, instead of 4,900 million without strides.
"""

from __future__ import annotations

from dataclasses import replace

from assay.core.records import Spec
from assay.networks.cnn import CNN_OPTIONS, cnn_trunk, settle_cnn
from assay.networks.families import Family
from assay.networks.layers import Layer
from assay.networks.mlp import dense_layers
from assay.networks.options import widths

__all__: list[str] = []


def _head(options: Spec) -> list[Layer]:
    return dense_layers(options["head_dense"], 0.0, options)


_OPTIONS = {
    **CNN_OPTIONS,
    "strides": replace(CNN_OPTIONS["strides"], default=[3, 2, 1]),
    "dense": replace(CNN_OPTIONS["dense"], default=[128]),
    "head_dense": widths([64], help="Units of the separate dense layers of each output."),
    "dropout": replace(CNN_OPTIONS["dropout"], default=0.0),
}

CLOCK_CNN = Family(_OPTIONS, cnn_trunk, _head, dataset="clocks-rendered", settle=settle_cnn)
