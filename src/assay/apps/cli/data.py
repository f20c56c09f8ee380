"""`assay data`: lists, downloads and shows datasets."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import App, Parameter

from assay.apps.cli import console
from assay.apps.cli.checks import (
    LARGEST_PERMUTATION,
    PictureFile,
    check_seed,
    is_address,
    refuse_inside,
)
from assay.apps.cli.options import (
    DatasetName,
    Drawn,
    Json,
    OutFile,
    Places,
    figure_file,
    is_study,
)
from assay.core.errors import ConfigError, DataError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from assay.core.records import Spec
    from assay.data.catalog import DatasetEntry

__all__ = ["app", "whereabouts"]

app = App(name="data", help="List, get and show datasets.")

MOST_POINTS = 20_000
"""Images in a scatter plot."""


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
    permute: Annotated[
        int | None, Parameter(help="Seed of a fixed permutation of all pixels.")
    ] = None,
    sheet: PictureFile | None = None,
) -> None:
    """Show a dataset: where it comes from, its split, its classes and some of its pictures.

    Args:
        name: A dataset of `assay data list`, your own folder of pictures, or a study.
        sheet: Where to write a contact sheet, a PNG outside the dataset's folder [in the cache].
    """
    places = places or Places()
    if permute is not None:
        check_seed("--permute", permute, LARGEST_PERMUTATION)
    specs = _specs(name, places.data_path)
    if sheet is not None:
        refuse_inside("--sheet", sheet, _folders(specs, places.data_path))
    for number, spec in enumerate(specs, 1):
        if permute is not None:
            spec = {**spec, "permute": permute}
        where = sheet
        if sheet is not None and len(specs) > 1:
            where = sheet.with_name(f"{sheet.stem}-{number}{sheet.suffix}")
        _show(spec, places.data_path, where)


@app.command
def embed(
    name: DatasetName,
    /,
    *,
    method: Literal["pca", "tsne"] = "pca",
    images: int = 2000,
    seed: int = 0,
    to: Drawn | None = None,
    out: OutFile | None = None,
    width: float = 8.0,
    places: Places | None = None,
) -> None:
    """Draw training images of a dataset as points in the plane, coloured by class.

    Args:
        name: A dataset of `assay data list`, your own folder of pictures, or a study.
        method: pca (the two directions of most variance) or tsne (neighbours stay neighbours).
        images: How many, drawn at random.
        seed: Seed of the sample of images and of the start of t-SNE.
        to: svg, pdf or png [the ending of --out, or else png].
        out: The file [NAME-METHOD.png here]; a study with several datasets makes one file of each.
        width: Inches.
    """
    from assay.apps.papers import save_figure
    from assay.data import load
    from assay.reports.embedding import embed as lay
    from assay.reports.embedding import embedding_plot

    if not 2 <= images <= MOST_POINTS:
        raise ConfigError(f"--images {images}: expected a whole number from 2 to {MOST_POINTS:,}")
    check_seed("--seed", seed)
    data = (places or Places()).data_path
    specs = _specs(name, data)
    path, kind = figure_file(out, to, f"{Path(name).stem}-{method}.png")
    refuse_inside("--out", path, _folders(specs, data))
    for number, spec in enumerate(specs, 1):
        dataset = load(spec, data)
        found = lay(dataset.fit_data, method, images, seed)
        plot = embedding_plot(dataset.fit_data, dataset.class_names, method, found)
        base = path
        if len(specs) > 1:
            base = base.with_name(f"{base.stem}-{number}{base.suffix}")
        for file in save_figure(plot, base, kind, width):
            console.say(f"figure: {file}")
        console.say(plot.caption)


_DRAWS = ("split_seed", "fold")
"""Settings of which another value only divides the same images in another way."""


def _specs(name: str, data: Path | None) -> list[dict[str, Any]]:
    """Return the datasets that a name means: of the catalog, a folder or a study."""
    from assay.data.catalog import ENTRIES

    if name in ENTRIES:
        return [{"name": name}]
    if any(root.is_dir() for root in (Path(name).expanduser(), (data or Path()) / name)):
        return [{"name": "folder", "path": name}]
    if is_study(name):
        return _study_specs(name, data)
    return [{"name": ENTRIES[name].name}]  # the error lists the known names


def _folders(specs: Sequence[Spec], data: Path | None) -> list[Path]:
    """Return the folders with the user's pictures that datasets name."""
    from assay.data.catalog import ENTRIES

    named = {str(spec[key]) for spec in specs if (key := ENTRIES[spec["name"]].pictures_in) in spec}
    tried = [root / name for name in named for root in (Path(), *([data] if data else []))]
    return [folder for path in tried if (folder := path.expanduser()).is_dir()]


