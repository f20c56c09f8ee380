"""The playground: a small network on points or digits, trained step by step with three seeds.

The numpy engine trains it, with the same model, loss and update rules as in any study. Settings are
checked like those of a study, with the same messages.
"""

from __future__ import annotations

import secrets
from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from assay.apps.web.given import number, whole
from assay.apps.web.pages import Answer, Page, Site
from assay.core.errors import ConfigError, StoreError

__all__ = ["PAGE"]

SEEDS = (0, 1, 2)
KEPT = 8
"""Maximum number of networks to keep; the least recently used one is dropped first."""

MOST_POINTS = 2000
MOST_UNITS = 128
MOST_EPOCHS = 50
"""Maximum number of epochs in one request."""

GRID = 40
"""Points along each side of the map of the network's output."""

REACH = 6.0
"""Points lie in [-REACH, REACH] on both axes."""


class _Playing:
    """Three networks of one recipe and three seeds.

    Attributes:
        epoch: number of epochs so far.
    """

    def __init__(self, given: Mapping[str, Any]):
        from assay.engines.numpy_engine.model import Model
        from assay.engines.numpy_engine.trainer import Stepper
        from assay.networks.families import build_network
        from assay.networks.network import initial_weights

        cohort = _cohort(given)
        member, task = cohort.members[0], cohort.task_name
        self.epoch, self._batch = 0, member.training.batch_size
        self._points = given.get("data") == "points"
        self._load(given, member)
        network: Any = member.network
        if self._points:
            ((head, _),) = network.heads
            network = build_network(member.config["network"], (1, 2, 1), {head: 2})
        import numpy as np

        self._head = network.heads[0][0]
        models = [
            Model(network, initial_weights(network, seed), seed, np.dtype(np.float32))
            for seed in SEEDS
        ]
        seen = _Seen(network, member.training)
        self._steppers = [Stepper(model, seen, task) for model in models]  # type: ignore[arg-type]
        self._rngs = [np.random.default_rng(seed) for seed in SEEDS]

    def _load(self, given: Mapping[str, Any], member: Any) -> None:
        import numpy as np

        if self._points:
            rows = _points(given.get("points"))
            table = np.array(rows, np.float32)
            order = np.random.default_rng(0).permutation(len(table))
            images, targets = table[order, :2].reshape(-1, 1, 2, 1) / 3, table[order, 2]
            held = max(1, len(table) // 5)
            parts = (slice(held, None), slice(None, held))
            self._train, self._held = ((images[p], targets[p].astype(np.int64)) for p in parts)
            return
        from assay.data import load

        data = load(member.config["dataset"]).fit_data
        mean, std = data.train.images.mean(), data.train.images.std()
        self._train, self._held = (
            (((s.images - mean) / std).astype(np.float32), s.targets.astype(np.int64))
            for s in (data.train, data.validation)
        )

    def step(self, epochs: int) -> dict[str, Any]:
        """Train, and return the new state."""
        import numpy as np

        images, targets = self._train
        with np.errstate(all="ignore"):
            for _ in range(epochs):
                self.epoch += 1
                for stepper, rng in zip(self._steppers, self._rngs, strict=True):
                    order = rng.permutation(len(images))
                    for start in range(0, len(order), self._batch):
                        some = order[start : start + self._batch]
                        stepper.step(images[some], targets[some], 1.0)
            found = [self._seen(stepper) for stepper in self._steppers]
        return {"epoch": self.epoch, "seeds": found}

    def _seen(self, stepper: Any) -> dict[str, Any]:
        import numpy as np

        images, targets = self._held
        outputs = stepper.model.forward(images, training=False)
        loss = float(stepper.loss(outputs, targets)[0].mean())
        right = float((outputs[self._head].argmax(-1) == targets).mean())
        said: dict[str, Any] = {"loss": loss, "accuracy": right}
        if not self._points:
            return said
        line = np.linspace(-REACH, REACH, GRID, dtype=np.float32) / 3
        grid = np.stack(np.meshgrid(line, line[::-1]), -1).reshape(-1, 1, 2, 1)
        logits = stepper.model.forward(grid, training=False)[self._head].astype(float)
        shares = 1 / (1 + np.exp(np.clip(logits[:, 0] - logits[:, 1], -50, 50)))
        shares = np.nan_to_num(shares, nan=0.5)
        return {**said, "map": (255 * shares).astype(int).tolist()}


class _Seen:
    """The attributes of a cohort member that update rules read."""

    def __init__(self, network: Any, training: Any):
        self.network, self.training = network, training


def _cohort(given: Mapping[str, Any]) -> Any:
    """Return the runs of a study with these settings; ConfigError for invalid ones."""
    from assay.apps.api import plan_of
    from assay.studies.members import cohorts

    hidden = given.get("hidden")
    if isinstance(hidden, list) and len(hidden) > 6:
        raise ConfigError("a network can have at most 6 hidden layers here")
    study = {
        "study": "playground",
        "dataset": {"name": "digits", "train": 600, "test": 100},
        "network": {
            "family": "mlp",
            "hidden": hidden,
            "activation": given.get("activation", "tanh"),
        },
        "training": {
            "epochs": 1,
            "batch_size": given.get("batch_size", 16),
            "optimizer": given.get("optimizer", "adam"),
            "learning_rate": given.get("learning_rate", 0.01),
        },
        "engine": "numpy",
        "repeats": 1,
    }
    cohort = cohorts(plan_of(study).runs().values())[0]
    # as they were understood: a study may say 16.0, or one number for one layer
    if max(cohort.members[0].config["network"]["hidden"], default=0) > MOST_UNITS:
        raise ConfigError(f"a layer can have at most {MOST_UNITS} units here")
    return cohort


def _points(given: Any) -> list[list[float]]:
    """Points (x, y, class 0 or 1) in the format of the page."""
    if not isinstance(given, list) or not 4 <= len(given) <= MOST_POINTS:
        raise ConfigError(f"expected 4 to {MOST_POINTS:,} points")
    rows = []
    for row in given:
        if not isinstance(row, list) or len(row) != 3:
            raise ConfigError("a point must be [x, y, class], three numbers")
        x, y = (number(v, "the place of a point", -REACH, REACH) for v in row[:2])
        rows.append([x, y, float(number(row[2], "the class of a point", 0, 1) > 0)])
    if len({row[2] for row in rows}) < 2:
        raise ConfigError("there must be points of both classes")
    return rows


def _answers(site: Site) -> Mapping[str, Answer]:
    """See `Page.answers`."""
    kept: OrderedDict[str, _Playing] = OrderedDict()

    def begin(given: Any) -> dict[str, Any]:
        """Make new networks and return their state before training."""
        if not isinstance(given, dict):
            raise ConfigError("expected the settings as a JSON object")
        name = secrets.token_hex(8)
        kept[name] = _Playing(given)
        while len(kept) > KEPT:
            kept.popitem(last=False)
        return {"name": name, **kept[name].step(0)}

    def step(given: Any) -> dict[str, Any]:
        """Train for some epochs."""
        name = str(given.get("name", "")) if isinstance(given, dict) else ""
        if name not in kept:
            raise StoreError("this network has expired; start again")
        kept.move_to_end(name)
        return kept[name].step(whole(given.get("epochs", 1), "epochs", 0, MOST_EPOCHS))

    return {"begin": begin, "step": step}


PAGE = Page(
    "Network",
    "Change a small network and watch it train, three seeds at once.",
    Path(__file__).with_name("playground_files"),
    _answers,
)
