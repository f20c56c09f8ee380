"""Families `module`, `keras`, `estimator`: networks of the users' own and classifiers as baselines.

`{module: my_parts:Net, width: 64}` names a class or a function and the arguments that it is called
with. Of `image_shape`, `num_classes` and `outputs` it is given what its signature has.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from assay.core.code_places import defined_at
from assay.core.config import Entry
from assay.core.errors import NetworkError, unknown_name
from assay.core.options import REQUIRED, text
from assay.core.records import Spec
from assay.networks.families import FAMILIES, Family, taken_key
from assay.networks.layers import Shape
from assay.networks.modules import (
    ENGINE_OF,
    MEASURES,
    TOLD,
    OwnNetwork,
    find,
    own_files,
)
from assay.networks.network import Network
from assay.networks.options import WEIGHTS

__all__ = ["check_outputs", "written_at"]

_PENALTIES = (
    "a custom network does not support assay's penalties: use training.optimizer weight_decay"
)


def _read(family: str) -> Callable[[Entry], dict[str, Any]]:
    def read(entry: Entry) -> dict[str, Any]:
        """{family: "module:name", argument: value, ...}, defaults of the signature filled in."""
        given = entry.keys()
        if family not in given:
            raise entry.error(f"network family {family} needs {family}: MODULE:NAME")
        source = given.pop(family)
        with entry.problems.collect(source):
            return {family: source.text(), **_arguments(family, find(source.text()), source, given)}
        return {family: source.value}

    return read


def _arguments(family: str, target: Any, source: Entry, given: dict[str, Entry]) -> dict[str, Any]:
    kinds = inspect.Parameter
    try:
        signature = inspect.signature(target).parameters
    except (TypeError, ValueError):
        raise source.error(f"the signature of {source.value} cannot be read") from None
    named = {
        name: parameter
        for name, parameter in signature.items()
        if parameter.kind in (kinds.POSITIONAL_OR_KEYWORD, kinds.KEYWORD_ONLY)
    }
    for name in ("family", family):  # keys of `network:` itself
        if name in named and named.pop(name).default is kinds.empty:
            raise source.error(f"{taken_key(name, source.value)}; see {defined_at(target)}")
    takes_any = any(p.kind is kinds.VAR_KEYWORD for p in signature.values())
    for name in [name for name in given if name not in named and not takes_any]:
        said = unknown_name(f"argument of {source.value}", name, named)
        hint = f"; {_PENALTIES}" if name in WEIGHTS else ""
        source.problems.add(given.pop(name).error(said + hint, key=True))
    missing = [
        name
        for name, parameter in named.items()
        if parameter.default is kinds.empty and name not in (*given, *TOLD)
    ]
    if missing:
        raise source.error(f"{source.value} needs {', '.join(missing)}; see {defined_at(target)}")
    defaults = {
        name: parameter.default
        for name, parameter in named.items()
        if name not in TOLD and _is_plain(parameter.default)
    }
    return defaults | {name: entry.value for name, entry in given.items()}


def _is_plain(value: Any) -> bool:
    if isinstance(value, (list, tuple)):
        return all(map(_is_plain, value))
    return value is None or isinstance(value, (bool, int, float, str))


def _build(family: str) -> Callable[[Spec, Shape, Mapping[str, int]], Network]:
    def build(options: Spec, shape: Shape, heads: Mapping[str, int]) -> Network:
        """The network, after it was built once and has shown what it returns."""
        network = OwnNetwork(
            shape,
            (),
            tuple((name, ()) for name in heads),
            family=family,
            source=options[family],
            options=tuple((k, v) for k, v in options.items() if k != family),
            files=tuple(own_files({"family": family, **options}).items()),
            units=tuple(heads.items()),
        )
        return replace(network, layers=MEASURES[family](network))

    return build


def check_outputs(network: OwnNetwork, found: object, count: int, made: object) -> None:
    """Hold what a network returned for some images against what the task needs.

    Args:
        found: {head: shape}, or the shape of the only output, or what it returned instead.
        made: the module or model, which the message names.

    Raises:
        NetworkError: with what it returned and what is expected.
    """
    wanted = {name: (count, units) for name, units in network.units}
    given = found if isinstance(found, dict) or len(wanted) > 1 else {next(iter(wanted)): found}
    if given == wanted:
        return
    said = ", ".join(f"{head} ({count}, {units})" for head, (_, units) in wanted.items())
    expected = f"logits {next(iter(wanted.values()))}" if len(wanted) == 1 else f"a dict of {said}"
    raise NetworkError(
        f"{written_at(network, made, 'forward', 'call')}: network {network.source!r} returns "
        f"{found} for {count} images, the task needs {expected}"
    )


def written_at(network: OwnNetwork, made: object, *methods: str) -> str:
    """Where the class of a module or model, or its first such method, was written: "file:line".

    Where the class is the library's, the place of the function that made it.
    """
    kind = type(made)
    if kind.__module__.partition(".")[0] in ("torch", "keras"):
        return defined_at(find(network.source))
    return defined_at(next((getattr(kind, m) for m in methods if hasattr(kind, m)), kind))


_EXAMPLES = {"estimator": ("classifier of scikit-learn", "sklearn.neighbors:NearestCentroid")}

for _family in ENGINE_OF:
    _what, _example = _EXAMPLES.get(_family, ("network", "my_parts:Net"))
    _options = {
        _family: text(
            REQUIRED,
            help=f"The {_what} as MODULE:NAME; all other keys are passed to it as arguments.",
            example=_example,
        )
    }
    FAMILIES.add(_family)(
        Family(
            _options,
            read=_read(_family),
            network=_build(_family),
            dataset="digits",
            recipe=_family != "estimator",
            code=True,
        )
    )
