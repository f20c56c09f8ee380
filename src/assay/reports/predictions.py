"""Predictions on test images: confusion matrices, classes, confident mistakes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, NotRequired, TypedDict

import numpy as np

from assay.core.plans import PlanData
from assay.core.records import Record, Spec
from assay.data.permutation import permute, pixel_permutation
from assay.reports.protocol import dataset_setting
from assay.statistics import Estimate, best_run, estimate, primary_metric

if TYPE_CHECKING:
    from assay.data.dataset import Dataset

__all__ = [
    "CLASS_METRICS",
    "NOT_FOUND",
    "ClassMistakes",
    "ClassScores",
    "Confusion",
    "DatasetOf",
    "Examples",
    "Mistake",
    "Mistakes",
    "Moved",
    "ShownPictures",
    "class_names",
    "classified",
    "confusion",
    "examples",
    "journey",
    "mistakes",
    "per_class",
    "pictures",
    "same_images",
    "shuffled",
    "unpermuted",
]

DatasetOf = Callable[[Spec], "Dataset | None"]
"""Function from a configuration's "dataset" to its images; None if they are not available."""


class Confusion(TypedDict):
    """Counts (classes, classes) of targets (rows) and predictions, pooled over n runs."""

    counts: np.ndarray
    n: int


class Mistake(TypedDict):
    """A wrong answer: index into the test split, confidence from 0 to 1, and in how many runs."""

    index: int
    predicted: int
    confidence: float
    wrong_in: int


ClassMistakes = TypedDict("ClassMistakes", {"class": int, "wrong": int, "items": list[Mistake]})
"""The most confident mistakes on the images of a class, and how many there are in all."""


class Mistakes(TypedDict):
    """The most confident mistakes of a run, by class; n runs are counted.

    `chosen`: whether it has the best validation result; else it is the first run.
    """

    run_id: str
    seed: int
    chosen: bool
    n: int
    classes: list[ClassMistakes]


ClassScores = TypedDict(
    "ClassScores",
    {
        "class": int,
        "images": int,
        "accuracy": Estimate,
        "precision": Estimate,
        "recall": Estimate,
        "f1": Estimate,
        "pr_auc": NotRequired[Estimate],
    },
)
"""The scores of a class, see `per_class`."""


class Moved(TypedDict):
    """Images before their pixels were permuted, and before that was undone; None if never."""

    originals: np.ndarray | None
    shuffled: np.ndarray | None


class ShownPictures(Moved):
    """Images (n, height, width, channels), or why they are missing."""

    images: np.ndarray | None
    missing: str | None


class Examples(Moved):
    """Training images (n, height, width, channels) with their targets."""

    images: np.ndarray
    targets: np.ndarray


NOT_FOUND = "the images were not found; set their folder with --data or ASSAY_DATA"


def classified(records: Iterable[Record]) -> list[Record]:
    """Return the finished runs that predicted classes (whole numbers) and kept their targets."""
    needed = {"test_predicted", "test_target"}
    return [
        r
        for r in records
        if r.status == "finished"
        and needed <= set(r.predictions)
        and all(
            r.predictions[k].ndim == 1 and np.issubdtype(r.predictions[k].dtype, np.integer)
            for k in needed
        )
    ]


def same_images(a: Record, b: Record) -> bool:
    """Whether two runs were tested on the same images in the same order, so that the numbers of
    their predictions belong together.

    Equal targets are not enough: where images are in the order of their classes, any two stratified
    choices of them have the same targets.
    """
    mine, theirs = (r.predictions["test_target"] for r in (a, b))
    return _chosen(a) == _chosen(b) and np.array_equal(mine, theirs)


def _chosen(run: Record) -> tuple[object, ...]:
    """What decides which images of its data a run is tested on; the seed of the split decides it
    only where not all of them are used."""
    count = dataset_setting(run.config, "test")
    split = None if count is None else dataset_setting(run.config, "split_seed")
    return (count, split, *(dataset_setting(run.config, key) for key in ("seed", "fingerprint")))


