"""`assay new` and `assay schema`: a study to start from, and the schema for editors."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from assay.apps.cli import console
from assay.apps.cli.completion import built_in_names
from assay.apps.cli.options import OutFile, StudyName
from assay.apps.places import check_ending

__all__ = ["new", "schema"]


def new(
    name: str,
    /,
    *,
    with_: Annotated[Literal["plugin"] | None, Parameter(name="--with")] = None,
    like: Annotated[str | None, Parameter(completer=built_in_names)] = None,
) -> None:
    """Write a commented study to start from, NAME.yaml in this folder.

    Existing files are never overwritten.

    Args:
        name: Name of the study.
        with_: "plugin" writes a dataset and a network of your own as well, NAME_parts.py.
        like: Copy this built-in study instead, to change it.
    """
    from assay.apps.starting import new_study

    made = new_study(name, Path.cwd(), plugin=with_ == "plugin", like=like)
    console.say(f"written: {', '.join(path.name for path in made)}")
    console.say(f"try it with: assay run {made[0].name} --scale smoke")


def schema(study: StudyName | None = None, /, *, out: OutFile | None = None) -> None:
    """Print the JSON Schema of studies, for editors (docs/editors.md).

    Args:
        study: A study whose plugins the schema includes.
        out: File to write [standard output].
    """
    from assay.apps.schema import study_schema
    from assay.core.errors import ConfigError
    from assay.studies.library import open_study
    from assay.studies.parts import read_plugins

    if out is not None:
        check_ending("--out", out, [".json"])
    if study is not None:
        source, _, folder = open_study(study)
        read_plugins(source, folder)
    made = study_schema()
    if out is None:
        console.json(made)
        return
    import json

    from assay.core.files import write_whole

    try:
        write_whole(out, (json.dumps(made, indent=1) + "\n").encode())
    except OSError as error:
        raise ConfigError(f"{out} cannot be written: {error.strerror}") from error
    console.say(f"written: {out}")
