"""Conversion of images: arrays, tensors, lists of pictures, tables of features."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from assay.core.errors import DataError
from assay.data.arrays import real_numbers

__all__ = ["DATA_FORMATS", "array_of", "images_of"]

DATA_FORMATS = ("channels_last", "channels_first")
"""As in Keras: (n, height, width, channels) or (n, channels, height, width)."""

_FEW = 4
"""Maximum number of channels of usual images."""

_GREY = ("1", "L", "I;16", "I", "F")
"""Pillow's single-channel modes whose values are intensities."""


def images_of(given: Any, what: str, data_format: str | None = None) -> tuple[np.ndarray, str]:
    """Convert data to images.

    Args:
        given: an array or tensor (n, height, width), (n, height, width, channels), (n, channels,
            height, width) or (n, features), a table of features, or a list of pictures or arrays of
            one size.
        what: its name in messages.
        data_format: one of DATA_FORMATS for four axes; None means channels first if the second axis
            has at most 4 entries and the last one more.

    Returns:
        uint8, float32 or float64 (n, height, width, channels), C-contiguous; whole numbers from 0
        to 255 become uint8. Second, how the array was interpreted, in words.

    Raises:
        DataError: it is not an array of images, or a value is not finite.
    """
    tensor = hasattr(given, "detach")
    if isinstance(given, (list, tuple)) or _objects(given):
        tensor = len(given) > 0 and hasattr(given[0], "detach")
        array = _stacked(list(given), what)
    else:
        array = array_of(given, what)
    if array.ndim not in (2, 3, 4) or not array.size:
        said = "(n, height, width), (n, height, width, channels) or (n, features)"
        raise DataError(f"{what} must be {said}, none of them 0, got an array of {array.shape}")
    original = f"{array.shape} of {array.dtype}"
    first = array.ndim == 4 and _channels_first(array.shape, data_format, tensor)
    if array.ndim == 2:
        array = array[:, None, :, None]
    elif array.ndim == 3:
        array = array[..., None]
    elif first:
        array = np.moveaxis(array, 1, 3)
    height, width, channels = array.shape[1:]
    count = f"{channels} channel{'s' * (channels != 1)}"
    told = f"images {original} were interpreted as {height}x{width} pixels with {count}"
    if first:
        told += ", given before height and width"
    return np.ascontiguousarray(_compact(array, what)), told


def array_of(given: Any, what: str) -> np.ndarray:
    """Convert an array, a tensor or a table to an array, without a copy if possible.

    Raises:
        DataError: it has another type.
    """
    if hasattr(given, "detach"):  # a PyTorch tensor
        given = given.detach().cpu()
        if str(given.dtype) == "torch.bfloat16":  # NumPy has no such type
            given = given.float()
    try:
        return np.asarray(given)
    except Exception as error:  # of an unknown type
        said = f"{type(error).__name__}: {error}"
        raise DataError(
            f"{what}: cannot make an array of {type(given).__name__} ({said})"
        ) from None


def _objects(given: Any) -> bool:
    return isinstance(given, np.ndarray) and given.dtype == object and given.ndim == 1


def _channels_first(shape: tuple[int, ...], data_format: str | None, tensor: bool) -> bool:
    """Whether the second of four axes contains the channels."""
    if data_format is not None:
        return data_format == "channels_first"
    second, last = shape[1] <= _FEW, shape[3] <= _FEW
    return second and (not last or tensor)  # if both are possible, the library's usual order


def _stacked(items: list[Any], what: str) -> np.ndarray:
    """Stack pictures or arrays of one size into one array."""
    if not items:
        raise DataError(f"{what} must be images, got an empty list")
    if all(hasattr(item, "mode") and hasattr(item, "convert") for item in items):
        items = _same_mode(items)
    arrays = [array_of(item, f"{what}[{i}]") for i, item in enumerate(items)]
    for i, array in enumerate(arrays):
        if array.shape != arrays[0].shape:
            raise DataError(
                f"{what} must have one size: {what}[0] is {_size(arrays[0])}, {what}[{i}] is "
                f"{_size(array)}; resize them first"
            )
    return np.stack(arrays)


def _size(array: np.ndarray) -> str:
    return "x".join(map(str, array.shape)) or "a single number"


def _same_mode(pictures: Sequence[Any]) -> list[Any]:
    """Convert Pillow images to one mode: grey ones unchanged, all others to RGB on white."""
    from assay.data.pictures import flattened

    modes = {picture.mode for picture in pictures}
    if len(modes) == 1 and modes <= set(_GREY):
        return list(pictures)
    mode = "L" if modes <= {"1", "L"} else "RGB"
    return [flattened(picture, mode) for picture in pictures]


def _compact(images: np.ndarray, what: str) -> np.ndarray:
    """Convert images to a type that engines accept; whole numbers from 0 to 255 become bytes."""
    if images.dtype.kind in "biu" and images.dtype != np.uint8:
        low, high = (0, 1) if images.dtype.kind == "b" else (int(images.min()), int(images.max()))
        if low >= 0 and high <= 255:
            return images.astype(np.uint8)
    return real_numbers(images, what)
