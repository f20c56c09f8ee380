"""`assay new`: a commented study, and optionally a plugin file beside it."""

from __future__ import annotations

import re
from importlib.resources import files
from pathlib import Path

from assay.core.config import Entry, Mark, Source
from assay.core.errors import ConfigError
from assay.core.yaml import read_yaml
from assay.studies.library import is_built_in
from assay.studies.names import read_name

__all__ = ["new_study"]

_PLAIN = """\
# The dataset; `assay data list` shows all datasets.
dataset: digits

# A family and its options; `assay network show mlp` prints its layers.
network: {family: mlp, hidden: [64], activation: relu}
"""
_OWN = """\
# This file beside the study defines the dataset and the network.
plugins: [PARTS.py]
dataset: DATASET
network: {module: PARTS:Net, width: 32, activation: relu}
"""


def new_study(name: str, folder: Path, plugin: bool = False) -> list[Path]:
    """Write a commented study, `NAME.yaml`, that runs as written.

    Args:
        folder: where to write it.
        plugin: write a file with a dataset and a network, `NAME_parts.py`, beside it.

    Returns:
        The written files.

    Raises:
        ConfigError: the name is not valid, or one of the files exists already.
    """
    name = name.removesuffix(".yaml")
    mark = Mark(f"assay new {name}")
    read_name(Entry(name, ("NAME",), Source(name, values={("NAME",): mark})))
    if is_built_in(name):
        raise ConfigError(
            f"{name} is a built-in study; choose another name, for example `{name}-2`"
        )
    parts = f"{re.sub(r'[^0-9a-zA-Z]', '_', name)}_parts"
    parts = f"_{parts}" if parts[0].isdigit() else parts
    dataset = f"{name}-shapes"
    said = _OWN.replace("PARTS", parts).replace("DATASET", dataset) if plugin else _PLAIN
    study = _template("study.yaml.txt").replace("{name}", name).replace("{parts}", said)
    if read_yaml(f"study: {name}", name).data["study"] != name:  # "1" or "true" needs quotes
        study = study.replace(f"study: {name}\n", f"study: '{name}'\n")
    if plugin:
        study = study.replace("handwritten digits", "squares and discs")
    made = {folder / f"{name}.yaml": study}
    if plugin:
        text = _template("parts.py.txt").replace("{name}", name).replace("{dataset}", dataset)
        made[folder / f"{parts}.py"] = text
    for path in made:
        if path.exists() or path.is_symlink():
            raise ConfigError(f"{path.name} is there already and is not overwritten")
    for path, text in made.items():
        _write(path, text)
    return list(made)


def _template(name: str) -> str:
    return (files("assay.apps") / "templates" / name).read_text(encoding="utf-8")


def _write(path: Path, text: str) -> None:
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise ConfigError(f"{path.name} is there already and is not overwritten") from None
    except OSError as error:
        raise ConfigError(f"{path.name} cannot be written: {error.strerror}") from error
