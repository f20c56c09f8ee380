"""`assay import`: results made elsewhere get intervals, tests and a report."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from assay.apps.cli import console
from assay.apps.cli.options import Places

__all__ = ["import_results"]

Names = Annotated[list[str], Parameter(negative="", show_default=False)]


def import_results(
    file: Path,
    /,
    *,
    study: str | None = None,
    factor: Names | None = None,
    higher_is_better: Names | None = None,
    lower_is_better: Names | None = None,
    places: Places | None = None,
) -> None:
    """Import results made elsewhere as a study of the store.

    They get the same intervals, tests and report. A CSV file has a row for each run: numeric
    columns are metrics, text columns are factors, and `seed` pairs the runs, which are compared
    without pairs where there is none. Runs are judged by the first metric; an empty cell there is a
    missing run, nan or inf a diverged one. Each folder of
    TensorBoard events is one run, whose name ends in the seed: tanh-seed1, tanh/1, version_1. In an
    Optuna study, trials with equal parameters count as repeats; a parameter `seed` pairs them.
    Validation metrics are judged, under the name "validation ...", where there are no others.

    Args:
        file: A CSV file, a folder of TensorBoard events, or the SQLite file of an Optuna study.
        study: Name of the study [the file's name], which must not have been trained here; an
            earlier import is replaced. Of several Optuna studies in a file, the one to import.
        factor: A numeric column that is a setting, not a metric, such as learning_rate; may be
            repeated.
        higher_is_better: A metric that is better when it is higher; may be repeated.
        lower_is_better: A metric that is better when it is lower; may be repeated.
    """
    from assay.apps.cli.results import show_table
    from assay.apps.importing import import_runs, main_metric, missing_runs, read_runs
    from assay.apps.results import Results
    from assay.core.config import Entry
    from assay.studies.names import read_name

    places = places or Places()
    name = read_name(Entry(study or file.resolve().stem, ("study",)))
    runs = read_runs(file, factor or (), study)
    plan = import_runs(places.store_path, name, runs, higher_is_better or (), lower_is_better or ())
    found = Results(places.store_path, plan, places.data_path)
    missing = missing_runs(runs)
    counts = {"run": len(runs) - len(missing), "trial": len(plan["trials"])}
    said = " of ".join(f"{n} {thing}{'s' * (n != 1)}" for thing, n in counts.items())
    console.heading(f"{name}: {said}")
    if missing:
        first = f"the first is {missing[0].place}" if len(missing) > 1 else missing[0].place
        told = "1 run is" if len(missing) == 1 else f"{len(missing)} runs are"
        console.say(f"{told} missing, without a value of {main_metric(runs)}: {first}")
    show_table(found.trials_table())
    console.say()
    console.points(found.sentences())
    console.say(f"\nreport: {found.report(None)}")
