"""Checkpoints: the state of a run in a file, so that it can resume as if it had never stopped.

A checkpoint contains the state of a trainer's member (weights, optimizer state, random streams) and
its records (curves, best evaluation, times), as named arrays. A run saves one at its rung, from
which its next rung resumes, and others while it trains (`Checkpoint`), in case it is interrupted.
Without one, it is trained from the start. Whoever stores the record of a run removes the latter
afterwards: until then, the disk may prove full and the record be lost on its way.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from assay.core import store_format as form
from assay.core.errors import StoreError
from assay.core.files import write_whole
from assay.core.records import Config, run_id

if TYPE_CHECKING:
    from assay.engines.engine import Resources
    from assay.engines.trained import Trained

__all__ = ["Checkpoint", "State", "at_rung", "earlier", "pack", "resumable", "resumed", "unpack"]

State = dict[str, np.ndarray]

_NUMBERS = ("steps", "best", "waited", "best_at", "resumed_at")


class Checkpoint:
    """The checkpoint file of one run, written from time to time, atomically.

    Args:
        folder: its folder; None disables checkpoints.
        run: the run's identity.
        identity: what else must be equal to use the state (data, precision, versions).
        seconds: interval between two checkpoints.

    Attributes:
        loaded: whether a valid state was found; None if there was none.
        ignored: names of damaged checkpoints of the run.
    """

    def __init__(
        self, folder: Path | None = None, run: str = "", identity: str = "", seconds: float = 0.0
    ):
        self._file = folder / f"{run}.unfinished.safetensors" if folder else None
        self._identity, self._seconds = identity, seconds
        self._last = time.monotonic()
        self.loaded: bool | None = None
        self.ignored: list[str] = []

    def exists(self) -> bool:
        """Whether a checkpoint exists."""
        return self._file is not None and self._file.exists()

    def due(self) -> bool:
        """Whether it is time for the next checkpoint."""
        return self._file is not None and time.monotonic() - self._last >= self._seconds

    def save(self, arrays: dict[str, np.ndarray]) -> None:
        """Write it; if this fails, training continues without a checkpoint."""
        if self._file is None:
            return
        with suppress(OSError):
            write_whole(self._file, form.encode_arrays(self.identified(arrays), str(self._file)))
        self._last = time.monotonic()

    def load(self) -> dict[str, np.ndarray] | None:
        """Return the saved state; None if there is none, or none that can be used."""
        if self._file is None or not self._file.exists():
            return None
        self.loaded = False
        try:
            arrays = form.decode_arrays(self._file.read_bytes(), str(self._file), sealed=True)
        except (OSError, StoreError):
            self.ignored.append(self._file.name)
            return None
        found = self.usable(arrays)
        self.loaded = found is not None
        return found

    def identified(self, state: State) -> State:
        """Return a state with what must be equal to use it."""
        return {**state, "identity": np.frombuffer(self._identity.encode(), np.uint8)}

    def usable(self, state: State | None) -> State | None:
        """Return an `identified` state without its identity; None if that is another one."""
        if state is None:
            return None
        told = state.pop("identity", np.empty(0, np.uint8)).tobytes()
        if told == self._identity.encode():
            return state
        self.loaded = False
        return None

    def remove(self) -> None:
        """Delete it, because the record of the run is stored, or nobody stores it."""
        if self._file is not None:
            with suppress(OSError):
                self._file.unlink()


def earlier(config: Config, folder: Path | None, ignored: list[str]) -> State | None:
    """Return the latest undamaged checkpoint of the run at an earlier rung; None if there is none.

    Args:
        config: configuration of the run to resume.
        folder: folder of checkpoints, named by run.
        ignored: names of damaged files are added to it.
    """
    there = {file.stem: file for file in folder.glob("*.safetensors")} if folder else {}
    if not there:
        return None
    recipe = config["training"]
    last = recipe.get("stop_after") or recipe.get("epochs") or 0
    for epochs in range(last - 1, 0, -1):
        name = run_id({**config, "training": {**recipe, "stop_after": epochs}})
        if name in there:
            try:
                return form.decode_arrays(there[name].read_bytes(), str(there[name]), sealed=True)
            except (OSError, StoreError):
                ignored.append(there[name].name)
    return None


def resumable(
    members: Sequence[Trained], resources: Resources
) -> list[tuple[list[Trained], list[State | None]]]:
    """Group members at the same step after the same evaluation, each with its checkpoint or None:
    that of its interruption, else of its last rung."""
    groups: dict[tuple[int, int], tuple[list[Trained], list[State | None]]] = {}
    for trained in members:
        kept = trained.checkpoint
        state = kept.load()
        if state is None:
            last = earlier(trained.member.config, resources.checkpoints, kept.ignored)
            state = kept.usable(last)
        step = int(state["run/steps"]) if state else 0
        evaluated = int(state["curve/step"][-1]) if state and "curve/step" in state else 0
        group, states = groups.setdefault((step, evaluated), ([], []))
        group.append(trained)
        states.append(state)
    return list(groups.values())


def resumed(members: Sequence[Trained]) -> str:
    """Return a remark about members at one step, after `unpack`: where interrupted ones resume, and
    which checkpoints cannot be used; "" for none."""
    kept = [t.checkpoint for t in members]
    found = [checkpoint for checkpoint in kept if checkpoint.loaded is not None]
    ignored = [name for checkpoint in kept for name in checkpoint.ignored]
    if not found and not ignored:
        return ""
    runs = (
        "an interrupted run resumes" if len(found) == 1 else f"{len(found)} interrupted runs resume"
    )
    told = [f"{runs if found else 'training resumes'} from update {members[0].steps:,}"]
    if not all(checkpoint.loaded or checkpoint.ignored for checkpoint in found):
        told.append(
            "a later checkpoint was ignored: it was made with different data, precision or versions"
        )
    if ignored:
        more = f" and {len(ignored) - 1} more were" if len(ignored) > 1 else " was"
        are = "they are" if len(ignored) > 1 else "it is"
        told.append(f"the checkpoint {ignored[0]}{more} ignored: {are} damaged")
    return "; ".join(told)


def at_rung(trained: Trained) -> Trained:
    """Return the member for its next rung, whose record counts only its own time."""
    last = len(trained.curves["step"]) - 1
    return replace(trained, resumed_at=last, seconds_before=dict(trained.seconds))


def pack(trained: Trained, state: State) -> State:
    """Return a checkpoint.

    Args:
        state: the trainer's state of this member.
    """
    found = {f"trainer/{name}": array for name, array in state.items()}
    found |= {f"run/{name}": np.array(getattr(trained, name), np.float64) for name in _NUMBERS}
    found |= {f"seconds/{name}": np.array(value) for name, value in trained.seconds.items()}
    before = trained.seconds_before
    found |= {f"before/{name}": np.array(value) for name, value in before.items()}
    found |= {f"curve/{name}": np.array(c, np.float64) for name, c in trained.curves.items()}
    found |= {f"best/{name}": array for name, array in (trained.best_weights or {}).items()}
    return found


def unpack(state: State, trained: Trained) -> State:
    """Restore the records of a checkpoint into a member; return the trainer's part."""
    for name in _NUMBERS:
        number = float(state[f"run/{name}"])
        setattr(trained, name, number if name == "best" else int(number))
    trained.seconds = {k: float(v) for k, v in _part(state, "seconds").items()}
    trained.seconds_before = {k: float(v) for k, v in _part(state, "before").items()}
    trained.curves = {k: [float(x) for x in v] for k, v in _part(state, "curve").items()}
    trained.best_weights = _part(state, "best") or None
    return _part(state, "trainer")


def _part(state: State, prefix: str) -> State:
    start = f"{prefix}/"
    return {k.removeprefix(start): v for k, v in state.items() if k.startswith(start)}
