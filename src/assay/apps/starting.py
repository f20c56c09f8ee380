"""`assay new`: a commented study, optionally with a plugin file, or a copy of a built-in study."""

from __future__ import annotations

import re
from importlib.resources import files
from pathlib import Path

from assay.core.config import Entry, Mark, Source
from assay.core.errors import ConfigError, unknown_name
from assay.core.yaml import read_yaml
from assay.studies.library import built_in, is_built_in, names
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


_LIKE = """\
# A copy of the built-in study {like}: runs of it that stay the same are not trained again.
# `assay show {name}.yaml` checks it and lists its trials; docs/studies.md has every key.
"""


def new_study(name: str, folder: Path, plugin: bool = False, like: str | None = None) -> list[Path]:
    """Write a commented study, `NAME.yaml`, that runs as written.

    Args:
        folder: where to write it.
        plugin: write a file with a dataset and a network, `NAME_parts.py`, beside it.
        like: the built-in study to copy.

    Returns:
        The written files.

    Raises:
        ConfigError: the name is not valid, there is no such study to copy, a copy is to have a
            plugin, or one of the files exists already.
    """
    name = name.removesuffix(".yaml").removesuffix(".yml")
    mark = Mark(f"assay new {name}")
    read_name(Entry(name, ("NAME",), Source(name, values={("NAME",): mark})))
    if is_built_in(name):
        raise ConfigError(
            f"{name} is a built-in study; choose another name, for example `{name}-2` "
            f"(`assay new {name}-2 --like {name}` copies it)"
        )
    if like is not None:
        if plugin:
            raise ConfigError("--with plugin writes a new study, --like copies one; give only one")
        return _written({folder / f"{name}.yaml": _copy(like, name)})
    parts = f"{re.sub(r'[^0-9a-zA-Z]', '_', name)}_parts"
    parts = f"_{parts}" if parts[0].isdigit() else parts
    dataset = f"{name}-shapes"
    said = _OWN.replace("PARTS", parts).replace("DATASET", dataset) if plugin else _PLAIN
    study = _template("study.yaml.txt").replace("{parts}", said)
    study = study.replace("study: {name}\n", _named(name)).replace("{name}", name)
    if plugin:
        study = study.replace("handwritten digits", "squares and discs")
    made = {folder / f"{name}.yaml": study}
    if plugin:
        text = _template("parts.py.txt").replace("{name}", name).replace("{dataset}", dataset)
        made[folder / f"{parts}.py"] = text
    return _written(made)


def _copy(like: str, name: str) -> str:
    """The text of a built-in study under another name, without what its head says of its runs."""
    if not is_built_in(like):
        raise ConfigError(unknown_name("built-in study", like, names(), "assay list"))
    body = re.sub(r"\A(#.*\n)*", "", built_in(like).text)
    body = re.sub(r"^study: .*\n", lambda found: _named(name), body, count=1, flags=re.M)
    return _LIKE.format(like=like, name=name) + body


def _named(name: str) -> str:
    """The line with the name, in quotes where YAML would read a number or a truth value."""
    plain = read_yaml(f"study: {name}", name).data["study"] == name
    return f"study: {name}\n" if plain else f"study: '{name}'\n"


def _written(made: dict[Path, str]) -> list[Path]:
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
