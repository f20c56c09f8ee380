"""The networks of a GAN and of a VAE."""

from __future__ import annotations

import numpy as np
import pytest

from assay.core.errors import NetworkError
from assay.networks.assembly import Assembly
from assay.networks.families import build_network, makes
from assay.networks.network import initial_weights


def test_the_course_s_networks():
    gan = build_network("gan", (64, 64, 3), {}, makes("gan"))
    vae = build_network("vae", (64, 64, 3), {}, makes("vae"))
    assert isinstance(gan, Assembly)
    assert isinstance(vae, Assembly)
    shapes = {p.name: p.output_shape for p in gan.places()}
    assert shapes["generator.trunk.2"] == (2, 2, 256)
    assert shapes["generator.head.image.1"] == (64, 64, 3)
    assert shapes["discriminator.head.score.0"] == (1,)
    assert {p.output_shape for p in vae.places() if "head.log" in p.name} == {(32,)}
    assert gan.parameters == sum(part.parameters for _, part in gan.parts)
    named = initial_weights(gan, 0)
    assert not np.array_equal(
        named["generator.trunk.5.kernel"], named["discriminator.trunk.6.kernel"]
    )


def test_a_family_that_does_not_make_what_the_task_trains_is_refused():
    for family, heads, parts, said in (
        ("gan", {"class": 2}, (), "makes generator and discriminator; use "),
        ("mlp", {}, makes("gan"), "trains generator and discriminator.*use gan"),
        ("vae", {}, makes("gan"), "makes encoder and decoder; use gan"),
    ):
        with pytest.raises(NetworkError, match=said):
            build_network(family, (32, 32, 3), heads, parts)
    with pytest.raises(NetworkError, match="5 upsampling steps do not reach 28x28 pixels"):
        build_network("gan", (28, 28, 1), {}, makes("gan"))
