"""Family `layers` and the layers of its list: how they are written, and what is refused."""

from __future__ import annotations

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.core.config import Entry, Source
from assay.core.errors import ConfigError
from assay.core.options import REQUIRED
from assay.networks.custom import only_dense
from assay.networks.families import build_network
from assay.networks.image_layers import LAYERS
from assay.networks.layers import Dense, Dropout, Flatten
from assay.networks.network import Network
from assay.networks.parse import layer_options, read_layers, write_layers

from .test_families import HEADS, MNIST, canonical, kinds


def layers(*written: object, **options: object) -> Network:
    return build_network({"family": "layers", "layers": [*written], **options}, MNIST, HEADS)


def test_any_list_of_layers() -> None:
    network = layers(
        {"conv2d": 6, "kernel_size": 7, "activation": "relu"},
        "max_pool2d",
        {"residual": [{"conv2d": 6}, "batch_norm"]},
        {"dense": 100, "activation": "relu"},
        {"dropout": 0.2},
    )
    assert kinds(network) == [
        "conv2d", "activation", "max_pool2d", "residual", "flatten", "dense", "activation",
        "dropout", "dense",
    ]  # fmt: skip
    assert network.trunk[4] == Flatten()  # put in, because dense needs a flat input
    assert network.trunk[7] == Dropout(0.2)
    assert kinds(layers({"conv2d": 2})) == ["conv2d", "flatten", "dense"]


def test_what_a_layer_says_itself_wins_over_the_family_even_if_it_is_the_default() -> None:
    written = canonical(
        {
            "family": "layers",
            "layers": [{"dense": 9, "kernel_initializer": "glorot_uniform"}, {"dense": 9}],
            "kernel_initializer": "he_normal",
        }
    )
    network = build_network(written, MNIST, HEADS)
    dense = [layer for layer in network.trunk if isinstance(layer, Dense)]
    assert [d.kernel_initializer.name for d in dense] == ["glorot_uniform", "he_normal"]


def test_wrong_layers_are_refused_all_at_once() -> None:
    with pytest.raises(ConfigError) as caught:
        layers(
            {"conv2d": 64, "kernal_size": 7},
            {"dropout": 2},
            "flaten",
            {"flatten": 3},
            "dense",
            {"residual": [{"dens": 1}]},
            {},
            "gelu",
            {"relu": None},
            {"name": "conv2d", "filters": 8},
            3,
            ["dense"],
            "ReLU",
            {"conv2d": 8, "dropout": 0.5},
            {"kernel_size": 3, "conv2": 8},
        )
    starts = [line.split("; did", 1)[0].split(" (known", 1)[0] for line in
              str(caught.value).splitlines()]  # fmt: skip
    assert starts == [
        "layers[0].kernal_size: unknown setting of conv2d 'kernal_size'",
        "layers[1].dropout must be a number in [0, 1), got 2",
        "layers[2]: unknown layer 'flaten'",
        "layers[3].flatten: flatten has no settings, write just flatten",
        "layers[4]: dense needs units, for example {dense: 100}",
        "layers[5].residual[0].dens: unknown layer 'dens'",
        "layers[6]: a layer must be a name or a mapping, got an empty mapping",
        "layers[7]: gelu is an activation, not a layer; an activation layer is {activation: gelu}",
        "layers[8].relu: relu is an activation, not a layer; an activation layer is "
        "{activation: relu}",
        "layers[9].name: a layer is written {conv2d: 64} or {layer: conv2d, filters: 64}, "
        "without a name",
        "layers[10] must be a name or a mapping, got 3",
        "layers[11] must be a name or a mapping, got ['dense']",
        "layers[12]: relu is an activation, not a layer; an activation layer is {activation: relu}",
        "layers[13].dropout: a layer is of one kind, got conv2d and dropout; write a layer for "
        "each",
        "layers[14].conv2: unknown layer 'conv2'",
    ]


