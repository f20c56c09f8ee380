"""Optuna's samplers through ask and tell, in memory.

References:
    T. Akiba et al., "Optuna: A Next-generation Hyperparameter Optimization Framework", KDD 2019;
    J. Bergstra et al., "Algorithms for Hyper-Parameter Optimization", NeurIPS 2011 (tpe);
    N. Hansen and A. Ostermeier, "Completely Derandomized Self-Adaptation in Evolution Strategies",
    Evolutionary Computation 9, 2001 (cmaes).
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

from assay.studies.search.samplers.sampler import SAMPLERS, Asked, Kind
from assay.studies.search.space import Parameter, Space, Values

__all__ = ["WithOptuna"]


class WithOptuna:
    """One of Optuna's samplers on one of our spaces.

    Args:
        name: "random", "tpe", "gp", "cmaes" or "qmc".
    """

    def __init__(self, space: Space, seed: int, higher_is_better: bool, *, name: str):
        import optuna

        self._space = space
        with _quiet():
            self._study = optuna.create_study(
                direction="maximize" if higher_is_better else "minimize",
                sampler=_make(name, seed),
                pruner=optuna.pruners.NopPruner(),
            )

    def ask(self) -> Asked | None:
        """See `Sampler`."""
        with _quiet():
            trial = self._study.ask()
            values: Values = {}
            for parameter in self._space.parameters:
                if self._space.active(parameter, values):
                    values[parameter.name] = _suggest(trial, parameter)
        return Asked(values, trial)

    def report(self, asked: Asked, epochs: int, value: float) -> None:
        """See `Sampler`."""
        asked.token.report(value, epochs)

    def tell(self, asked: Asked, value: float | None, *, stopped: bool = False) -> None:
        """See `Sampler`."""
        from optuna.trial import TrialState

        with _quiet():
            if value is None:
                self._study.tell(asked.token, state=TrialState.FAIL)
            elif stopped:
                self._study.tell(asked.token, state=TrialState.PRUNED)
            else:
                self._study.tell(asked.token, value)


def _make(name: str, seed: int) -> Any:
    from optuna import samplers

    if name == "random":
        return samplers.RandomSampler(seed=seed)
    if name == "tpe":
        # multivariate, to model combinations of values; in groups, for conditional parameters
        return samplers.TPESampler(seed=seed, multivariate=True, group=True)
    if name == "gp":
        return samplers.GPSampler(seed=seed, warn_independent_sampling=False)
    if name == "cmaes":
        return samplers.CmaEsSampler(seed=seed, warn_independent_sampling=False)
    return samplers.QMCSampler(seed=seed, scramble=True, warn_independent_sampling=False)


def _suggest(trial: Any, p: Parameter) -> Any:
    if p.kind == "choice":
        return trial.suggest_categorical(p.name, [level.label for level in p.levels])
    if p.kind == "int":
        step = 1 if p.log else int(p.step or 1)
        return trial.suggest_int(p.name, int(p.low), int(p.high), step=step, log=p.log)
    return p.tidy(trial.suggest_float(p.name, p.low, p.high, step=p.step, log=p.log))


@contextmanager
def _quiet() -> Iterator[None]:
    """Context without Optuna's log lines and warnings about experimental features."""
    import optuna
    from optuna.exceptions import ExperimentalWarning

    level = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ExperimentalWarning)
            yield
    finally:
        optuna.logging.set_verbosity(level)


BATCH = 10
"""Number of points that an adaptive sampler proposes before it gets their results."""

SAMPLERS.add("random")(Kind(partial(WithOptuna, name="random")))
SAMPLERS.add("qmc")(Kind(partial(WithOptuna, name="qmc"), numbers=1))
SAMPLERS.add("tpe")(Kind(partial(WithOptuna, name="tpe"), batch=BATCH))
SAMPLERS.add("gp")(Kind(partial(WithOptuna, name="gp"), batch=4))
SAMPLERS.add("cmaes")(Kind(partial(WithOptuna, name="cmaes"), batch=BATCH, numbers=2))
