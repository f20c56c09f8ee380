"""SHA-256 digests of stored content, which detect a single flipped bit.

A standalone file contains its digest: `seal` puts it into the header of safetensors content, and
`check_seal` verifies it. Content with a row in an index has its digest in that row (`digest`).
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping

import numpy as np
from safetensors.numpy import load, save

__all__ = ["KEY", "Unsound", "check_seal", "digest", "seal", "unseal"]

KEY = "sha256"
"""Name of the digest in the header's metadata."""

_BLANK = "0" * 64
_PLACE = re.compile(rf'"{KEY}":"([0-9a-f]{{64}})"'.encode())


class Unsound(ValueError):
    """Content differs from what was written."""


def digest(*parts: bytes | str | int | None) -> str:
    """Return the digest of some values, 64 hexadecimal digits; it includes types and lengths."""
    found = hashlib.sha256()
    for part in parts:
        content = part if isinstance(part, bytes) else str(part).encode(errors="surrogatepass")
        found.update(b"%s:%d:" % (type(part).__name__.encode(), len(content)))
        found.update(content)
    return found.hexdigest()


def seal(arrays: Mapping[str, np.ndarray], about: Mapping[str, str] | None = None) -> bytes:
    """Return arrays as safetensors content that contains its own digest.

    The digest is that of the whole content with 64 zeros in its place.

    Args:
        about: further text for the header.
    """
    content = _ordered(save(dict(arrays), {**(about or {}), KEY: _BLANK}))
    place = _place(content)
    if place is None or _BLANK.encode() != content[slice(*place)]:  # pragma: no cover
        raise AssertionError("safetensors wrote an unexpected header")
    start, stop = place
    sealed = hashlib.sha256(content).hexdigest().encode()
    return b"".join((content[:start], sealed, content[stop:]))


def check_seal(content: bytes) -> None:
    """Check that content is exactly what `seal` returned.

    Raises:
        Unsound: it is not, or it contains no digest.
    """
    place = _place(content)
    if place is None:
        raise Unsound("it has no checksum")
    start, stop = place
    found = hashlib.sha256(content[:start])
    found.update(_BLANK.encode())
    found.update(memoryview(content)[stop:])
    if found.hexdigest().encode() != content[start:stop]:
        raise Unsound("its checksum is wrong")


def _ordered(content: bytes) -> bytes:
    """Return the content with a sorted header, because safetensors writes it in any order."""
    size = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + size])
    header["__metadata__"] = dict(sorted(header["__metadata__"].items()))
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % 8)
    return b"".join((len(text).to_bytes(8, "little"), text, content[8 + size :]))


def unseal(content: bytes) -> dict[str, np.ndarray]:
    """Undo `seal`.

    Raises:
        Unsound: it is not what `seal` returned.
    """
    check_seal(content)
    return load(content)


def _place(content: bytes) -> tuple[int, int] | None:
    """Return the position of the digest in the header; None without one."""
    header = content[8 : 8 + int.from_bytes(content[:8], "little")]
    found = _PLACE.search(header)
    return (found.start(1) + 8, found.end(1) + 8) if found else None
