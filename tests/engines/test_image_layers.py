"""Layers of images that methods of published records add, by hand."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from assay.core.errors import EngineError
from assay.engines.engine import ENGINES, Cohort, Resources
from assay.engines.torch_engine.modules import GlobalMaxPoolModule, SqueezeExciteModule
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


def test_the_largest_value_of_each_map():
    layer, x = GlobalMaxPool(), torch.arange(12.0).view(1, 3, 2, 2)
    assert GlobalMaxPoolModule(layer)(x).tolist() == [[3.0, 7.0, 11.0]]
    assert layer.output_shape((2, 2, 3)) == (3,)
