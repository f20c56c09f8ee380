"""The built-in studies of assay and its subjects, one YAML file each."""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

from assay.core.config import Source
from assay.core.errors import ConfigError, brief, did_you_mean, nearest, unknown_name
from assay.core.registry import Registry
from assay.core.values import plain_data, shown
from assay.core.yaml import read_yaml, read_yaml_file

__all__ = ["STUDIES", "BuiltIn", "built_in", "find", "is_built_in", "names", "open_study"]


@dataclass(frozen=True)
class BuiltIn:
    """A built-in study: its name, its question, its header comment and the whole file."""

    name: str
    question: str
    header: str
    text: str


ENDINGS = (".yaml", ".yml")

STUDIES: Registry[Path] = Registry("studies")
"""Name of a subject or plugin -> the folder of its studies."""


def _files() -> dict[str, Traversable | Path]:
    """Return name -> file of the studies: assay's own, then those of subjects and plugins."""
    folders = [files("assay") / "library", *(STUDIES[name] for name in STUDIES)]
    found = [f for folder in folders for f in folder.iterdir() if f.name.endswith(".yaml")]
    return {f.name.removesuffix(".yaml"): f for f in reversed(found)}


def names() -> list[str]:
    """Return the names of all built-in studies."""
    return sorted(_files())


def is_built_in(study: str | Path) -> bool:
    """Whether `study` names a built-in study (a file has an ending)."""
    return str(study) in names()


def built_in(name: str) -> BuiltIn:
    """Read a built-in study; raises ConfigError, with the nearest name, if there is none."""
    if not is_built_in(name):
        raise ConfigError(_missing(name))
    text = _files()[name].read_text(encoding="utf-8")
    lines = []
    for line in text.splitlines():
        if not line.startswith("#"):
            break
        lines.append(line.removeprefix("#").removeprefix(" "))
    try:
        written = read_yaml(text, f"{name}.yaml").data
        question = written.get("question", "") if isinstance(written, dict) else ""
    except ConfigError as error:  # a plugin's file; reading it as a study raises the same
        question = str(error)
    return BuiltIn(name, " ".join(str(question).split()), "\n".join(lines), text)


def find(study: str | Path) -> Traversable | Path:
    """Return the file of a study: a built-in one by its name, or the user's own.

    Raises:
        ConfigError: there is no such study; with the nearest built-in name.
    """
    if is_built_in(study):
        return _files()[str(study)]
    if not str(study):
        raise ConfigError("the name of a study is empty; expected a built-in one or a YAML file")
    path = Path(study).expanduser()
    try:
        mode = path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        raise ConfigError(_missing(str(study))) from None
    except (
        OSError,
        ValueError,
    ) as error:  # an unreadable folder, a long name, or a NUL
        said = getattr(error, "strerror", None) or error
        raise ConfigError(f"{brief(repr(str(study)))} cannot be read: {said}") from None
    if stat.S_ISDIR(mode):
        raise ConfigError(f"{study} is a folder, expected a study's YAML file")
    if not stat.S_ISREG(mode):
        raise ConfigError(f"{study} is not a regular file, expected a study's YAML file")
    return path


def _missing(study: str) -> str:
    """Return an error that there is no such study, with the nearest file or built-in one."""
    path = Path(study)
    files = _beside(path)
    if not study.endswith(ENDINGS) and os.sep not in study:
        own = next((str(file) for file in files if file.stem == study), None)
        known = unknown_name("built-in study", study, names(), "assay list")
        return f"{known}; a study of your own is named by its YAML file{did_you_mean(own)}"
    stems = {file.stem: file for file in files}
    if path.suffix in ENDINGS and (close := nearest(path.stem, stems)):
        return f"there is no study file {brief(study)}{did_you_mean(str(stems[close]))}"
    close = nearest(path.stem, names())
    return f"there is no study file {brief(study)}{did_you_mean(close, 'the built-in ')}"


def _beside(path: Path) -> list[Path]:
    """Return the YAML files in the folder of a file."""
    try:
        found = sorted(path.parent.iterdir())
    except OSError:
        return []
    return [file for file in found if file.suffix in ENDINGS]


def open_study(study: str | Path | Mapping[str, object]) -> tuple[Source, str, Path | None]:
    """Return the source of a study, its name in commands, and the folder of its file."""
    if isinstance(study, Mapping):
        _refuse_arrays(study.get("dataset"))
        return Source(plain_data(study)), str(study.get("study", "STUDY")), None
    if not isinstance(study, str | Path):
        expected = "a built-in study's name, a YAML file or a mapping"
        raise ConfigError(f"a study must be {expected}, got {shown(study)}")
    path = find(study)
    name = path.name if is_built_in(study) else str(study)
    folder = path.parent if isinstance(path, Path) else None
    return read_yaml_file(path, name), str(study), folder


def _refuse_arrays(dataset: object) -> None:
    """Raise ConfigError, which says where arrays are given, if `dataset:` contains one."""
    values = list(dataset.values()) if isinstance(dataset, Mapping) else [dataset]
    for value in [*values, *(x for pair in values if isinstance(pair, tuple) for x in pair)]:
        if hasattr(value, "__array__") and getattr(value, "ndim", 1):
            raise ConfigError(
                f"dataset contains an array, {type(value).__name__} {getattr(value, 'shape', '')}, "
                "and a study is plain data: pass arrays beside it, assay.run(study, data=(x, y)) "
                'or data={"train": (x, y), "test": (x_test, y_test)}, with only the other '
                "settings in dataset"
            )
