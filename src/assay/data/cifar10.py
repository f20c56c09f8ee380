"""`cifar10`: the official binary archive, or lossless WebP strips in six .npz files; no pickle."""

from __future__ import annotations

import gzip
import hashlib
import io
import tarfile
import zlib
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np

from assay.core.array_file import read_arrays
from assay.core.errors import DataError
from assay.core.files import open_file
from assay.core.records import Spec
from assay.data.catalog import ENTRIES, DatasetEntry, DatasetSource, File, Raw
from assay.data.dataset import Split
from assay.data.formats import decode, pieces
from assay.data.pictures import quiet_decoders
from assay.data.storage import cache_dir, keep_arrays, kept_arrays, locate

__all__ = ["Cifar10", "read_archive", "read_strips"]

TRAIN, TEST, BATCH = 50_000, 10_000, 10_000
SHAPE = (TRAIN + TEST, 32, 32, 3)
BATCHES = (*(f"data_batch_{i}" for i in range(1, 6)), "test_batch")
RECORD = 1 + 3 * 32 * 32
_HIGHEST = 16_383
"""Maximum height of a WebP picture in pixels."""
_MARGIN = 1 << 20
"""Maximum size of headers and of other files in the archive."""
Arrays = tuple[np.ndarray, np.ndarray]
"""Images uint8 (n, 32, 32, 3) and labels uint8 (n,)."""


def read_archive(path: Path, batch: int = BATCH) -> Arrays:
    """Read the six batches in `cifar-10-binary.tar.gz` in memory; nothing is extracted to disk.

    A record is a label byte and 3,072 bytes of pixels, channel after channel.

    Args:
        path: the archive.
        batch: images in each batch file.

    Raises:
        DataError: the archive is damaged, or a batch is missing or of the wrong size.
    """
    size = batch * RECORD
    wanted = {f"cifar-10-batches-bin/{name}.bin": i for i, name in enumerate(BATCHES)}
    records = np.empty((len(BATCHES), batch, RECORD), dtype=np.uint8)
    try:
        with (
            open_file(path) as packed,
            gzip.open(packed) as unpacked,
            tarfile.open(
                fileobj=_Bounded(unpacked, 2 * len(BATCHES) * size + _MARGIN), mode="r|"
            ) as archive,
        ):
            for member in archive:
                if member.name not in wanted:
                    continue
                stream = archive.extractfile(member) if member.isfile() else None
                if stream is None or member.size != size or member.issparse():
                    raise DataError(
                        f"{path}: {member.name} has {member.size:,} bytes, expected {size:,}"
                    )
                content = np.frombuffer(stream.read(), dtype=np.uint8)
                records[wanted.pop(member.name)] = content.reshape(batch, RECORD)
    except DataError:
        raise
    except (tarfile.TarError, EOFError, zlib.error, OSError, ValueError) as error:
        raise DataError(f"{path}: damaged or truncated archive ({error})") from error
    if wanted:
        raise DataError(f"{path}: has no {', '.join(sorted(wanted))}")
    flat = records.reshape(-1, RECORD)
    planes = flat[:, 1:].reshape(-1, 3, 32, 32)  # (n, channel, row, column)
    return np.ascontiguousarray(planes.transpose(0, 2, 3, 1)), flat[:, 0].copy()


def read_strips(paths: Iterable[Path]) -> Arrays:
    """Read .npz files of lossless WebP strips.

    Keys: `webp` (uint8, the concatenated WebP files), `offsets` (where each begins, and the end),
    `labels` (uint8). A strip is a picture of width 32 with its images below each other.

    Raises:
        DataError: a file is damaged, or the numbers of images and labels differ.
    """
    images, labels = [], []
    for path in paths:
        try:
            webp, offsets, targets = read_arrays(path, "webp", "offsets", "labels")
            files = pieces(webp, offsets, most=BATCH)
            if targets.ndim != 1 or targets.dtype != np.uint8:
                found = f"{targets.dtype} {targets.shape}"
                raise ValueError(f"labels must be uint8 (n,), got {found}")
        except (OSError, ValueError) as error:
            raise DataError(f"{path}: not a readable file of WebP strips ({error})") from error
        images.append(_strips(path, files, len(targets)))
        labels.append(targets)
    return np.concatenate(images), np.concatenate(labels)


def _strips(path: Path, files: Iterable[bytes], count: int) -> np.ndarray:
    """Decode all strips of a file, uint8 (count, 32, 32, 3)."""
    strips, images = [], 0
    with quiet_decoders():
        for content in files:
            try:
                strip = decode(content, "WEBP", 32, most=_HIGHEST)
            except ValueError as error:
                raise DataError(f"{path}: unreadable picture strip ({error})") from error
            if len(strip) % 32:
                raise DataError(f"{path}: a strip is 32 wide and {len(strip)} high")
            images += len(strip) // 32
            if images > count:  # the rest is not unpacked
                raise DataError(f"{path}: {images} images, {count} labels")
            strips.append(strip.reshape(-1, 32, 32, 3))
    if images < count:
        raise DataError(f"{path}: {images} images, {count} labels")
    return np.concatenate(strips)


