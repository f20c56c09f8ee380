"""Named arrays and what they are in one safetensors file: a reader, features, a classifier.

The header holds JSON under "assay", whose "format" says which kind of file it is. Nothing in such a
file is ever run.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from assay.core.store_format import write_file

__all__ = ["read_tensors", "write_tensors"]


def write_tensors(
    path: str | Path, form: str, about: Mapping[str, Any], tensors: Mapping[str, np.ndarray]
) -> None:
    """Write the file: whole, or not at all.

    Args:
        form: the kind of file, such as "assay clock reader 1".
        about: JSON data.

    Raises:
        OSError: it cannot be written.
        TypeError: something in `about` has no place in JSON.
    """
    target = Path(path)
    text = json.dumps({**about, "format": form}, sort_keys=True)
    part = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        write_file(part, save(dict(tensors), {"assay": text}))
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)


def read_tensors(path: str | Path, form: str) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Read what `write_tensors` wrote: what it is, and its arrays.

    Raises:
        FileNotFoundError: there is none.
        ValueError: it cannot be read, is damaged, or is of another kind.
    """
    try:
        with safe_open(str(path), "np") as file:
            about = json.loads((file.metadata() or {})["assay"])
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        if (found := about.pop("format")) != form:
            raise ValueError(f"it is {found!r}, expected {form!r}")
    except FileNotFoundError:
        raise
    except (OSError, SafetensorError, KeyError, TypeError, ValueError) as error:
        raise ValueError(str(error)) from error
    return about, tensors
