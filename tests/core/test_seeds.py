"""Named streams: those in use never move, and no two purposes share one."""

from __future__ import annotations

from typing import Any

import pytest

from assay.core.seeds import key, stream


@pytest.mark.parametrize(
    ("names", "numbers"),
    [
        ((0, "batches", 3), [2740730117361369066, 6387862028039806748]),
        ((7, "init", "trunk.1"), [8353835006364040425, 7052323614815854635]),
        ((1, "dropout", "trunk.2"), [113571829650702872, 8221246580427980902]),
        ((0, "hold_out", "digits"), [5606003956391719281, 6596093990941995932]),
        ((2**31, "augment"), [2619900098329976056, 1046959016019346130]),
    ],
)
def test_streams_in_use_never_move(names: Any, numbers: list[int]) -> None:
    assert stream(*names).integers(2**63, size=2).tolist() == numbers


def test_keys_in_use_never_move() -> None:
    assert key(0, "dropout", "trunk.2") == 7551451534264552360
    assert key(1, "dropout", "trunk.2") != key(0, "dropout", "trunk.2") != key(0, "dropout", "x")
    with pytest.raises(ValueError, match="seed"):
        key(-1, "dropout", "trunk.2")


def test_names_that_would_share_a_stream_are_refused() -> None:
    stream(0, "ends without a number")
    for names in (
        (0, "ends without a number", 0),  # zeros are what a seed is padded with
        (0, 1),  # which is seed 2^32
        (0, "a number", 2**32),  # which is two words, 0 and 1
        (0, "a number", -1),
        (-1, "a"),
    ):
        with pytest.raises(ValueError, match=r"stream|seed"):
            stream(*names)
    stream(0, "plumless")
    with pytest.raises(ValueError, match="'buckeroo' and 'plumless' would be the same"):
        stream(0, "buckeroo")  # the same crc32
