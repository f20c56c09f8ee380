"""A fitted classifier as one safetensors file: weights and curves, and JSON for the rest."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from assay.apps.sklearn.settings import own_network, plain
from assay.core.code_places import source_of
from assay.core.config import Entry, Source
from assay.core.errors import AssayError, DataError
from assay.core.records import Record
from assay.core.store_format import COLUMNS, decode_record, encode_record
from assay.core.tensor_file import read_tensors, write_tensors
from assay.networks.checks import LARGEST, check_weights
from assay.networks.families import FAMILIES, build_network, family_of
from assay.networks.modules import ENGINE_OF, WEIGHTS_CHECKS, OwnNetwork, refer

__all__ = ["FittedClassifier", "read_fitted", "under_its_name", "write_fitted"]

_FORMAT = "assay classifier 1"
_COLUMNS = COLUMNS.split(", ")
_PARTS = ("params", "classes", "image_shape", "feature_names", "record")
_LABELS = re.compile(r"\|O|\|b1|[<>|][iu][1248]|[<>]f[248]|[<>]U(?P<width>\d{1,9})")
_TEXT = 1 << 24
"""Maximum number of characters of all labels together."""


@dataclass(frozen=True)
class FittedClassifier:
    """The state of a fitted classifier.

    Attributes:
        params: its parameters, plain JSON data.
        classes: labels (k,), sorted.
        image_shape: (height, width, channels).
        feature_names: names of columns (features,), or None.
        record: of the run, with its weights and curves.
    """

    params: dict[str, Any]
    classes: np.ndarray
    image_shape: tuple[int, int, int]
    feature_names: np.ndarray | None
    record: Record


def write_fitted(path: str | Path, fitted: FittedClassifier) -> None:
    """Write the file atomically.

    Raises:
        DataError: it cannot be written, or labels or parameters cannot be stored as JSON.
    """
    row, _ = encode_record(replace(fitted.record, curves={}, predictions={}))
    names = fitted.feature_names
    about = {
        "params": fitted.params,
        "classes": _encode(fitted.classes),
        "image_shape": list(fitted.image_shape),
        "feature_names": None if names is None else names.tolist(),
        "record": dict(zip(_COLUMNS, row, strict=True)),
    }
    tensors = _named("weights", fitted.record.weights) | _named("curves", fitted.record.curves)
    try:
        write_tensors(path, _FORMAT, plain(about), tensors)
    except OSError as error:
        raise DataError(f"{path}: this file cannot be written: {error}") from error
    except TypeError as error:
        raise DataError(f"{path}: a parameter cannot be saved in a file: {error}") from error


def read_fitted(path: str | Path, target: object = None, engine: object = None) -> FittedClassifier:
    """Read what `write_fitted` wrote, and check it against its network.

    Args:
        target: the class or function that makes a user-defined network.
        engine: the user-defined engine that the file may name.

    Raises:
        DataError: the file is missing, damaged or of another kind.
    """
    try:
        about, tensors = read_tensors(path, _FORMAT)
        weights, curves = (_taken(kind, tensors) for kind in ("weights", "curves"))
        missing = [name for name in _PARTS if name not in about]
        if missing:
            raise ValueError(f"{', '.join(missing)} missing")
        shape = _image_shape(about["image_shape"])
        params = _mapping("params", about["params"])
        _check_params(params, target, engine)
        fitted = FittedClassifier(
            params=params,
            classes=_decode(about["classes"]),
            image_shape=shape,
            feature_names=_feature_names(about["feature_names"], math.prod(shape)),
            record=replace(_record(about["record"]), weights=weights, curves=curves),
        )
        _check(fitted, target)
    except FileNotFoundError as error:
        raise DataError(f"{path}: there is no such file") from error
    except _NeedsCode as error:
        raise DataError(f"{path}: {error}") from error
    except (AssayError, KeyError, TypeError, ValueError, OverflowError, RecursionError) as error:
        said = "expected a file that AssayClassifier.save wrote"
        raise DataError(f"{path}: not a fitted classifier ({error}); {said}") from error
    return fitted


def _check(fitted: FittedClassifier, target: Any) -> None:
    """Check weights and normalisation against the described network."""
    record, channels = fitted.record, fitted.image_shape[2]
    network = record.config.get("network")
    if not isinstance(network, (str, dict)):
        raise ValueError(f"config.network must be a mapping, got {network!r}")
    heads = {"class": len(fitted.classes)}
    if isinstance(network, dict) and network.get("family") in ENGINE_OF:
        _check_own(network, target)
        own = build_network(network, fitted.image_shape, heads)
        assert isinstance(own, OwnNetwork)
        WEIGHTS_CHECKS[own.family](own, record.weights)
    else:
        built = build_network(network, fitted.image_shape, heads, described=True)
        check_weights(built, record.weights)
    said = Entry(record.provenance, (), Source(record.provenance)).keys()
    for name in ("precision", "pixels"):
        if name not in said:
            raise ValueError(f"provenance.{name} is missing")
    said["precision"].text()
    pixels = said["pixels"].keys()
    for name in ("mean", "std"):
        numbers = pixels[name].items() if name in pixels else []
        if len(numbers) != channels:
            raise ValueError(f"provenance.pixels.{name} must be {channels} numbers")
        for number in numbers:
            if number.number(0 if name == "std" else None) == 0 and name == "std":
                raise number.expected("a number > 0")
    for name, curve in record.curves.items():
        if curve.ndim != 1 or curve.dtype.kind not in "iuf":
            raise ValueError(f"curve {name!r} must be numbers (n,), got {curve.dtype}")


def under_its_name(record: Record) -> Record:
    """Return a record in which a user-defined network has an importable name."""
    network = dict(record.config["network"])
    family = network["family"]
    network[family] = str(network[family]).partition("#")[0]
    return replace(record, config={**record.config, "network": network})


def _check_params(params: dict[str, Any], target: Any, engine: object) -> None:
    """Check that fitting again would run no code but that of the caller."""
    name = params.get("engine", "")
    if ":" in str(name) and name != engine:
        said = "a file never decides which code runs"
        raise _NeedsCode(f"its engine is {name}, but {said}: load(path, engine={name!r})")
    network = own_network(params.get("network", "mlp"), "module", source_of)
    if FAMILIES[family := family_of(network)].code:
        _check_source(network.get(family), target)
        params["network"] = {**network, family: target}


def _check_own(network: dict[str, Any], target: Any) -> None:
    """Check that the class or function is the one that the file names, and use it."""
    _check_source(network[network["family"]], target)
    network[network["family"]] = refer(target)


class _NeedsCode(ValueError):
    """The file is in order, but it names code that the caller has to give."""


def _check_source(source: object, target: Any) -> None:
    name = str(source).rpartition(":")[2]
    if target is None:
        raise _NeedsCode(
            f"its network is {source}, but a file never decides which code runs: load(path, "
            f"network={name}) with that class or function"
        )
    if isinstance(target, str):
        raise _NeedsCode(
            f"its network is {source}; expected that class or function itself, network={name}, got "
            f"the text {target!r}"
        )
    if source_of(target) != source:
        raise _NeedsCode(f"its network is {source}, got network={source_of(target)}")


def _record(row: Any) -> Record:
    """Read the record from the file's JSON, checking types."""
    given = _mapping("record", row)
    for name in _COLUMNS:
        if type(given.get(name)) is not (int if name == "seed" else str):
            raise ValueError(f"record.{name} must be {'a number' if name == 'seed' else 'text'}")
    for name in ("config", "metrics", "timing", "provenance"):
        _mapping(f"record.{name}", json.loads(given[name]))
    record = decode_record([given[name] for name in _COLUMNS], None)
    for name, number in (*record.metrics.items(), *record.timing.items()):
        if not isinstance(number, (int, float)):
            raise ValueError(f"{name} must be a number, got {number!r}")
    if record.seed < 0 or record.status != "finished":
        raise ValueError(f"seed {record.seed}, status {record.status!r}")
    return record


