"""Reading of pictures of any size and kind into arrays of one size."""

from __future__ import annotations

import math
import os
import warnings
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING

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
    "counted",
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
"""Maximum number of pixels: a picture may unpack to a thousand times the size of its file."""
_PHOTOMETRIC = 262
"""The TIFF tag that says whether 0 is white or black."""


@dataclass(frozen=True)
class Facts:
    """Facts about a picture before its conversion to 8 bits and one size.

    Attributes:
        size: original (height, width), upright.
        span: smallest, largest and maximum possible value of a picture with 12 or 16 bits a
            channel; None for 8 bits.
        frames: whether it has more frames than the one that is used.
    """

    size: tuple[int, int]
    span: tuple[int, int, int] | None = None
    frames: bool = False

    @property
    def short(self) -> bool:
        """Whether its values use so little of their range that 8 bits distinguish few of them."""
        low, high, top = self.span or (0, 0, 1)
        return low < high and (high < top / 4 or high - low < top / 16)


@dataclass(frozen=True)
class Pictures:
    """Many pictures of one size.

    Attributes:
        images: uint8 (n, height, width, channels).
        facts: of each.
        failures: position in the requested list -> why the picture is missing.
    """

    images: np.ndarray
    facts: tuple[Facts, ...]
    failures: dict[int, str]


def printable(name: str | Path) -> str:
    """Return a printable file name in one line; bytes that are not UTF-8 are shown as \\xe9."""
    return visible(str(name)).replace("\n", "\\n").replace("\t", "\\t")


def counted(number: int, one: str, several: str = "") -> str:
    """Return a number with its noun: "1 picture", "1,200 pictures".

    Args:
        one: what follows 1.
        several: what follows other numbers, by default `one` with an s.
    """
    return f"{number:,} {one if number == 1 else several or f'{one}s'}"


def read_picture(
    path: Path, size: tuple[int, int], grayscale: bool
) -> tuple[np.ndarray, tuple[int, int]]:
    """Read one picture and resize it to `size`.

    It is rotated according to its EXIF data, put on a white background if it is transparent, and
    resized with a Lanczos filter. Of an animation, the first frame is used.

    Args:
        path: the file.
        size: requested (height, width).
        grayscale: one channel instead of three.

    Returns:
        uint8 (height, width, 1 or 3), and the original (height, width).

    Raises:
        DataError: the picture is unreadable or too large.
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
    """Resize images (n, height, width, channels) of any real type to (n, side, side, channels),
    with Pillow's Lanczos filter, like the pictures of a folder."""
    from PIL import Image

    count, height, width, channels = images.shape
    if (height, width) == (side, side):
        return images
    planes = np.moveaxis(images, -1, 1).reshape(-1, height, width)
    # Pillow has no float64: what all pixels have in common is taken off, and added again
    low = images.min() if images.dtype == np.float64 else images.dtype.type(0)
    kind = np.uint8 if images.dtype == np.uint8 else np.float32
    made = np.empty((len(planes), side, side), images.dtype)
    for i, plane in enumerate(planes):
        picture = Image.fromarray((plane - low).astype(kind, copy=False))
        made[i] = picture.resize((side, side), Image.Resampling.LANCZOS)
        made[i] += low
    return np.moveaxis(made.reshape(count, channels, side, side), 1, -1)


def open_picture(path: Path, grayscale: bool = False) -> np.ndarray:
    """Read one picture in its original size, uint8 (height, width, 1 or 3); see `read_picture`.

    Raises:
        DataError: the picture is missing, unreadable or too large.
    """
    with quiet_decoders():
        plain, _ = _open(path, "L" if grayscale else "RGB")
    return np.asarray(plain).reshape(plain.height, plain.width, -1)


def open_photo(path: Path, most: int) -> tuple[np.ndarray, float]:
    """Read one picture of any size, reduced by a whole factor if it has many pixels.

    Args:
        most: number of pixels that is sufficient.

    Returns:
        uint8 (height, width, 3), and the reduction factor.

    Raises:
        DataError: the picture is missing, unreadable or too large.
    """
    with quiet_decoders():
        plain, facts = _open(path, "RGB", most)
    return np.asarray(plain), max(facts.size) / max(plain.size)


