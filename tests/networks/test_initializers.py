"""What initializers promise that Keras's do not, which `test_keras_parity.py` compares."""

from __future__ import annotations

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from assay.networks.initializers import Initializer

SIDES = st.integers(1, 5)
CHANNELS = st.integers(1, 7)


@settings(max_examples=50, deadline=None)
@given(SIDES, SIDES, CHANNELS, CHANNELS)
def test_dirac_passes_on_channels(height, width, channels, filters):
    kernel = Initializer("dirac").draw((height, width, channels, filters), np.random.default_rng(0))
    images = torch.randn(2, channels, 6, 6)
    weight = torch.from_numpy(kernel).permute(3, 2, 0, 1)
    border = ((width - 1) // 2, width // 2, (height - 1) // 2, height // 2)
    found = torch.nn.functional.conv2d(torch.nn.functional.pad(images, border), weight)
    passed = min(channels, filters)
    torch.testing.assert_close(found[:, :passed], images[:, :passed])
    further = kernel[..., passed:]
    assert not further.size or 0 < np.abs(further).max() <= (height * width * channels) ** -0.5


def test_dirac_of_what_is_no_convolution():
    start, rng = Initializer("dirac"), np.random.default_rng(0)
    dense = start.draw((400, 300), rng)
    assert 0.049 < np.abs(dense).max() <= 0.05
    assert abs(dense.mean()) < 1e-3
    assert not start.draw((5,), rng).any()
