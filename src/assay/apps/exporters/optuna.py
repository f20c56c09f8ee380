"""`--to optuna`: a search as an Optuna study in SQLite, for its dashboard and its plots."""

from __future__ import annotations

import warnings
from pathlib import Path

from assay.apps.exporters.exporter import EXPORTERS, StudyExporter
from assay.apps.results import Results
from assay.core.errors import ConfigError

__all__ = ["OptunaStudy"]


class OptunaStudy(StudyExporter):
    """All trials with parameters, values, values at rungs and states.

    `optuna.load_study(study_name=NAME, storage="sqlite:///NAME.db")` reads it.
    """

    suffix = ".db"

    def write(self, results: Results, path: Path) -> None:
        """Write the file.

        Raises:
            ConfigError: the study has no search.
        """
        import optuna
        from optuna.exceptions import ExperimentalWarning

        from assay.statistics import optuna_trials, search_trials

        plan = results.plan
        if not plan.get("search"):
            raise ConfigError(
                f"--to optuna takes a study with a search, {results.name!r} has none; expected "
                "--to json"
            )
        trials = optuna_trials(plan, search_trials(plan, results.tried()))
        level = optuna.logging.get_verbosity()
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", ExperimentalWarning)
                storage = optuna.storages.RDBStorage(f"sqlite:///{path}")
                study = optuna.create_study(
                    storage=storage,
                    study_name=results.name,
                    direction="maximize" if plan["search"]["higher_is_better"] else "minimize",
                )
                study.set_metric_names([plan["search"]["objective"]])
                study.set_user_attr("question", plan["question"])
                study.set_user_attr("command", plan["command"])
                study.add_trials(trials)
                storage.remove_session()
                storage.engine.dispose()
        finally:
            optuna.logging.set_verbosity(level)


EXPORTERS.add("optuna")(OptunaStudy())