def read_pictures(paths: Sequence[Path], size: tuple[int, int], grayscale: bool) -> Pictures:
    """Read many pictures on several threads, in the order of `paths`; failures are recorded."""
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
    """Open a picture in mode "L" or "RGB"; its size is checked before unpacking.

    Args:
        enough: number of pixels above which it is reduced.

    Returns:
        The picture, and its facts with the original size.
    """
    from PIL import Image, UnidentifiedImageError

    try:
        # given a name, Pillow memory-maps plain TIFF files and reads rotated ones wrongly
        with open_file(path) as stream, Image.open(stream) as picture:
            pixels = picture.width * picture.height
            if pixels > MAX_PIXELS:
                said = f"{pixels:,} pixels, at most {MAX_PIXELS:,} are read"
                raise DataError(f"{printable(path)}: {said}")
            if picture.format == "EPS":
                raise ValueError("PostScript is a program, which assay does not run")
            own = (picture.height, picture.width)
            if (times := math.ceil(math.sqrt(pixels / enough))) > 1:
                # JPEG decodes to a half, a quarter or an eighth itself; the rest is done below
                picture.draft(picture.mode, (picture.width // times, picture.height // times))
            eight, span = _eight_bits(picture)
            if (eight.width > eight.height) != (own[1] > own[0]):
                own = own[::-1]  # rotated according to its EXIF data
            plain = flattened(_reduced(eight, enough), mode)
            frames = False
            with suppress(Exception):  # damaged, but not in the frame that is used
                frames = bool(getattr(picture, "is_animated", False))
            return plain, Facts(own, span, frames)
    except DataError:
        raise
    except FileNotFoundError as error:
        raise DataError(f"{printable(path)}: there is no such file") from error
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise DataError(f"{printable(path)}: more than {MAX_PIXELS:,} pixels") from error
    except Exception as error:  # decoders raise almost any exception on damaged input
        said = getattr(error, "strerror", None) or error
        if isinstance(error, IsADirectoryError):
            said = "it is a folder"
        elif isinstance(error, UnidentifiedImageError):
            empty = not path.stat().st_size
            said = "it is empty" if empty else "it is not an image, or of an unknown type"
        raise DataError(f"{printable(path)}: unreadable picture ({said})") from error


def _reduced(picture: Image, enough: int) -> Image:
    """Reduce the picture to about `enough` pixels, each the mean of a square of pixels."""
    times = math.ceil(math.sqrt(picture.width * picture.height / enough))
    if times < 2:
        return picture
    if picture.mode in ("1", "P", "PA"):  # these cannot be averaged
        picture = picture.convert("RGBA" if picture.has_transparency_data else "RGB")
    return picture.reduce(times)


def _eight_bits(file: ImageFile) -> tuple[Image, tuple[int, int, int] | None]:
    """Return the picture upright with 8 bits a channel, and its span (see `Facts`)."""
    from PIL import ImageOps

    packed = str(file.tile[0].args) if file.tile else ""
    white_is_0 = getattr(file, "tag_v2", {}).get(_PHOTOMETRIC) == 0
    if file.mode == "F":
        raise ValueError("floating-point values have no known range to map to 0..255")
    if file.mode == "I" and file.format != "PPM":
        raise ValueError("signed or 32-bit integers have no known range to map to 0..255")
    stream = file.fp
    picture: Image = ImageOps.exif_transpose(file)
    clear = picture.info.get("transparency")
    if picture.mode.startswith("I"):
        return _scaled(picture, clear, 4095 if "I;12" in packed else 65_535, white_is_0)
    # Pillow converts pixels to 8 bits, but not the transparent value
    if isinstance(clear, int) and ("L;2" in packed or "L;4" in packed):
        picture.info["transparency"] = clear * (85 if "L;2" in packed else 17)
    if ";16" not in packed:
        return picture, None
    values = np.asarray(picture)[..., : -1 if picture.mode.endswith("A") else None]
    span = (int(values.min()) * 257, int(values.max()) * 257, 65_535)
    if isinstance(clear, tuple) and stream:  # of 16 bits, of which the picture has 8
        whole = values.astype(np.uint16) << 8 | _low_bytes(stream)
        picture.putalpha(_mask((whole != clear).any(-1)))
        del picture.info["transparency"]
    return picture, span


def _low_bytes(stream: IO[bytes]) -> np.ndarray:
    """Return the low bytes of a PNG's colours with 16 bits, upright: Pillow decodes one byte of
    each, which for the other order of bytes is the low one."""
    from PIL import Image, ImageOps

    with Image.open(stream) as file:
        file.tile = [tile._replace(args="RGB;16L") for tile in file.tile]
        return np.asarray(ImageOps.exif_transpose(file))


def _scaled(
    picture: Image, clear: object, top: int, white_is_0: bool
) -> tuple[Image, tuple[int, int, int]]:
    """Scale grey values 0..top to 0..255, with `clear` transparent; return also the span."""
    from PIL import Image

    values = np.asarray(picture).astype(np.int32)
    np.clip(values, 0, top, out=values)  # in place, because it may be large
    if white_is_0:
        np.subtract(top, values, out=values)
    span = (int(values.min()), int(values.max()), top)
    opaque = values != clear if isinstance(clear, int) else None
    values *= 255
    values //= top
    grey = Image.fromarray(values.astype(np.uint8))
    if opaque is not None:
        grey = Image.merge("LA", (grey, _mask(opaque)))
    return grey, span


def _mask(opaque: np.ndarray) -> Image:
    from PIL import Image

    return Image.fromarray(opaque.astype(np.uint8) * 255)


def flattened(picture: Image, mode: str) -> Image:
    """Convert to `mode`, with a white background."""
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
    """Turn decompression bombs into errors, and silence messages of decoders."""
    from PIL import Image

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        yield
