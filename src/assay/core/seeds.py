"""Named random streams: one seed per run, one independent generator per purpose.

Drawing more numbers for one purpose (say dropout) never shifts another (say the batch order), and
a stream is the same in every engine and on every device: NumPy draws it, or, where a device draws
its own numbers, a `key` determines them.
"""

from __future__ import annotations

import zlib

import numpy as np

__all__ = ["key", "stream"]

_WORDS: dict[int, str] = {}
"""The text of each 32-bit word of a seed in this process."""

_SHAPES: dict[tuple[str, ...], tuple[bool, ...]] = {}
"""The positions of numbers among the names of a purpose."""


def stream(seed: int, *names: str | int) -> np.random.Generator:
    """Return the generator of the stream `names` of `seed`.

    Args:
        seed: the run's seed, an integer >= 0.
        names: the purpose, for example ``"init", "dense_1"`` or ``"batches", 3``; the first one is
            a text, and numbers are always at the same positions among the same texts.

    Raises:
        ValueError: another purpose has, or could have, the same stream: NumPy pads seeds with
            zeros (``"a"`` and ``"a", 0`` are one stream) and cuts integers into words of 32 bits.

    References:
        M. O'Neill, "PCG", 2014 (SFC64 here is C. Doty-Humphrey's, the fastest in NumPy);
        NumPy's SeedSequence for the mixing.
    """
    return np.random.Generator(np.random.SFC64(_sequence(seed, names)))


def key(seed: int, *names: str | int) -> int:
    """Return 64 bits for a counter-based generator of the stream `names` of `seed`.

    Args and errors: see `stream`.
    """
    return int(_sequence(seed, names).generate_state(1, np.uint64)[0])


def _sequence(seed: int, names: tuple[str | int, ...]) -> np.random.SeedSequence:
    """Return the start of a stream, after the checks that `stream` describes."""
    if seed < 0:
        raise ValueError(f"a seed must be a whole number >= 0, got {seed}")
    if names and not isinstance(names[0], str):
        raise ValueError(f"the first name of a stream must be text, got {names[0]!r}")
    texts = tuple(name for name in names if isinstance(name, str))
    shape = tuple(isinstance(name, str) for name in names)
    if _SHAPES.setdefault(texts, shape) != shape:
        raise ValueError(f"stream {names} has its numbers where another of {texts} has them not")
    words = [_word(name) for name in names]
    return np.random.SeedSequence([seed, *words])


def _word(name: str | int) -> int:
    """Return 32 bits that identify a name."""
    if not isinstance(name, str):
        if not 0 <= name < 2**32:
            raise ValueError(f"a number in a stream's name must be from 0 to 2^32 - 1, got {name}")
        return name
    word = zlib.crc32(name.encode())
    if _WORDS.setdefault(word, name) != name:
        raise ValueError(f"streams {name!r} and {_WORDS[word]!r} would be the same; rename one")
    return word
