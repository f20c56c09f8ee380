"""The page of `assay serve` that reads clocks: a dial to drag, photos, a camera."""

from __future__ import annotations

import base64
import io
import math
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from assay.apps.web.asking import best_runs, network_of
from assay.apps.web.given import number
from assay.apps.web.pages import Answer, Page, Site
from assay.core.errors import AssayError, ConfigError, DataError
from assay.core.records import Record
from assay.subjects.clocks.time import distance, spans_text, text

__all__ = ["PAGE"]

MOST_RUNS = 8
"""Maximum number of readers of a store, one for each label representation, besides assay's own."""

STYLES = ("course", "any")


@dataclass(frozen=True)
class _Asked:
    """A reader of the page.

    Attributes:
        name: a run, or "assay"; title: for people.
        size: side of the pictures that it gets.
        ask: from uint8 (n, size, size, 1) to (minutes, certainty, shares (n, 720) or None).
    """

    name: str
    title: str
    size: int
    ask: Any


def _answers(site: Site) -> Mapping[str, Answer]:
    """See `Page.answers`."""
    from assay.subjects.clocks.app import find_readers

    reader = find_readers(store=site.store)
    own = _own(reader)
    runs: dict[str, _Asked] = {}
    seen: dict[str, Any] = {"at": "", "records": []}

    def readers() -> list[_Asked]:
        moment = site.shelf.poll().name
        if seen["at"] != moment:
            seen.update(at=moment, records=_runs(site))
        for record in seen["records"]:
            if record.run_id not in runs:
                try:
                    weights = site.shelf.read(lambda store, r=record: store.weights(r.run_id))
                    runs[record.run_id] = _of_run(record, weights)
                except AssayError:  # skip readers that cannot be loaded here
                    continue
        asked = [runs[r.run_id] for r in seen["records"] if r.run_id in runs]
        return [own, *asked[:MOST_RUNS]]

    def draw(given: Any) -> dict[str, Any]:
        """Draw the requested clock, and read it with every reader."""
        wanted = _wanted(given)
        found: list[dict[str, Any]] = []
        picture = ""
        for one in readers():
            image = _drawn(wanted, one.size)
            picture = picture or _png(image)
            minutes, certainty, shares = one.ask(image[None])
            found.append(_reading(one, minutes, certainty, shares, wanted["minutes"]))
        return {"image": picture, "minutes": wanted["minutes"], "readings": found}

    def photo(given: Any) -> dict[str, Any]:
        """Read a photo, which may show more than the clock."""
        sight, image = _read_photo(given, reader)
        certain = sight.certainty if math.isfinite(sight.certainty) else None
        return {
            "image": _png(image),
            "minutes": sight.minutes,
            "text": text(sight.minutes),
            "certainty": certain,
            "readable": sight.readable,
            "runner_up": text(sight.runner_up),
            "possible": spans_text(sight.possible) if sight.possible else None,
            "square": vars(sight.square),
            "directions": list(sight.directions),
            "shares": sight.shares.round(5).tolist(),
        }

    return {"draw": draw, "photo": photo}


def _wanted(given: Any) -> dict[str, Any]:
    """Read the page's request for a drawing; ConfigError if it is invalid."""
    limits = {
        "minutes": (0, 720), "turn": (-0.5, 0.5), "tilt": (0, 0.16), "roll": (-0.5, 0.5),
        "light": (0, 1), "strength": (0, 1), "seed": (0, 2**31),
    }  # fmt: skip
    if not isinstance(given, dict):
        raise ConfigError("expected a JSON object that says what to draw")
    found: dict[str, Any] = {"style": str(given.get("style", STYLES[0]))}
    if found["style"] not in STYLES:
        raise ConfigError(f"a style must be one of {', '.join(STYLES)}")
    for name, (low, high) in limits.items():
        found[name] = number(given.get(name, 0), name, low, high)
    found["minutes"] %= 720
    return found


def _drawn(wanted: Mapping[str, Any], size: int) -> np.ndarray:
    """The picture of a clock, uint8 (size, size, 1)."""
    from assay.subjects.clocks.render import draw_scene, make_scene

    style = wanted["style"]
    scene = make_scene(np.array([wanted["minutes"]]), style, int(wanted["seed"]), ("page",))
    angle, low = 2 * math.pi * wanted["light"], 0.2 + 1.2 * wanted["strength"]
    scene = replace(
        scene,
        turn=np.full_like(scene.turn, wanted["turn"]),
        tilt=np.full_like(scene.tilt, wanted["tilt"]),
        roll=np.full_like(scene.roll, wanted["roll"]),
        light=low * np.array([[math.sin(angle), math.cos(angle)]], scene.light.dtype),
    )
    return draw_scene(scene, style, size)[0][..., None]


