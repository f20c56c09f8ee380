"""A study: a question, a baseline, factors and repeats, read and checked as a whole."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from assay.core.config import Entry, Mark, Problems, Source
from assay.core.plans import PlannedComparison
from assay.core.plugins import load_main
from assay.core.records import Config
from assay.core.values import plain_data, shown
from assay.data.unchanged import read_once
from assay.studies import library
from assay.studies.contrasts import Contrasts, comparisons, read_contrasts
from assay.studies.design import Cell, Design, cells, check_runs
from assay.studies.factors import Factor, Setting, apply, blame, read_factors, read_trials
from assay.studies.judging import Judging, read_judging
from assay.studies.keys import STUDY
from assay.studies.members import check_config, checked_info
from assay.studies.parts import identify, read_plugins
from assay.studies.published import Published, read_published
from assay.studies.scales import Changes, command_of, from_command_line, read_scale, shrink
from assay.studies.search.checks import checked
from assay.studies.search.data import check_split
from assay.studies.search.reading import factor_names, read_search
from assay.studies.search.search import Search
from assay.studies.search.space import Values
from assay.studies.settings import SECTIONS, put_dataset, read_config
from assay.studies.stored import check_stored
from assay.studies.trials import Trial, TrialTable
from assay.studies.variation import varying

__all__ = ["Study", "Trial", "parse_study"]

_SEARCHED = 5
"""Default number of runs of each of the best trials of a search."""
_TRIALS = "trials can be the levels of a factor: `factors: {KIND: {LABEL: {SETTING: VALUE}}}`"


@dataclass(frozen=True)
class Study:
    """A study, checked: every trial's configuration is canonical and can be built.

    Attributes:
        name, question: its name and question.
        scale: "full", "quick", "smoke" or one of its own.
        design: "one_at_a_time", "full_factorial", "random", "trials" or "search".
        seeds: one for each repeat, equal for all trials.
        baseline: label of the baseline; None without a baseline.
        factors: level labels of each factor, the reference first.
        trials: all configurations.
        comparisons: which trials are compared (see `contrasts.comparisons`).
        published: published figures for comparison.
        save_weights: whether the trained weights are kept.
        written: the study as written.
        command: the command that runs it.
        search: the search, if there is one; its trials are known at its end, and `seeds` are those
            with which the best are trained again.
        judging: its metrics and its objective.
        contrasts: its comparisons and the equivalence margin.
        source: `written` with the places; changed: settings that the scale and the command line
            change in every trial.
    """

    name: str
    question: str
    scale: str
    design: str
    seeds: tuple[int, ...]
    baseline: str | None
    factors: dict[str, list[str]]
    trials: tuple[Trial, ...]
    comparisons: tuple[PlannedComparison, ...]
    published: tuple[Published, ...]
    save_weights: bool
    written: dict[str, Any]
    command: str
    search: Search | None = None
    judging: Judging = field(default_factory=Judging)
    contrasts: Contrasts = field(default_factory=Contrasts)
    source: Source = field(default_factory=lambda: Source({}), compare=False, repr=False)
    changed: tuple[Setting, ...] = field(default=(), compare=False, repr=False)


def parse_study(
    study: str | Path | Mapping[str, object],
    *,
    scale: str = "full",
    set: Sequence[str] = (),
    seed: int | None = None,
    repeats: int | None = None,
    precision: str | None = None,
    engine: str | None = None,
    data_dir: Path | None = None,
    dataset: Mapping[str, object] | None = None,
    device: str = "auto",
    store: Path | None = None,
) -> Study:
    """Read a study and check all of it.

    Args:
        study: a built-in study's name, a YAML file, or the same as a mapping.
        scale: "full" (as written), "quick", "smoke", or one that the study defines.
        set: changes as "dotted.path=value"; they hold in every trial.
        seed, repeats, precision, engine: override the study's values.
        data_dir: folder of the user's files, for a dataset whose shape depends on them.
        dataset: name and fingerprint of data given in Python.
        device: the device for training, which determines `precision: auto`.
        store: the store whose runs trials may begin with; None if nothing will be trained.

    Raises:
        ConfigError: the study has errors; the message has a line for each, with its place.
    """
    given = {"seed": seed, "repeats": repeats, "precision": precision, "engine": engine}
    given = {key: plain_data(v, key) for key, v in given.items() if v is not None}
    source, shown, folder = library.open_study(study)
    load_main()
    read_plugins(source, folder)
    put_dataset(source, dataset)
    folders = [place for place in (folder, data_dir) if place]
    reader = _Reader(source, scale, list(set), given, (folders, data_dir, device, store))
    reader.check_scales()
    return reader.read(command_of(shown, scale, set, given))


class _Reader:
    """Reads a study; all errors are collected before one is raised."""

    folds: int | None = None  # of a search

    def __init__(
        self,
        source: Source,
        scale: str,
        assignments: list[str],
        given: dict[str, Any],
        about: tuple[list[Path], Path | None, str, Path | None],  # folders, data, device, store
    ):
        self.problems = Problems()
        self.source, self.scale, self.about = source, scale, about
        self.folders, self.data_dir, self.device, self.store = about
        self.identities: dict[str, str] = {}  # of data in Python
        self.top = self._keys()
        self.changes = Changes()
        with self.problems.collect():
            self.changes = read_scale(self.top.get("scales"), scale)
        self.changes = from_command_line(self.changes, assignments, given, self.problems)
        self._override(given)
        self.top |= {k: e for k, e in self.changes.keys.items() if not k.startswith("search.")}
        self.source = self.changes.in_search(self.top, self.source, self.problems)

    def _keys(self) -> dict[str, Entry]:
        entry = Entry(self.source.data, (), self.source, self.problems)
        if not isinstance(self.source.data, dict):
            got = "nothing" if self.source.data is None else shown(self.source.data)
            raise entry.error(
                f"a study must be a mapping that begins with `study: NAME`, got {got}"
            )
        return {k: e for k, e in entry.keys("key of a study", STUDY).items() if e.value is not None}

    def _override(self, given: dict[str, Any]) -> None:
        """Override the study by arguments: --seed, --repeats, --precision, --engine."""
        for key, value in given.items():
            mark = Mark(f"--{key} {value}")
            entry = Entry(value, (key,), Source(value, {}, {(key,): mark}), self.problems)
            if key in SECTIONS:
                settings = (*self.changes.settings, Setting((key,), entry, mark))
                self.changes = Changes(settings, self.changes.keys, self.changes.automatic)
            else:
                self.changes.keys[key] = entry

    def check_scales(self) -> None:
        """Report errors in the other scales, each applied to the study."""
        scales = self.top.get("scales")
        names = scales.value if scales and isinstance(scales.value, dict) else {}
        for name in names:
            if name not in ("full", self.scale):
                other = _Reader(self.source, str(name), [], {}, self.about)
                other.identities = self.identities
                other.top.pop("published", None)  # which may name a trial that it removes
                with other.problems.collect():
                    other.read("")
                self.problems.extend(other.problems)

    def read(self, command: str) -> Study:
        name = self._take("study", default="")
        question = self._take("question").strip()
        usual = _SEARCHED if "search" in self.top else 1
        repeats = self._take("repeats", default=usual)
        first = self._take("seed")
        save = self._take("save_weights")
        if not name and "study" not in self.top:
            entry = Entry(self.source.data, (), self.source)
            self.problems.add(entry.error("a study needs a name: study: NAME"))
        if self.changes.repeats and "repeats" not in self.changes.keys:
            repeats = min(repeats, self.changes.repeats)
        search = self._search()
        factors, design = (factor_names(search), Design("search")) if search else self._design()
        self.changes = self.changes.beside(factors, self.problems)
        trials: list[Trial] = []
        factor_labels: dict[str, list[str]] = {}
        baseline = None
        if search:
            search = self._checked(search, factors, first)
            first += search.repeats  # the best are trained again with new seeds
        elif "search" not in self.top:
            trials, factor_labels, baseline = self._trials(factors, design, first, name)
        with self.problems.collect(self.top.get("repeats")):
            check_runs(len(trials), repeats)
        labels = [trial.label for trial in trials]
        judging = read_judging(self.top, search or [trial.config for trial in trials])
        published = self._take("published", lambda e: read_published(e, labels, judging), [])
        hidden = bool(self.problems) and not factor_labels
        contrasts = read_contrasts(self.top, None if hidden else factor_labels)
        self.problems.raise_if_any()
        pairs = comparisons(factor_labels, [(t.id, t.levels) for t in trials], contrasts)
        return Study(
            name=name,
            question=question,
            scale=self.scale,
            design=design.name,
            seeds=tuple(range(first, first + repeats)),
            baseline=baseline,
            factors=factor_labels,
            trials=tuple(trials),
            comparisons=tuple(pairs),
            published=tuple(published),
            save_weights=save,
            written=self.source.data,
            command=command,
            search=search,
            judging=judging,
            contrasts=contrasts,
            source=self.source,
            changed=self.changes.settings,
        )

    def _take(self, key: str, read: Any = None, default: Any = None) -> Any:
        if key in self.top:
            with self.problems.collect(self.top[key]):
                return (read or STUDY[key].read)(self.top[key])
        return STUDY[key].default if default is None else default

    def _search(self) -> Search | None:
        if "search" not in self.top:
            return None
        for key in [key for key in ("factors", "trials", "design") if key in self.top]:
            said = f"search: and {key}: cannot be combined"
            self.problems.add(self.top[key].error(said, key=True))
        return self._take("search", read_search)

    def _checked(self, search: Search, factors: list[Factor], seed: int) -> Search:
        """Complete the search with the rest of the study; errors are added to the problems."""
        self.folds = search.folds

        def configure(values: Values, beside: Sequence[Setting] = ()) -> Config:
            before, self.problems = self.problems, Problems()
            try:
                config = self.configure((search.level(values),), factors, beside)
                self.problems.raise_if_any()
            finally:
                self.problems = before
            assert config is not None
            config["training"].pop("test_curve", None)
            return config

        if not self.problems:
            with self.problems.collect(search.entry):
                return checked(search, configure, seed)
        return search

    def _design(self) -> tuple[list[Factor], Design]:
        if "trials" in self.top:
            for key in [key for key in ("factors", "design") if key in self.top]:
                said = f"trials: and {key}: cannot be combined; {_TRIALS}"
                self.problems.add(self.top[key].error(said, key=True))
            trials = self._take("trials", read_trials)
            return ([trials] if trials else []), Design("trials")
        design = self._take("design", default=Design("one_at_a_time"))
        if "factors" not in self.top:
            if design.name != "one_at_a_time":
                said = f"design: {design.name} combines factors, and this study has none"
                self.problems.add(self.top["design"].error(said, key=True))
            return [], Design("one_at_a_time")
        return self._take("factors", read_factors) or [], design

    def _trials(
        self, factors: list[Factor], design: Design, seed: int, name: str
    ) -> tuple[list[Trial], dict[str, list[str]], str | None]:
        """Return all trials, the level labels of each factor, and the baseline's label."""
        if self.problems and not factors and {"factors", "trials"} & set(self.top):
            return [], {}, None
        place = self.top.get("design") or Entry(self.source.data, (), self.source)
        table = TrialTable(factors, design, self.problems)
        with self.problems.collect():
            for cell in cells(design, factors, seed, place):
                config = self.configure(cell, factors)
                if config is not None:
                    table.add(cell, config)
        if self.problems:  # trials may be missing, even the baseline
            return [], {}, None
        return table.finish(name)

    def configure(
        self, cell: Cell, factors: list[Factor], beside: Sequence[Setting] = ()
    ) -> Config | None:
        """Return the canonical configuration of a cell; None, with problems added, if invalid.

        Args:
            beside: settings that hold whatever the cell, the scale and the command line say.
        """
        local = Problems()
        data = {k: v for k, v in self.source.data.items() if k in SECTIONS}
        source = Source(data, self.source.keys, self.source.values).copy()
        settings = [s for level in cell if level for s in level.settings]
        config: Config | None = None
        with local.collect():
            apply([*settings], source)
            apply([*self.changes.settings, *beside], source)
            whole = Entry(source.data, (), source, local)
            with read_once(self.identities):
                config = read_config(whole, self.folders)
            if not beside and not local:
                check_split(self.folds, whole["dataset"], local)
            if not local:
                identify(config, self.device, self.data_dir)
        info = None
        if config is not None and not local:
            with local.collect(Entry(source.data["dataset"], ("dataset",), source)):
                info = checked_info(config, source, self.data_dir)
        if config is not None and info is not None:
            with local.collect(), blame(settings, source, lambda: self._as_written(factors)):
                if self.changes.automatic:
                    config = shrink(config, self.changes.automatic, info, factors)
                if "vary" in self.top:
                    config |= varying(self.top["vary"], config)
                check_config(config, self.data_dir)
            check_stored(config, source, self.store, self.data_dir, local, self.folds)
        self.problems.extend(local)
        return None if local else config

    def _as_written(self, factors: list[Factor]) -> str:
        """Return all that is wrong with the study without the levels of its factors."""
        kept, self.problems = self.problems, Problems()
        self.configure((), factors)
        found, self.problems = self.problems, kept
        return str(found)