OTHER_VALUES = {
    "activation": "tanh", "function": "tanh", "bias_initializer": "ones", "use_bias": False,
    "kernel_initializer": "he_normal", "kernel_regularizer": {"l2": 0.25}, "padding": "same",
    "interpolation": "bilinear", "body": [{"dense": 4, "bias_initializer": "ones"}],
}  # fmt: skip
ONE_VALUE = {("conv2d_transpose", "padding")}
SETTINGS = {(kind, key) for kind in LAYERS for key in layer_options(LAYERS[kind])} - ONE_VALUE


@pytest.mark.parametrize(("kind", "key"), sorted(SETTINGS))
def test_a_layer_has_each_of_its_settings_in_whatever_order_its_keys_are(
    kind: str, key: str
) -> None:
    options = layer_options(LAYERS[kind])
    main = next(iter(options))
    needed = {name: o.example for name, o in options.items() if o.default is REQUIRED}
    other = OTHER_VALUES.get(key, 0.75 if isinstance(options[key].default, float) else 5)
    settings = {**needed, key: "valid" if other == options[key].default else other}
    rest = {name: value for name, value in settings.items() if name != main}
    for written in (
        {kind: settings.get(main), **rest},
        {kind: settings},
        {"layer": kind, **settings},
    ):
        made = canonical({"family": "layers", "layers": [written]})
        assert made != canonical({"family": "layers", "layers": [{"layer": kind, **needed}]})
        assert canonical(json.loads(json.dumps(made, sort_keys=True))) == made  # as records are
        backwards = dict(reversed(written.items()))
        assert canonical({"family": "layers", "layers": [backwards]}) == made


one_layer = st.one_of(
    st.builds(lambda n, k: {"conv2d": n, "kernel_size": k}, st.integers(1, 9), st.integers(1, 7)),
    st.builds(lambda n: {"dense": n, "kernel_initializer": "he_normal"}, st.integers(1, 9)),
    st.builds(lambda r: {"dropout": r}, st.floats(0, 0.9)),
    st.sampled_from(["flatten", "max_pool2d", "batch_norm", {"activation": "tanh"}]),
    st.builds(lambda p: {"max_pool2d": 2, "padding": p}, st.sampled_from(["same", "valid"])),
)
some_layers = st.lists(
    one_layer | st.builds(lambda body: {"residual": body}, st.lists(one_layer, max_size=3)),
    max_size=5,
)


@given(some_layers)
def test_layers_are_written_as_they_are_read(written: list) -> None:
    read = read_layers(Entry(written, (), Source(written)))
    again = write_layers(read)
    assert read_layers(Entry(again, (), Source(again))) == read


def test_layers_may_be_written_as_keras_would_be_called() -> None:
    def layers(*written: object) -> object:
        return canonical({"family": "layers", "layers": list(written)})

    assert layers({"conv2d": {"filters": 8, "kernel_size": 3}}) == layers({"conv2d": 8})
    assert layers({"dense": {"units": 9, "activation": "relu"}}) == layers(
        {"dense": 9, "activation": "relu"}
    )
    assert layers({"max_pool2d": {"pool_size": 3}}) == layers({"max_pool2d": 3})
    assert layers({"flatten": {}}) == layers("flatten")
    assert layers({"residual": {"body": [{"conv2d": {"filters": 8}}]}}) == layers(
        {"residual": [{"conv2d": 8}]}
    )
    for wrong, said in (
        ({"conv2d": {"filter": 8}}, "did you mean 'filters'"),
        ({"conv2d": {"filters": 8}, "filters": 9}, "conv2d: filters is given twice"),
        ({"conv2d": 8, "filters": 9}, "conv2d: filters is given twice"),
        ({"dense": {}}, "dense needs units"),
    ):
        with pytest.raises(ConfigError, match=re.escape(said)):
            build_network({"family": "layers", "layers": [wrong]}, MNIST, HEADS)


def test_a_network_without_layers_of_its_own_is_its_head() -> None:
    for written in ("layers", {"layers": []}):
        found = canonical(written)
        assert only_dense(found)
        assert build_network(found, MNIST, HEADS).parameters == 28 * 28 * 10 + 10
