"""Layers that make images: shapes, values, and families of several networks."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.stats import norm

from assay.core.config import Entry, Source
from assay.core.errors import NetworkError
from assay.engines.engine import Resources
from assay.engines.numpy_engine.layers import NumpyGaussianNoise
from assay.engines.streams import normal_numbers
from assay.engines.torch_engine.device import place
from assay.engines.torch_engine.generator_modules import GaussianNoiseModule
from assay.engines.torch_engine.module import NetworkModule
from assay.networks.generator_layers import (
    Conv2DTranspose,
    GaussianNoise,
    LeakyReLU,
    Reshape,
    UpSampling2D,
)
from assay.networks.layers import Flatten
from assay.networks.network import Network, initial_weights
from assay.networks.parse import read_layers, write_layers

EXACT = place(Resources(device="cpu", precision="float64", threads=1))


def _apply(layer, images):
    network = Network(images.shape[1:], (layer, Flatten()), (("out", (Flatten(),)),))
    weights = initial_weights(network, 0)
    if "trunk.0.bias" in weights:
        weights["trunk.0.bias"] += 0.5
    module = NetworkModule(network, weights, 0, EXACT).eval()
    with torch.no_grad():
        out = module(torch.tensor(images, dtype=torch.float64).permute(0, 3, 1, 2))["out"]
    return weights, out.numpy().reshape(len(images), *layer.output_shape(images.shape[1:]))


@pytest.mark.parametrize(("window", "strides"), [(3, 2), (4, 2), (5, 3), (2, 2), (3, 1), (2, 3)])
def test_a_transposed_convolution_is_the_transpose_of_keras_s(window, strides):
    images = np.random.default_rng(0).normal(size=(2, 4, 3, 2))
    weights, out = _apply(Conv2DTranspose(5, window, strides), images)
    kernel = weights["trunk.0.kernel"].astype(float)
    before = max(0, window - strides) // 2  # zeros that "same" puts before the larger image
    full = np.zeros((2, 4 * strides + window, 3 * strides + window, 5))
    for i in range(4):
        for j in range(3):
            rows, columns = (slice(k * strides, k * strides + window) for k in (i, j))
            full[:, rows, columns] += np.einsum("bc,hwco->bhwo", images[:, i, j], kernel)
    expected = full[:, before : before + 4 * strides, before : before + 3 * strides] + 0.5
    np.testing.assert_allclose(out, expected, atol=1e-6)


def test_the_other_layers_by_value():
    images = np.arange(8.0).reshape(1, 2, 2, 2) - 3
    _, larger = _apply(UpSampling2D(2), images)
    np.testing.assert_array_equal(larger, images.repeat(2, 1).repeat(2, 2))
    _, leaky = _apply(LeakyReLU(0.25), images)
    np.testing.assert_array_equal(leaky, np.where(images > 0, images, images / 4))
    _, shaped = _apply(Reshape(1, 4), images)
    np.testing.assert_array_equal(shaped, images.reshape(1, 1, 4, 2))
    _, still = _apply(GaussianNoise(1.0), images)
    np.testing.assert_array_equal(still, images)  # only while training
    noise = GaussianNoiseModule(GaussianNoise(2.0), "trunk.0", 0, torch.device("cpu")).train()
    blank = torch.zeros(8, 5, 20, 20).contiguous(memory_format=torch.channels_last)
    assert noise(blank).std().item() == pytest.approx(2.0, rel=0.05)


def test_noise_has_the_quantiles_of_a_normal_distribution():
    numbers = normal_numbers().astype(float)
    np.testing.assert_allclose(numbers, norm.ppf((np.arange(65536) + 0.5) / 65536), atol=1e-6)
    assert numbers.var() == pytest.approx(0.99998, abs=5e-6)
    module = GaussianNoiseModule(GaussianNoise(0.5), "trunk.0", 3, torch.device("cpu")).train()
    ours = NumpyGaussianNoise(GaussianNoise(0.5), "trunk.0", {}, 3)
    for dtype in (torch.float32, torch.float64):  # two draws, equal in both engines
        blank = torch.zeros(4, 7, dtype=dtype)
        np.testing.assert_array_equal(module(blank).numpy(), ours.forward(blank.numpy(), True))


def test_layers_are_written_and_read_and_refused():
    data = [
        {"conv2d_transpose": 8, "strides": 2, "activation": "relu"},
        {"up_sampling2d": 3, "interpolation": "bilinear"},
        {"reshape": 4, "width": 2},
        {"gaussian_noise": 0.2},
        {"leaky_relu": 0.1},
    ]
    layers = read_layers(Entry(data, (), Source(data)))
    written = write_layers(layers)
    assert read_layers(Entry(written, (), Source(written))) == layers
    for wrong, said in (
        (
            lambda: Reshape(3, 3).output_shape((10,)),
            "10 numbers do not form an image of 3x3 pixels",
        ),
        (lambda: UpSampling2D(2, "cubic"), "unknown interpolation 'cubic'"),
        (lambda: Conv2DTranspose(8, padding="valid"), "padding must be 'same'"),
        (lambda: LeakyReLU(2.0), "negative_slope must be a number from 0 to 1, got 2.0"),
    ):
        with pytest.raises(NetworkError, match=said):
            wrong()
