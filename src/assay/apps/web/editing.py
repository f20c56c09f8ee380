"""Studies written in the browser: their text, its problems, and the file that keeps it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from assay.core.errors import AssayError, ConfigError, StoreError, unknown_name
from assay.core.files import write_whole
from assay.core.yaml import read_yaml
from assay.networks.modules import ENGINE_OF

__all__ = ["MOST_CHARACTERS", "STUDIES", "check", "editable", "save", "source", "written"]

STUDIES = "studies"
"""Folder in the store with the studies written in the browser."""

MOST_CHARACTERS = 200_000

NAME = re.compile(r"[A-Za-z0-9][\w.-]{0,79}")

_PLACE = re.compile(r"^(?P<file>.*?):(?P<line>\d+):(?P<column>\d+): (?P<text>.*)$")

_CODE = {"plugins", "engine", *ENGINE_OF}
"""Keys that may name the study's own code, which must not be loaded into the server."""

CHECK_SECONDS = 120.0
"""Maximum time of a check in a separate process."""


def source(name: str, studies: Path) -> dict[str, object]:
    """Return the text of a study written in the browser, or of a built-in one.

    Raises:
        ConfigError: there is no such study.
    """
    from assay.studies.library import built_in, names

    name = name.partition("@")[0]
    file = studies / f"{name}.yaml"
    if NAME.fullmatch(name) and file.is_file():
        return {"name": name, "text": file.read_text(encoding="utf-8"), "built_in": False}
    if name in names():
        return {"name": name, "text": built_in(name).text, "built_in": True}
    known = [*written(studies), *names()]
    raise ConfigError(unknown_name("study that can be edited here", name, known))


def editable(study: str, studies: Path) -> bool:
    """Whether `source` has the text of a stored study, which may be one of its scales."""
    from assay.studies.library import names

    name = study.partition("@")[0]
    return name in names() or name in written(studies)


def written(studies: Path) -> list[str]:
    """Return the names of the studies written in the browser."""
    return sorted(file.stem for file in studies.glob("*.yaml") if NAME.fullmatch(file.stem))


def check(
    text: object, studies: Path, data_dir: Path | None, store: Path | None = None
) -> dict[str, object]:
    """Check the text of a study.

    Args:
        store: the store with the runs that it may begin with.

    Returns:
        "problems": {"line", "column", "text"} each, line 0 for the whole study; "name",
        "trials", "runs", "cohorts", "seconds" (a rough estimate) and "busy" (what to say of other
        programs) if there are no problems.

    Raises:
        ConfigError: it is not text, or too long.
    """
    if not isinstance(text, str):
        raise ConfigError("the text of a study is missing")
    if len(text) > MOST_CHARACTERS:
        raise ConfigError(f"a study of {len(text):,} characters is too long")
    file = None
    try:
        elsewhere = _names_code(read_yaml(text, "study.yaml").data)
        if elsewhere:
            studies.mkdir(parents=True, exist_ok=True)
        # its plugins and arrays are found beside it; without that folder there are none
        beside = studies if os.access(studies, os.W_OK) else None
        handle, name = tempfile.mkstemp(".yaml", ".checked-", beside)
        file = Path(name)
        with open(handle, "w", encoding="utf-8") as opened:
            opened.write(text)
        return _elsewhere(file, data_dir, store) if elsewhere else _checked(file, data_dir, store)
    except AssayError as error:
        return {"problems": problems(str(error))}
    finally:
        if file is not None:
            file.unlink(missing_ok=True)


def _names_code(node: object) -> bool:
    """Whether a part of a study may name code of its own: anywhere, also as `network.module`."""
    if isinstance(node, (list, tuple)):
        return any(map(_names_code, node))
    if not isinstance(node, dict):
        return False
    return any(
        (str(key).rpartition(".")[2] in _CODE and (key != "engine" or ":" in str(value)))
        or _names_code(value)
        for key, value in node.items()
    )


def _checked(file: Path, data_dir: Path | None, store: Path | None) -> dict[str, object]:
    from assay.apps.api import plan_of
    from assay.studies.estimate import estimate
    from assay.studies.speed import busy_text

    plan = plan_of(file, data_dir=data_dir, store=store)
    said: dict[str, object] = {"problems": [], "name": plan.study.name}
    if plan.study.search is not None:
        return {**said, "search": True}
    try:
        cost = estimate(plan, data_dir)
    except AssayError as error:  # for example missing data
        return {**said, "trials": len(plan.trials), "runs": len(plan.runs()), "note": str(error)}
    names = ("trials", "runs", "cohorts", "seconds")
    return {**said, **{n: getattr(cost, n) for n in names}, "busy": busy_text(cost.busy)}


def _elsewhere(file: Path, data_dir: Path | None, store: Path | None) -> dict[str, object]:
    """Check in a separate process, which may load the study's code."""
    more = ["--data", str(data_dir)] if data_dir else []
    more += ["--store", str(store)] if store else []
    command = [sys.executable, "-m", "assay", "show", str(file), "--json", *more]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=CHECK_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        said = f"importing and checking its code takes more than {CHECK_SECONDS:.0f} seconds"
        raise ConfigError(said) from None
    if done.returncode:
        return {"problems": problems(done.stderr.strip())}
    plan = json.loads(done.stdout)
    if plan.get("search"):
        return {"problems": [], "name": plan["study"], "search": True}
    runs = sum(len(trial["runs"]) for trial in plan["trials"])
    return {"problems": [], "name": plan["study"], "trials": len(plan["trials"]), "runs": runs}


def problems(message: str) -> list[dict[str, int | str]]:
    """Return the lines of an error, each with its place."""
    found: list[dict[str, int | str]] = []
    for line in message.splitlines():
        place = _PLACE.match(line)
        if place:
            at = {"line": int(place["line"]), "column": int(place["column"])}
            found.append({**at, "text": place["text"]})
        elif line.strip():
            found.append({"line": 0, "column": 0, "text": line.strip()})
    return found


def save(name: object, text: object, studies: Path) -> Path:
    """Save a study written in the browser.

    Raises:
        ConfigError: the name is not allowed for a file, or the text is not valid.
        StoreError: it cannot be written.
    """
    from assay.studies.library import is_built_in

    if not isinstance(name, str) or not NAME.fullmatch(name):
        said = "letters, digits, '.', '_' and '-', at most 80"
        raise ConfigError(f"the name of a study must be {said}, got {str(name)[:80]!r}")
    if is_built_in(name):
        raise ConfigError(f"{name} is a built-in study; give yours another name, `study: {name}-2`")
    if not isinstance(text, str) or len(text) > MOST_CHARACTERS:
        raise ConfigError("the text of a study is missing or too long")
    file = studies / f"{name}.yaml"
    try:
        write_whole(file, text.encode())
    except OSError as error:
        raise StoreError(f"cannot write {file}: {error.strerror or error}") from error
    return file
