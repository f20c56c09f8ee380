"""Reproduction: commands, seeds, versions, and the hashes of runs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from assay.core.records import content_hash
from assay.reports.context import environment
from assay.reports.paper.blocks import Block, Chapter, Exhibit, Mention, Printout, said
from assay.reports.paper.material import Material
from assay.reports.protocol import training_command
from assay.reports.results import varied_words
from assay.reports.tables import Column, Table

__all__ = ["limits", "reproduction"]


def limits(studies: Sequence[Material]) -> Chapter:
    """Return the limits of the results."""
    texts = [*_coverage(studies)]
    few = min((len(t.get("runs") or ()) for m in studies for t in m.plan["trials"]), default=0)
    if few == 1:
        texts.append("With one run of a configuration, no difference can be tested.")
    elif few < 10:
        texts.append(
            f"With {few} runs of a configuration, only large "
            "differences can be detected; “no significant difference” does not prove that there is "
            "none."
        )
    scales = sorted({str(m.plan.get("scale")) for m in studies if _shorter(m)} - {"full", "None"})
    if scales:
        texts.append(
            f"Studies at scale {' and '.join(scales)} were trained on fewer images or for a "
            "shorter time than at full scale; their numbers do not estimate the results of full "
            "training, and comparisons with published results are at a disadvantage."
        )
    return Chapter("limits", "Limits", (said(*texts),))


def _shorter(material: Material) -> bool:
    """Whether a scale has fewer images or less time; one of the study's own may only have fewer
    repeats."""
    written: Any = (material.plan.get("source") or {}).get("written") or {}
    changes = (written.get("scales") or {}).get(material.plan.get("scale"))
    return changes is None or any(k.startswith(("dataset", "training")) for k in changes)


def _coverage(studies: Sequence[Material]) -> Iterator[str]:
    """Say what intervals cover: of all studies, then of those that vary more than seeds."""
    more = {m.name: varied_words(m.plan) for m in studies if m.configs}
    recipes = [c["training"] for m in studies for c in m.configs if c.get("training")]
    if not more:
        return
    shared = [
        text for text in next(iter(more.values()), []) if all(text in w for w in more.values())
    ]
    drawn = ["initial weights", "the order of batches"] if recipes else ["what estimators draw"]
    *first, last = [*drawn, *shared]
    covers = f"{', in '.join(first)} and in {last}" if first else last
    splits = [] if any("training" in text for text in shared) else ["other splits"]
    yield (
        f"Intervals over seeds cover chance in {covers}, "
        f"but not {', '.join(['other data', *splits])} or other machines."
    )
    for name, words in more.items():
        if own := [text for text in words if text not in shared]:
            yield f"Those of {name} also cover other {' and '.join(own)}."
    if any(
        (recipe.get("pretrain") or {}).get("name") in ("stored", "reader") for recipe in recipes
    ):
        yield "They do not cover a pretraining that all repeats share."


def reproduction(studies: Sequence[Material], command: str = "") -> Chapter:
    """Describe how to train and typeset everything again.

    Args:
        command: the command that writes the paper; by default without options.
    """
    label = "reproduction/runs"
    commands = [text for m in studies if (text := training_command(m.plan))]
    names = " ".join(m.study for m in studies)
    searched = any(m.plan.get("search") for m in studies)
    hashed = "all its runs but those of a search" if searched else "all its runs"
    commands.append(command or f"assay report {names} --to pdf")
    blocks: list[Block] = [
        said(
            _again(studies),
            "A run is identified by a hash of its complete configuration and seed, so stored runs "
            "are not trained again.",
            (Mention(label), f" lists the seeds and, for each study, a hash over {hashed}."),
        ),
        Printout("\n".join(commands)),
        Exhibit(label, _table(studies), "Runs of each study.", 5),
        *_versions(studies),
    ]  # fmt: skip
    return Chapter("reproduction", "Reproduction", tuple(blocks))


def _again(studies: Sequence[Material]) -> str:
    """Say what the commands do: some studies were only imported, or end by the clock."""
    trained = [m for m in studies if training_command(m.plan)]
    if not trained:
        return "This command writes this paper again from the stored records."
    every = len(trained) == len(studies)
    what = "all runs" if every else f"the runs of {', '.join(m.name for m in trained)}"
    if any((c.get("training") or {}).get("minutes") for m in trained for c in m.configs):
        return (
            f"These commands train {what} again, and write this paper from their records; a run "
            "with a time limit makes more updates on a faster machine."
        )
    return f"These commands reproduce {what}, and this paper from their records."


def _table(studies: Sequence[Material]) -> Table:
    rows = []
    for material in studies:
        runs = [run for trial in material.plan["trials"] for run in trial.get("runs") or ()]
        seeds = (material.plan.get("source") or {}).get("seeds") or sorted(
            {r.seed for r in material.records}
        )
        found = material.counts
        rows.append(
            {
                "study": material.study,
                "configurations": found["trials"],
                "finished": found["finished"],
                "diverged": found["diverged"],
                "failed": found["failed"],
                "missing": found["missing"],
                "seeds": _ranges([int(s) for s in seeds]),
                "hash": content_hash(sorted(runs)),
            }
        )
    columns = (
        Column("study", lambda r: r["study"], "left"),
        Column("configurations", lambda r: str(r["configurations"])),
        *(
            Column(name, lambda r, name=name: str(r[name]))
            for name in ("finished", "diverged", "failed", "missing")
        ),
        Column("seeds", lambda r: r["seeds"], "left"),
        Column("hash of its runs", lambda r: r["hash"], "left"),
    )
    return Table("Runs of each study", columns, tuple(rows))


def _ranges(seeds: Sequence[int]) -> str:
    if len(seeds) > 2 and list(seeds) == list(range(seeds[0], seeds[0] + len(seeds))):
        return f"{seeds[0]} to {seeds[-1]}"
    return ", ".join(map(str, seeds))


_TOLD = (
    "assay",
    "python",
    "torch",
    "keras",
    "tensorflow",
    "jax",
    "device_name",
    "precision",
    "threads",
    "cpu_features",
)


def _versions(studies: Sequence[Material]) -> Iterator[Block]:
    records = list({r.run_id: r for m in studies for r in m.records}.values())
    known = {row["name"]: row["values"] for row in environment(records)}
    parts = [f"{n.replace('_', ' ')} {' or '.join(known[n])}" for n in _TOLD if n in known]
    if parts:
        yield said(f"The runs recorded: {'; '.join(parts)}.")
    prints = {row["data"]: row["fingerprint"] for m in studies for row in m.data}
    shown = [f"{name} {found}" for name, found in prints.items() if found]
    if shown:
        yield said(f"Fingerprints of the data: {'; '.join(shown)}.")
