"""Small damage to a file's content: by byte, by length field, by what its text says.

`mutated` draws what is done from a generator, so that a seed gives the same damage again.
"""

from __future__ import annotations

import gzip
import io
import json
import re
import zipfile
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

__all__ = ["mutated"]

Rng = np.random.Generator

_LENGTHS = (0, 1, -1, 2**15, 2**16 - 1, 2**31 - 1, 2**31, 2**32 - 1, 2**40, 2**63 - 1, 2**64 - 1)
_VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, 1, -1, 2, 3.5, 1e-320, 1e308, float("nan"), float("inf"), 2**31),
    *(10**14, 2**63, 10**30, "", "x", "network", "1e5", "\ud800", [], {}, [[]], [1, 2, 3], [None]),
    *({"name": "x"}, {"a": {"b": 1}}),
)
_WORDS = (
    *("true", "null", "~", "-1", "0", "1e400", "99999999999999999999", ".nan", ".inf", "[]", "{}"),
    *(
        "- ",
        ": ",
        "*a",
        "&a ",
        "!!python/object:os.system ",
        "|\n",
        "? ",
        "'",
        '"',
        "#",
        "\t",
        "\0",
    ),
    *("(" * 40, "[" * 40, "**", "//0", "10**9", "range(10**9)", "True", "(3,)", "|O", "<f8", "é"),
)


def mutated(content: bytes, others: Sequence[bytes], kind: str, rng: Rng) -> bytes:
    """Damaged content.

    Args:
        content: a sound file.
        others: more of them, of which pieces may be put in.
        kind: what is inside: "gzip", "zip", "safetensors", "text" or "" for bytes alone.
    """
    inside = _INSIDE.get(kind)
    if inside is not None and rng.random() < 0.6:
        try:
            return inside(content, rng)
        except (ValueError, OSError, KeyError, EOFError, zipfile.BadZipFile):
            pass  # what was to be changed inside cannot be opened: its bytes will do
    for _ in range(1 + int(rng.geometric(0.6)) if content else 1):
        content = _pick(rng, _BYTES)(content, others, rng)
    return content


def _pick(rng: Rng, things: Sequence[Any]) -> Any:
    return things[int(rng.integers(len(things)))]


def _at(content: bytes, rng: Rng) -> int:
    """A position; every other one near the beginning, where headers are."""
    size = len(content) + 1
    return int(rng.integers(min(size, 128) if rng.random() < 0.5 else size))


def _flip(content: bytes, others: Sequence[bytes], rng: Rng) -> bytes:
    changed, at = bytearray(content), _at(content, rng)
    if at < len(changed):
        changed[at] ^= 1 << int(rng.integers(8))
    return bytes(changed)


def _put(content: bytes, others: Sequence[bytes], rng: Rng) -> bytes:
    changed, at = bytearray(content), _at(content, rng)
    changed[at : at + 1] = bytes([_pick(rng, (0, 1, 0x7F, 0x80, 0xFF, int(rng.integers(256))))])
    return bytes(changed)


def _cut(content: bytes, others: Sequence[bytes], rng: Rng) -> bytes:
    return content[: int(rng.integers(len(content) + 1))]


def _insert(content: bytes, others: Sequence[bytes], rng: Rng) -> bytes:
    at = _at(content, rng)
    return content[:at] + rng.bytes(int(rng.integers(1, 40))) + content[at:]


def _drop(content: bytes, others: Sequence[bytes], rng: Rng) -> bytes:
    at = _at(content, rng)
    return content[:at] + content[at + int(rng.integers(1, 40)) :]


def _splice(content: bytes, others: Sequence[bytes], rng: Rng) -> bytes:
    other = _pick(rng, others) if others else content
    start, at = _at(other, rng), _at(content, rng)
    return content[:at] + other[start : start + int(rng.integers(1, 400))] + content[at:]


def _length(content: bytes, others: Sequence[bytes], rng: Rng) -> bytes:
    """Write a number as a length field has it, of 1 to 8 bytes, in either order."""
    size, at = _pick(rng, (1, 2, 4, 8)), _at(content, rng)
    order = _pick(rng, ("little", "big"))
    old = int.from_bytes(content[at : at + size], order)
    number = _pick(rng, (*_LENGTHS, old + 1, old - 1, 2 * old)) % 256**size
    return content[:at] + number.to_bytes(size, order) + content[at + size :]


_BYTES: tuple[Callable[[bytes, Sequence[bytes], Rng], bytes], ...] = (
    *(_flip, _put, _cut, _insert, _drop, _splice, _length, _length, _flip, _put),
)


def _text(content: bytes, rng: Rng) -> bytes:
    """Change, double, drop or nest a token of text."""
    text = content.decode("utf-8", "surrogateescape")
    tokens = [m.span() for m in re.finditer(r"[\w.+-]+|[^\w\s]|\n", text)]
    if not tokens:
        return content
    for _ in range(int(rng.integers(1, 4))):
        start, stop = _pick(rng, tokens)
        token = text[start:stop]
        new = _pick(rng, (*_WORDS, "", token * 2, token * 3000, f"[{token}]", f"{token}x"))
        text = text[:start] + new + text[stop:]
    return text.encode("utf-8", "surrogateescape")


def _json(data: Any, rng: Rng) -> Any:
    """Change something somewhere in JSON data; texts that are JSON themselves are opened."""
    if isinstance(data, str) and data[:1] in ("{", "["):
        return json.dumps(_json(json.loads(data), rng))
    if isinstance(data, (dict, list)) and data and rng.random() < 0.9:
        keys = list(data) if isinstance(data, dict) else list(range(len(data)))
        key, changed = _pick(rng, keys), data.copy()
        action = rng.random()
        if action < 0.12:
            del changed[key]
        elif action < 0.18 and isinstance(changed, dict):
            changed[f"{key}x"] = changed.pop(key)
        elif action < 0.22:
            changed[key] = changed[_pick(rng, keys)]
        else:
            changed[key] = _json(data[key], rng)
        return changed
    return _pick(rng, _VALUES)


def _safetensors(content: bytes, rng: Rng) -> bytes:
    """Change what the header says; its digest is taken away, or nothing else would be seen."""
    size = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + size])
    about = header.get("__metadata__", {})
    about.pop("sha256", None)
    if about and rng.random() < 0.8:
        for _ in range(int(rng.integers(1, 3))):
            name = _pick(rng, list(about))
            about[name] = str(_json(about[name], rng))
    else:
        header = _json(header, rng)
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + content[8 + size :]


def _gzip(content: bytes, rng: Rng) -> bytes:
    return gzip.compress(mutated(gzip.decompress(content), (), "", rng), 1)


def _zip(content: bytes, rng: Rng) -> bytes:
    """Change a member, and write the archive anew, so that its checksums are right."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    name = _pick(rng, list(members))
    members[name] = mutated(members[name], list(members.values()), "text", rng)
    made = io.BytesIO()
    method = _pick(rng, (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED))
    with zipfile.ZipFile(made, "w", method) as archive:
        for name, member in members.items():
            archive.writestr(name, member)
    return made.getvalue()


_INSIDE: dict[str, Callable[[bytes, Rng], bytes]] = {
    "gzip": _gzip,
    "zip": _zip,
    "safetensors": _safetensors,
    "text": _text,
}
