"""Pictures of any size and kind as arrays of one size; what is wrong with one is named."""

from __future__ import annotations

import math
import os
import warnings
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from assay.core.errors import DataError
from assay.core.files import open_file
from assay.core.text import visible

if TYPE_CHECKING:
    from PIL.Image import Image
    from PIL.ImageFile import ImageFile

__all__ = [
    "MAX_PIXELS",
    "SUFFIXES",
    "Facts",
    "Pictures",
    "flattened",
    "open_photo",
    "open_picture",
    "printable",
    "quiet_decoders",
    "read_picture",
    "read_pictures",
    "resized",
]

SUFFIXES = (".bmp", ".gif", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp")
MAX_PIXELS = 64_000_000
"""A picture may unpack to a thousand times its file; more pixels than this are not read."""
_PHOTOMETRIC = 262
"""The tag of a TIFF file that says whether 0 is white or black."""


@dataclass(frozen=True)
class Facts:
    """What a picture was before it was brought to 8 bits and one size.

    Attributes:
        size: its own (height, width), upright.
        span: of one with 12 or 16 bits a channel, its smallest and largest value and the largest
            that there can be; None for one of 8 bits.
        frames: whether more follow the frame that counts.
    """

    size: tuple[int, int]
    span: tuple[int, int, int] | None = None
    frames: bool = False

    @property
    def short(self) -> bool:
        """Whether its values fill so little of their range that 8 bits keep few of them apart."""
        low, high, top = self.span or (0, 0, 1)
        return low < high and (high < top / 4 or high - low < top / 16)


@dataclass(frozen=True)
class Pictures:
    """Many pictures, brought to one size.

    Attributes:
        images: uint8 (n, height, width, channels).
        facts: of each.
        failures: position in what was asked for -> why that picture is not among them.
    """

    images: np.ndarray
    facts: tuple[Facts, ...]
    failures: dict[int, str]


def printable(name: str | Path) -> str:
    """A file's name for people, in one line; bytes that are not UTF-8 are shown as \\xe9."""
    return visible(str(name)).replace("\n", "\\n").replace("\t", "\\t")


def read_picture(
    path: Path, size: tuple[int, int], grayscale: bool
) -> tuple[np.ndarray, tuple[int, int]]:
    """Read one picture and bring it to `size`.

    It is turned as its EXIF data say, put on white where it is transparent, and resized with
    Lanczos filtering. Of an animation the first frame counts.

    Args:
        path: the file.
        size: (height, width) wanted.
        grayscale: one channel instead of three.

    Returns:
        uint8 (height, width, 1 or 3), and the picture's own (height, width).

    Raises:
        DataError: naming the file, when it is unreadable or too large.
    """
    image, facts = _read(path, size, grayscale)
    return image, facts.size


def _read(path: Path, size: tuple[int, int], grayscale: bool) -> tuple[np.ndarray, Facts]:
    from PIL import Image

    plain, facts = _open(path, "L" if grayscale else "RGB")
    if facts.size != size:
        plain = plain.resize((size[1], size[0]), Image.Resampling.LANCZOS)
    return np.asarray(plain).reshape(*size, -1), facts


def resized(images: np.ndarray, side: int) -> np.ndarray:
    """Images (n, height, width, channels) of any real type as (n, side, side, channels) of the
    same, by Pillow's Lanczos filter, as pictures of a folder are."""
    from PIL import Image

    count, height, width, channels = images.shape
    if (height, width) == (side, side):
        return images
    exact = images.dtype == np.uint8
    planes = np.moveaxis(images, -1, 1).reshape(-1, height, width)
    planes = planes if exact else planes.astype(np.float32)
    made = np.empty((len(planes), side, side), images.dtype)
    for i, plane in enumerate(planes):
        made[i] = Image.fromarray(plane).resize((side, side), Image.Resampling.LANCZOS)
    return np.moveaxis(made.reshape(count, channels, side, side), 1, -1)


def open_picture(path: Path, grayscale: bool = False) -> np.ndarray:
    """Read one picture in its own size, uint8 (height, width, 1 or 3); see `read_picture`.

    Raises:
        DataError: naming the file, when it is not there, unreadable or too large.
    """
    with quiet_decoders():
        plain, _ = _open(path, "L" if grayscale else "RGB")
    return np.asarray(plain).reshape(plain.height, plain.width, -1)


def open_photo(path: Path, most: int) -> tuple[np.ndarray, float]:
    """Read one picture of any size, made smaller by a whole number where it has many pixels.

    Args:
        most: pixels that are enough.

    Returns:
        uint8 (height, width, 3), and how many pixels of the file one of these is across.

    Raises:
        DataError: naming the file, when it is not there, unreadable or too large.
    """
    with quiet_decoders():
        plain, facts = _open(path, "RGB", most)
    return np.asarray(plain), max(facts.size) / max(plain.size)


def read_pictures(paths: Sequence[Path], size: tuple[int, int], grayscale: bool) -> Pictures:
    """Read many pictures, on several threads, in the order of `paths`; none of them raises."""
    images = np.empty((len(paths), *size, 1 if grayscale else 3), dtype=np.uint8)

    def read(index: int) -> Facts | str:
        try:
            images[index], facts = _read(paths[index], size, grayscale)
        except DataError as error:
            return str(error)
        return facts

    with quiet_decoders(), ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
        found = list(pool.map(read, range(len(paths))))
    failures = {i: text for i, text in enumerate(found) if isinstance(text, str)}
    if failures:
        images = np.delete(images, list(failures), axis=0)
    return Pictures(images, tuple(f for f in found if isinstance(f, Facts)), failures)


def _open(path: Path, mode: str, enough: int = MAX_PIXELS) -> tuple[Image, Facts]:
    """A picture of mode "L" or "RGB"; its size is looked at before anything is unpacked.

    Args:
        enough: pixels above which it is made smaller.

    Returns:
        The picture, and its facts; their size is its own.
    """
    from PIL import Image, UnidentifiedImageError

    try:
        # by its name, Pillow maps plain TIFF files into memory and mixes up those that are turned
        with open_file(path) as stream, Image.open(stream) as picture:
            pixels = picture.width * picture.height
            if pixels > MAX_PIXELS:
                said = f"{pixels:,} pixels, at most {MAX_PIXELS:,} are read"
                raise DataError(f"{printable(path)}: {said}")
            if picture.format == "EPS":
                raise ValueError("PostScript is a program, which assay does not run")
            own = (picture.height, picture.width)
            if (times := math.ceil(math.sqrt(pixels / enough))) > 1:
                # a JPEG unpacks to a half, a quarter or an eighth by itself; the rest is done below
                picture.draft(picture.mode, (picture.width // times, picture.height // times))
            eight, span = _eight_bits(picture)
            if (eight.width > eight.height) != (own[1] > own[0]):
                own = own[::-1]  # turned, as its EXIF data say
            plain = flattened(_reduced(eight, enough), mode)
            frames = False
            with suppress(Exception):  # damaged, but not in the frame that counts
                frames = bool(getattr(picture, "is_animated", False))
            return plain, Facts(own, span, frames)
    except DataError:
        raise
    except FileNotFoundError as error:
        raise DataError(f"{printable(path)}: there is no such file") from error
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise DataError(f"{printable(path)}: more than {MAX_PIXELS:,} pixels") from error
    except Exception as error:  # decoders raise nearly anything on damaged input
        said = getattr(error, "strerror", None) or error
        if isinstance(error, IsADirectoryError):
            said = "it is a folder"
        elif isinstance(error, UnidentifiedImageError):
            empty = not path.stat().st_size
            said = "it is empty" if empty else "it is not an image, or of an unknown type"
        raise DataError(f"{printable(path)}: unreadable picture ({said})") from error


def _reduced(picture: Image, enough: int) -> Image:
    """The picture with about `enough` pixels at most, each the mean of a square of its pixels."""
    times = math.ceil(math.sqrt(picture.width * picture.height / enough))
    if times < 2:
        return picture
    if picture.mode in ("1", "P", "PA"):  # no means of these
        picture = picture.convert("RGBA" if picture.has_transparency_data else "RGB")
    return picture.reduce(times)


def _eight_bits(file: ImageFile) -> tuple[Image, tuple[int, int, int] | None]:
    """The picture upright, with 8 bits a channel, and its span if it had more; see `Facts`."""
    from PIL import ImageOps

    packed = str(file.tile[0].args) if file.tile else ""
    white_is_0 = getattr(file, "tag_v2", {}).get(_PHOTOMETRIC) == 0
    if file.mode == "F":
        raise ValueError("floating-point values have no known range to map to 0..255")
    if file.mode == "I" and file.format != "PPM":
        raise ValueError("signed or 32-bit integers have no known range to map to 0..255")
    picture: Image = ImageOps.exif_transpose(file)
    clear = picture.info.get("transparency")
    if picture.mode.startswith("I"):
        return _scaled(picture, clear, 4095 if "I;12" in packed else 65_535, white_is_0)
    # Pillow widens pixels to 8 bits, or narrows them, but not the value that is transparent
    if isinstance(clear, int) and ("L;2" in packed or "L;4" in packed):
        picture.info["transparency"] = clear * (85 if "L;2" in packed else 17)
    if ";16" not in packed:
        return picture, None
    if isinstance(clear, tuple):
        picture.info["transparency"] = tuple(value >> 8 for value in clear)
    values = np.asarray(picture)[..., : -1 if picture.mode.endswith("A") else None]
    return picture, (int(values.min()) * 257, int(values.max()) * 257, 65_535)


def _scaled(
    picture: Image, clear: object, top: int, white_is_0: bool
) -> tuple[Image, tuple[int, int, int]]:
    """Grey values 0..top as 0..255, the value `clear` transparent, and their span."""
    from PIL import Image

    values = np.asarray(picture).astype(np.int32)
    np.clip(values, 0, top, out=values)  # in its place, as below: it may be large
    if white_is_0:
        np.subtract(top, values, out=values)
    span = (int(values.min()), int(values.max()), top)
    opaque = values != clear if isinstance(clear, int) else None
    values *= 255
    values //= top
    grey = Image.fromarray(values.astype(np.uint8))
    if opaque is not None:
        grey = Image.merge("LA", (grey, Image.fromarray(opaque.astype(np.uint8) * 255)))
    return grey, span


def flattened(picture: Image, mode: str) -> Image:
    """Convert to `mode`: what is transparent becomes white."""
    from PIL import Image

    if picture.mode == "LAB":
        from PIL import ImageCms

        lab, rgb = ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB")
        turned = ImageCms.buildTransform(lab, rgb, "LAB", "RGB")
        picture = ImageCms.applyTransform(picture, turned) or picture
    if picture.has_transparency_data:
        picture = picture.convert("RGBA")
        white = Image.new("RGBA", picture.size, "white")
        picture = Image.alpha_composite(white, picture)
    return picture.convert(mode)


@contextmanager
def quiet_decoders() -> Iterator[None]:
    """Make a decompression bomb an error and keep decoders' small talk from the terminal."""
    from PIL import Image

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        yield
