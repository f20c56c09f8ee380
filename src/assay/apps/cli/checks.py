"""Checks of arguments that several commands share: what cannot work is refused before any work."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from assay.core.errors import ConfigError, EngineError

__all__ = [
    "LARGEST_PERMUTATION",
    "LARGEST_SEED",
    "LARGEST_TRAINING_SEED",
    "OutFolder",
    "PictureFile",
    "check_seed",
    "checked_device",
    "is_address",
    "refuse_inside",
    "refuse_overwriting",
]

LARGEST_SEED = 2**32 - 1
"""Largest name of a random stream; see `assay.core.seeds`."""

LARGEST_TRAINING_SEED = 2**31
"""Largest seed of a training, as in a study."""

LARGEST_PERMUTATION = 2**63 - 1
"""Largest seed of a permutation of pixels, as in a study."""


def _picture_name(kind: object, path: Path | None) -> None:
    if path is None:
        return
    if path.is_dir():
        raise ValueError("it is a folder, expected a file name")
    if path.suffix.lower() != ".png":
        raise ValueError("expected a name that ends in .png")
    _folder_name(kind, path.parent)


def _folder_name(kind: object, path: Path | None) -> None:
    if path is None:
        return
    there = next((place for place in (path, *path.parents) if place.exists()), None)
    if there is not None and not there.is_dir():
        raise ValueError(f"{there} is a file, not a folder")


PictureFile = Annotated[Path, Parameter(validator=_picture_name)]
"""A PNG file to write; its missing folders are created."""
OutFolder = Annotated[Path, Parameter(validator=_folder_name)]
"""A folder to write to, which is created if it is missing."""


def check_seed(option: str, seed: int, largest: int = LARGEST_SEED) -> None:
    """Raise ConfigError unless a seed is from 0 to `largest`; the message names its option."""
    if not 0 <= seed <= largest:
        raise ConfigError(f"{option} {seed}: expected a whole number from 0 to {largest}")


def checked_device(device: str) -> str:
    """Return the device of PyTorch that `--device` means: cpu, cuda, cuda:1 or mps.

    Raises:
        ConfigError: it is unknown, or this machine does not have it.
    """
    from assay.engines.engine import Resources
    from assay.engines.torch_engine.device import place

    try:
        return str(place(Resources(device=device), "float32").device)
    except EngineError as error:
        raise ConfigError(f"--device {device}: {error}") from None


def is_address(name: str) -> bool:
    """Whether a name is an address of the web, which no command reads."""
    return "://" in name


def refuse_overwriting(
    option: str, target: Path, own: str | Path, what: str, names: Iterable[str] = ("",)
) -> None:
    """Raise ConfigError if the user's own file would be overwritten, also under another name.

    Args:
        target: the file to write, or the folder to write files to.
        own: the user's own file.
        what: what it is, for the message.
        names: names of the files in the folder.
    """
    for name in names:
        with suppress(OSError):  # one of them does not exist
            if (target / name).samefile(own):
                raise ConfigError(f"{option} {target}: would overwrite {what}; choose another one")


def refuse_inside(option: str, target: Path, folders: Iterable[Path]) -> None:
    """Raise ConfigError if a file to write lies in one of the folders of a dataset.

    There it would replace an image, or become one.
    """
    for folder in (folder.resolve() for folder in folders):
        if folder in target.resolve().parents:
            does = "would overwrite an image of" if target.exists() else "would be an image of"
            said = f"{does} the dataset in {folder}; choose another folder"
            raise ConfigError(f"{option} {target}: {said}")
