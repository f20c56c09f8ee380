"""Images in whatever a user has them: arrays, tensors, lists of pictures, tables of features."""

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
"""Channels of usual images, at most."""

_GREY = ("1", "L", "I;16", "I", "F")
"""Pillow's modes of one channel whose numbers are the image."""


def images_of(given: Any, what: str, data_format: str | None = None) -> tuple[np.ndarray, str]:
    """Turn what is given into images.

    Args:
        given: an array or tensor (n, height, width), (n, height, width, channels), (n, channels,
            height, width) or (n, features), a table of features, or a list of pictures or arrays of
            one size.
        what: how messages call it.
        data_format: one of DATA_FORMATS for four axes; None takes the second axis for the channels
            where it has at most 4 and the last one more.

    Returns:
        uint8, float32 or float64 (n, height, width, channels), in the order of C; whole numbers
        from 0 to 255 are uint8. And how the array was understood, in words.

    Raises:
        DataError: it is no array of images, or some number is not finite.
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
    """An array, a tensor or a table as an array, without a copy where none is needed.

    Raises:
        DataError: it is none.
    """
    if hasattr(given, "detach"):  # a tensor of PyTorch
        given = given.detach().cpu()
        if str(given.dtype) == "torch.bfloat16":  # NumPy has no such type
            given = given.float()
    try:
        return np.asarray(given)
    except Exception as error:  # of a type that we do not know
        said = f"{type(error).__name__}: {error}"
        raise DataError(
            f"{what}: cannot make an array of {type(given).__name__} ({said})"
        ) from None


def _objects(given: Any) -> bool:
    return isinstance(given, np.ndarray) and given.dtype == object and given.ndim == 1


def _channels_first(shape: tuple[int, ...], data_format: str | None, tensor: bool) -> bool:
    """Whether the second axis of four is that of the channels."""
    if data_format is not None:
        return data_format == "channels_first"
    second, last = shape[1] <= _FEW, shape[3] <= _FEW
    return second and (not last or tensor)  # where it may be either, each library's own order


def _stacked(items: list[Any], what: str) -> np.ndarray:
    """Pictures or arrays of one size as one array."""
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
    """Pictures of Pillow in one mode: grey ones as they are, any others as RGB on white."""
    from assay.data.pictures import flattened

    modes = {picture.mode for picture in pictures}
    if len(modes) == 1 and modes <= set(_GREY):
        return list(pictures)
    mode = "L" if modes <= {"1", "L"} else "RGB"
    return [flattened(picture, mode) for picture in pictures]


def _compact(images: np.ndarray, what: str) -> np.ndarray:
    """Images of a type that engines take; whole numbers from 0 to 255 become bytes."""
    if images.dtype.kind in "biu" and images.dtype != np.uint8:
        low, high = (0, 1) if images.dtype.kind == "b" else (int(images.min()), int(images.max()))
        if low >= 0 and high <= 255:
            return images.astype(np.uint8)
    return real_numbers(images, what)
