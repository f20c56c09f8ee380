"""The chapter on methods: data, networks, training, statistics, machine."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from assay.reports.architecture import architecture_plot
from assay.reports.context import environment, when
from assay.reports.paper.blocks import (
    Block,
    Chapter,
    Exhibit,
    Inline,
    Mention,
    Paragraph,
    Sentence,
    Subheading,
)
from assay.reports.paper.cited import cite, of_network, of_software, of_training
from assay.reports.paper.data import data
from assay.reports.paper.material import Material
from assay.reports.protocol import refit_note
from assay.reports.settings import network_tables, settings_table
from assay.reports.tables import Column, Table
from assay.reports.texts import duration
from assay.statistics import bad_runs, by_trial, metric_of, metric_title

__all__ = ["method"]

MOST_ROWS = 120
"""Maximum number of layers in the tables of a study, about a page and a half."""


def method(studies: Sequence[Material]) -> Chapter:
    """Return the method that the studies share."""
    blocks = (
        *data(studies),
        *_networks(studies),
        *_training(studies),
        *_statistics(studies),
        *_machine(studies),
    )
    return Chapter("method", "Method", blocks)


def _networks(studies: Sequence[Material]) -> Iterator[Block]:
    yield Subheading("Networks")
    used: dict[str, str] = {}
    for material in studies:
        for config in material.configs:
            used |= dict(of_network(config))
    sentences: list[Sentence] = []
    plot = architecture_plot([(m.name, m.plan, m.network_of) for m in studies])
    if plot is not None:
        sentences.append(
            (
                Mention("networks/drawing"),
                " shows the networks with the output shape and parameters of each layer.",
            )
        )
    if used:
        sentences.append(("They use ", *_cited_list(used), "."))
    several = len(studies) > 1
    tables: dict[Any, Exhibit] = {}
    for material in studies:
        for i, table in enumerate(network_tables(material.plan, material.network_of, MOST_ROWS)):
            title = f"{table.title}, {material.name}" if several else table.title
            key = tuple(tuple(row) for row in table.texts())
            label = material.label(f"network-{i + 1}")
            tables.setdefault(key, Exhibit(label, table, _with_notes(title, table), 8))
    if not sentences:
        sentences.append(("The layers of the networks are unknown here.",))
    yield Paragraph(tuple(sentences))
    if plot is not None:
        yield Exhibit("networks/drawing", plot, plot.caption, 3)
    yield from tables.values()


def _with_notes(title: str, table: Table) -> str:
    return " ".join((f"{title.rstrip('.')}.", *table.notes))


def _cited_list(used: Mapping[str, str]) -> Iterator[Inline]:
    for i, (words, key) in enumerate(used.items()):
        yield ("" if not i else " and " if i == len(used) - 1 else ", ") + words + " "
        yield cite(key)


def _evaluated(recipes: Sequence[Mapping[str, Any]]) -> Iterator[Sentence]:
    """Say which weights are evaluated on the test images."""
    yield (_kept(recipes),)
    averaged = sum(bool(recipe.get("ema") or recipe.get("swa")) for recipe in recipes)
    if averaged:
        whose = "" if averaged == len(recipes) else "In some configurations, "
        yield (f"{whose}{'it' if whose else 'It'} is an average of weights that is evaluated.",)


def _kept(recipes: Sequence[Mapping[str, Any]]) -> str:
    stopping = [recipe.get("early_stopping") for recipe in recipes]
    best = [bool(rule and rule.get("restore_best_weights", True)) for rule in stopping]
    if not any(best):
        return "The weights at the end of training are evaluated on the test images."
    kept = "the weights of the evaluation with the best validation result are kept"
    if all(best):
        return f"T{kept[1:]} and evaluated on the test images."
    return (
        f"Where training stops early, {kept}; these, or else the weights at its end, are evaluated "
        "on the test images."
    )


def _training(studies: Sequence[Material]) -> Iterator[Block]:
    settings = _settings(studies)
    if not settings.entries:  # all were imported
        return
    yield Subheading("Training")
    used: dict[str, str] = {}
    for material in studies:
        for config in material.configs:
            used |= dict(of_training(config))
    sentences: list[Sentence] = []
    if used:
        sentences.append(("Training uses ", *_cited_list(used), "."))
    configs = [c for material in studies for c in material.configs]
    recipes = [c["training"] for c in configs if c.get("training")]  # estimators have none
    if configs:
        drawn = "initial weights, the order of batches and all else" if recipes else "all"
        sentences.append(
            (
                f"Each configuration is trained {_times(studies)}; all configurations of "
                f"a study share their seeds, which draw {drawn} that differs between repeats.",
            )
        )
    if recipes:
        sentences += _evaluated(recipes)
    sentences.append((Mention("training/settings"), " lists the settings."))
    yield Paragraph(tuple(sentences))
    caption = "Training settings."
    rows = [row for m in studies for row in settings_table(m.plan).entries]
    if any(len(row["values"]) > 1 for row in rows if row["setting"].startswith(_TRAINED)):
        caption += " Several values differ between the configurations."
    yield Exhibit("training/settings", settings, caption, 6)


def _times(studies: Sequence[Material]) -> str:
    seeds = [_repeats(m) for m in studies]
    n = f"{min(seeds)}" if min(seeds) == max(seeds) else f"{min(seeds)} to {max(seeds)}"
    return "once" if n == "1" else f"{n} times with different seeds"


def _repeats(material: Material) -> int:
    return max((len(t.get("runs") or ()) for t in material.plan["trials"]), default=0)


_TRAINED = ("training.", "precision", "engine", "task")
"""Beginnings of the names of settings of training."""


def _settings(studies: Sequence[Material]) -> Table:
    """Return a table of training settings, one column for each study."""
    found: dict[str, dict[str, str]] = {}
    for material in studies:
        table = settings_table(material.plan)
        for row, (name, value) in zip(table.entries, table.texts(), strict=True):
            if row["setting"].startswith(_TRAINED):
                shown = name.removeprefix("training.").replace("_", " ")
                found.setdefault(shown, {})[material.study] = value
    rows = tuple({"setting": name, "values": values} for name, values in found.items())

    def cell(study: str) -> Callable[[Mapping[str, Any]], str]:
        return lambda row: row["values"].get(study, "-")

    heads = [m.name if len(studies) > 1 else "value" for m in studies]
    columns = (
        Column("setting", lambda r: r["setting"], "left"),
        *(Column(h, cell(m.study), "left") for h, m in zip(heads, studies, strict=True)),
    )
    return Table("Training settings", columns, rows)


def _statistics(studies: Sequence[Material]) -> Iterator[Block]:
    yield Subheading("Statistics")
    titles = list(dict.fromkeys(metric_title(m.metric) for m in studies))
    judged = titles[0] if len(titles) == 1 else f"{', '.join(titles[:-1])} or {titles[-1]}"
    sentences: list[Sentence] = [
        (
            f"A configuration is judged by its {judged}, given as mean over n runs with its 95 % "
            "interval of Student's t distribution ",
            cite("student1908"),
            "; it ends where the metric does, and is longer on a side where single runs lie far "
            "from the others or all runs look skewed.",
        )
    ]
    if any(m.effects for m in studies):
        sentences += [
            _compared(studies),
            (
                "Their p-values are corrected by Holm's procedure ",
                cite("holm1979"),
                " over all comparisons of a study, and of studies that compare the same runs "
                "together; a difference is significant if the corrected p is below 0.05, and the "
                "intervals are corrected accordingly.",
            ),
            *(_room() if any(_widened(m) for m in studies) else []),
            (
                "P(better) is the fraction of pairs in which a configuration wins ",
                cite("bouthillier2021"),
                ".",
            ),
        ]
    sentences += [
        (_chosen(studies),),
        (
            "“No significant difference” means that these runs show none; the interval says how "
            "large it may still be.",
        ),
    ]
    yield Paragraph(tuple(sentences))


def _widened(study: Material) -> bool:
    """Whether intervals and tests of a study make room for bad runs or skewness."""
    return bool(bad_runs(by_trial(study.records), study.metric).margin > 0)


def _room() -> Iterator[Sentence]:
    yield (
        "Where single runs lie far from the others of their trial, or all runs look skewed, these "
        "intervals are longer and the differences are tested less the shift that more such runs "
        "may cause.",
    )


def _compared(studies: Sequence[Material]) -> Sentence:
    """Say which tests compare configurations: by pairs, or by Welch's test if seeds differ."""
    tests = {e.comparison.paired for m in studies for e in m.effects if e.comparison.n}
    by = "by the mean difference with its interval and"
    fixed = "; the comparisons are fixed before any run is trained."
    welch = ("Welch's t-test ", cite("welch1947"))
    if tests == {False}:
        return (f"Configurations are compared {by} ", *welch, f" (seeds differ){fixed}")
    paired = f"Configurations are compared in pairs of runs with equal seeds, {by} a paired t-test"
    if tests == {True, False}:
        return (f"{paired}, where seeds differ by ", *welch, fixed)
    return (f"{paired}{fixed}",)