def _mapping(name: str, value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ValueError(f"{name} must be a mapping, got {type(value).__name__}")
    return value


def _image_shape(sides: Any) -> tuple[int, int, int]:
    if not isinstance(sides, list) or len(sides) != 3:
        raise ValueError(f"image_shape must be three whole numbers, got {sides!r}")
    given = {"image_shape": sides}
    entry = Entry(given, (), Source(given))["image_shape"]
    height, width, channels = (side.integer(1, LARGEST) for side in entry.items())
    return height, width, channels


def _feature_names(names: Any, count: int) -> np.ndarray | None:
    if names is None:
        return None
    if not isinstance(names, list) or len(names) != count or {*map(type, names)} != {str}:
        raise ValueError(f"feature_names must be {count} names")
    return np.array(names, object)


def _named(kind: str, arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    return {f"{kind}/{name}": np.asarray(array, order="C") for name, array in arrays.items()}


def _taken(kind: str, tensors: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    start = f"{kind}/"
    return {n.removeprefix(start): a for n, a in tensors.items() if n.startswith(start)}


def _encode(classes: np.ndarray) -> dict[str, Any]:
    """Return labels as JSON, with their type."""
    values = classes.tolist()
    if classes.dtype.kind not in "biufUO" or not all(
        isinstance(value, (str, int, float)) for value in values
    ):
        raise DataError(
            f"labels of type {classes.dtype} cannot be saved; expected text, numbers or booleans"
        )
    return {"dtype": classes.dtype.str, "values": values}


def _decode(data: Any) -> np.ndarray:
    """Read labels from JSON: at least two, sorted, without duplicates."""
    given = _mapping("classes", data)
    kind, values = given.get("dtype"), given.get("values")
    if not isinstance(kind, str) or not (said := _LABELS.fullmatch(kind)):
        raise ValueError(f"classes.dtype is {kind!r}")
    if not isinstance(values, list) or not {*map(type, values)} <= {str, int, float, bool}:
        raise ValueError("classes.values must be text, numbers or booleans")
    # memory for text depends on its longest label, whatever the type says
    if len(values) * int(said["width"] or 0) > _TEXT:
        raise ValueError(f"classes.dtype is {kind!r} for {len(values)} labels")
    classes = np.array(values, object if kind == "|O" else np.dtype(kind))
    if (
        len(classes) < 2
        or classes.tolist() != values
        or not np.array_equal(np.unique(classes), classes)
    ):
        raise ValueError("classes.values must be at least two labels, sorted, each once")
    return classes
