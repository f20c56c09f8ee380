"""From groups of members to records, for all engines that use the shared loop."""

from __future__ import annotations

import datetime
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np

from assay.core.errors import EngineError
from assay.core.machine import machine
from assay.core.records import Record, content_hash
from assay.data.dataset import Dataset, ReadTest, Split
from assay.engines.checkpoints import Checkpoint, at_rung, pack, resumable, unpack
from assay.engines.engine import Cohort, Member, Progress, Resources
from assay.engines.evaluation import Evaluated, Evaluator, points_of
from assay.engines.loop import Loop, Points
from assay.engines.pretraining import trainable
from assay.engines.trained import Trained
from assay.networks.modules import OwnNetwork
from assay.networks.table import layer_table
from assay.tasks.metrics import complete, measures_of, needed
from assay.tasks.task import Task

__all__ = [
    "begin",
    "check_validation",
    "finish",
    "in_turns",
    "make_record",
    "train_groups",
    "without_state",
]

Group = Sequence[Member]


def train_groups(
    groups: Sequence[Group],
    make_trainer: Callable[[Group], Evaluated],
    dataset: Dataset,
    task: Task,
    describe: Callable[[], dict[str, object]],
    on_progress: Callable[[Progress], None],
    *,
    resources: Resources,
    started: float,
) -> Iterator[Record]:
    """Train groups of members one after the other; yield each record as soon as it is ready.

    The last checkpoint of a run stays until its record is stored; see `engines.checkpoints`.

    Args:
        groups: members of one group train together.
        make_trainer: makes the trainer of a group, with its initial weights.
        describe: the engine's part of the provenance.
        resources: whether weights are saved, and the folder of checkpoints.
        started: `time.perf_counter()` when preparation began.

    Raises:
        EngineError: the dataset has no validation images.
    """
    check_validation(dataset)
    said = describe()
    begun = [[begin(m, dataset, said, resources) for m in group] for group in groups]
    parts = [part for group in begun for part in resumable(group, resources)]
    pretrained = (time.perf_counter() - started) / max(sum(map(len, begun)), 1)
    for turn, (group, states) in enumerate(parts):
        trainer = make_trainer([trained.member for trained in group])
        for k, state in enumerate(states):
            if state is not None:
                trainer.load(k, unpack(state, group[k]))
            elif pretrain := group[k].member.training.pretrain:  # which has ended
                group[k].seconds |= {"pretrain": pretrained} if pretrain.share else {}
                group[k].checkpoint.save(pack(group[k], trainer.state(k)))
        curve = dataset.read_test if all(t.member.test_curve for t in group) else None

        def measure(
            images: int, trainer: Evaluated = trainer, curve: ReadTest | None = curve
        ) -> Points:
            return points_of(trainer, task, images, dataset.validation, curve)

        report = in_turns(on_progress, turn, len(parts))
        loop = Loop(trainer, group, dataset.fit_data, task, measure, report)
        prepare = (time.perf_counter() - started) / len(group)
        for k, trained in loop.run():
            if trained.status == "finished":
                if trained.member.training.stop_after:
                    packed = pack(at_rung(trained), trainer.state(k))
                    trained.state = trained.checkpoint.identified(packed)
                finish(trainer, k, trained, dataset, task, resources.metrics)
                if resources.save_weights:
                    trained.weights = trainer.weights(k)
            yield make_record(trained, dataset, {**describe(), "cohort": len(group)}, prepare)
            if "pretraining" in trained.member.config:  # of a run: no store gets its record
                trained.checkpoint.remove()
        started = time.perf_counter()


def check_validation(dataset: Dataset) -> None:
    """Raise EngineError if a dataset has no validation images."""
    if not len(dataset.validation):
        raise EngineError(
            f"dataset {dataset.name} has no validation images, which training needs; expected "
            "dataset.validation > 0"
        )


def begin(
    member: Member, dataset: Dataset, description: Mapping[str, object], resources: Resources
) -> Trained:
    """Return a member before its first update, with its checkpoint.

    To resume a run, its configuration, the built network, the images, the number format, the
    framework and the weights that it began with must be unchanged.
    """
    said = [description.get(name) for name in ("engine", "precision", str(description["engine"]))]
    said += [description[name] for name in ("state", "begun_with") if name in description]
    identity = content_hash([dataset.fingerprint, member.network.hash, *said])
    name, seconds = member.run_id, resources.checkpoint_seconds
    return Trained(member, Checkpoint(resources.checkpoints, name, identity, seconds))