def _chosen(studies: Sequence[Material]) -> str:
    """Say how the best configuration is chosen, where one is, and what a diverged run counts."""
    directed = all(metric_of(m.metric).higher_is_better is not None for m in studies)
    worst = " and count as the worst in comparisons" if directed else ""
    lost = f"uns that diverged are excluded from means{worst}."
    if not directed or any(refit_note(m.plan, chosen=True) for m in studies):
        return f"R{lost}"
    return f"The best configuration is chosen by the validation metric alone; r{lost}"


def _machine(studies: Sequence[Material]) -> Iterator[Block]:
    yield Subheading("Machine and run time")
    once = list({r.run_id: r for m in studies for r in (*m.records, *m.tried)}.values())
    known = {row["name"]: row["values"] for row in environment(once)}
    spent = when(once)
    accelerators = [n for n in known.get("device_name", ()) if n not in known.get("cpu", ())]
    parts = [
        f"{len(once):,} {'run was' if len(once) == 1 else 'runs were'} trained",
        f" on {' and '.join(known['cpu'])}" if "cpu" in known else "",
        f" and {' and '.join(accelerators)}" if accelerators else "",
        f" with {' or '.join(known['cores'])} cores" if "cores" in known else "",
        f" ({'; '.join(known['system'])})" if "system" in known else "",
    ]
    sentences: list[Sentence] = [("".join(parts) + ".",)]
    if spent["seconds"]:
        first, last = str(spent["first"] or "")[:10], str(spent["last"] or "")[:10]
        days = f" on {last}" if first == last else f" from {first} to {last}"
        text = (
            f"They took {duration(spent['seconds'])} of worker time in total{days if last else ''}."
        )
        sentences.append((text,))
    versions = [
        (name, known[name]) for name in ("assay", "torch", "keras", "python") if name in known
    ]
    if versions:
        engine = next(iter(known.get("engine", ["torch"])))
        shown = ", ".join(f"{name} {' or '.join(values)}" for name, values in versions)
        key = of_software(engine)
        sentences.append(
            (f"Versions: {shown} ", cite(key), ".") if key else (f"Versions: {shown}.",)
        )
    yield Paragraph(tuple(sentences))
