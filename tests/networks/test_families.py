"""Network families: what they build, what is equal, and what they refuse."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assay.core.config import Entry, Source
from assay.core.errors import AssayError, ConfigError, NetworkError
from assay.core.options import defaults_of
from assay.networks.custom import only_dense
from assay.networks.families import FAMILIES, build_network, makes, read_network
from assay.networks.generator_layers import GaussianNoise
from assay.networks.layers import Dense, Residual
from assay.networks.network import Network, initial_weights
from assay.networks.table import layer_table, totals

MNIST = (28, 28, 1)
HEADS = {"class": 10}


def kinds(network: Network) -> list[str]:
    return [place.layer.kind for place in network.places()]


def canonical(data: object) -> dict[str, Any]:
    entry = Entry(data, (), Source(data))
    network = read_network(entry)
    entry.problems.raise_if_any()
    return network


def test_the_textbook_mlp() -> None:
    network = build_network("mlp", MNIST, HEADS)
    assert kinds(network) == ["flatten", *["dense", "activation"] * 2, "dense"]
    assert network.parameters == 784 * 300 + 300 + 300 * 100 + 100 + 100 * 10 + 10 == 266_610
    assert network.macs == 784 * 300 + 300 * 100 + 100 * 10


def test_the_textbook_cnn() -> None:
    network = build_network("cnn", MNIST, HEADS)
    block = ["conv2d", "activation"]
    assert kinds(network) == [
        *block, "max_pool2d", *block * 2, "max_pool2d", *block * 2, "max_pool2d", "flatten",
        *["dense", "activation", "dropout"] * 2, "dense",
    ]  # fmt: skip
    assert network.parameters == 1_413_834  # as Keras counts it
    assert [p.output_shape for p in network.places() if p.layer.kind == "max_pool2d"] == [
        (14, 14, 64), (7, 7, 128), (3, 3, 256),
    ]  # fmt: skip


def test_batch_norm_stands_before_the_activation_and_dropout_after() -> None:
    options = {"family": "mlp", "hidden": [5], "batch_norm": True, "dropout": 0.2}
    network = build_network(options, (2, 2, 1), {"class": 3})
    assert kinds(network) == ["flatten", "dense", "batch_norm", "activation", "dropout", "dense"]


def test_noise_is_on_the_images_and_before_each_activation() -> None:
    options = {"family": "mlp", "hidden": [5], "batch_norm": True}
    noisy = {**options, "input_gaussian_noise": 1.0, "gaussian_noise": 0.3}
    network = build_network(noisy, (2, 2, 1), {"class": 3})
    assert kinds(network) == [
        "flatten", "gaussian_noise", "dense", "batch_norm", "gaussian_noise", "activation", "dense",
    ]  # fmt: skip
    found = [p.layer.stddev for p in network.places() if isinstance(p.layer, GaussianNoise)]
    assert found == [1.0, 0.3]
    assert only_dense({"family": "layers", "layers": [{"gaussian_noise": 0.3}, {"dense": 5}]})


def test_initializers_and_regularizer_hold_for_the_head_too() -> None:
    options = {
        "family": "mlp",
        "kernel_initializer": "he_normal",
        "bias_initializer": "ones",
        "kernel_regularizer": "l1_l2",
    }
    dense = [p.layer for p in build_network(options, MNIST, HEADS).places()]
    for layer in dense:
        if isinstance(layer, Dense):
            assert layer.kernel_initializer.name == "he_normal"
            assert layer.bias_initializer.name == "ones"
            assert (layer.kernel_regularizer.l1, layer.kernel_regularizer.l2) == (0.01, 0.01)


def test_residual_blocks_and_global_pooling() -> None:
    options = {"family": "cnn", "filters": [[4], [8, 8], [8]], "residual": True, "dense": []}
    network = build_network(options | {"global_pool": True}, MNIST, HEADS)
    assert kinds(network).count("residual") == 2  # every block but the first
    assert kinds(network)[-2:] == ["global_average_pool", "dense"]
    names = set(initial_weights(network, 0))
    assert "trunk.3.shortcut.kernel" in names  # 4 -> 8 channels need a projection


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("mlp", {"family": "mlp", "hidden": [300, 100], "activation": "relu", "dropout": 0}),
        ({"family": "mlp", "hidden": 30}, {"family": "mlp", "hidden": [30]}),
        (
            {"family": "mlp", "kernel_regularizer": "l2"},
            {"family": "mlp", "kernel_regularizer": {"l2": 0.01, "l1": 0}},
        ),
        (
            {"family": "mlp", "kernel_initializer": "random_normal"},
            {"family": "mlp", "kernel_initializer": {"name": "random_normal", "stddev": 0.05}},
        ),
        (
            {"family": "layers", "layers": [{"dense": 9, "activation": "relu"}, "max_pool2d"]},
            {
                "family": "layers",
                "layers": [
                    {"layer": "dense", "units": 9},
                    {"activation": "relu"},
                    {"max_pool2d": 2},
                ],
            },
        ),
    ],
)
def test_equal_meaning_is_equal_data(one: object, other: object) -> None:
    assert canonical(one) == canonical(other)


@pytest.mark.parametrize("family", [name for name in FAMILIES if not FAMILIES[name].network])
def test_every_family_reads_its_own_canonical_data_and_its_defaults(family: str) -> None:
    network = canonical(family)
    assert canonical(network) == network
    images = (150, 150, 1) if family == "clock-cnn" else MNIST  # its strides need a large picture
    images, heads = ((32, 32, 3), {}) if makes(family) else (images, HEADS)
    built = build_network(network, images, heads, makes(family))
    assert built == build_network(family, images, heads, makes(family))


OPTIONS = {
    "hidden": st.sampled_from([[], [3], [3, 2]]), "dense": st.sampled_from([[], [3]]),
    "head_dense": st.sampled_from([[], [3]]), "dropout": st.sampled_from([0.0, 0.25, 0.5]),
    "filters": st.lists(st.lists(st.just(2), max_size=2), max_size=3),
    "strides": st.lists(st.integers(1, 2), max_size=4), "residual": st.booleans(),
    "activation": st.sampled_from(["relu", "elu"]), "conv_dropout": st.sampled_from([0, 0.5]),
    "batch_norm": st.booleans(),
    "gaussian_noise": st.sampled_from([0, 0.5]), "kernel_size": st.integers(2, 3),
    "first_kernel_size": st.sampled_from([3, 7]), "pool_size": st.integers(1, 2),
    "squeeze_excite": st.sampled_from([None, 2]), "whitening": st.sampled_from([None, 2]),
    "padding": st.sampled_from(["same", "valid"]),
}  # fmt: skip


@pytest.mark.parametrize("family", [name for name in FAMILIES if FAMILIES[name].settle])
@settings(max_examples=150)
@given(data=st.data())
def test_an_option_without_effect_is_not_part_of_a_network(
    family: str, data: st.DataObject
) -> None:
    recipe = FAMILIES[family]
    assert recipe.trunk
    usual = defaults_of(recipe.options)
    drawn = {name: data.draw(OPTIONS[name], name) for name in usual if name in OPTIONS}

    def layers(options: dict[str, Any]) -> object:
        head = tuple(recipe.head(options)) if recipe.head else ()
        return recipe.trunk({**usual, **options}, (64, 64, 1)), head

    made = canonical({"family": family, **drawn})
    assert layers({**usual, **made}) == layers({**usual, **drawn})
    # a block without layers is nothing; an activation is in the names of stored perceptrons
    for name in drawn.keys() - {"filters"} - ({"activation"} if family == "mlp" else set()):
        changed = {**drawn, name: data.draw(OPTIONS[name], name)}
        same = layers({**usual, **changed}) == layers({**usual, **drawn})
        assert (canonical({"family": family, **changed}) == made) == same


def test_unknown_options_are_refused_all_at_once_with_the_nearest_name() -> None:
    with pytest.raises(ConfigError) as caught:
        build_network({"family": "mlp", "kernel_initialiser": "x", "dropout": 1}, MNIST, HEADS)
    assert str(caught.value).splitlines() == [
        "unknown option of network family mlp 'kernel_initialiser'; did you mean "
        "'kernel_initializer'? (known: activation, batch_norm, bias_initializer, dropout, "
        "gaussian_noise, hidden, input_gaussian_noise, kernel_initializer, kernel_regularizer)",
        "dropout must be a rate in [0, 1), got 1",
    ]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"family": "mpl"}, "did you mean 'mlp'"),
        ({}, "a network needs a family, one of: .*cnn, .*layers, mlp"),
        ({"family": "mlp", "hidden": [3, 0]}, r"hidden\[1\] must be a whole number >= 1, got 0"),
        ({"family": "mlp", "activation": "rleu"}, "did you mean 'relu'"),
        ({"family": "mlp", "kernel_regularizer": {"l3": 1}}, "unknown setting of a regularizer"),
        (
            {"family": "mlp", "kernel_initializer": {"name": "zeros", "stddev": 1}},
            "unknown setting of initializer zeros 'stddev'",
        ),
        ({"family": "cnn", "padding": "sane"}, "unknown padding 'sane'; did you mean 'same'"),
    ],
)
def test_wrong_options_are_refused(options: dict, message: str) -> None:
    with pytest.raises(AssayError, match=message):
        build_network(options, MNIST, HEADS)


def test_an_impossible_shape_is_named_at_its_layer() -> None:
    with pytest.raises(NetworkError) as caught:
        build_network({"family": "cnn", "padding": "valid"}, (8, 8, 1), HEADS)
    assert str(caught.value) == (
        "layer trunk.3 (conv2d): conv2d with a window of 3 and padding 'valid' does not fit into "
        "an input side of 1"
    )


def test_the_layer_table_adds_up() -> None:
    options = {"family": "cnn", "filters": [[4], [8, 8]], "residual": True, "batch_norm": True}
    network = build_network(options, MNIST, HEADS)
    assert any(isinstance(layer, Residual) for layer in network.trunk)
    table, sums = layer_table(network), totals(network)
    assert sum(row["parameters"] for row in table) == sums["parameters"] == network.parameters
    assert sum(row["macs"] for row in table) == sums["macs"] == network.macs
    stored = sum(array.size for array in initial_weights(network, 0).values())
    assert stored == sums["parameters"] + sums["moving"]
    assert table[0] == {
        "name": "trunk.0",
        "layer": "conv2d 4, kernel_size 7",
        "output_shape": (28, 28, 4),
        "parameters": 7 * 7 * 4 + 4,
        "macs": 28 * 28 * 7 * 7 * 4,
    }
    names = [row["name"] for row in table]
    assert names.index("trunk.4.shortcut") < names.index("trunk.4")


@pytest.mark.parametrize("family", list(FAMILIES))
def test_whatever_an_option_is_given_it_is_refused_or_built(family: str) -> None:
    made = FAMILIES[family].made
    for key in FAMILIES[family].options:
        for value in ([], {}, [[]], [None], None, "", True, -1, 0, float("nan"), {"a": 1}):
            with suppress(AssayError):
                data = {"family": family, key: value}
                build_network(data, (32, 32, 3), {} if made else HEADS, made or ())
