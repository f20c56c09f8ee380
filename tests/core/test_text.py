"""Text of other people: shown, never obeyed, and in the characters that there are."""

from __future__ import annotations

import pytest

from assay.core.text import REPLACE, encodable, visible


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain ± ünicode 文 🙂\ta\nb", "plain ± ünicode 文 🙂\ta\nb"),
        ("\x1b[31mred\x1b]0;title\x07", r"\x1b[31mred\x1b]0;title\x07"),
        ("\x9b31m", r"\x9b31m"),
        ("a\rb\bc\x7f\x00", r"a\x0db\x08c\x7f\x00"),
        ("\u202etxt\u2066 \u2028", r"\u202etxt\u2066 \u2028"),
        (b"caf\xe9".decode(errors="surrogateescape"), r"caf\xe9"),
        (repr("caf\udce9"), r"'caf\xe9'"),
        ("\ud800", r"\ud800"),
    ],
)
def test_what_a_terminal_would_act_on_is_shown(text: str, expected: str):
    assert visible(text) == expected


@pytest.mark.parametrize(
    ("encoding", "expected"),
    [
        ("utf-8", "9 ± 1 − é 文 ╭─┼ “x”"),
        ("latin-1", r"""9 ± 1 - é \u6587 +-+ "x\""""),
        ("cp1252", r"9 ± 1 - é \u6587 +-+ “x”"),
        ("ascii", r"""9 +- 1 - \xe9 \u6587 +-+ "x\""""),
        (None, "9 ± 1 − é 文 ╭─┼ “x”"),
    ],
)
def test_what_an_encoding_lacks_becomes_the_nearest(encoding: str | None, expected: str):
    assert encodable("9 ± 1 − é 文 ╭─┼ “x”", encoding) == expected.replace(r"\"", '"')


def test_the_handler_only_encodes():
    with pytest.raises(UnicodeDecodeError):
        b"\xff".decode("utf-8", REPLACE)
