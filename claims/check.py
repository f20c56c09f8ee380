"""Whether every number of the texts is one that the records give."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml

from claims.exports import ClaimError
from claims.names import names_for
from claims.phrases import find_phrase
from claims.texts import Text, read_text, text_files

__all__ = ["check", "read_claims", "read_texts"]

Claims = Mapping[str, list[dict[str, Any]]]
"""For each text the entries of its claims, see CONTRIBUTING.md."""


def read_texts(root: Path) -> dict[str, str]:
    """Name -> text of each file whose numbers are checked."""
    return {name: (root / name).read_text() for name in text_files(root)}


def read_claims(root: Path) -> Claims:
    """Read `claims/*.yaml`.

    Raises:
        ClaimError: two files speak of the same text, or an entry has an unknown key.
    """
    claims: dict[str, list[dict[str, Any]]] = {}
    for path in sorted((root / "claims").glob("*.yaml")):
        for name, entries in yaml.safe_load(path.read_text()).items():
            if name in claims:
                raise ClaimError(f"{path}: another file has claims of {name} already")
            for entry in entries:
                if not {"says"} <= set(entry) <= {"says", "record", "because"}:
                    raise ClaimError(f"{path}: {name}: expected says, record, because: {entry}")
            claims[name] = entries
    return claims


def check(root: Path, texts: Mapping[str, str], claims: Claims) -> tuple[list[str], int]:
    """Compare texts with the records.

    Args:
        root: of the repository, which has the records.
        texts: name -> text, as `read_texts` gives them.

    Returns:
        What is wrong, each with file and line, and the number of numbers that were looked at.
    """
    wrong = [f"claims of {name}: there is no such text" for name in claims if name not in texts]
    outputs = list(_outputs(root))
    count = 0
    for name, raw in texts.items():
        text = read_text(name, raw)
        count += len(text.numbers())
        wrong += _check_text(root, text, claims.get(name, []), outputs)
    return wrong, count


def _check_text(
    root: Path, text: Text, entries: Iterable[dict[str, Any]], outputs: Iterable[str]
) -> list[str]:
    wrong: list[str] = []
    known: set[int] = set()
    for output in outputs:
        known |= _inside(text, " ".join(output.split()))
    for entry in entries:
        names = names_for(root, entry.get("record"))
        for phrase in entry["says"]:
            if "because" in entry:
                inside = _inside(text, " ".join(phrase.split()))
                known |= inside
                if not inside:
                    wrong.append(f"{text.name} does not say {phrase!r} ({entry['because']})")
                continue
            try:
                for found in find_phrase(phrase, text, names):
                    known.add(found.start)
                    if not found.right:
                        wrong.append(
                            f"{text.place(found.start)}: says {found.text}, "
                            f"{entry.get('record', 'the records')} {found.value:.6g} "
                            f"by {found.expression}"
                        )
            except ClaimError as error:
                wrong.append(f"{error} (claims of {text.name}: {phrase!r})")
    for number in text.numbers():
        if number.start() not in known:
            around = text.words[max(0, number.start() - 40) : number.end() + 30].strip()
            wrong.append(
                f"{text.place(number.start())}: {number.group()} has no record: ...{around}..."
            )
    return wrong


def _inside(text: Text, phrase: str) -> set[int]:
    """Every position inside the places where a phrase stands, word for word."""
    found: set[int] = set()
    start = text.words.find(phrase)
    while start >= 0:
        found |= set(range(start, start + len(phrase)))
        start = text.words.find(phrase, start + 1)
    return found


def _outputs(root: Path) -> Iterable[str]:
    """What commands and examples have printed, as benchmarks/outputs.py recorded it."""
    for path in sorted((root / "benchmarks/results").glob("outputs-*.json")):
        yield from names_for(root, None)["json"](path)["outputs"]