def confusion(records: Iterable[Record]) -> Confusion | None:
    """Return {"counts": int64 (classes, classes), "n": runs} pooled over the runs of a trial.

    Rows are targets and columns predictions; None if no run has predictions of classes.
    """
    runs = classified(records)
    if not runs:
        return None
    pairs = [(r.predictions["test_target"], r.predictions["test_predicted"]) for r in runs]
    target, predicted = (np.concatenate(p).astype(np.int64) for p in zip(*pairs, strict=True))
    classes = int(max(target.max(), predicted.max())) + 1
    joint = np.bincount(target * classes + predicted, minlength=classes**2)
    return {"counts": joint.reshape(classes, classes), "n": len(runs)}


CLASS_METRICS = ("precision", "recall", "f1", "pr_auc")
"""Metrics of each class against all others."""


def per_class(records: Iterable[Record]) -> list[ClassScores]:
    """Return {"class", "images", "accuracy", "precision", "recall", "f1"} for each class.

    All but the first two are estimates over the runs that were tested on images of the class, which
    are not all if test images vary (`vary: split`); "images" are those of the first of them.
    "accuracy" is the share of right answers among the test images of the class, which is its
    recall; precision is 0 if a run never predicts the class. If all runs kept probabilities, there
    is also "pr_auc", the average precision. Its ranking is by log-odds; records of earlier versions
    have probabilities in float16 only.
    """
    tested = [(r.predictions["test_target"], r) for r in classified(records)]
    kept = ("test_log_odds", "test_probabilities")
    ranked = all(set(kept) & set(run.predictions) for _, run in tested)
    rows: list[ClassScores] = []
    for number in sorted({int(n) for targets, _ in tested for n in np.unique(targets)}):
        mine = [run for targets, run in tested if np.any(targets == number)]
        pairs = [(r.predictions["test_target"], r.predictions["test_predicted"]) for r in mine]
        right = [float(np.sum((t == number) & (p == number))) for t, p in pairs]
        true, said = ([float(np.sum(x[i] == number)) for x in pairs] for i in (0, 1))
        recall = _shares(right, true)
        row: ClassScores = {
            "class": number,
            "images": int(true[0]),
            "accuracy": estimate(recall),
            "precision": _bounded(_shares(right, said)),
            "recall": _bounded(recall),
            "f1": _bounded([2 * r / (t + s) for r, t, s in zip(right, true, said, strict=True)]),
        }
        if ranked:
            odds = [next(r.predictions[k] for k in kept if k in r.predictions) for r in mine]
            row["pr_auc"] = _bounded(
                [
                    _average_precision(targets == number, scores[:, number])
                    for (targets, _), scores in zip(pairs, odds, strict=True)
                ]
            )
        rows.append(row)
    return rows


def _shares(parts: Sequence[float], wholes: Sequence[float]) -> list[float]:
    return [part / whole if whole else 0.0 for part, whole in zip(parts, wholes, strict=True)]


def _bounded(values: Sequence[float]) -> Estimate:
    return estimate(values, bounds=(0.0, 1.0))


def _average_precision(hits: np.ndarray, scores: np.ndarray) -> float:
    from sklearn.metrics import average_precision_score

    return float(average_precision_score(hits, scores))


def mistakes(plan: PlanData, records: Iterable[Record], per_class: int = 8) -> Mistakes | None:
    """Return the most confident wrong answers of a trial's run, by class.

    The run is the one with the best validation metric. Each entry of "classes" is {"class",
    "wrong" (how many in all), "items"}; an item holds index (into the test split), predicted,
    confidence (0 to 1) and wrong_in (how many of the `n` runs on the same images get it wrong).
    None if no run kept confidences of classes.
    """
    runs = [r for r in classified(records) if "test_confidence" in r.predictions]
    best = best_run(runs, f"val_{primary_metric(plan, runs)}")
    run = best or (runs[0] if runs else None)
    if run is None:
        return None
    predicted, target = run.predictions["test_predicted"], run.predictions["test_target"]
    confidence = run.predictions["test_confidence"].astype(np.float64)
    same = [r for r in runs if same_images(r, run)]
    wrong_in = np.sum([r.predictions["test_predicted"] != target for r in same], axis=0)
    found: list[ClassMistakes] = []
    for number in np.unique(target):
        wrong = np.flatnonzero((target == number) & (predicted != target))
        order = wrong[np.argsort(-confidence[wrong], kind="stable")][:per_class]
        items: list[Mistake] = [
            {
                "index": int(i),
                "predicted": int(predicted[i]),
                "confidence": float(confidence[i]),
                "wrong_in": int(wrong_in[i]),
            }
            for i in order
        ]
        found.append({"class": int(number), "wrong": len(wrong), "items": items})
    return {
        "run_id": run.run_id,
        "seed": run.seed,
        "chosen": best is not None,
        "n": len(same),
        "classes": found,
    }


