"""Layers, masks, augmentation and schedules by hand-checkable values."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from threadpoolctl import threadpool_info, threadpool_limits

from assay.data.dataset import Split
from assay.engines.engine import Resources
from assay.engines.schedules import Constant, Cosine, Exponential
from assay.engines.streams import Bits, scaled_mask
from assay.engines.torch_engine import patches
from assay.engines.torch_engine.device import no_denormals, one_numpy_thread, place
from assay.engines.torch_engine.images import Augmenter, Normalise, to_device, turned
from assay.engines.torch_engine.masks import DeviceBits, Masks
from assay.engines.torch_engine.module import NetworkModule
from assay.engines.torch_engine.patches import convolve_by_patches
from assay.engines.training import Augment
from assay.networks.layers import Activation, AveragePool2D, Conv2D, Flatten, MaxPool2D, Residual
from assay.networks.network import Network, initial_weights

EXACT = place(Resources(device="cpu", precision="float64", threads=1))


def _apply(layers, images, seed=0):
    network = Network(images.shape[1:], (*layers, Flatten()), (("out", (Flatten(),)),))
    weights = initial_weights(network, seed)
    module = NetworkModule(network, weights, seed, EXACT).eval()
    with torch.no_grad():
        out = module(torch.tensor(images, dtype=torch.float64).permute(0, 3, 1, 2))["out"]
    shape = list(network.places())[len(layers)].input_shape
    return weights, out.numpy().reshape(len(images), *shape)


def test_pictures_turn_clockwise_round_their_middle_and_black_moves_in():
    blank = torch.tensor([-1.0, -2.0], dtype=torch.float64)
    images = torch.rand(1, 3, 6, 6, 2, dtype=torch.float64)
    quarter = turned(images, 0.25, blank)
    assert torch.allclose(quarter, torch.rot90(images, -1, (2, 3)))
    assert torch.allclose(turned(images, 0.0, blank), images)
    corner = turned(images, 0.125, blank)[0, :, 0, 0]
    assert torch.allclose(corner, blank.expand(3, 2))


@pytest.mark.parametrize("size", [5, 6])
@pytest.mark.parametrize("strides", [1, 2])
@pytest.mark.parametrize("window", [2, 3])
@pytest.mark.parametrize("padding", ["same", "valid"])
def test_convolution_is_keras_s(size, strides, window, padding):
    images = np.random.default_rng(0).normal(size=(2, size, size, 3))
    weights, out = _apply([Conv2D(4, window, strides, padding)], images)
    kernel = weights["trunk.0.kernel"].astype(float)
    # Keras puts the odd row of padding at the bottom and the odd column at the right
    total = max(0, (-(-size // strides) - 1) * strides + window - size) if padding == "same" else 0
    pad = (total // 2, total - total // 2)
    padded = np.pad(images, ((0, 0), pad, pad, (0, 0)))
    for i in range(out.shape[1]):
        for j in range(out.shape[2]):
            rows, columns = (
                slice(i * strides, i * strides + window),
                slice(j * strides, j * strides + window),
            )
            expected = np.einsum("bhwc,hwco->bo", padded[:, rows, columns], kernel)
            np.testing.assert_allclose(out[:, i, j], expected, atol=1e-6)


@pytest.mark.parametrize("function", ["relu", "gelu"])
@pytest.mark.parametrize("padding", ["same", "valid"])
@pytest.mark.parametrize(("size", "pool"), [(7, 2), (8, 3), (7, 3), (6, 2)])
def test_a_pool_after_a_convolution_is_the_two_in_turn(size, pool, padding, function):
    # together they leave out what is never read, and the pool may come before the activation
    images = np.random.default_rng(0).normal(size=(2, size, size, 3))
    _, whole = _apply([Conv2D(4, 3, padding=padding), Activation(function)], images)
    _, pooled = _apply(
        [Conv2D(4, 3, padding=padding), Activation(function), MaxPool2D(pool)], images
    )
    for i in range(pooled.shape[1]):
        for j in range(pooled.shape[2]):
            window = whole[:, i * pool : (i + 1) * pool, j * pool : (j + 1) * pool]
            np.testing.assert_allclose(pooled[:, i, j], window.max((1, 2)), rtol=1e-12)


def test_pools_ignore_their_padding():
    image = -np.arange(1.0, 10.0).reshape(1, 3, 3, 1)
    _, largest = _apply([MaxPool2D(2, padding="same")], image)
    assert largest[0, :, :, 0].tolist() == [[-1, -3], [-7, -9]]
    _, mean = _apply([AveragePool2D(2, padding="same")], image)
    assert mean[0, :, :, 0].tolist() == [[-3, -4.5], [-7.5, -9]]


def test_a_residual_block_adds_its_input():
    images = np.random.default_rng(0).normal(size=(1, 4, 4, 2))
    block = Residual((Conv2D(2, 3),))
    _, out = _apply([block], images)
    network = Network((4, 4, 2), (block, Flatten()), (("out", (Flatten(),)),))
    body = _apply([Conv2D(2, 3)], images)
    assert set(initial_weights(network, 0)) == {"trunk.0.0.kernel", "trunk.0.0.bias"}
    assert not np.allclose(out, images)
    assert out.shape == body[1].shape
    _, projected = _apply([Residual((Conv2D(6, 3, strides=2),))], images)
    assert projected.shape == (1, 2, 2, 6)


def test_masks_drop_the_given_share_and_keep_the_mean():
    bits = DeviceBits([0, 1], "layer", torch.device("cpu"))
    rates = torch.tensor([0.1, 0.5]).view(2, 1, 1)
    mask = Masks(rates).scaled(bits.draw((500, 400)), torch.float32)
    np.testing.assert_allclose((mask == 0).float().mean((1, 2)), [0.1, 0.5], atol=0.004)
    np.testing.assert_allclose(mask.mean((1, 2)), [1, 1], atol=0.01)


@pytest.mark.parametrize("rate", [0.3, 0.9999, 0.99999, 0.999999, 1 - 1e-12])
def test_masks_of_high_rates_keep_what_they_say_in_every_engine(rate):
    bits = np.arange(-32768, 32768).astype(np.int16)  # each once
    ours = scaled_mask(bits, rate, np.dtype(np.float32))
    masks = Masks(torch.tensor(rate, dtype=torch.float32))
    np.testing.assert_array_equal(ours, masks.scaled(torch.from_numpy(bits), torch.float32))
    assert (ours > 0).sum() == max(1, round(65536 * (1 - rate)))
    np.testing.assert_allclose(ours.mean(), 1, rtol=0.1)


def test_bits_are_equal_in_numpy_and_on_a_device_alone_and_in_any_room():
    """Over several draws, whether the host or the device counts them."""
    ours, device = Bits([3, 4], "layer"), DeviceBits([3, 4], "layer", torch.device("cpu"))
    alone = DeviceBits([4], "layer", torch.device("cpu"))
    for draw in range(5):
        bits = ours.draw((3, 5, 7))
        assert bits.shape == (2, 3, 5, 7)
        np.testing.assert_array_equal(bits, device.draw((3, 5, 7)))
        # fewer rows, and more units in a row, as in a padded stack
        np.testing.assert_array_equal(bits[1:, :2], alone.draw((2, 5, 9))[..., :7])
        if draw == 2:
            device.count_on_device()
    device.keep([1])
    ours.keep([1])
    np.testing.assert_array_equal(ours.draw((2, 6)), device.draw((2, 6)))


def test_bits_are_uniform_and_independent():
    """Single bits, pairs of neighbours, and the same place in other draws, members and layers."""
    first, other = Bits([0, 1], "a"), Bits([0], "b")
    drawn = np.stack([first.draw((64, 512)) for _ in range(8)])  # (draw, member, row, unit)
    alike = other.draw((64, 512))[0]
    single = np.unpackbits(drawn.view(np.uint8)).reshape(-1, 16).mean(0)
    np.testing.assert_allclose(single, 0.5, atol=5 * 0.5 / np.sqrt(drawn.size))
    counts = np.bincount(drawn.reshape(-1).view(np.uint16) >> 8, minlength=256)
    assert ((counts - drawn.size / 256) ** 2).sum() / (drawn.size / 256) < 255 + 5 * np.sqrt(510)
    unit = drawn / 2**15
    for one, beside in (
        (unit[..., 1:], unit[..., :-1]),
        (unit[..., 4:], unit[..., :-4]),
        (unit[:, :, 1:], unit[:, :, :-1]),
        (unit[1:], unit[:-1]),
        (unit[:, 0], unit[:, 1]),
        (unit[0, 0], alike / 2**15),
    ):
        correlation = np.mean(one * beside) * 3  # the variance of the uniform numbers is 1/3
        assert abs(correlation) < 5 / np.sqrt(one.size)


def test_shifts_move_the_picture_and_black_comes_in():
    image = torch.arange(1.0, 10.0).view(1, 1, 3, 3, 1)
    none = torch.zeros(1, 1, dtype=torch.int64)
    augment = Augmenter(Augment(shift=1), [0], torch.tensor([-5.0]))
    padded = np.pad(image[0, 0, :, :, 0], 1, constant_values=-5)
    windows = [padded[i : i + 3, j : j + 3].tolist() for i in range(3) for j in range(3)]
    seen = [augment(image, none)[0][0, 0, :, :, 0].tolist() for _ in range(200)]
    assert all(s in windows for s in seen)
    assert all(w in seen for w in windows)
    mirror = Augmenter(Augment(flip=True), [0], torch.tensor([-5.0]))
    both = {str(mirror(image, none)[0][0, 0, :, :, 0].tolist()) for _ in range(50)}
    assert both == {str(image[0, 0, :, :, 0].tolist()), str(image[0, 0, :, :, 0].flip(1).tolist())}


def test_schedules():
    assert Constant().factor(50, 100, 10) == 1
    assert Exponential(decay_rate=0.5).factor(20, 100, 10) == 0.25
    cosine = Cosine(warmup=0.1, final_fraction=0.2)
    assert [cosine.factor(s, 100, 10) for s in (0, 9, 10)] == [0.1, 1.0, 1.0]
    assert cosine.factor(55, 100, 10) == pytest.approx(0.6)
    assert cosine.factor(100, 100, 10) == pytest.approx(0.2)


def test_numbers_too_small_to_matter_are_zero_while_training_and_only_then():
    small = torch.full((64,), 1e-38)
    with no_denormals():
        assert not (small * 1e-3).any(), "they would cost a hundredfold"
    assert (small * 1e-3).all()


def test_numpy_takes_no_core_from_training():
    def threads() -> list[int]:
        return [i["num_threads"] for i in threadpool_info() if i["internal_api"] == "openblas"]

    with threadpool_limits(2, user_api="blas"):
        before = threads()
        with one_numpy_thread():
            assert all(number == 1 for number in threads())
        assert threads() == before


def test_large_sets_stay_bytes_until_they_are_taken(monkeypatch):
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (10, 4, 4, 3), np.uint8)
    images.flags.writeable = False  # as files that are mapped into memory
    split, targets = Split(images, np.arange(10)), np.arange(10)
    normalise = Normalise(np.array([90.0, 5, 0]), np.array([60.0, 1, 1e-9]), EXACT)
    ready = to_device(split, targets, normalise)
    monkeypatch.setattr("assay.engines.torch_engine.images._MOST", 10)
    late = to_device(split, targets, normalise)
    index = torch.tensor([[3, 1], [9, 9]])
    both = ((*s.take(index), *s.part(2, 7)) for s in (ready, late))
    for a, b in zip(*both, strict=True):
        assert torch.equal(a, b)
        assert a.dtype == b.dtype
    assert torch.equal(ready.take(index)[1], index)


@pytest.mark.parametrize(
    ("side", "window", "strides", "padding"),
    [(7, 3, 1, (1, 1)), (8, 3, 1, (0, 0)), (8, 4, 2, (1, 1)), (5, 3, 2, (0, 1))],
)
def test_gradients_by_patches_are_those_of_the_convolution(
    side: int, window: int, strides: int, padding: tuple[int, int]
) -> None:
    def make(*shape: int) -> torch.Tensor:
        found = torch.randn(shape, dtype=torch.float64, generator=bits)
        return found.contiguous(memory_format=torch.channels_last).requires_grad_()

    bits = torch.Generator().manual_seed(1)
    x, kernel = make(2, 3, side, side), make(4, 3, window, window)
    plain = torch.nn.functional.conv2d(x, kernel, None, strides, padding)
    patched = convolve_by_patches(x, kernel, strides, padding)
    weight = torch.randn(plain.shape, dtype=torch.float64, generator=bits)
    assert torch.equal(plain, patched)
    for one, other in zip(
        torch.autograd.grad((plain * weight).sum(), [x, kernel]),
        torch.autograd.grad((patched * weight).sum(), [x, kernel]),
        strict=True,
    ):
        assert torch.allclose(one, other, atol=1e-12)
    assert torch.autograd.gradgradcheck(
        lambda x, kernel: convolve_by_patches(x, kernel, strides, padding), (x, kernel)
    )


def test_small_maps_of_bfloat16_train_by_patches_where_that_pays(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(patches, "_amx", lambda: True)
    kernel = torch.randn(4, 3, 3, 3, requires_grad=True)
    bias = torch.randn(4)

    def way(dtype: torch.dtype, side: int) -> str:
        x = torch.randn(2, 3, side, side, dtype=dtype)
        y = patches.convolve(x, kernel.to(dtype), bias.to(dtype), 1, (1, 1))
        plain = torch.nn.functional.conv2d(x, kernel.to(dtype), bias.to(dtype), 1, (1, 1))
        # both round to the 8 bits of bfloat16, one of them also before it adds the bias
        assert torch.allclose(y.float(), plain.float(), rtol=2**-6, atol=2**-6)
        return type(y.grad_fn).__name__

    assert way(torch.bfloat16, 8) == "AddBackward0"  # of the bias
    assert way(torch.bfloat16, 9) == way(torch.float32, 8) == "ConvolutionBackward0"
