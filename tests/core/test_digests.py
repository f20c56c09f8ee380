"""A digest tells values and content apart that differ by one bit."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
from safetensors.numpy import load, save

from assay.core.digests import Unsound, check_seal, digest, seal

ARRAYS = {"a": np.arange(5, dtype=np.float32), "b": np.zeros((2, 0), np.int8)}


def test_values_count_with_their_type_and_length() -> None:
    several = [digest("ab", "c"), digest("a", "bc"), digest(b"ab", "c"), digest("1"), digest(1)]
    several += [digest("None"), digest(None), digest(), digest("")]
    assert len(set(several)) == len(several)
    assert digest("ab") == hashlib.sha256(b"str:2:ab").hexdigest()


def test_sealed_arrays_are_safetensors_with_their_digest() -> None:
    content = seal(ARRAYS, {"format": "some text"})
    check_seal(content)
    assert {name: array.tolist() for name, array in load(content).items()} == {
        name: array.tolist() for name, array in ARRAYS.items()
    }
    assert seal(ARRAYS) == seal(ARRAYS)


def test_every_single_flipped_bit_is_seen() -> None:
    content = seal(ARRAYS, {"format": "some text"})
    for bit in range(8 * len(content)):
        damaged = bytearray(content)
        damaged[bit // 8] ^= 1 << bit % 8
        with pytest.raises(Unsound, match=r"^it has no checksum$|^its checksum is wrong$"):
            check_seal(bytes(damaged))


@pytest.mark.parametrize("content", [b"", b"\xff" * 8, save(ARRAYS), seal(ARRAYS)[:-1]])
def test_other_content_is_not_sound(content: bytes) -> None:
    with pytest.raises(Unsound):
        check_seal(content)
