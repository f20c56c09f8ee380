"""Layers as they are written in a study, in both directions.

As Keras would call it: `{conv2d: {filters: 64, kernel_size: 7}}`. Short form: the kind and its main
setting, then the others: `{conv2d: 64, kernel_size: 7}`, `max_pool2d`, `{residual: [...]}`. Long
form: `{layer: conv2d, filters: 64, kernel_size: 7}`.
`activation` on a dense or convolutional layer stands for an activation layer after it.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import fields
from typing import Any

from assay.core.config import Entry, Option
from assay.core.errors import NetworkError, unknown_name
from assay.core.options import REQUIRED, options_of
from assay.core.records import Spec
from assay.core.yaml import in_one_line
from assay.networks.activations import ACTIVATIONS, activation_option
from assay.networks.image_layers import LAYERS
from assay.networks.initializers import Initializer, plain_initializer
from assay.networks.layers import Activation, Conv2D, Dense, Layer
from assay.networks.regularizers import Regularizer, plain_regularizer

__all__ = ["layer_options", "read_layer", "read_layers", "write_layers"]

Styles = Spec
"""Arguments of Dense and Conv2D where a layer gives none of its own (see `options.styled`)."""


def read_layers(entry: Entry, styles: Styles | None = None) -> tuple[Layer, ...]:
    """Read a list of layers; problems of single layers are noted and the rest is read on."""
    layers: list[Layer] = []
    for item in entry.items():
        with entry.problems.collect(item):
            layers += read_layer(item, styles)
    return tuple(layers)


def read_layer(entry: Entry, styles: Styles | None = None) -> list[Layer]:
    """Read one layer; two when it has an activation."""
    kind, given = _kind(entry)
    cls = LAYERS[kind]
    options = options_of(cls)
    known = layer_options(cls)
    for key in [k for k in given if k not in known]:
        _refuse(given[key], kind, key, list(known))
    arguments = dict(styles or {}) if issubclass(cls, (Dense, Conv2D)) else {}
    for key in set(options) & set(given):
        with entry.problems.collect(given[key]):
            arguments[key] = _read_field(given[key], options[key], styles)
    needed = [name for name, option in options.items() if option.default is REQUIRED]
    for name in needed:
        if name not in given:
            raise entry.error(f"{kind} needs {name}, for example {_example(kind)}")
    if any(name not in arguments for name in needed):
        return []  # a problem with it is noted already
    layers: list[Layer] = [cls(**arguments)]
    if "activation" in given:
        layers.append(Activation(ACTIVATION.read(given["activation"])))
    return layers


def layer_options(cls: type[Layer]) -> dict[str, Option]:
    """The settings of a kind of layer as a study may write them."""
    after = {"activation": ACTIVATION} if issubclass(cls, (Dense, Conv2D)) else {}
    return {**options_of(cls), **after}


ACTIVATION = activation_option("", "Activation after the layer, as a layer of its own.")


def _example(kind: str) -> str:
    """A layer with what it needs, as YAML."""
    needed = {n: o.example for n, o in options_of(LAYERS[kind]).items() if o.default is REQUIRED}
    inner: Any = next(iter(needed.values())) if len(needed) == 1 else needed
    return in_one_line({kind: inner})


def _kind(entry: Entry) -> tuple[str, dict[str, Entry]]:
    """The kind of a layer and its settings by name, the main one under its own name."""
    if isinstance(entry.value, str):
        if said := _of_activation(entry.value):
            raise entry.error(said)
        return entry.choice("layer", LAYERS), {}
    if not isinstance(entry.value, dict):
        raise entry.expected("a name or a mapping")
    given = entry.keys()
    if not given:
        raise entry.error("a layer must be a name or a mapping, got an empty mapping")
    if "layer" in given:
        return given.pop("layer").choice("layer", LAYERS), given
    kind = _named(given)
    main = [f.name for f in fields(LAYERS[kind])]
    value = given.pop(kind)
    if isinstance(value.value, dict):  # {conv2d: {filters: 8}}, as Keras would be called
        inner = value.keys()
        twice = [key for key in given if key in inner]
        if twice:
            raise given[twice[0]].error(f"{kind}: {twice[0]} is given twice", key=True)
        return kind, {**inner, **given}
    if value.value is not None:
        if not main:
            raise value.error(f"{kind} has no settings, write just {kind}")
        if main[0] in given:
            raise given[main[0]].error(f"{kind}: {main[0]} is given twice", key=True)
        given[main[0]] = value
    return kind, given


def _named(given: dict[str, Entry]) -> str:
    """The key that is the layer's kind, wherever it stands: records sort their keys."""
    kinds = [key for key in given if key in LAYERS]
    settings = {kind: layer_options(LAYERS[kind]) for kind in kinds}
    # activation is a layer, and a setting of others
    kinds = [kind for kind in kinds if not any(kind in settings[other] for other in kinds)]
    if not kinds:
        known = {setting for layer in LAYERS.values() for setting in layer_options(layer)}
        wrong = next((key for key in given if key not in known), next(iter(given)))
        _refuse(given[wrong], None, wrong, list(LAYERS))
    if len(kinds) > 1:
        said = f"a layer is of one kind, got {' and '.join(kinds)}; write a layer for each"
        raise given[kinds[1]].error(said, key=True)
    return kinds[0]


def _refuse(entry: Entry, kind: str | None, key: str, known: list[str]) -> None:
    said = unknown_name(f"setting of {kind}" if kind else "layer", key, known)
    if kind is None:
        said = _of_activation(key) or said
    if kind is None and key == "name":
        said = "a layer is written {conv2d: 64} or {layer: conv2d, filters: 64}, without a name"
    raise entry.error(said, key=True)


def _of_activation(name: str) -> str:
    """Say how the activation is written that was given as a layer, in any case; "" for others."""
    name = name.lower()
    if name in LAYERS or name not in ACTIVATIONS:
        return ""
    return f"{name} is an activation, not a layer; an activation layer is {{activation: {name}}}"


def _read_field(entry: Entry, option: Option, styles: Styles | None) -> Any:
    if entry.value is None and option.default is None:
        return None
    value = option.read(entry)
    return read_layers(value, styles) if isinstance(value, Entry) else value


def write_layers(
    layers: tuple[Layer, ...], keep: Collection[str] = ()
) -> list[str | dict[str, object]]:
    """The short form of several layers; `read_layers` reads it back to equal layers.

    Args:
        keep: settings to write even when they are a layer's default (None is never written).
    """
    return [_write_layer(layer, keep) for layer in layers]


def _write_layer(layer: Layer, keep: Collection[str]) -> str | dict[str, object]:
    if layer.kind not in LAYERS:
        raise NetworkError(f"a layer of kind {layer.kind!r} cannot be written")
    main = next((f.name for f in fields(layer)), None)
    data: dict[str, object] = {}
    for f in fields(layer):
        value = getattr(layer, f.name)
        if value is not None and (value != f.default or f.name in keep):
            data[layer.kind if f.name == main else f.name] = _write(value, keep)
    if data and main and layer.kind not in data:  # the kind comes first, though it is default
        data = {layer.kind: _write(getattr(layer, main), keep), **data}
    return data or layer.kind


def _write(value: object, keep: Collection[str]) -> object:
    if isinstance(value, Initializer):
        return plain_initializer(value)
    if isinstance(value, Regularizer):
        return plain_regularizer(value) or "none"
    return write_layers(value, keep) if isinstance(value, tuple) else value