def _study_specs(name: str, data: Path | None) -> list[dict[str, Any]]:
    from assay.apps.api import plan_of
    from assay.data.pictures import counted

    if is_address(name):
        raise ConfigError(f"{name}: addresses are not read; download the pictures first")
    if not name.endswith((".yaml", ".yml")) and os.sep in name:
        raise ConfigError(f"{name}: there is no folder of images or study file of this name")
    plan = plan_of(name, data_dir=data)
    search = plan.study.search
    configs = plan.runs().values() if search is None else search.samples
    found = {json.dumps(c["dataset"], sort_keys=True): c["dataset"] for c in configs}
    first: dict[str, dict[str, Any]] = {}
    for spec in found.values():
        images = {key: value for key, value in spec.items() if key not in _DRAWS}
        first.setdefault(json.dumps(images, sort_keys=True), spec)
    if more := len(found) - len(first):
        ways = counted(more, "other way")
        console.remark(f"{name} divides the same images in {ways} as well, not shown")
    return list(first.values())


def _show(spec: Spec, data: Path | None, sheet: Path | None) -> None:
    from assay.apps.sheets import write_sheet
    from assay.core.yaml import in_one_line
    from assay.data import load
    from assay.data.catalog import ENTRIES
    from assay.data.near_duplicates import near_training, other_parts
    from assay.data.pictures import printable
    from assay.data.storage import cache_dir

    entry = ENTRIES[spec["name"]]
    console.heading(f"{entry.name}: {entry.title}")
    given = {k: v for k, v in spec.items() if k != "name" and v is not None}
    settings = ", ".join(f"{k}: {in_one_line(v)}" for k, v in given.items())
    console.fields(_facts(entry) | ({"settings": settings} if settings else {}))
    dataset = load(spec, data)  # `describe` counts pictures that cannot be read as well
    console.heading(f"split (images of {_shape(dataset.image_shape)})")
    parts = {"train": dataset.train, "validation": dataset.validation, "test": dataset.test}
    console.table(("part", ">images"), [(part, f"{len(s):,}") for part, s in parts.items()])
    if dataset.class_names:
        console.heading("classes (images in each split)")
        rows = [
            (i, name, *(f"{int((s.targets == i).sum()):,}" for s in parts.values()))
            for i, name in enumerate(dataset.class_names)
        ]
        console.table((">", "class", *(f">{part}" for part in parts)), rows)
    console.say()
    for note in dataset.notes:
        console.say(note)
    known = near_training(dataset)
    console.say(
        f"test images equal to a {other_parts(dataset)} image, or its near-duplicate: {known:,}"
    )
    console.say(f"\nmean {_numbers(dataset.mean)}, standard deviation {_numbers(dataset.std)}")
    console.say(f"fingerprint {dataset.fingerprint}")
    usual = cache_dir() / "sheets" / f"{entry.name}-{dataset.fingerprint}.png"
    try:
        write_sheet(dataset, sheet or usual)
        rows_are = "one row for each class" if dataset.class_names else "some training images"
        console.say(f"contact sheet ({rows_are}): {printable(sheet or usual)}")
    except DataError as error:
        if sheet is not None:
            raise
        console.say(str(error))


def whereabouts(entry: DatasetEntry, data: Path | None) -> str:
    """Where the files of a dataset are, or how to get them."""
    from assay.data import find

    if not entry.sources:
        return entry.kept
    folder = find(entry.name, data)
    if folder:
        return str(folder)
    known = any(source.mirrors for source in entry.sources)
    return (
        (f"missing; run assay data get {entry.name}")
        if known
        else "missing; copy it there yourself"
    )


def _shown() -> Callable[[str, int, int], None]:
    """Shows the progress of a download on standard error, in steps of 10 %."""
    said: dict[str, int] = {}

    def progress(name: str, here: int, total: int) -> None:
        tenth = 10 * here // max(total, 1)
        if said.get(name) != tenth:
            said[name] = tenth
            console.remark(f"{name}: {here / 1e6:.1f} of {total / 1e6:.1f} MB")

    return progress


def _facts(entry: DatasetEntry) -> dict[str, object]:
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
        "options": _options(entry),
        "note": entry.note,
    }
    return {name: fact for name, fact in facts.items() if fact}


def _options(entry: DatasetEntry) -> str:
    from assay.core.options import REQUIRED, as_option
    from assay.core.yaml import in_one_line

    own = {key: as_option(o) for key, o in {**entry.options, **entry.optional}.items()}
    return ", ".join(
        f"{key}: {'required' if option.default is REQUIRED else in_one_line(option.default)}"
        for key, option in own.items()
    )


def _shape(shape: tuple[int, ...] | None) -> str:
    return "x".join(map(str, shape)) if shape else "any"


def _count(number: int | None) -> str:
    return f"{number:,}" if number is not None else ""


def _numbers(values: object) -> str:
    return " ".join(f"{v:.1f}" for v in values)  # type: ignore[attr-defined]
