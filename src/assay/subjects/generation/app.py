"""Pictures from stored runs, from Python."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from assay.apps.finding import find_stored
from assay.apps.places import store_folder
from assay.core.errors import ConfigError, StoreError
from assay.core.files import written_whole
from assay.core.store import Store

if TYPE_CHECKING:
    import numpy as np

    from assay.subjects.generation.sampler import PictureSampler

__all__ = ["check_count", "find_sampler", "save_sheet"]

MOST = 10_000


def find_sampler(run: str, store: str | Path | None = None) -> tuple[str, PictureSampler]:
    """Return the sampler of a run, with the run's name.

    Args:
        run: the start of a run's name, or a study, which stands for its run with the smallest
            distance on validation.

    Raises:
        StoreError: there is no such run or study.
        DataError: the run does not generate pictures, or its weights were not kept.
    """
    from assay.subjects.generation.sampler import PictureSampler

    with Store(store_folder(store), create=False, read_only=True) as opened:
        name = _find(opened, run)
        return name, PictureSampler(opened.record(name), opened.weights(name))


def _find(store: Store, name: str) -> str:
    meant = find_stored(store, name)
    if meant.run:
        return meant.run
    runs = store.recorded(meant.runs)
    found = {
        record.metrics["val_distance"]: record.run_id
        for record in store.records(sorted(runs), arrays=False)
        if record.status == "finished" and "val_distance" in record.metrics
    }
    if not found:
        raise StoreError(f"study {name} has no finished run that generates images")
    return found[min(found)]


def check_count(count: int, least: int) -> None:
    """Raise ConfigError for an invalid number of pictures."""
    if not least <= count <= MOST:
        raise ConfigError(f"the number of pictures must be from {least} to {MOST:,}, got {count}")


def save_sheet(images: np.ndarray, path: str | Path, columns: int) -> Path:
    """Write pictures as one PNG, row by row, atomically; raises StoreError if this fails."""
    from PIL import Image

    from assay.reports.sheets import sheet

    target = Path(path)
    joined = sheet(images, columns)
    picture = Image.fromarray(joined.squeeze(-1) if joined.shape[-1] == 1 else joined)
    try:
        with written_whole(target) as part:
            picture.save(part, "PNG")
    except OSError as error:
        raise StoreError(f"cannot write {target}: {error.strerror or error}") from error
    return target
