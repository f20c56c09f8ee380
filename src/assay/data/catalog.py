"""The catalog: what each dataset is, where it comes from and how it is read.

A dataset is one file in this package that registers an `DatasetEntry`; nothing else names it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from assay.core.records import Spec
from assay.core.registry import Registry
from assay.data.dataset import Fresh, Split

__all__ = ["ENTRIES", "DatasetEntry", "File", "Raw", "DatasetSource", "Survey", "entries"]


@dataclass(frozen=True)
class File:
    """One file of a dataset: its name, its exact size in bytes and its SHA-256 in hexadecimal."""

    name: str
    bytes: int
    sha256: str


@dataclass(frozen=True)
class DatasetSource:
    """One complete form of a dataset.

    Attributes:
        files: all of them are needed.
        mirrors: addresses to which a file's name is appended, in the order in which they are
            tried; empty for a form that is read where it is found but not downloaded.
    """

    files: tuple[File, ...]
    mirrors: tuple[str, ...] = ()


@dataclass(frozen=True)
class Raw:
    """What a reader hands over: everything but the test set may become training or validation."""

    train: Split
    test: Split
    class_names: tuple[str, ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Survey:
    """What is known of a dataset before its images are read."""

    image_shape: tuple[int, int, int]
    class_names: tuple[str, ...]
    train: int
    test: int


@dataclass(frozen=True)
class DatasetEntry:
    """A dataset of the catalog.

    Attributes:
        name: how a study names it.
        title: one line that says what the pictures show.
        licence: as its authors state it.
        citation: the paper or page to cite.
        homepage: where its authors describe it.
        image_shape, class_names, train, test: fixed facts; None or empty where they depend on the
            user's own files (see `survey`).
        sources: forms in which the files exist, the first complete one found is read.
        folders: names of the folder that may hold the files inside a data folder.
        options: extra keys of a study's `dataset:`, each an `Option` (`assay.core.options` makes
            them) or only its default.
        optional: more of them, held only where they differ from the usual value (`specs.LATER`).
        note: what a reader of results should know.
        kept: where the pictures of a dataset without sources come from.
        task: what is learned from it where nothing else is said.
    """

    name: str
    title: str
    licence: str
    citation: str
    homepage: str = ""
    image_shape: tuple[int, int, int] | None = None
    class_names: tuple[str, ...] = ()
    train: int | None = None
    test: int | None = None
    sources: tuple[DatasetSource, ...] = ()
    folders: tuple[str, ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict)
    optional: Mapping[str, Any] = field(default_factory=dict)
    note: str = ""
    kept: str = "your own pictures"
    task: str = "classify"

    def check(self, spec: Spec) -> dict[str, str]:
        """Return what is wrong with this entry's own options together: {key: message}.

        Each of them that is an `Option` was checked before."""
        return {}

    def settle(self, spec: Spec, folders: Sequence[Path] = ()) -> dict[str, Any]:
        """The specification with what identifies the content in place of where it is found.

        Args:
            folders: where relative names of files are looked up, before the current folder.

        Raises:
            DataError: beginning with `dataset.KEY: `, for files that cannot be used.
        """
        return dict(spec)

    def survey(self, spec: Spec, data_dir: Path | None = None) -> Survey:
        """Say what the dataset will be like, without reading images."""
        if self.image_shape is None or self.train is None or self.test is None:
            raise NotImplementedError(f"{self.name} must say its own facts in survey()")
        return Survey(self.image_shape, self.class_names, self.train, self.test)

    def read(self, spec: Spec, data_dir: Path | None = None) -> Raw:
        """Read images and targets; raise DataError when a file is missing or damaged."""
        raise NotImplementedError

    def check_files(self, spec: Spec, data_dir: Path | None = None) -> None:
        """Make sure that `read` will succeed, where files are the user's own; else DataError."""

    def fresh(self, spec: Spec, count: int) -> Fresh | None:
        """How `count` training pictures are drawn anew for each epoch; None where they are not."""
        return None

    def target_name(self, target: np.ndarray, class_names: Sequence[str]) -> str:
        """What people call the target of one image: its class, where it has one."""
        known = np.ndim(target) == 0 and int(target) < len(class_names)
        return class_names[int(target)] if known else str(target)

    def strata(self, targets: np.ndarray) -> np.ndarray:
        """One integer for each target; every split holds each in equal proportion."""
        return targets


ENTRIES: Registry[DatasetEntry] = Registry("dataset", "assay.data", "assay.data.own:entry_of")


def entries() -> tuple[DatasetEntry, ...]:
    """Return the whole catalog, by name."""
    return tuple(ENTRIES[name] for name in ENTRIES)
