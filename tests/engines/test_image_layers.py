"""Layers of images that methods of published records add, by hand."""

from __future__ import annotations

import re

import numpy as np
import pytest
import torch

from assay.core.errors import EngineError, NetworkError
from assay.data.dataset import FitData, Split
from assay.engines.engine import ENGINES, Cohort, Resources
from assay.engines.torch_engine.modules import GlobalMaxPoolModule, SqueezeExciteModule
from assay.engines.whitening import from_images, whitening_filters
from assay.networks.families import build_network
from assay.networks.image_layers import GlobalMaxPool, SqueezeExcite
from assay.networks.network import initial_weights
from assay.testing import check_network

CNN = {"family": "cnn", "filters": [[8], [16, 16]], "first_kernel_size": 3, "dense": []}


class TestSqueezeExcite:
    def test_channels_are_scaled_by_their_means(self):
        weights = {
            "squeeze": torch.tensor([[1.0], [1.0]]),
            "squeeze_bias": torch.tensor([-1.0]),
            "excite": torch.tensor([[2.0, 0.0]]),
            "excite_bias": torch.tensor([0.0, 0.0]),
        }
        x = torch.tensor([[[[1.0, 3.0]], [[0.0, 0.0]]]])  # means 2 and 0: 2 - 1 = 1 in the middle
        found = SqueezeExciteModule(SqueezeExcite(), weights)(x)
        high = 1 / (1 + np.exp(-2))
        np.testing.assert_allclose(found.detach()[0, :, 0], [[high, 3 * high], [0, 0]], rtol=1e-6)

    @pytest.mark.parametrize("residual", [False, True])
    def test_it_stands_before_the_last_activation_of_each_block(self, residual):
        options = {**CNN, "squeeze_excite": 4, "residual": residual}
        network = build_network(options, (8, 8, 1), {"class": 4})
        places = {p.name: p for p in network.leaves() if isinstance(p.layer, SqueezeExcite)}
        assert [p.input_shape[-1] for p in places.values()] == [8, 16]
        assert sum(p.layer.parameters(p.input_shape) for p in places.values()) == 42 + 148
        check_network(options)

    def test_a_run_trains_its_weights(self, member, train):
        one = member({**CNN, "squeeze_excite": 4, "global_pool": "max"}, epochs=1)
        (record,) = train(one)
        before = initial_weights(one.network, one.seed)
        names = [name for name in before if "squeeze" in name or "excite" in name]
        assert len(names) == 8
        assert all(not np.array_equal(before[n], record.weights[n]) for n in names)

    def test_engines_without_it_say_so(self, member):
        pytest.importorskip("keras")
        cohort = Cohort((member({**CNN, "squeeze_excite": 4}),))
        with pytest.raises(EngineError, match="squeeze_excite"):
            ENGINES["keras"]().check(cohort, Resources())


WHITE = {**CNN, "whitening": 2}


