"""The training loop for several networks: measures instead of outputs, and checkpoints."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from assay.data.dataset import Dataset
from assay.engines.contract import Member, Progress
from assay.engines.loop import Loop
from assay.engines.torch_engine.generative.checkpoint import Checkpoint
from assay.engines.torch_engine.generative.trainer import PartsTrainer
from assay.engines.trained import Trained
from assay.tasks.contract import Task

__all__ = ["PartsLoop"]

COLLAPSED = 0.02
"""Variety below which a generator makes one and the same picture, or nearly so."""

PATIENCE = 3
"""Evaluations in a row, all in the second half of the budget, that it takes to call it collapsed:
at first every generator makes one picture."""


class PartsLoop(Loop):
    """The loop of one run; it begins where the checkpoint left off."""

    def __init__(
        self,
        trainer: PartsTrainer,
        member: Member,
        dataset: Dataset,
        task: Task,
        on_progress: Callable[[Progress], None],
        checkpoint: Checkpoint,
    ):
        super().__init__(trainer, [member], dataset, task, on_progress)
        self.parts, self.checkpoint = trainer, checkpoint
        saved = checkpoint.load()
        if saved is not None:
            self._go_on(*saved)

    def numbers(self) -> list[dict[str, float]]:
        """See the loop."""
        self.seen = 0
        found = self.parts.means()
        with np.errstate(over="ignore", invalid="ignore"):  # what diverged is said elsewhere
            return [found | {f"val_{n}": v for n, v in self.parts.measured().items()}]

    def failure(self, trained: Trained) -> str:
        """Divergence and collapse."""
        ends = {name: curve[-1] for name, curve in trained.curves.items()}
        if not all(map(np.isfinite, ends.values())):
            name = next(name for name, value in ends.items() if not np.isfinite(value))
            return f"{name} was not finite"
        steps = trained.curves["step"]
        late = trained.curves["val_variety"][-PATIENCE:]
        halfway = len(steps) >= PATIENCE and 2 * steps[-PATIENCE] > self.total
        if halfway and max(late) < COLLAPSED:
            return (
                f"the generator collapsed: its pictures vary by {late[-1]:.2%} of what real ones do"
            )
        return ""

    def pause(self, done: int) -> None:
        """Save the state when it is due."""
        if not self.checkpoint.due() or done == self.total:
            return
        now = time.perf_counter()
        (trained,) = self.alive
        arrays, plain = self.parts.state()
        best = trained.best_weights
        arrays |= {f"best/{name}": array for name, array in (best or {}).items()}
        kept = ("curves", "steps", "best", "waited", "best_at")
        plain |= {
            "done": done,
            "seen": self.seen,
            "seconds": {**trained.seconds, "train": trained.seconds["train"] + now - self.clock},
            "trained": {name: getattr(trained, name) for name in kept},
            "has_best": best is not None,
        }
        self.checkpoint.save(arrays, plain)
        self.clock += time.perf_counter() - now

    def _go_on(self, arrays: dict[str, np.ndarray], plain: dict) -> None:
        best = {k.removeprefix("best/"): v for k, v in arrays.items() if k.startswith("best/")}
        self.parts.go_on(arrays, plain)
        self.start, self.seen = plain["done"], plain["seen"]
        self.alive = [
            replace(
                self.alive[0],
                **plain["trained"],
                seconds=plain["seconds"],
                best_weights=best if plain["has_best"] else None,
            )
        ]
