"""Reading runs of an Optuna study, for `assay import`."""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory

from assay.apps.imported import ImportedRun
from assay.core.errors import ConfigError, unknown_name

__all__ = ["read_optuna"]


def read_optuna(path: Path, wanted: str | None) -> Iterator[ImportedRun]:
    """Read the ended trials of an Optuna study; trials with equal parameters are repeats.

    Args:
        wanted: which of the studies of the file, if it has several.

    Raises:
        ConfigError: there is no such study, or it has several objectives.
    """
    with TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        yield from _runs(path, Path(folder) / "copy.db", wanted)


def _runs(path: Path, copy: Path, wanted: str | None) -> Iterator[ImportedRun]:
    """Read a copy of the file, because Optuna writes its tables into any that it opens."""
    import optuna

    try:
        _copy(path, copy)
        storage = optuna.storages.RDBStorage(f"sqlite:///{copy}")
        names = optuna.get_all_study_names(storage)
    except Exception as error:  # errors of SQLAlchemy, for any other content
        reason = str(error).splitlines()[0]
        raise ConfigError(f"{path} contains no Optuna study: {reason}") from None
    name = names[0] if len(names) == 1 else wanted
    if name not in names:
        told = f"one of its {len(names)} Optuna studies by --study" if names else "an Optuna study"
        said = unknown_name("study", name, names) if name else f"known: {', '.join(names)}"
        raise ConfigError(f"{path}: expected {told} ({said})" if names else f"{path} has no study")
    study = optuna.load_study(study_name=name, storage=storage)
    if len(study.directions) > 1:
        raise ConfigError(f"{path}: {name} has {len(study.directions)} objectives, expected one")
    better = {"objective": study.directions[0].name == "MAXIMIZE"}
    trials = [t for t in study.get_trials(deepcopy=False) if t.state.name in ("COMPLETE", "FAIL")]
    asked = dict.fromkeys(name for trial in trials for name in trial.params)
    short = {name: _shortest(trial.params.get(name) for trial in trials) for name in asked}
    for trial in trials:
        value = trial.values[0] if trial.values else math.nan
        levels = {name: short[name][level] for name, level in trial.params.items()}
        seed = trial.params.get("seed")
        number = seed if isinstance(seed, int) and levels.pop("seed") else None
        place = f"{path}, trial {trial.number}"
        yield ImportedRun(levels, number, {"objective": value}, place, better=better)


def _copy(path: Path, copy: Path) -> None:
    with (
        closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as source,
        closing(sqlite3.connect(copy)) as target,
    ):
        source.backup(target)
        if not target.execute("SELECT 1 FROM sqlite_master WHERE name = 'studies'").fetchone():
            raise sqlite3.DatabaseError("it has no table 'studies'")


def _shortest(values: Iterable[object]) -> dict[object, str]:
    """Return each value of a parameter as text; floats with six digits, or more where these do
    not tell them apart."""
    known = dict.fromkeys(values)
    floats = [value for value in known if isinstance(value, float)]
    digits = (n for n in range(6, 18) if len({f"{x:.{n}g}" for x in floats}) == len(floats))
    few = next(digits, 17)
    return {x: f"{x:.{few}g}" if isinstance(x, float) else str(x) for x in known}
