"""Named random streams: one seed per run, one independent generator per purpose.

Drawing more numbers for one purpose (say dropout) never shifts another (say the batch order), and
a stream is the same in every engine and on every device because NumPy draws it.
"""

from __future__ import annotations

import zlib

import numpy as np

__all__ = ["stream"]


def stream(seed: int, *names: str | int) -> np.random.Generator:
    """Return the generator of the stream `names` of `seed`.

    Args:
        seed: the run's seed, an integer >= 0.
        names: the purpose, for example ``"init", "dense_1"`` or ``"batches", 3``.

    References:
        M. O'Neill, "PCG", 2014 (SFC64 here is C. Doty-Humphrey's, the fastest in NumPy);
        NumPy's SeedSequence for the mixing.
    """
    words = [n if isinstance(n, int) else zlib.crc32(n.encode()) for n in names]
    return np.random.Generator(np.random.SFC64(np.random.SeedSequence([seed, *words])))