class _Bounded(io.RawIOBase):
    """A stream that limits the number of bytes, because a small archive may unpack to gigabytes,
    and of reads at its end, because tarfile skips a member of any claimed size by reading it."""

    def __init__(self, stream: gzip.GzipFile, most: int):
        self._stream, self._most, self._left, self._ends = stream, most, most, 0

    def read(self, size: int = -1) -> bytes:
        found = self._stream.read(min(size, self._left + 1) if size >= 0 else self._left + 1)
        self._left -= len(found)
        if self._left < 0:
            raise ValueError(f"more than {self._most:,} bytes unpacked")
        self._ends += not found
        if self._ends > 2:
            raise EOFError("it ends inside a member")
        return found


class Cifar10(DatasetEntry):
    """32x32 colour photographs of ten kinds of things."""

    def read(self, spec: Spec, data_dir: Path | None = None) -> Raw:
        """Read images and labels; decoding takes seconds, so the result is cached."""
        source, path = locate(self, data_dir)
        if len(source.files) == 1:
            images, labels = _kept(source, lambda: read_archive(path[source.files[0].name]))
        else:
            files = [path[f"{name}.npz"] for name in BATCHES]
            images, labels = _kept(source, lambda: read_strips(files))
        if images.shape != SHAPE or labels.shape != SHAPE[:1]:
            raise DataError(f"cifar10: {images.shape} images and {labels.shape} labels were read")
        targets = labels.astype(np.int64)
        if targets.max() > 9:
            raise DataError(f"cifar10: label {targets.max()}, expected 0..9")
        return Raw(
            Split(images[:TRAIN], targets[:TRAIN]),
            Split(images[TRAIN:], targets[TRAIN:]),
            self.class_names,
        )


def _kept(source: DatasetSource, read: Callable[[], Arrays]) -> Arrays:
    """Return the result of `read`, from the cache if possible."""
    identity = hashlib.sha256("".join(f.sha256 for f in source.files).encode()).hexdigest()
    path = cache_dir() / "decoded" / f"cifar10-{identity[:16]}.safetensors"
    if kept := kept_arrays(path):
        return kept["images"], kept["labels"]
    images, labels = read()  # the cache is optional
    keep_arrays(path, {"images": images, "labels": labels})
    return images, labels


_STRIPS = {
    "data_batch_1": (
        16_648_032,
        "0d9e9d8968a8340bef8793d56c4276a887625152ba47fca8dd5080157d904a0f",
    ),
    "data_batch_2": (
        16_690_666,
        "45ab575566574c85dcf0cd945461054ff064ede9cf855ae9a439e1186423d150",
    ),
    "data_batch_3": (
        16_692_914,
        "153130b92d12962193fe55715eb18d02f91322d4ab72786b87fc362990394c00",
    ),
    "data_batch_4": (
        16_668_314,
        "ab8eb981572c8d6c6ca84665f0e78b1cbc826285fe7fce33796308de825ed616",
    ),
    "data_batch_5": (
        16_640_118,
        "ef0a7e780ebc2e78c08021b6821d832308280eb9e38397f709a1d3eb91ba9c1f",
    ),
    "test_batch": (
        16_674_486,
        "302482660ee0f313976dfe18ab1a2fd0cae140076d45d5eddcbe94e04fd79095",
    ),
}

ENTRIES.add("cifar10")(
    Cifar10(
        name="cifar10",
        title="photographs of ten classes of objects, 32x32 colour",
        licence="none stated by its author",
        citation=(
            "A. Krizhevsky, Learning Multiple Layers of Features from Tiny Images, "
            "University of Toronto, 2009"
        ),
        homepage="https://www.cs.toronto.edu/~kriz/cifar.html",
        image_shape=(32, 32, 3),
        class_names=(
            "airplane",
            "automobile",
            "bird",
            "cat",
            "deer",
            "dog",
            "frog",
            "horse",
            "ship",
            "truck",
        ),
        train=TRAIN,
        test=TEST,
        folders=("cifar-10", "cifar10"),
        sources=(
            DatasetSource(
                (
                    File(
                        "cifar-10-binary.tar.gz",
                        170_052_171,
                        "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
                    ),
                ),
                (
                    "https://www.cs.toronto.edu/~kriz/",
                    "https://storage.googleapis.com/s4tf-hosted-binaries/datasets/CIFAR10/",
                ),
            ),
            DatasetSource(tuple(File(f"{name}.npz", *facts) for name, facts in _STRIPS.items())),
        ),
    )
)
