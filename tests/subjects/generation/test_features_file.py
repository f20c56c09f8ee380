"""A file of features: what is wrong in it is said when it is loaded."""

from __future__ import annotations

import numpy as np
import pytest

from assay.core.errors import DataError
from assay.core.tensor_file import read_tensors, write_tensors
from assay.subjects.generation.features import Features, FeatureSettings

FORM = "assay features 1"


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    images = np.random.default_rng(0).integers(0, 256, (32, 16, 16, 1), np.uint8)
    path = tmp_path_factory.mktemp("saved") / "features.safetensors"
    settings = FeatureSettings(widths=(4, 6), steps=1, pairs=4)
    Features.fit(images, settings=settings, cache=False).save(path)
    return path


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"shape": None}, "shape must be 1 to 3 whole numbers from 1 to 4,096, got None"),
        ({"shape": [16, 16]}, r"shape must be .height, width, channels., got \(16, 16\)"),
        ({"shape": [16, 16, True]}, "shape must be"),
        ({"widths": []}, "widths must be 1 to 16 whole numbers"),
        ({"widths": [4, 10**14]}, "widths must be 1 to 16 whole numbers"),
        ({"widths": [4096] * 16}, "the network needs"),
    ],
)
def test_what_is_said_of_them_is_checked(saved, tmp_path, change, message):
    about, tensors = read_tensors(saved, FORM)
    path = tmp_path / "wrong.safetensors"
    write_tensors(path, FORM, about | change, tensors)
    with pytest.raises(DataError, match=message) as caught:
        Features.load(path)
    assert str(caught.value).startswith(f"{path}: not a file of features (")


def test_their_tensors_are_checked(saved, tmp_path):
    about, tensors = read_tensors(saved, FORM)
    assert Features.load(saved).about == about
    path = tmp_path / "wrong.safetensors"
    for wrong, message in (
        (
            {n: t for n, t in tensors.items() if n != "std"},
            r"'std' is None, the network needs \(14",
        ),
        (tensors | {"mean": tensors["mean"] * np.nan}, "tensor 'mean' holds NaN"),
        (tensors | {"other": tensors["mean"]}, "tensor 'other' is .*, the network needs None"),
    ):
        write_tensors(path, FORM, about, wrong)
        with pytest.raises(DataError, match=message):
            Features.load(path)