def class_names(spec: Spec, dataset: Dataset | None, classes: int) -> list[str]:
    """Return a name for each class: the dataset's, the catalog's, or plain numbers."""
    names: Sequence[str] = dataset.class_names if dataset is not None else ()
    if not names:
        try:
            from assay.data import describe

            names = describe(spec).class_names
        except Exception:
            names = ()  # the report of an old study must open without its data
    return [str(names[i]) if i < len(names) else str(i) for i in range(classes)]


def unpermuted(images: np.ndarray, dataset: Dataset) -> np.ndarray | None:
    """Return images (n, height, width, channels) before permutation; None without permutation."""
    if dataset.permutation is None:
        return None
    pixels = images.reshape(len(images), len(dataset.permutation), -1)
    restored = np.empty_like(pixels)
    restored[:, dataset.permutation] = pixels
    return restored.reshape(images.shape)


def shuffled(originals: np.ndarray, dataset: Dataset) -> np.ndarray | None:
    """Return the permuted images of a dataset whose permutation was undone by an estimate; None for
    other datasets."""
    if not dataset.spec.get("restore"):
        return None
    height, width = originals.shape[1:3]
    return permute(originals, pixel_permutation(dataset.spec["permute"], height, width))


def _moved(images: np.ndarray, dataset: Dataset) -> Moved:
    """Return the original and the permuted images, if pixels were moved."""
    originals = unpermuted(images, dataset)
    between = None if originals is None else shuffled(originals, dataset)
    return {"originals": originals, "shuffled": between}


def journey(dataset: Dataset) -> tuple[np.ndarray, np.ndarray] | None:
    """Return (truth, cells) of a restored dataset: the origin of each pixel of the permuted
    picture, and its estimated position; None for other datasets."""
    if not dataset.spec.get("restore") or dataset.permutation is None:
        return None
    height, width = dataset.image_shape[:2]
    truth = pixel_permutation(dataset.spec["permute"], height, width)
    # the restored picture's cell c holds the pixel that came from permutation[c]
    return truth, np.argsort(dataset.permutation)[truth]


def pictures(lookup: DatasetOf, run: Record, indices: Sequence[int]) -> ShownPictures:
    """Return {"images", "originals", "shuffled", "missing"}: test images of a run, which may be
    others than those of another run of its trial (`vary: split`).

    "missing" says why there are none (no dataset, or a different one); then the others are None.
    "originals" is None unless the dataset is permuted.
    """
    dataset, missing = lookup(run.config.get("dataset") or {}), ""
    if dataset is None:
        missing = NOT_FOUND
    elif not np.array_equal(dataset.test.targets, run.predictions["test_target"]):
        missing = "the dataset found now differs from the one that the run used"
    if dataset is None or missing:
        return {"images": None, "originals": None, "shuffled": None, "missing": missing}
    images = dataset.test.images[np.asarray(indices, dtype=np.int64)]
    return {"images": images, **_moved(images, dataset), "missing": None}


def examples(dataset: Dataset, count: int = 10) -> Examples:
    """Return {"images", "originals", "shuffled", "targets"}: training images, one for each class in
    turn; the originals, if pixels were moved; and the permuted ones, if a permutation was
    undone."""
    targets = np.asarray(dataset.train.targets)
    chosen: list[int] = []
    if targets.ndim == 1:
        groups = [np.flatnonzero(targets == c) for c in np.unique(targets)]
        longest = max((len(g) for g in groups), default=0)
        turns = (g[turn] for turn in range(longest) for g in groups if turn < len(g))
        chosen = [int(i) for i, _ in zip(turns, range(count), strict=False)]
    else:
        chosen = list(range(min(count, len(targets))))
    images = dataset.train.images[chosen]
    return {"images": images, **_moved(images, dataset), "targets": targets[chosen]}
