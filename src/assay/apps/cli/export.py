"""`assay export`: results in the formats of other tools."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from assay.apps.cli import console
from assay.apps.cli.options import Places
from assay.apps.cli.results import StoredStudy, stored_results
from assay.core.errors import StoreError

__all__ = ["export"]


def export(
    study: StoredStudy,
    /,
    *,
    to: str = "json",
    out: Path | None = None,
    places: Places | None = None,
) -> None:
    """Write the results of a study for other tools.

    Args:
        study: A study that the store holds, or its YAML file.
        to: The format. json: configuration, command, machine and the numbers of every run.
        out: The file to write [./STUDY with the format's ending].
    """
    from assay.apps.exporters.contract import EXPORTERS

    exporter = EXPORTERS[to]
    found = stored_results(study, places or Places())
    path = out or Path(found.name + exporter.suffix)
    part = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        exporter.write(found, part)
        part.replace(path)
    except OSError as error:
        raise StoreError(f"cannot write {path}: {error.strerror or error}") from error
    finally:
        with suppress(OSError):
            part.unlink()
    console.say(f"written: {path}")
