"""`docs/results.md`: every record in `results/`, recomputed with the present statistics."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from assay.core.errors import AssayError
from assay.statistics import DIFFERENT, Effect, Estimate, effect_sentence, metric_of, metric_title
from claims.exports import Export, read_export

__all__ = ["PAGE", "results_page"]

PAGE = "docs/results.md"

MOST = 12
"""Maximum number of rows; longer tables show the best by validation and the published ones."""

_HEAD = """\
# What the studies found

This page is generated from the records in [results](../results) by `python -m claims --write`.
Every number is recomputed from the runs, and CI fails if the page differs. The head of each study's
file explains the study.

An interval is the 95 % interval of the mean over `n` runs with different seeds. It does not cover
other images or splits, and a single run has none. Trials were chosen on validation alone; the test
images were read once, at the end of each run. Published figures are shown for comparison and not
tested: most are a single run of other authors on another split. Differences are corrected (Holm)
over all planned comparisons of a study, together with those of studies that compare the same runs.
Several records are older than the version of the code in the names of runs; `assay reproduce STUDY`
checks whether their results are still the same.
"""


def results_page(root: Path) -> str:
    """Return the whole page.

    Args:
        root: root of the repository, with `results/`.
    """
    exports = {p: read_export(p) for p in sorted((root / "results").glob("*.json"))}
    parts = [_HEAD, _contents(exports), _activations(exports[root / "results/mlp-factors.json"])]
    parts += ["\n".join(_section(root, path, export)) for path, export in exports.items()]
    return "\n".join(parts)


def _contents(exports: Mapping[Path, Export]) -> str:
    """Return a table of the best trial of each record, by validation."""
    lines = ["| record | best trial, by validation | n | test |", "|---|---|---|---|"]
    for path, export in exports.items():
        metric = f"test_{export.metric}"
        (best,) = _ranked(export, _labels(export))[:1]
        ours = export.estimate(best, metric)
        value = f"{metric_title(metric).removeprefix('test ')} {_interval(metric, ours)}"
        unit = metric_of(metric).unit
        cells = (_cell(export, best), _runs(ours), f"{value} {unit}".strip())
        lines.append(f"| [{path.stem}](#{path.stem}) | " + " | ".join(cells) + " |")
    return "\n".join([*lines, ""])


def _activations(export: Export) -> str:
    """Return the answer to a frequent question."""
    found = [e for e in export.effects if e.factor.endswith("activation")]
    relu = _interval("test_accuracy", export.estimate("baseline"))
    lines = ["## Which activation for a small MLP, and how certain is the answer?", ""]
    lines += [
        f"relu, on Fashion-MNIST: {relu} % over 5 runs with two layers of 512.",
        "",
    ]
    lines += [f"- {effect_sentence(e)}." for e in found]
    lines += [
        "",
        *_how_sure(found),
        "These are paired runs of `mlp-factors`, below. Results on other data may differ.",
        "",
    ]
    return "\n".join(lines)


def _how_sure(found: list[Effect]) -> Iterator[str]:
    """Describe in how many pairs relu is ahead, and the error rate of the test."""
    if not found or any(e.verdict != "worse" for e in found):
        return
    pairs, won = (
        sum(e.comparison.n for e in found),
        sum(e.comparison.n * (1 - e.comparison.p_better.value) for e in found),
    )
    yield (
        f"How certain: relu is ahead in {won:g} of {pairs} pairs of runs with equal seeds. If no "
        "choice of the study mattered, at most 5 % of such studies would find a significant "
        "difference. The interval of each difference shows how large it is."
    )
    yield ""


def _section(root: Path, path: Path, export: Export) -> Iterator[str]:
    data = export.data
    yield f"## {path.stem}"
    yield ""
    yield str(_study(root, export).get("question", data["question"]))
    yield ""
    beside, general = _published(root, export)
    yield from _table(export, beside)
    yield ""
    yield from (f"- Published: {text}." for text in general)
    tested = [e for e in _effects(export) if e.comparison.test != "none"]
    decided = [e for e in tested if e.verdict in DIFFERENT]
    open_ = len(tested) - len(decided)
    yield from (f"- {effect_sentence(e)}." for e in decided[:MOST])
    if len(decided) > MOST:
        yield f"- {len(decided) - MOST} more comparisons show a significant difference."
    if open_:
        many = open_ + len(decided)
        yield f"- There is no significant difference in {open_} of {many} comparisons."
    if tested or general:
        yield ""
    yield _made(path, data)
    yield ""


def _effects(export: Export) -> list[Any]:
    """Return the effects of a study; empty if it no longer plans these runs."""
    try:
        return export.effects
    except (AssayError, KeyError):
        return []


def _table(export: Export, published: dict[str, str]) -> Iterator[str]:
    metric = f"test_{export.metric}"
    unit = metric_of(metric).unit
    head = f"{metric_title(metric)}{f' ({unit})' if unit else ''}"
    yield f"| trial | n | {head} | validation |{' published |' if published else ''}"
    yield f"|---|---|---|---|{'---|' if published else ''}"
    labels = _labels(export)
    shown = _shown(export, labels, published)
    for label in shown:
        ours, validation = (
            export.estimate(label, f"{part}_{export.metric}") for part in ("test", "val")
        )
        row = [
            _cell(export, label),
            _runs(ours),
            _interval(metric, ours),
            "trained on" if _data(export, label, "refit") else _interval(metric, validation),
        ]
        yield "| " + " | ".join(row + [published.get(label, "")] * bool(published)) + " |"
    if any(_data(export, label, "refit") for label in shown):
        yield ""
        yield "Trained on the validation images as well, after the choice (`dataset.refit`)."
    if any(_data(export, label, "validate_on_test") for label in shown):
        yield ""
        yield "Validated on the test images (`dataset.validate_on_test`): read while tuning."
    if len(shown) < len(labels):
        yield ""
        yield f"The best {len(shown)} of {len(labels)} trials, by validation."


def _shown(export: Export, labels: list[str], published: dict[str, str]) -> list[str]:
    """Return all labels, or the best by validation, in the order of the study."""
    if len(labels) <= MOST:
        return labels
    best = _ranked(export, labels)[:MOST]
    return [x for x in labels if x in best or x in published]


def _labels(export: Export) -> list[str]:
    return [label for label, records in export.records.items() if records]


def _ranked(export: Export, labels: list[str]) -> list[str]:
    """Sort labels by validation, best first; those that trained on it come last, as they are: a
    search has put the one first that it had chosen before."""
    name = f"val_{export.metric}"
    sign = -1 if metric_of(name).higher_is_better else 1
    told = {
        x: math.inf if _data(export, x, "refit") else sign * export.estimate(x, name).mean
        for x in labels
    }
    return sorted(labels, key=told.__getitem__)


def _data(export: Export, label: str, name: str) -> bool:
    """Whether a setting of a trial's data is on."""
    config = next(t["config"] for t in export.data["trials"] if t["label"] == label)
    return bool(config.get("dataset", {}).get(name))


