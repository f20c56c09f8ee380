"""Named arrays with a description in one safetensors file: a clock reader, features, a classifier.

The header holds JSON under "assay", whose "format" is the kind of file. Nothing in such a file is
ever executed. The header also contains a digest of the whole file.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open

from assay.core.digests import KEY, check_seal, seal
from assay.core.files import open_file, write_whole
from assay.core.records import Spec

__all__ = ["read_tensors", "write_tensors"]

_TYPES = ("BOOL", "U8", "I8", "U16", "I16", "U32", "I32", "U64", "I64", "F16", "F32", "F64")


def write_tensors(
    path: str | Path, form: str, about: Mapping[str, object], tensors: Mapping[str, np.ndarray]
) -> None:
    """Write the file atomically, with its own digest.

    Args:
        form: the kind of file, such as "assay clock reader 1".
        about: JSON data.

    Raises:
        OSError: it cannot be written.
        TypeError: something in `about` cannot be represented in JSON.
    """
    text = json.dumps({**about, "format": form}, sort_keys=True)
    write_whole(Path(path), seal(tensors, {"assay": text}))


def read_tensors(path: str | Path, form: str) -> tuple[Spec, dict[str, np.ndarray]]:
    """Read what `write_tensors` wrote: its description and its arrays.

    Files without a digest, from earlier versions, are read as well.

    Raises:
        FileNotFoundError: the file is missing.
        ValueError: it cannot be read, is damaged, or is of another kind.
    """
    try:
        open_file(path).close()
        with safe_open(str(path), "np") as file:
            metadata = file.metadata() or {}
            if "assay" not in metadata:
                raise ValueError("its header does not name its format")
            about = json.loads(metadata["assay"])
            found = about.pop("format", None) if isinstance(about, dict) else about
            if found != form:
                raise ValueError(f"it is {found!r}, expected {form!r}")
            if KEY in metadata:
                check_seal(Path(path).read_bytes())
            tensors = {name: _tensor(file, name) for name in file.keys()}  # noqa: SIM118
    except FileNotFoundError:
        raise
    except (OSError, SafetensorError, OverflowError, RecursionError) as error:
        raise ValueError(getattr(error, "strerror", None) or str(error)) from error
    return about, tensors


def _tensor(file: Any, name: str) -> np.ndarray:
    """Return one array, of a type that NumPy supports."""
    kind = file.get_slice(name).get_dtype()
    if kind not in _TYPES:
        raise ValueError(f"tensor {name!r} is {kind}, expected one of {', '.join(_TYPES)}")
    return file.get_tensor(name)
