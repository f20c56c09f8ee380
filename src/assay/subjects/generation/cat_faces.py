"""`cat-faces`: faces of cats, 64x64 colour, each distinct picture once."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from assay.core.array_file import read_arrays
from assay.core.errors import DataError
from assay.core.records import Spec
from assay.data.catalog import DatasetEntry, DatasetSource, File, Raw
from assay.data.dataset import Split
from assay.data.formats import decode, pieces
from assay.data.near_duplicates import twin_notes, with_twin
from assay.data.pictures import quiet_decoders
from assay.data.splits import hold_out
from assay.data.storage import locate

__all__ = ["CatFaces", "read_jpegs"]

IMAGES, FILES, TEST, SIDE = 9_303, 15_747, 1_000, 64


def read_jpegs(path: Path) -> np.ndarray:
    """Read JPEG pictures that lie end to end in an .npz file: `jpeg` (uint8) and `offsets`.

    Returns:
        uint8 (n, 64, 64, 3), those of grey files included.

    Raises:
        DataError: the file or a picture in it is damaged or of another size.
    """
    try:
        files = pieces(*read_arrays(path, "jpeg", "offsets"), most=FILES)
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: not a readable file of JPEG pictures ({error})") from error
    images = np.empty((len(files), SIDE, SIDE, 3), np.uint8)
    with quiet_decoders():
        for number, content in enumerate(files):
            try:
                found = decode(content, "JPEG", SIDE, SIDE)
            except ValueError as error:
                raise DataError(f"{path}: picture {number} is unreadable ({error})") from error
            if len(found) != SIDE:
                raise DataError(f"{path}: picture {number} is {SIDE}x{len(found)} pixels")
            images[number] = found
    return images


class CatFaces(DatasetEntry):
    """The set has no test part, and most of its files occur twice: it is split by picture."""

    def read(self, spec: Spec, data_dir: Path | None = None) -> Raw:
        """Read the distinct pictures and hold out a fixed test set of 1,000."""
        _, path = locate(self, data_dir)
        images = read_jpegs(path["cats64.npz"])
        if len(images) != IMAGES:
            raise DataError(f"cat-faces: {len(images):,} pictures were read, expected {IMAGES:,}")
        nothing = np.zeros(len(images), np.int64)
        twins = with_twin(images)
        train, test = hold_out(nothing, TEST, "cat-faces", kept_in=twins)
        return Raw(
            Split(images[train], nothing[train]),
            Split(images[test], nothing[test]),
            (),
            (self.note, *twin_notes(twins, test)),
        )


CAT_FACES = CatFaces(
    name="cat-faces",
    title="faces of cats, 64x64 colour, without labels",
    licence="none stated",
    citation="spandan2/cats-faces-64x64-for-generative-models, Kaggle",
    image_shape=(SIDE, SIDE, 3),
    train=IMAGES - TEST,
    test=TEST,
    folders=("cat-faces",),
    sources=(
        DatasetSource(
            (
                File(
                    "cats64.npz",
                    29_608_392,
                    "da60e2cd78f58f1e25559a3a1df2c5b10b1990f5d52a1837116fc4c854959099",
                ),
            )
        ),
    ),
    note=(
        f"of {FILES:,} files the {IMAGES:,} distinct pictures are used, each once; a fixed "
        f"{TEST:,} of them are held out as test set"
    ),
    split_version=2,
)
