"""`assay data`: the catalog of datasets, what of it is here, and how to get the rest."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from cyclopts import App, Parameter

from assay.apps.cli import console
from assay.apps.cli.options import DatasetName, Json, Places

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from assay.data.catalog import Entry

__all__ = ["app", "whereabouts"]

app = App(name="data", help="List, get and show datasets.", help_format="plaintext")


@app.command(name="list")
def list_data(*, json: Json = False, places: Places | None = None) -> None:
    """List the datasets and say which are on this machine."""
    from assay.data import entries

    data = (places or Places()).data_path
    if json:
        facts = ("name", "title", "image_shape", "train", "test", "licence")
        known = [({f: getattr(e, f) for f in facts}, whereabouts(e, data)) for e in entries()]
        console.json([{**said, "where": where} for said, where in known])
        return
    rows = [
        (
            entry.name,
            entry.title,
            _shape(entry.image_shape),
            _count(entry.train),
            _count(entry.test),
            entry.licence,
            whereabouts(entry, data),
        )
        for entry in entries()
    ]
    columns = ("name", "what", "images", ">train", ">test", "licence", "where")
    console.table(columns, rows)


@app.command
def get(name: DatasetName, /, *, places: Places | None = None) -> None:
    """Download a dataset, check it against its published checksums and keep it in the cache.

    Args:
        name: A dataset of `assay data list`.
    """
    from assay.data import get as download

    folder = download(name, (places or Places()).data_path, _shown())
    console.say(f"{name} is in {folder}" if folder else f"{name} needs no download")


@app.command
def show(
    name: DatasetName,
    /,
    *,
    places: Places | None = None,
    permute: Annotated[int | None, Parameter(help="Seed of a permutation of all pixels.")] = None,
) -> None:
    """Show a dataset: where it comes from, its split and its classes.

    Args:
        name: A dataset of `assay data list`.
    """
    from assay.data import describe, load
    from assay.data.catalog import ENTRIES

    places = places or Places()
    entry = ENTRIES[name]
    console.heading(f"{entry.name}: {entry.title}")
    console.fields(_facts(entry))
    spec = {"name": name, **({} if permute is None else {"permute": permute})}
    info = describe(spec, places.data_path)
    console.heading("split")
    parts = (("train", info.train), ("validation", info.validation), ("test", info.test))
    console.table(("part", ">images"), [(part, f"{n:,}") for part, n in parts])
    dataset = load(spec, places.data_path)
    if info.class_names:
        console.heading("classes (training images)")
        counts = [int((dataset.train.targets == i).sum()) for i in range(len(info.class_names))]
        named = enumerate(zip(info.class_names, counts, strict=True))
        rows = [(i, c, f"{n:,}") for i, (c, n) in named]
        console.table((">", "class", ">images"), rows)
    for note in dataset.notes:
        console.say(note)
    console.say(f"\nmean {_numbers(dataset.mean)}, standard deviation {_numbers(dataset.std)}")
    console.say(f"fingerprint {dataset.fingerprint}")


def whereabouts(entry: Entry, data: Path | None) -> str:
    """Where the files of a dataset are, or how to get them."""
    from assay.data import find

    if not entry.sources:
        return entry.kept
    folder = find(entry.name, data)
    if folder:
        return str(folder)
    known = any(source.mirrors for source in entry.sources)
    return f"not here: assay data get {entry.name}" if known else "not here: put it there yourself"


def _shown() -> Callable[[str, int, int], None]:
    """Says on standard error how far a download is, in steps of a tenth."""
    said: dict[str, int] = {}

    def progress(name: str, here: int, total: int) -> None:
        tenth = 10 * here // max(total, 1)
        if said.get(name) != tenth:
            said[name] = tenth
            console.remark(f"{name}: {here / 1e6:.1f} of {total / 1e6:.1f} MB")

    return progress


def _facts(entry: Entry) -> dict[str, object]:
    facts = {
        "images": _shape(entry.image_shape),
        "licence": entry.licence,
        "citation": entry.citation,
        "homepage": entry.homepage,
        "mirrors": "\n".join(m for source in entry.sources for m in source.mirrors),
        "files": "\n".join(
            f"{f.name}  {f.bytes:,} bytes  sha256 {f.sha256}"
            for source in entry.sources[:1]
            for f in source.files
        ),
        "options": ", ".join(f"{k}: {v}" for k, v in entry.options.items()),
        "note": entry.note,
    }
    return {name: fact for name, fact in facts.items() if fact}


def _shape(shape: tuple[int, ...] | None) -> str:
    return "x".join(map(str, shape)) if shape else "any"


def _count(number: int | None) -> str:
    return f"{number:,}" if number is not None else ""


def _numbers(values: object) -> str:
    return " ".join(f"{v:.1f}" for v in values)  # type: ignore[attr-defined]