def without_state(
    cohort: Cohort, dataset: Dataset, description: Mapping[str, object], resources: Resources
) -> tuple[Member, ...]:
    """Return the members without a checkpoint."""
    begun = [begin(member, dataset, description, resources) for member in cohort.members]
    groups = [zip(*group, strict=True) for group in resumable(begun, resources)]
    return tuple(t.member for group in groups for t, state in group if state is None)


def in_turns(
    on_progress: Callable[[Progress], None], turn: int, turns: int
) -> Callable[[Progress], None]:
    """Return the progress of one group of several that train one after the other."""

    def report(p: Progress) -> None:
        alive = turns - turn - 1 + p.alive
        on_progress(replace(p, fraction=(turn + p.fraction) / turns, alive=alive))

    return report


def finish(
    trainer: Evaluator,
    k: int,
    trained: Trained,
    dataset: Dataset,
    task: Task,
    metrics: Sequence[str] = (),
) -> None:
    """Restore the best weights if requested, then read the test part, once.

    A run that only serves to select does not read it.

    Args:
        metrics: names of metrics that studies request in addition to the task's own.
    """
    started = time.perf_counter()
    if trained.best_weights is not None:
        trainer.restore(k, trained.best_weights)
    at = trained.result_at()
    for name, curve in trained.curves.items():
        if name.startswith("val_"):
            trained.metrics[name] = curve[at]
    asked = [name for name in metrics if name not in measures_of(task)]
    if asked:
        outputs, _ = trainer.validate()
        _keep(trained, "val", _of(k, outputs), dataset.validation, task, asked)
    if trained.member.validation_only:
        return
    outputs, loss = trainer.test()
    kept = _keep(trained, "test", _of(k, outputs), dataset.test, task, asked)
    measured = task.metrics(kept, dataset.test.targets)
    trained.metrics |= {f"test_{name}": number for name, number in measured.items()}
    trained.metrics["test_loss"] = float(loss[k])
    trained.seconds["evaluate"] += time.perf_counter() - started


def _of(member: int, outputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    return {head: array[member] for head, array in outputs.items()}


def _keep(
    trained: Trained,
    split: str,
    outputs: dict[str, np.ndarray],
    part: Split,
    task: Task,
    asked: Sequence[str],
) -> dict[str, np.ndarray]:
    """Store the predictions of a split, and compute the requested metrics."""
    kept = task.predictions(outputs)
    needs = needed(task, asked)
    if hasattr(task, "more_predictions") and (needs is None or set(needs) - kept.keys()):
        kept |= task.more_predictions(outputs)
    trained.predictions |= {f"{split}_{name}": array for name, array in kept.items()}
    trained.predictions[f"{split}_target"] = part.targets
    complete(trained.metrics, trained.computed, trained.predictions, task, asked, split)
    return kept


def make_record(
    trained: Trained, dataset: Dataset, description: Mapping[str, object], prepare: float
) -> Record:
    """Return the record of a member that has ended.

    Args:
        description: the engine's part of the provenance: device, precision used, versions, cohort.
        prepare: seconds before this member's first step.
    """
    config, network = trained.member.config, trained.member.network
    curves = {name: np.asarray(c, np.float64) for name, c in trained.curves.items()}
    before = trained.curves["epoch"][trained.resumed_at] if trained.resumed_at >= 0 else 0.0
    seen = (trained.curves["epoch"][-1] - before) * len(dataset.train)
    spent = {k: v - trained.seconds_before.get(k, 0.0) for k, v in trained.seconds.items()}
    timing = {**spent, "prepare": prepare}
    timing["images_per_second"] = seen / max(spent["train"], 1e-9)
    metrics = {
        **trained.metrics,
        "best_epoch": float(trained.curves["epoch"][trained.best_at]),
        "epochs": float(trained.curves["epoch"][-1]),
        "steps": float(trained.steps),
    }
    provenance = {
        **description,
        **machine(),
        "process": os.getpid(),
        "finished_at": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "dataset_fingerprint": dataset.fingerprint,
        "pixels": {"mean": dataset.mean.tolist(), "std": dataset.std.tolist()},
        "parameters": trainable(network, trained.member.training),
        "macs": network.macs,
        "network": network.hash,
    }
    if isinstance(network, OwnNetwork):  # so that reports show its layers without running its code
        shape = list(network.input_shape)
        provenance["own_network"] = {"input_shape": shape, "layers": layer_table(network)}
    provenance |= trained.computed
    if before:
        provenance["resumed_after_epoch"] = before
    return Record(
        run_id=trained.member.run_id,
        trial_id=trained.member.trial_id,
        seed=trained.member.seed,
        status=trained.status,
        config=config,
        curves=curves,
        metrics=metrics,
        predictions=trained.predictions,
        timing=timing,
        provenance=provenance,
        weights=trained.weights,
        state=trained.state,
        message=trained.message,
    )
