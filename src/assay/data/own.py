"""`arrays`, and every registered dataset that is not a `DatasetEntry`: the user's own arrays.

They are converted once (`own_content`) and identified by their content: a resolved specification
contains `fingerprint` instead of file names, by which workers find them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from assay.core.config import Entry as Written
from assay.core.config import Option
from assay.core.errors import AssayError, ConfigError, DataError
from assay.core.options import choice
from assay.core.plugins import culprit
from assay.core.records import Spec
from assay.data.catalog import ENTRIES, DatasetEntry, Raw, Survey
from assay.data.dataset import Split
from assay.data.near_duplicates import twin_notes, with_twin
from assay.data.own_cache import is_kept, keep, kept
from assay.data.own_content import Content, content_of
from assay.data.own_files import KEYS, content_of_files, state_of
from assay.data.own_images import DATA_FORMATS
from assay.data.pictures import counted
from assay.data.splits import fifth, hold_out, sizes
from assay.data.unchanged import FINGERPRINT, fingerprint_option, identities

__all__ = ["Arrays", "entry_of", "given_data"]


@dataclass(frozen=True)
class Arrays(DatasetEntry):
    """The user's own arrays.

    Attributes:
        thing: the registered object, or a function that returns it (see `own_content`); None if the
            specification names files.
        known: identities of earlier conversions of files, by the state of these.
    """

    thing: Any = None
    known: dict[str, str] = field(default_factory=dict, compare=False, repr=False)

    def check(self, spec: Spec) -> dict[str, str]:
        """Require arrays."""
        if spec.get("fingerprint") is None and self.thing is None and not spec.get("arrays"):
            return {"arrays": "dataset.arrays: expected the path of a .npy or .npz file"}
        return {}

    def settle(self, spec: Spec, folders: Sequence[Path] = ()) -> Spec:
        """Replace file names by the identity of the content."""
        rest = {k: v for k, v in spec.items() if k not in (*KEYS.values(), "data_format")}
        if spec.get("fingerprint") is None:
            rest["fingerprint"] = self._identity(spec, folders)
        return rest

    def survey(self, spec: Spec, data_dir: Path | None = None) -> Survey:
        """Read the shapes of the cached arrays."""
        content = self._kept(spec, verified=False)
        count = len(content.images)
        held_out = fifth(count) if content.test_images is None else len(content.test_images)
        height, width, channels = content.images.shape[1:]
        left = count - held_out if content.test_images is None else count
        return Survey((height, width, channels), content.class_names, left, held_out)

    def check_files(self, spec: Spec, data_dir: Path | None = None) -> None:
        """Check the cached arrays against their identity."""
        raw = self.read(spec, data_dir)
        sizes(spec, len(raw.train), len(raw.test))

    def read(self, spec: Spec, data_dir: Path | None = None) -> Raw:
        """Map the cached arrays, and hold out a test set if there is none."""
        found = self._kept(spec)
        whole = Split(found.images, found.targets)
        if found.test_images is not None and found.test_targets is not None:
            test = Split(found.test_images, found.test_targets)
            return Raw(whole, test, found.class_names, found.notes)
        count = fifth(len(whole))
        twins = with_twin(found.images)
        first, second = hold_out(found.targets, count, "arrays", kept_in=twins)
        train, test = (
            Split(np.asarray(whole.images[at]), whole.targets[at]) for at in (first, second)
        )
        chosen = counted(count, "image is", "images are")
        said = f"there are no test images: a fixed, stratified {chosen} held out"
        notes = (*found.notes, said, *twin_notes(twins, second))
        return Raw(train, test, found.class_names, notes)

    def _identity(self, spec: Spec, folders: Sequence[Path]) -> str:
        """Convert and cache the content, unless it is cached and has not changed."""
        if self.thing is None:
            state, known = state_of(spec, folders), self.known
        else:  # nothing but its content shows that it has changed
            state, known = f"{self.name}|{spec.get('data_format')}", identities()
        if not is_kept(known.get(state, "-")):
            known[state] = keep(self._content(spec, folders))
        return known[state]

    def _content(self, spec: Spec, folders: Sequence[Path] = ()) -> Content:
        if self.thing is None:
            return content_of_files(spec, folders)
        try:
            thing = self.thing() if callable(self.thing) else self.thing
            return content_of(thing, spec.get("data_format"))
        except AssayError as error:
            raise DataError(f"dataset {self.name!r}: {error}") from error
        except Exception as error:  # the user's code
            where = culprit(error) or (ENTRIES.place(self.name) if self.name in ENTRIES else "")
            said = f"{type(error).__name__}: {error}" + f" ({where})" * bool(where)
            raise DataError(f"dataset {self.name!r} cannot be created: {said}") from error

    def _kept(self, spec: Spec, verified: bool = True) -> Content:
        identity = str(spec["fingerprint"])
        if self.thing is not None and not is_kept(identity):
            other = keep(self._content(spec))
            if other != identity:
                raise DataError(
                    f"dataset {self.name!r} has different content now ({other}) from that in the "
                    f"process that started the study ({identity})"
                )
        content = kept(identity, verified)
        if content is None:
            raise DataError(
                f"the arrays with fingerprint {identity} are no longer in the cache folder; "
                "`assay data show STUDY.yaml` puts them there again"
            )
        return content


def entry_of(name: str, thing: object) -> DatasetEntry:
    """Return the entry of an object that was registered as a dataset.

    Raises:
        ConfigError: it cannot be converted to a dataset.
    """
    if isinstance(thing, DatasetEntry):
        return thing
    usable = callable(thing) or isinstance(thing, (tuple, list, Mapping))
    if not usable and not (hasattr(thing, "__len__") and hasattr(thing, "__getitem__")):
        raise ConfigError(
            f"dataset {name!r}: expected a DatasetEntry, a function that returns (x, y), or an "
            f"object whose items are (image, label), got {type(thing).__name__}"
        )
    return _entry(name, "a registered dataset of your own", thing)


def given_data(data: object) -> Spec:
    """Cache the argument `data=` and return its specification for a study.

    Raises:
        DataError: it cannot be converted to a dataset.
    """
    return {"name": "arrays", "fingerprint": keep(content_of(data))}


def _path(role: str) -> Option:
    said = "the path of a .npy or .npz file"

    def read(entry: Written) -> str:
        if not isinstance(entry.value, str) or not entry.value:
            raise entry.expected(said)
        return entry.value

    help = f"The {role.replace('_', ' ')}; a relative path is looked up beside the study first."
    return Option(read, None, help, {"type": "string", "minLength": 1}, said, f"{role}.npy")


_FORMS = {
    "data_format": choice(
        None,
        "order of axes",
        DATA_FORMATS,
        example=DATA_FORMATS[-1],
        help="Order of the axes of the images; inferred from their shape by default.",
    ),
    FINGERPRINT: fingerprint_option(
        "Identity of the content, which stored studies have instead of files."
    ),
}


def _entry(name: str, title: str, thing: Any = None) -> Arrays:
    files = KEYS if thing is None else {}
    return Arrays(
        name=name,
        title=title,
        licence="yours",
        citation="yours",
        optional={**{key: _path(role) for role, key in files.items()}, **_FORMS},
        kept="your own arrays",
        split_version=2,
        thing=thing,
    )


ENTRIES.add("arrays")(_entry("arrays", "your own arrays: {arrays: IMAGES.npy, labels: LABELS.npy}"))
