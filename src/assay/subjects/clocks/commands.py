"""`assay clocks`: train a reader of analog clocks, and read the clock in a photo."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import App, Parameter

from assay.apps.cli import console
from assay.apps.cli.checks import (
    LARGEST_TRAINING_SEED,
    OutFolder,
    PictureFile,
    check_seed,
    checked_device,
    is_address,
    refuse_overwriting,
)
from assay.apps.cli.options import OutFile, Places
from assay.apps.places import check_ending

if TYPE_CHECKING:
    from assay.subjects.clocks.reading.reader import Sight

__all__ = ["app"]

WRONG_INPUT = 2

app = App(name="clocks", help="Draw analog clocks, and read them in photos.")


@app.command(name="train")
def train_clocks(
    *,
    style: Literal["any", "course"] = "any",
    minutes: float = 20,
    start: str | None = None,
    out: OutFile | None = None,
    seed: int = 0,
    device: str = "auto",
    places: Places | None = None,
) -> None:
    """Train a clock reader on rendered clocks, store its run and write the reader's file.

    Shows the error on validation clocks and the time left as it goes.

    Args:
        style: any: clocks of any kind; course: a wall clock lying on planks.
        minutes: Training time in minutes, on any machine.
        start: Start from the weights of a reader: its file, or any or course for a built-in one.
        out: The reader's file [STORE/readers/STYLE.safetensors].
        seed: Seed of the run and of its clocks.
        device: auto, cpu, cuda, cuda:1 or mps.
    """
    from assay.apps.cli.progress import display
    from assay.subjects.clocks.app import train_reader

    if out is not None:
        check_ending("--out", out, [".safetensors"])
    check_seed("--seed", seed, LARGEST_TRAINING_SEED)
    checked_device(device)
    places = places or Places()
    with display() as shown:
        path = train_reader(
            style,
            minutes,
            store=places.store_path,
            data_dir=places.data_path,
            device=device,
            seed=seed,
            start=start,
            out=out,
            on_event=shown,
        )
    _tell(path)


def _tell(path: Path) -> None:
    """Describe the reader in a few lines."""
    from assay.data.pictures import printable
    from assay.subjects.clocks.app import find_reader

    about = find_reader(path).about
    console.say(
        f"mean error {about['test_minutes']:.2f} min on {about['test_n']:,} rendered clocks that "
        f"it never saw, {about['test_within_1_minute']:.1%} within one minute; trained on "
        f"{about['images']:,.0f}"
    )
    size = path.stat().st_size / 1e6
    console.say(f"reader: {printable(path)} ({size:.1f} MB); assay show {about['run']} has its run")


@app.command(name="render")
def render_clocks(
    *,
    out: OutFolder,
    n: int = 18_000,
    style: Literal["any", "course"] = "course",
    size: int = 150,
    seed: int = 0,
    device: str = "cpu",
) -> None:
    """Draw clocks into images.npy and labels.npy, the files of dataset `clocks`.

    All 720 times occur equally often, in order; angles.npy and sheet.png are written as well.

    Args:
        out: The folder, which is created; files there that this command drew are replaced.
        n: Number of pictures.
        style: any: clocks of any kind; course: a wall clock lying on planks.
        size: Width and height in pixels.
        seed: Equal seeds draw equal clocks.
        device: auto, cpu, cuda, cuda:1 or mps.
    """
    from assay.data.pictures import counted, printable
    from assay.subjects.clocks.files import write_clocks

    check_seed("--seed", seed)
    where = checked_device(device)
    seconds = write_clocks(out, n, style, size, seed, where, console.progress())
    drawn, folder = counted(n, "clock"), printable(out)
    console.say(f"{drawn} of {size}x{size} pixels in {seconds:.1f} s: {folder}")
    console.say(f"train on them: assay run tell-the-time --data {folder} --set dataset=clocks")


@app.command(name="read")
def read_clocks(
    *photos: str,
    reader: str | None = None,
    overlay: PictureFile | None = None,
    json: Annotated[bool, Parameter(negative="", show_default=False)] = False,
    places: Places | None = None,
) -> int:
    """Read the clock in photos of any size and kind.

    Prints the time, its probability, and a set of times that contains the true one for 95 % of such
    clocks (or the second best time, with a reader of your own).

    Args:
        photos: Pictures, one clock each.
        reader: The reader's file, or any or course for a built-in one [your own in the store, else
            both built-in ones].
        overlay: Write the photo with the recognised hands drawn on it, as PNG; one photo only.
        json: Print JSON.
    """
    from assay.core.errors import ConfigError, DataError
    from assay.subjects.clocks.app import check_reader, find_readers, read_photo

    if not photos:
        raise ConfigError("expected at least one photo")
    if overlay and len(photos) > 1:
        raise ConfigError(f"--overlay draws on one photo, got {len(photos)}")
    if overlay:
        refuse_overwriting("--overlay", overlay, photos[0], "the photo")
    if reader is not None:
        check_reader(reader, "--reader")
    found = find_readers(reader, (places or Places()).store_path)
    rows: list[dict[str, Any]] = []
    wrong = 0
    for photo in photos:
        try:
            if is_address(photo):
                raise DataError(f"{photo}: addresses are not read; download the picture first")
            sight = read_photo(photo, found)
        except DataError as error:
            console.error(str(error))
            wrong = WRONG_INPUT
            continue
        if overlay:
            _draw(photo, sight, overlay)
        rows.append(_row(photo, sight))
        if not json:
            console.say(_sentence(photo, sight))
    if json:
        console.json(rows)
    return wrong


def _sentence(photo: str, sight: Sight) -> str:
    from assay.data.pictures import printable
    from assay.subjects.clocks.time import spans_text, text

    name = printable(photo)
    if not sight.readable:
        return f"{name}: no clock that I can read"
    other = f"otherwise {text(sight.runner_up)}"
    if sight.possible:
        other = f"95 % set: {spans_text(sight.possible)}"
    return f"{name}: {text(sight.minutes)} ({sight.percent} certain; {other})"


def _row(photo: str, sight: Sight) -> dict[str, Any]:
    from assay.subjects.clocks.time import text

    return {
        "photo": photo,
        "readable": sight.readable,
        "time": text(sight.minutes) if sight.readable else None,
        "minutes": sight.minutes if sight.readable else None,
        "certainty": round(sight.certainty, 4),
        "runner_up": text(sight.runner_up),
        "possible": [[text(first), text(last)] for first, last in sight.possible],
        "square": [round(v, 1) for v in (sight.square.left, sight.square.top, sight.square.side)],
    }


def _draw(photo: str, sight: Sight, path: Path) -> None:
    from assay.core.errors import StoreError
    from assay.core.files import written_whole
    from assay.subjects.clocks.reading.overlay import draw

    try:
        with written_whole(path) as part:
            draw(Path(photo), sight).save(part, "PNG")
    except OSError as error:
        raise StoreError(f"cannot write {path}: {error.strerror or error}") from error