def _study(root: Path, export: Export) -> dict[str, Any]:
    """Return the present file of a record's study; empty if it is no longer built in."""
    name = export.data["study"].partition("@")[0]
    path = next((root / "src" / "assay").rglob(f"{name}.yaml"), None)
    return yaml.safe_load(path.read_text()) if path else {}


def _published(root: Path, export: Export) -> tuple[dict[str, str], list[str]]:
    """Return published figures with their source: of trials, by label, and of no trial."""
    rows = _study(root, export).get("published", [])
    beside: dict[str, str] = {}
    general: list[str] = []
    for row in rows:
        metric = str(row.get("metric", f"test_{export.metric}"))
        runs = f"n = {row['n']}" if row.get("n") else "n not given"
        text = f"{metric_of(metric).value(row['value'])} ({row.get('source', '')}, {runs})"
        if row.get("trial") is None:
            general.append(f"{row['dataset']}, {text}" if row.get("dataset") else text)
        elif row["trial"] in _labels(export) and metric.removeprefix("test_") == export.metric:
            beside[row["trial"]] = text
    return beside, general


def _runs(found: Estimate) -> str:
    lost = [
        f"{k} {word}" for k, word in ((found.diverged, "diverged"), (found.failed, "failed")) if k
    ]
    return ", ".join([str(found.n), *lost])


def _interval(metric: str, found: Estimate) -> str:
    """Format mean and interval of an estimate that is already in the displayed unit."""
    known = metric_of(metric)
    mean, low, high = (known.number(x / known.scale) for x in (found.mean, found.low, found.high))
    if not found.n:
        return "-"
    return mean if math.isnan(found.low) else f"{mean} ({low} to {high})"


def _cell(export: Export, label: str) -> str:
    """Return the name of a trial in reports."""
    text = export.names.get(label, label)
    return text.replace("|", "\\|").replace("\n", " ")


def _made(path: Path, data: Mapping[str, Any]) -> str:
    """Describe where, when and by which command a record was made."""
    days = sorted({r["finished_at"][:10] for t in data["trials"] for r in t["runs"]})
    when = days[0] if days[0] == days[-1] else f"{days[0]} to {days[-1]}"
    machines = {f"{m['cpu']}, {m['cores']} cores, assay {m['assay']}" for m in data["machines"]}
    where = "; ".join(sorted(machines))
    record = f"[{path.name}](../results/{path.name})"
    made = f"`{data['command']}` ({when}; {where}); {record}."
    if path.stem.endswith("-before"):
        made += " Its recipe is in the record; the study has another since."
    return made