class TestWhitening:
    def test_patches_of_training_images_become_white(self):
        rng = np.random.default_rng(0)
        smooth = rng.integers(0, 256, (200, 9, 9, 2)).cumsum(1).cumsum(2) / 40
        mean, std = smooth.mean((0, 1, 2)), smooth.std((0, 1, 2))
        epsilon = 0.01
        filters = whitening_filters(smooth, 2, epsilon, mean, std)
        images = torch.from_numpy((smooth - mean) / std).permute(0, 3, 1, 2)
        kernel = torch.from_numpy(filters).double().permute(3, 2, 0, 1)
        seen = torch.nn.functional.conv2d(images, kernel).permute(1, 0, 2, 3).reshape(16, -1)
        torch.testing.assert_close(seen[:8], -seen[8:])
        covariance = seen[:8].cov()
        shares = covariance.diagonal()  # each an eigenvalue's share of itself plus epsilon
        assert ((shares > 0) & (shares < 1)).all()
        assert shares[0] > 0.99
        assert (shares.diff() < 0).all()
        assert float((covariance - shares.diag()).abs().max()) < 1e-4
        exact = whitening_filters(smooth, 2, 1e-12, mean, std)
        scale = np.linalg.norm(filters.reshape(8, 16), axis=0)
        scale /= np.linalg.norm(exact.reshape(8, 16), axis=0)
        np.testing.assert_allclose(scale[:8] ** 2, shares, rtol=1e-3)

    def test_two_pixels_by_hand(self):
        """Patches of four equal pixels, 1 or -1: the direction (1, 1, 1, 1) / 2 has variance 4, all
        others have none."""
        images = np.array([[1, 1], [-1, -1]] * 2)[:, None, :, None] * np.ones((1, 2, 1, 1))
        filters = whitening_filters(images, 2, 1.0).reshape(4, 8)
        np.testing.assert_allclose(filters[:, 0], [0.5 / np.sqrt(4 + 1)] * 4, rtol=1e-6)
        np.testing.assert_allclose(filters[:, 4], -filters[:, 0])

    def test_filters_know_images_that_come_last(self):
        """Grey images in the order of their classes: of the first 6,000, no pixel differs."""
        images = np.zeros((7_000, 2, 2, 1), np.uint8)
        images[6_000:, 0] = 255
        data = FitData("ordered", *[Split(images, images[:, 0, 0, 0])] * 2, np.zeros(1), np.ones(1))
        layers = [{"whitening": 2}, "flatten"]
        network = build_network({"family": "layers", "layers": layers}, (2, 2, 1), {"class": 2})
        found = from_images(network, data)["trunk.0.filters"][..., 0].ravel()
        np.testing.assert_allclose(found[:2] / np.linalg.norm(found), [0.5**0.5] * 2, rtol=1e-4)

    def test_a_run_trains_the_bias_and_not_the_filters(self, member, train, corners):
        one = member(WHITE, epochs=1)
        (record,) = train(one)
        expected = from_images(one.network, corners.fit_data)["trunk.0.filters"]
        assert expected.shape == (2, 2, 1, 8)
        np.testing.assert_array_equal(record.weights["trunk.0.filters"], expected)
        assert record.weights["trunk.0.bias"].any()
        plain = build_network(CNN, (7, 7, 8), {"class": 4}).parameters
        assert one.network.parameters == 8 + plain

    def test_it_stands_before_the_first_block(self):
        network = build_network(WHITE, (8, 8, 1), {"class": 4})
        assert [type(layer).__name__ for layer in network.trunk[:3]] == [
            "Whitening", "Activation", "Conv2D",
        ]  # fmt: skip
        assert next(network.places()).output_shape == (7, 7, 8)
        check_network(WHITE)

    def test_what_does_not_fit_is_said(self):
        with pytest.raises(NetworkError, match="patches of 9x9 do not fit into 8x8 pixels"):
            build_network({**CNN, "whitening": 9}, (8, 8, 1), {"class": 4})
        for layers, name in (
            ([{"conv2d": 4}, "whitening", "flatten"], "trunk.1"),
            ([{"residual": [{"whitening": 1}]}, "flatten"], "trunk.0.0"),
        ):
            said = re.escape(f"{name} (whitening) whitens images; it must be the first layer")
            with pytest.raises(NetworkError, match=said):
                build_network({"family": "layers", "layers": layers}, (8, 8, 1), {"class": 4})

    @pytest.mark.parametrize("engine", ["keras", "numpy"])
    def test_engines_without_it_say_so(self, member, engine):
        pytest.importorskip(engine)
        with pytest.raises(EngineError, match="whitening"):
            ENGINES[engine]().check(Cohort((member(WHITE),)), Resources())


def test_the_largest_value_of_each_map():
    layer, x = GlobalMaxPool(), torch.arange(12.0).view(1, 3, 2, 2)
    assert GlobalMaxPoolModule(layer)(x).tolist() == [[3.0, 7.0, 11.0]]
    assert layer.output_shape((2, 2, 3)) == (3,)
