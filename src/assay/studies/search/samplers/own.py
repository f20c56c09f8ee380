"""A user's own sampler: what it proposes is checked, and its errors say where they are."""

from __future__ import annotations

import math
import numbers
from dataclasses import replace

from assay.core.contracts import fitting
from assay.core.errors import ConfigError, unknown_name
from assay.core.own import watched
from assay.studies.search.samplers.sampler import SAMPLERS, Asked, Sampler
from assay.studies.search.space import Parameter, Space, Values

__all__ = ["make_sampler"]


def make_sampler(name: str, space: Space, seed: int, higher_is_better: bool) -> Sampler:
    """Return a sampler by its registered name; a user's own one is watched.

    Raises:
        ConfigError: it cannot be made.
    """
    place = SAMPLERS.place(name)
    if place.module.startswith("assay."):
        return SAMPLERS[name].make(space, seed, higher_is_better)
    with watched(f"sampler {name!r}", str(place)):
        made = fitting(SAMPLERS[name].make(space, seed, higher_is_better), Sampler)
    return _Watched(made, name, str(place), space)


class _Watched:
    """Passes calls on to a sampler of a user; see `Sampler`."""

    def __init__(self, sampler: Sampler, name: str, place: str, space: Space):
        self._sampler, self._place, self._space = sampler, place, space
        self._said = f"sampler {name!r}"
        self._asked = False

    def ask(self) -> Asked | None:
        with watched(self._said, self._place):
            asked = self._sampler.ask()
            if asked is None and not self._asked:
                raise ConfigError("ask returned None before any proposal")
            self._asked = True
            if asked is None:
                return None
            if not isinstance(asked, Asked):
                raise ConfigError(
                    f"ask returned {type(asked).__name__}, expected Asked({{parameter: value}})"
                )
            return replace(asked, values=_checked(self._space, asked.values))

    def report(self, asked: Asked, epochs: int, value: float) -> None:
        with watched(self._said, self._place):
            self._sampler.report(asked, epochs, value)

    def tell(self, asked: Asked, value: float | None, *, stopped: bool = False) -> None:
        with watched(self._said, self._place):
            self._sampler.tell(asked, value, stopped=stopped)


def _checked(space: Space, values: Values) -> Values:
    """Return a point as plain numbers; ConfigError unless it is in the space."""
    known = [p.name for p in space.parameters]
    for name in values:
        if name not in known:
            raise ConfigError(unknown_name("parameter", name, known))
    found: Values = {}
    for parameter in space.parameters:
        given, active = parameter.name in values, space.active(parameter, found)
        if given and active:
            found[parameter.name] = _value(parameter, values[parameter.name])
        elif active:
            raise ConfigError(
                f"it proposed no value of {parameter.name}, expected {_range(parameter)}"
            )
        elif given:
            when = parameter.when.text if parameter.when else ""
            raise ConfigError(f"it proposed {parameter.name}, which only exists when {when}")
    return found


def _value(parameter: Parameter, value: object) -> object:
    kinds = {"int": numbers.Integral, "float": numbers.Real, "choice": str}
    fits = isinstance(value, kinds[parameter.kind]) and not isinstance(value, bool)
    if fits and parameter.kind == "choice":
        fits = value in parameter.ends()
    elif fits:
        value = int(value) if parameter.kind == "int" else float(value)  # type: ignore[call-overload]
        fits = parameter.low <= value <= parameter.high and _is_step(parameter, value)
    if not fits:
        raise ConfigError(f"it proposed {parameter.name}: {value!r}, expected {_range(parameter)}")
    return value


def _is_step(parameter: Parameter, value: float) -> bool:
    if parameter.step is None:
        return True
    steps = (value - parameter.low) / parameter.step
    return math.isclose(steps, round(steps), abs_tol=1e-6)


def _range(parameter: Parameter) -> str:
    if parameter.kind == "choice":
        return " or ".join(map(repr, parameter.ends()))
    kind = "a whole number" if parameter.kind == "int" else "a number"
    low, high = parameter.ends()
    steps = f" in steps of {parameter.step:g}" if parameter.step not in (None, 1) else ""
    return f"{kind} from {low} to {high}{steps}"
