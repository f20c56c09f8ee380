"""`assay ablate`: undoes each change of the best trial in turn."""

from __future__ import annotations

from typing import TYPE_CHECKING

from assay.apps.cli import console
from assay.apps.cli.options import MachineOptions, Places, StudyName, StudyOptions

if TYPE_CHECKING:
    from assay.core.plans import PlanData
    from assay.core.records import Config
    from assay.studies.scales import StudyChanges
    from assay.studies.search.search import Search
    from assay.studies.study import Study

__all__ = ["ablate"]


def ablate(
    study: StudyName,
    /,
    *,
    options: StudyOptions | None = None,
    places: Places | None = None,
    where: MachineOptions | None = None,
) -> int:
    """Undo each change of the best trial of a study in turn, and train the pairs.

    The best trial is the one that validation chose among the runs in the store; the baseline is the
    study's own, or what a search starts from. All are trained with new seeds, so that
    the selection does not bias the results, which are stored as the study ablate-STUDY. There the
    best trial is called "all changes" and the baseline "no change".

    Args:
        study: A built-in study or a YAML file, which was run before.
    """
    from assay.apps.ablation import ablation_plan
    from assay.apps.api import plan_of
    from assay.apps.cli.outcome import verdict
    from assay.apps.cli.run import tell, train_shown
    from assay.apps.results import Results
    from assay.core.errors import ConfigError
    from assay.core.plans import own_metrics
    from assay.core.store import Store
    from assay.statistics import best_trial, why_no_best

    options, places = options or StudyOptions(), places or Places()
    changes: StudyChanges = {
        "data_dir": places.data_path,
        "store": places.store_path,
        **options.changes(),
    }
    parsed = plan_of(study, **changes).study
    name = parsed.name if parsed.scale == "full" else f"{parsed.name}@{parsed.scale}"
    with Store(places.store_path, create=False, read_only=True) as store:
        stored = store.plan(name)
        runs = store.recorded([run for trial in stored["trials"] for run in trial["runs"]])
        records = own_metrics(stored, store.records(runs, arrays=False))
        best = best_trial(stored, records)
    if best is None:
        why, command = why_no_best(stored, records), stored["command"]
        how = "" if any(r.status == "finished" for r in records) else f"; `{command}` trains it"
        raise ConfigError(f"{name} has no best trial, because {why}{how}")
    if parsed.search is not None:
        base = _start_of(parsed, parsed.search)
    else:
        known = {trial["label"]: trial["config"] for trial in stored["trials"]}
        if (baseline := stored.get("baseline")) not in known:
            raise ConfigError(f"{name} has no baseline, so there are no changes to undo")
        base = known[baseline]
    _tell_choice(name, best.trial["label"], stored)
    plan = ablation_plan(parsed, base, best.trial["config"])
    results, summary = train_shown(plan, places, (where or MachineOptions()).of(study))
    tell(results, summary)
    console.say(f"\nreport: {results.report(None)}")
    return verdict(Results(places.store_path, plan.to_json(), places.data_path), plan.runs())


def _tell_choice(name: str, best: str, stored: PlanData) -> None:
    from assay.reports.protocol import refit_note, tuned_note

    console.say(f"best of {name} by validation: {best}")
    for note in filter(None, (tuned_note(stored), refit_note(stored, chosen=True))):
        console.say(note)


def _start_of(study: Study, search: Search) -> Config:
    """Return the configuration from which a search starts, at the study's scale.

    It is made of a point whose sections are replaced by those of the study as written, by the
    reader of the study, which knows the folder of its file.

    Raises:
        ConfigError: it cannot be trained.
    """
    from assay.core.config import Entry
    from assay.core.seeds import stream
    from assay.studies.factors import Setting
    from assay.studies.search.space import first_allowed

    values = first_allowed(search.space, stream(0, "search", "start"), {})
    sections = {str(setting.path[0]) for setting in search.level(values).settings}
    nothing = {"training": {}}  # which is all defaults
    as_written = {s: study.written.get(s, nothing.get(s)) for s in sections}
    settings = [Setting((s,), Entry(value, (s,))) for s, value in as_written.items()]
    return search.configure(values, settings)
