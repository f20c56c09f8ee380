"""The catalog: the description of each dataset, its sources and how to read it.

Each dataset is one file that registers a `DatasetEntry`.
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
    """What a reader returns: images for training and validation, and the test set."""

    train: Split
    test: Split
    class_names: tuple[str, ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Survey:
    """Facts about a dataset that are known without reading its images."""

    image_shape: tuple[int, int, int]
    class_names: tuple[str, ...]
    train: int
    test: int


@dataclass(frozen=True)
class DatasetEntry:
    """A dataset of the catalog.

    Attributes:
        name: its name in studies.
        title: one line about what the images show.
        licence: as its authors state it.
        citation: the paper or page to cite.
        homepage: page on which its authors describe it.
        image_shape, class_names, train, test: fixed facts; None or empty if they depend on the
            user's own files (see `survey`).
        sources: alternative sets of files; the first complete one is read.
        folders: possible names of the folder with the files inside a data folder.
        pictures_in: the option that names the folder with the user's pictures; "" if none does.
        options: additional keys of a study's `dataset:`, each an `Option` (made by
            `assay.core.options`) or just its default.
        optional: further options, stored only if they differ from the usual value (`specs.LATER`).
        note: a note for readers of results.
        kept: where the images of a dataset without sources come from.
        task: the default task.
        split_version: raised when the same images are split differently; it counts together with
            the version of the registration.
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
    pictures_in: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)
    optional: Mapping[str, Any] = field(default_factory=dict)
    note: str = ""
    kept: str = "your own pictures"
    task: str = "classify"
    split_version: int = 1

    def version_of(self, spec: Spec) -> int:
        """Return the version of the images or of their split that a specification describes: from 2
        on, runs with it are others than before."""
        return self.split_version

    def check(self, spec: Spec) -> dict[str, str]:
        """Return errors in combinations of this entry's own options: {key: message}.

        The reader has already checked each `Option` separately."""
        return {}

    def settle(self, spec: Spec, folders: Sequence[Path] = ()) -> Spec:
        """Return the specification with the identity of its content instead of its location.

        Args:
            folders: searched for relative file names, before the current folder.

        Raises:
            DataError: files cannot be used; the message begins with `dataset.KEY: `.
        """
        return dict(spec)

    def own_files(self, spec: Spec, data_dir: Path | None = None) -> Mapping[str, Path]:
        """Return the user's own files that it reads, by a name that does not depend on where they
        are; none if its content is published, drawn, or already identified by the specification.

        Raises:
            DataError: they are not there.
        """
        return {}

    def totals(self, spec: Spec) -> tuple[int, int] | None:
        """Return the numbers of training and test images; None if only the files tell them."""
        return None if self.train is None or self.test is None else (self.train, self.test)

    def survey(self, spec: Spec, data_dir: Path | None = None) -> Survey:
        """Describe the dataset without reading images."""
        if self.image_shape is None or self.train is None or self.test is None:
            raise NotImplementedError(f"{self.name} must say its own facts in survey()")
        return Survey(self.image_shape, self.class_names, self.train, self.test)

    def read(self, spec: Spec, data_dir: Path | None = None) -> Raw:
        """Read images and targets; raise DataError if a file is missing or damaged."""
        raise NotImplementedError

    def check_files(self, spec: Spec, data_dir: Path | None = None) -> None:
        """Raise DataError if `read` would fail because of the user's own files."""

    def fresh(self, spec: Spec, count: int) -> Fresh | None:
        """Return a function that draws `count` new training images for an epoch, or None."""
        return None

    def target_name(self, target: np.ndarray, class_names: Sequence[str]) -> str:
        """Return the target of one image for display, its class name if it has one."""
        known = np.ndim(target) == 0 and int(target) < len(class_names)
        return class_names[int(target)] if known else str(target)

    def strata(self, targets: np.ndarray) -> np.ndarray:
        """Return one integer for each target, by which splits are stratified."""
        return targets


ENTRIES: Registry[DatasetEntry] = Registry("dataset", "assay.data", "assay.data.own:entry_of")


def entries() -> tuple[DatasetEntry, ...]:
    """Return the whole catalog, by name."""
    return tuple(ENTRIES[name] for name in ENTRIES)
