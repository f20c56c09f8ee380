"""Shell completion, and `assay --install-completion`.

A completer is called for one word, with the rest of the line; its exceptions are ignored.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated, Any, Literal

from cyclopts import Parameter

from assay.apps.cli import console
from assay.apps.places import data_folder, nothing_stored, store_folder

__all__ = [
    "built_in_names",
    "course_names",
    "dataset_names",
    "engine_names",
    "install_completion",
    "labels",
    "place_names",
    "scales",
    "settings",
    "sides",
    "stored",
    "stored_names",
    "stored_runs",
    "study_names",
]

SCALES = ("smoke", "quick", "full")


def study_names(context: object = None) -> Iterable[str]:
    """Built-in studies and YAML files here."""
    from assay.studies.library import names

    yield from names()
    yield from sorted(str(p) for end in ("yaml", "yml") for p in Path().glob(f"*.{end}"))


def built_in_names(context: object = None) -> Iterable[str]:
    """Built-in studies."""
    from assay.studies.library import names

    yield from names()


def dataset_names(context: object = None) -> Iterable[str]:
    """Datasets of the catalog."""
    from assay.data.catalog import ENTRIES

    yield from ENTRIES


def course_names(context: object = None) -> Iterable[str]:
    """Courses."""
    from assay.studies.courses import COURSES

    yield from COURSES


def engine_names(context: object = None) -> Iterable[str]:
    """Engines, including those of the study's plugins."""
    from assay.studies.settings import engine_names as names

    _load_plugins(context)
    yield from names()


def place_names(context: object = None) -> Iterable[str]:
    """Executors; users type addresses themselves."""
    from assay.execution.executors.executor import EXECUTORS

    _load_plugins(context)
    return dict.fromkeys(["local", "inline", "ray", "ray:auto", "slurm", *EXECUTORS])


def _load_plugins(context: Any) -> None:
    """Load the plugins of the study on the line, if there is one."""
    from assay.studies.library import open_study
    from assay.studies.parts import read_plugins

    if study := _given(context, "study", "name"):
        source, _, folder = open_study(study)
        read_plugins(source, folder)


def scales(context: object) -> Iterable[str]:
    """Scales of the study on the line, and those of every study."""
    from assay.core.yaml import read_yaml
    from assay.studies.library import find

    study = _given(context, "study", "name")
    written: dict[str, Any] = {}
    if study:
        written = read_yaml(find(study).read_text(encoding="utf-8"), study).data.get("scales") or {}
    return dict.fromkeys((*SCALES, *written))


def settings(context: object = None) -> Iterable[str]:
    """Settings for --set, ending in "="."""
    from assay.studies.settings import setting_names

    return [f"{name}=" for name in setting_names()]


def labels(context: object) -> Iterable[str]:
    """Labels and levels of the trials of the study on the line."""
    from assay.studies.study import parse_study

    scale, folder = _given(context, "scale") or "full", _given(context, "data")
    data = data_folder(Path(folder) if folder else None)
    study = parse_study(_given(context, "study", "name") or "", scale=scale, data_dir=data)
    found = [t.label for t in study.trials]
    return dict.fromkeys([*found, *(str(v) for t in study.trials for v in t.levels.values())])


def stored_names(context: object = None) -> Iterable[str]:
    """Studies of the store."""
    return _of_store(context, lambda store: sorted(store.study_names()))


def stored_runs(context: object = None) -> Iterable[str]:
    """Runs of the store."""
    return _of_store(context, lambda store: sorted(store.run_ids()))


def stored(context: object = None) -> Iterable[str]:
    """Studies and runs of the store."""
    return [*stored_names(context), *stored_runs(context)]


def sides(context: object = None) -> Iterable[str]:
    """Arguments of `assay compare`: studies, STUDY:LABEL and runs of the store."""

    def trials(store: Any) -> Iterator[str]:
        for plan in store.plans():
            yield from (f"{plan['study']}:{trial['label']}" for trial in plan["trials"])

    return [*stored(context), *_of_store(context, trials)]


def _of_store(context: Any, read: Any) -> list[str]:
    from assay.core.store import Store

    folder = _given(context, "store")
    path = store_folder(Path(folder) if folder else None)
    if nothing_stored(path):
        return []
    with Store(path, create=False, read_only=True) as store:
        return list(read(store))


def _given(context: Any, *names: str) -> str | None:
    """Return the value that the line gives for an argument, under the first name found."""
    found = (context.get(name) for name in names) if context is not None else ()
    return next((argument.raw for argument in found if argument is not None), None)


def install_completion(
    *,
    shell: Literal["bash", "zsh", "fish", "powershell"] | None = None,
    output: Annotated[Path | None, Parameter(name=["--output", "-o"])] = None,
) -> None:
    """Install completion for your shell.

    Writes a script and lets the shell's start file load it; with --output, only writes the script.

    Args:
        shell: The shell [the current one].
        output: Write the script here and change nothing else.
    """
    from cyclopts.completion.detect import ShellDetectionError

    from assay.apps.cli.app import app
    from assay.core.errors import ConfigError, StoreError

    try:
        path = app.install_completion(shell=shell, output=output, add_to_startup=output is None)
    except ShellDetectionError as error:
        raise ConfigError(
            "cannot detect the shell; expected --shell bash, zsh, fish or powershell"
        ) from error
    except OSError as error:
        where = error.filename or output or "the completion script"
        raise StoreError(f"cannot write {where}: {error.strerror or error}") from error
    console.say(f"written: {path}")
    if output is None:
        console.say("start a new shell to use it")
