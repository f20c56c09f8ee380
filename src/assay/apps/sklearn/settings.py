"""Parameters of the estimator, read and checked by the same code as studies."""

from __future__ import annotations

import inspect
import numbers
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
from sklearn.utils import check_random_state

from assay.core.code_places import source_of
from assay.core.config import Entry, Problems, Source
from assay.core.errors import ConfigError, DataError
from assay.core.records import Config, Spec
from assay.data.specs import NORMALIZE
from assay.networks.families import read_network
from assay.networks.modules import ENGINE_OF, refer
from assay.studies.settings import PRECISIONS, engine_names, shorthand
from assay.studies.training import TRAINING, read_training

__all__ = [
    "NETWORK",
    "own_network",
    "plain",
    "read_parameters",
    "read_seed",
    "saved_name",
    "with_key",
]

NETWORK = (
    "hidden",
    "activation",
    "dropout",
    "batch_norm",
    "kernel_initializer",
    "bias_initializer",
    "kernel_regularizer",
)
"""Options of network families that are separate parameters."""


def plain(value: object) -> Any:
    """Convert NumPy numbers, arrays and tuples to plain JSON data."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    return plain(value.tolist()) if isinstance(value, (np.generic, np.ndarray)) else value


def with_key(name: str, value: object, keys: Sequence[str], new: object) -> Any:
    """Return a parameter's value with one nested key changed, as in `optimizer__momentum=0.9`.

    A plain value is expanded to a mapping first: "sgd" is {"name": "sgd"}.

    Raises:
        ConfigError: such a value has no keys.
    """
    home = "network" if name in NETWORK else "training"
    source = Source({name: value}).copy()

    def short(path: tuple[str | int, ...]) -> str | None:
        return shorthand(path if name == "network" else (home, *path))

    source.put((name, *keys), Entry(new), short)
    return source.data[name]


def read_seed(random_state: object) -> int:
    """Return the seed of a run: a whole number unchanged, otherwise drawn as in scikit-learn.

    Raises:
        ConfigError: it is not a value that scikit-learn accepts.
    """
    if isinstance(random_state, numbers.Integral) and int(random_state) >= 0:
        return int(random_state)
    try:
        return int(check_random_state(random_state).randint(2**31 - 1))
    except ValueError:
        said = "a whole number >= 0, a RandomState or None"
        raise ConfigError(f"random_state must be {said}, got {random_state!r}") from None


def read_parameters(params: Mapping[str, object]) -> Config:
    """Read all parameters into the canonical form of a study's configuration.

    Returns:
        `network`, `training`, `task`, `engine` and `precision` as a study has them, and as
        `dataset` {"normalize", "validation" (share, 0 to 1), "shape" (three sides or None)}.

    Raises:
        ConfigError: with a line for every error and the nearest valid names.
    """
    data = {name: plain(value) for name, value in params.items()}
    problems = Problems()
    entries = Entry(data, (), Source(data), problems).keys()
    config: Config = {"task": "classify", "dataset": {}}
    with problems.collect():
        config["network"] = _network(data, problems)
    with problems.collect():
        recipe = {name: data[name] for name in TRAINING if name in data}
        config["training"] = read_training(Entry(recipe, (), Source(recipe), problems))
    for name, read in _OTHERS.items():
        with problems.collect(entries[name]):
            home = config["dataset"] if name in _DATASET else config
            home[_DATASET.get(name, name)] = read(entries[name])
    problems.raise_if_any()
    return config


_DATASET = {"normalize": "normalize", "validation_fraction": "validation", "shape": "shape"}


def _network(data: dict[str, Any], problems: Problems) -> Spec:
    """Return `network`, overridden by the options that are separate parameters."""
    given = own_network(data["network"], "keras" if data["engine"] == "keras" else "module", refer)
    given |= {name: data[name] for name in NETWORK if data[name] is not None}
    return read_network(Entry(given, (), Source(given), problems))


def own_network(network: object, family: str, name_of: Callable[[Any], str]) -> dict[str, Any]:
    """Return the parameter `network` as a mapping; a class or function becomes its name.

    Args:
        family: default family of a user-defined network.
        name_of: returns the name "module:name" of a class or function.

    Raises:
        ConfigError: the value is not a valid network.
    """
    given = dict(network) if isinstance(network, Mapping) else {"family": network}
    own = given.get("family")
    if callable(own) or (isinstance(own, str) and ":" in own):
        given = {family: own, **{k: v for k, v in given.items() if k != "family"}}
    for key in [key for key in ENGINE_OF if callable(given.get(key))]:
        if not (isinstance(given[key], (type, partial)) or inspect.isroutine(given[key])):
            raise ConfigError(
                "network must be a class or a function that returns a network, got a "
                f"{type(given[key]).__name__} instance; each fit creates a new one"
            )
        given[key] = name_of(given[key])
    if not isinstance(given.get("family", ""), str):
        said = "a network family's name, a mapping with its family, or a class or function"
        raise ConfigError(f"network must be {said} that makes one, got {network!r}")
    return given


def saved_name(target: object) -> str:
    """Return the name under which another process can import a class or function.

    Raises:
        DataError: there is no such name.
    """
    name = source_of(target)
    module, _, attribute = name.partition(":")
    found: Any = sys.modules.get(module)
    for part in attribute.split("."):
        found = getattr(found, part, None)
    if module == "__main__" or found is not target:
        raise DataError(
            f"network {name} cannot be saved because other programs cannot import it; define it at "
            "the top level of its own module"
        )
    return name


def _read_engine(entry: Entry) -> str:
    own = isinstance(entry.value, str) and ":" in entry.value  # "module:callable"
    known = [name for name in engine_names() if name != "sklearn"]  # has classifiers itself
    return entry.value if own else entry.choice("engine", known)


def _read_share(entry: Entry) -> float:
    share = entry.number(0)
    if share >= 1:
        raise entry.expected("a fraction of the training images in [0, 1)")
    return share


def _read_shape(entry: Entry) -> list[int] | None:
    """Read height, width and channels (1 by default)."""
    if entry.value is None:
        return None
    if not isinstance(entry.value, list) or len(entry.value) not in (2, 3):
        raise entry.expected("(height, width) or (height, width, channels)")
    return [*(side.integer(1) for side in entry.items()), 1][:3]


_OTHERS = {
    "engine": _read_engine,
    "precision": lambda entry: entry.choice("precision", PRECISIONS),
    "normalize": lambda entry: entry.choice("normalization", NORMALIZE),
    "validation_fraction": _read_share,
    "shape": _read_shape,
}