def _own(reader: Any) -> _Asked:
    """assay's own readers, or the store's."""
    from assay.subjects.clocks.labels.distributions import read_together, shares_of_times
    from assay.subjects.clocks.reading.ensemble import Ensemble

    if isinstance(reader, Ensemble):
        return _Asked("assay", f"assay's readers ({reader.style})", reader.size, _judged(reader))

    def ask(images: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        logs = reader.scheme.log_shares(reader.outputs(images))
        read = read_together(*logs)
        trusted = np.array([reader.trust(float(c)) for c in read.certainty])
        return read.minutes, trusted, shares_of_times(*logs)

    style = reader.about["style"]
    return _Asked("assay", f"assay's reader ({style}, relational)", reader.size, ask)


def _judged(ensemble: Any) -> Any:
    def ask(images: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        judged = ensemble.glance(images)
        return judged.minutes, judged.certainty, judged.shares

    return ask


def _runs(site: Site) -> list[Record]:
    """The best run of the store for each label representation that reads drawn clocks."""

    def labels(record: Record) -> str | None:
        task, data = record.config.get("task"), record.config.get("dataset")
        drawn = isinstance(data, dict) and data.get("name") == "clocks-rendered"
        return task.get("labels") if drawn and isinstance(task, dict) else None

    return list(best_runs(site, labels, "val_minutes", lowest=True).values())


def _of_run(record: Record, weights: Mapping[str, np.ndarray]) -> _Asked:
    """A run of the store as a reader, which looks at each clock once, however often it was
    evaluated."""
    from assay.studies.members import resolve_network
    from assay.subjects.clocks.labels.distributions import shares_of_times
    from assay.tasks.task import find_task

    once = {key: value for key, value in record.config["task"].items() if key != "looks"}
    outputs_of, task = network_of(record, weights), find_task(once)

    def ask(images: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
        outputs = outputs_of(images)
        read = task.predictions(outputs)
        scheme: Any = getattr(task, "scheme", None)
        logs = scheme.log_shares(outputs) if hasattr(scheme, "log_shares") else None
        return read["minutes"], read["certainty"], shares_of_times(*logs) if logs else None

    title = f"{record.config['task']['labels']} (run {record.run_id[:8]})"
    return _Asked(record.run_id, title, resolve_network(record.config).input_shape[0], ask)


def _reading(
    one: _Asked, minutes: np.ndarray, certainty: np.ndarray, shares: Any, true: float
) -> dict[str, Any]:
    certain = float(certainty[0])
    return {
        "name": one.name,
        "title": one.title,
        "minutes": float(minutes[0]),
        "text": text(float(minutes[0])),
        "error": float(distance(float(minutes[0]), true)),
        "certainty": certain if math.isfinite(certain) else None,
        "shares": None if shares is None else shares[0].round(5).tolist(),
    }


def _read_photo(given: Any, reader: Any) -> tuple[Any, np.ndarray]:
    """Read the clock in the bytes of a photo; return also the square that was read."""
    from PIL import Image

    from assay.data.pictures import open_photo
    from assay.subjects.clocks.reading.reader import ENOUGH
    from assay.subjects.clocks.reading.views import cut_out

    if not isinstance(given, bytes) or not given:
        raise DataError("expected the bytes of a picture")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "photo"
        path.write_bytes(given)
        try:
            picture, _ = open_photo(path, ENOUGH)
        except DataError as error:
            raise DataError(str(error).replace(str(path), "the photo")) from None
    sight = reader.read(picture)
    grey = Image.fromarray(picture[..., 0] if picture.shape[-1] == 1 else picture).convert("L")
    return sight, cut_out(grey, sight.square, reader.size)


def _png(image: np.ndarray) -> str:
    from PIL import Image

    file = io.BytesIO()
    Image.fromarray(image[..., 0]).save(file, "PNG")
    return f"data:image/png;base64,{base64.b64encode(file.getvalue()).decode()}"


def _export(site: Site, folder: Path) -> list[Path]:
    from assay.subjects.clocks.static_page import export_clock

    return export_clock(site, folder)


PAGE = Page(
    "Clock",
    "Drag the hands of a clock and see which time networks read.",
    Path(__file__).with_name("page_files"),
    _answers,
    _export,
)
