"""A fitted classifier as one safetensors file: weights and curves, and JSON for the rest."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from assay.apps.sklearn.settings import plain
from assay.core.errors import DataError
from assay.core.records import Record
from assay.core.store_format import COLUMNS, decode_record, encode_record
from assay.core.tensor_file import read_tensors, write_tensors

__all__ = ["Fitted", "read_fitted", "write_fitted"]

_FORMAT = "assay classifier 1"
_COLUMNS = COLUMNS.split(", ")


@dataclass(frozen=True)
class Fitted:
    """What a classifier knows once it is fitted.

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


def write_fitted(path: str | Path, fitted: Fitted) -> None:
    """Write the file: whole, or not at all.

    Raises:
        DataError: it cannot be written, or labels or parameters have no place in JSON.
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
        raise DataError(f"{path}: a parameter has no place in a file: {error}") from error


def read_fitted(path: str | Path) -> Fitted:
    """Read what `write_fitted` wrote.

    Raises:
        DataError: the file is missing, damaged or something else.
    """
    try:
        about, tensors = read_tensors(path, _FORMAT)
        record = decode_record([about["record"][name] for name in _COLUMNS], None)
        weights, curves = (_taken(kind, tensors) for kind in ("weights", "curves"))
        names, (height, width, channels) = about["feature_names"], about["image_shape"]
        return Fitted(
            params=about["params"],
            classes=_decode(about["classes"]),
            image_shape=(height, width, channels),
            feature_names=None if names is None else np.array(names, object),
            record=replace(record, weights=weights, curves=curves),
        )
    except FileNotFoundError as error:
        raise DataError(f"{path}: there is no such file") from error
    except (KeyError, TypeError, ValueError) as error:
        said = "expected a file that AssayClassifier.save wrote"
        raise DataError(f"{path}: no fitted classifier ({error}); {said}") from error


def _named(kind: str, arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    return {f"{kind}/{name}": np.asarray(array, order="C") for name, array in arrays.items()}


def _taken(kind: str, tensors: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    start = f"{kind}/"
    return {n.removeprefix(start): a for n, a in tensors.items() if n.startswith(start)}


def _encode(classes: np.ndarray) -> dict[str, Any]:
    """Labels as JSON, with their type."""
    values = classes.tolist()
    if classes.dtype.kind not in "biufUO" or not all(
        isinstance(value, (str, int, float)) for value in values
    ):
        raise DataError(
            f"labels of type {classes.dtype} cannot be saved; expected text, numbers or booleans"
        )
    return {"dtype": classes.dtype.str, "values": values}


def _decode(data: Mapping[str, Any]) -> np.ndarray:
    dtype = object if data["dtype"] == "|O" else np.dtype(data["dtype"])
    return np.array(data["values"], dtype)
