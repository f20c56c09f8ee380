"""Training of one run by Keras: compile, fit with callbacks, predict."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np

from assay.data.batches import batch_order
from assay.data.dataset import FitData
from assay.engines.engine import Member, Progress
from assay.engines.evaluation import Evaluation, measured
from assay.engines.keras_engine.build import build_model, get_weights, kernels_of, set_weights
from assay.engines.keras_engine.calls import optimizer_call
from assay.engines.numpy_engine.images import NormalSplit, changed
from assay.engines.numpy_engine.losses import LOSSES
from assay.engines.numpy_engine.trainer import NormalDataset, quiet
from assay.engines.streams import Moves
from assay.engines.trained import Trained
from assay.networks.network import initial_weights
from assay.tasks.metrics import direction
from assay.tasks.task import Task

if TYPE_CHECKING:
    from keras import Model

__all__ = ["KerasRun", "compile_model"]

_REPORT_SECONDS = 0.25
_ROWS = 1000
"""Images at a time in evaluation."""


def compile_model(
    keras: ModuleType, model: Model, member: Member, total: int, per_epoch: int
) -> None:
    """Compile a model according to the recipe.

    Keras's `loss` includes the penalties on kernels; the metric `cross_entropy` does not, and is
    the loss in records.

    Args:
        total: updates of the run.
        per_epoch: updates of an epoch.
    """
    recipe = member.training
    if keras.config.floatx() == "float64":  # a plain float is a float32 in Keras's schedules
        recipe = replace(recipe, learning_rate=np.float64(recipe.learning_rate))
    kind = "Categorical" if recipe.softens else "SparseCategorical"
    cross_entropy = getattr(keras.losses, f"{kind}Crossentropy")
    metrics = (getattr(keras.metrics, f"{kind}{name}") for name in ("Crossentropy", "Accuracy"))
    loss_metric, accuracy = metrics
    model.compile(
        optimizer=optimizer_call(recipe, total, per_epoch, *kernels_of(model, member.network)).make(
            keras
        ),
        loss=cross_entropy(from_logits=True),
        metrics=[loss_metric(from_logits=True, name="cross_entropy"), accuracy(name="accuracy")],
    )


class KerasRun:
    """One member during `model.fit`.

    Args:
        soft: (classes, classes), the training target of each class; see `soft_rows`.
    """

    def __init__(
        self,
        keras: ModuleType,
        member: Member,
        data: NormalDataset,
        fit: FitData,
        task: Task,
        soft: np.ndarray | None = None,
    ):
        self.keras, self.member, self.data = keras, member, data
        self.task, self.images, self._soft = task, len(fit.train), soft
        recipe = member.training
        self.total = recipe.total_steps(self.images)
        self.per_epoch = -(-self.images // recipe.batch_size)
        self.every = recipe.evaluate_every or self.per_epoch
        self.model = build_model(keras, member.network, member.seed)
        set_weights(self.model, member.network, initial_weights(member.network, member.seed))
        compile_model(keras, self.model, member, self.total, self.per_epoch)

    def fit(self, on_progress: Callable[[Progress], None]) -> Trained:
        """Train to the end of the budget, or until early stopping."""
        trained = Trained(self.member)
        callbacks = [_recorder(self, trained, on_progress)]
        rule = self.member.training.early_stopping
        if rule:
            callbacks.append(
                self.keras.callbacks.EarlyStopping(
                    monitor=_NAMES.get(rule.monitor, rule.monitor),
                    mode="max" if direction(self.task, rule.monitor) else "min",
                    min_delta=rule.min_delta,
                    patience=rule.patience,
                    restore_best_weights=rule.restore_best_weights,
                )
            )
        with warnings.catch_warnings():
            # the last interval between evaluations may be shorter than the others
            warnings.filterwarnings("ignore", "Your input ran out of data", UserWarning)
            self.model.fit(
                self._batches(),
                epochs=-(-self.total // self.every),
                steps_per_epoch=self.every,
                validation_data=self._validation(),
                validation_batch_size=_ROWS,
                callbacks=callbacks,
                shuffle=False,
                verbose=0,
            )
        if trained.restores:
            trained.best_weights = self.weights()  # Keras has restored them
        return trained

    def _validation(self) -> NormalSplit:
        """Return the validation part with unsoftened targets."""
        images, targets = self.data.validation
        if self._soft is None:
            return images, targets
        return images, np.eye(len(self._soft), dtype=self._soft.dtype)[targets]

    def _batches(self) -> Iterator[NormalSplit]:
        """Yield every batch of the run, in the same order as in every engine."""
        images, targets = self.data.train
        recipe, seed = self.member.training, self.member.seed
        moves = Moves(recipe.augment.fitted(self.data.fit), [seed]) if recipe.augment else None
        order = np.arange(self.images)
        for step in range(self.total):
            epoch, batch = divmod(step, self.per_epoch)
            if batch == 0:
                order = batch_order(seed, epoch, self.images)
                if moves:
                    moves.start_epoch(order[None], epoch)
            start = batch * recipe.batch_size
            index = order[start : start + recipe.batch_size]
            taken, told = images[index], targets[index]
            if self._soft is not None:
                told = self._soft[told]
            if moves:
                taken, told = changed(taken, told, moves, self.data.blank, start)
            yield taken, told

    def validate(self) -> Evaluation:
        """See `assay.engines.evaluation.Evaluator`."""
        return self._evaluated(self.data.validation)

    def test(self) -> Evaluation:
        """See `assay.engines.evaluation.Evaluator`."""
        return self._evaluated(self.data.test())

    @quiet
    def _evaluated(self, split: NormalSplit) -> Evaluation:
        images, targets = split
        # called directly instead of `predict`, which would compile for a single pass
        parts = [
            self.keras.ops.convert_to_numpy(self.model(images[i : i + _ROWS], training=False))
            for i in range(0, len(images), _ROWS)
        ]
        outputs = {"class": np.concatenate(parts).astype(np.float64)}
        losses, _, _ = LOSSES["classify"](outputs, targets)
        return {h: a.astype(np.float32)[None] for h, a in outputs.items()}, losses.mean()[None]

    @quiet
    def test_values(self) -> dict[str, float]:
        """Loss and metrics on the test part, for a curve."""
        outputs, loss = self.test()
        found = measured(self.task, outputs, 0, self.data.read_test().targets)
        return {"test_loss": float(loss[0]), **{f"test_{n}": v for n, v in found.items()}}

    def weights(self) -> dict[str, np.ndarray]:
        """The weights as float32 arrays, named as `initial_weights` names them."""
        return get_weights(self.model, self.member.network)

    def restore(self, member: int, weights: Mapping[str, np.ndarray]) -> None:
        """See `assay.engines.evaluation.Evaluator`."""
        set_weights(self.model, self.member.network, weights)


_NAMES = {"val_loss": "val_cross_entropy"}
"""Name in Keras -> name in records."""


def _recorder(run: KerasRun, trained: Trained, on_progress: Callable[[Progress], None]) -> Any:
    """Return a Keras callback that records curves and ends a run when its loss is not finite."""

    class Recorder(run.keras.callbacks.Callback):
        clock = reported = 0.0
        steps = told = shown = 0

        def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
            self.clock = time.perf_counter()

        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            self.steps += 1
            if time.perf_counter() - self.reported > _REPORT_SECONDS:
                self.tell(1)

        def on_test_begin(self, logs: Any = None) -> None:
            self.share("train")

        def on_test_end(self, logs: Any = None) -> None:
            self.share("evaluate")

        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            trained.steps = self.steps
            trained.add(self.values(dict(logs or {})))
            loss, val_loss = (trained.curves[name][-1] for name in ("loss", "val_loss"))
            if np.isfinite(loss) and np.isfinite(val_loss):
                trained.judge(run.task)
            else:
                trained.diverged()
                self.model.stop_training = True
            self.share("evaluate")

        def on_train_end(self, logs: Any = None) -> None:
            self.tell(0)

        def values(self, logs: Mapping[str, float]) -> dict[str, float]:
            values = {"step": self.steps, "epoch": self.steps / run.per_epoch}
            values |= {"loss": logs["cross_entropy"], "accuracy": logs["accuracy"]}
            count = len(run.data.validation[0])  # Keras divides in float32, which may decide ties
            values["val_loss"] = logs["val_cross_entropy"]
            values["val_accuracy"] = round(logs["val_accuracy"] * count) / count
            if run.member.test_curve:
                values |= run.test_values()
            return values | {"seconds": trained.seconds["train"]}

        def share(self, kind: str) -> None:
            now = time.perf_counter()
            trained.seconds[kind] += now - self.clock
            self.clock = now

        def tell(self, alive: int) -> None:
            images = (self.steps - self.told) * run.member.training.batch_size
            curve = trained.curves.get(run.task.monitor)
            latest = {run.task.monitor: curve[-1]} if curve else {}
            points = trained.points(self.shown)
            self.shown += len(points)
            on_progress(Progress(images, self.steps / run.total, alive, latest, points=points))
            self.told, self.reported = self.steps, time.perf_counter()

    return Recorder()
