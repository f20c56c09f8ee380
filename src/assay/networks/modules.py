"""User-defined networks in PyTorch or Keras, and estimators, as descriptions.

A description contains no code: only the place of the network, its arguments, and its layers from
building it once.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from assay.core.code_digests import keyed, loaded_digest, with_imports
from assay.core.code_places import defined_at, source_of
from assay.core.errors import ConfigError, NetworkError, unknown_name
from assay.core.plugins import culprit, find_module
from assay.core.records import Spec
from assay.core.registry import Registry, register
from assay.networks.description import plain
from assay.networks.layers import Layer, Shape
from assay.networks.network import LayerPlace, Network

__all__ = [
    "ENGINE_OF",
    "MEASURES",
    "TOLD",
    "WEIGHTS_CHECKS",
    "Measured",
    "OwnNetwork",
    "as_recorded",
    "find",
    "own_digests",
    "own_files",
    "refer",
]

ENGINE_OF = {"module": "torch", "keras": "keras", "estimator": "sklearn"}
"""Family -> the engine that trains its networks."""

TOLD = ("image_shape", "num_classes", "outputs")
"""Arguments that a network gets if its signature has them: (height, width, channels); the units of
its only output; the units of each output by name."""

_given: dict[str, Any] = {}
"""Classes and functions that were passed to an estimator as objects, by their assigned name."""


@dataclass(frozen=True)
class Measured(Layer):
    """A layer of a network that was built.

    Attributes:
        text: its description of itself.
        shape: of its output for one image; (height, width, channels) for an image.
        trained: trainable parameters.
        products: multiply-adds of one image, forward.
    """

    kind: ClassVar[str] = "user-defined"
    text: str
    shape: Shape
    trained: int
    products: int

    def output_shape(self, shape: Shape) -> Shape:
        """As found."""
        return self.shape

    def parameters(self, shape: Shape) -> int:
        """As counted."""
        return self.trained

    def macs(self, shape: Shape) -> int:
        """As counted."""
        return self.products


@dataclass(frozen=True)
class OwnNetwork(Network):
    """A user-defined network; its heads have names and units, but no layers.

    Attributes:
        family: "module", "keras" or "estimator".
        source: "module:name" of the class or function that makes it.
        options: arguments of the call.
        files: name -> digest of the files that define it.
        units: of each head.
        layers: its layers when it was built.
    """

    family: str = "module"
    source: str = ""
    options: tuple[tuple[str, Any], ...] = ()
    files: tuple[tuple[str, str], ...] = ()
    units: tuple[tuple[str, int], ...] = ()
    layers: tuple[tuple[str, Measured], ...] = ()

    def places(self) -> Iterator[LayerPlace]:
        """Its layers; their input shapes are unknown."""
        for name, layer in self.layers:
            yield LayerPlace(name, layer, layer.shape, layer.shape)

    @property
    def structure(self) -> object:
        """The complete description, because assay does not know which options are only numbers."""
        return self.to_plain()

    def make(self) -> Any:
        """Call the class or function; errors become a NetworkError that names the line."""
        target, arguments = find(self.source), self.arguments()
        try:
            inspect.signature(target).bind(**arguments)
        except TypeError as error:
            several = "; a task with several outputs passes `outputs`, not `num_classes`"
            said = several if "num_classes" in str(error) else ""
            raise NetworkError(f"{defined_at(target)}: {self.source}: {error}{said}") from None
        with self.blamed("cannot be built"):
            return target(**arguments)

    def arguments(self) -> dict[str, object]:
        """Return the arguments: its options, and those that its signature requests."""
        told: dict[str, object] = {"image_shape": self.input_shape, "outputs": dict(self.units)}
        if len(self.units) == 1:
            told["num_classes"] = self.units[0][1]
        known = inspect.signature(find(self.source)).parameters
        return {k: v for k, v in told.items() if k in known} | {
            k: plain(v) for k, v in self.options
        }

    def blamed(self, what: str) -> Blame:
        """Context that converts errors of user code into a NetworkError: "... cannot be built"."""
        return Blame(self.source, what)


def as_recorded(told: Spec) -> OwnNetwork:
    """Return the description of a network from its record, without its code."""
    layers = (
        (
            row["name"],
            Measured(row["layer"], tuple(row["output_shape"]), row["parameters"], row["macs"]),
        )
        for row in told["layers"]
    )
    return OwnNetwork(tuple(told["input_shape"]), (), (), layers=tuple(layers))


class Blame:
    """A context in which user code runs."""

    def __init__(self, source: str, what: str):
        self._source, self._said = source, f"network {source!r} {what}"

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if not isinstance(error, (Exception, SystemExit)):
            return
        if isinstance(error, (ConfigError, NetworkError)):
            return
        # where only a library's lines are involved, the class says more than they do
        where = culprit(error, libraries=False) or defined_at(find(self._source))
        told = " ".join(str(error).split())
        message = f"{self._said}: {type(error).__name__}: {told}".removesuffix(": ")
        raise NetworkError(f"{where}: {message}" if where else message) from error


MEASURES: Registry[Callable[[OwnNetwork], tuple[tuple[str, Measured], ...]]] = Registry(
    "measure of networks"
)
"""Family -> function that builds a network once, checks its output, and returns its layers."""
WEIGHTS_CHECKS: Registry[Callable[[OwnNetwork, Mapping[str, np.ndarray]], None]] = Registry(
    "check of weights"
)
"""Family -> function that raises EngineError unless weights are those of a network."""
register("check of weights", "module", "assay.engines.torch_engine.own_module:check_own_weights")
register("check of weights", "keras", "assay.engines.keras_engine.own_model:check_own_weights")
register("measure of networks", "module", "assay.engines.torch_engine.own_module:measure")
register("measure of networks", "keras", "assay.engines.keras_engine.own_model:measure")
register("measure of networks", "estimator", "assay.engines.sklearn_engine.estimator:measure")


def find(source: str) -> Callable[..., Any]:
    """Return the class or function "module:name".

    Raises:
        ConfigError: there is none.
    """
    if source in _given:
        return _given[source]
    name, colon, attribute = source.partition(":")
    if not (colon and name and attribute):
        raise ConfigError(f"expected MODULE:NAME, such as my_parts:Net, got {source!r}")
    plugin = find_module(name)
    found: Any = sys.modules[plugin.module]
    for part in attribute.split("."):
        if not hasattr(found, part):
            known = [key for key, value in vars(found).items() if _may_be_meant(key, value)]
            where = plugin.file or name
            raise ConfigError(f"{where}: {unknown_name(f'name in {name}', attribute, known)}")
        found = getattr(found, part)
    if not callable(found):
        said = "expected a class or a function"
        raise ConfigError(f"{source} in {plugin.file} is a {type(found).__name__}; {said}")
    return found


def _may_be_meant(name: str, value: Any) -> bool:
    return callable(value) and not name.startswith("_")


def refer(target: object) -> str:
    """Return a name for a class or function passed as an object, for `find`."""
    base = source_of(target)
    name, number = base, 1
    while _given.get(name, target) is not target:
        number += 1
        name = f"{base}#{number}"
    _given[name] = target
    return name


def own_files(network: Spec) -> dict[str, str]:
    """Return file name -> digest of the files that define a user-defined network; else empty."""
    digests = own_digests(network)
    return {name: digests[path] for name, path in keyed(digests).items()}


def own_digests(network: Spec) -> dict[Path, str]:
    """Return file -> digest of the files that define a user-defined network; else empty.

    The file of the module that is named, the file that the network is written in where that is
    another one, and what these import from beside them. A class of scikit-learn has a version,
    which the provenance tells, and no file.

    Raises:
        CodeChangedError: a file is no longer what this process has loaded.
    """
    family = network.get("family")
    if family not in ENGINE_OF or str(network[family]).startswith("sklearn."):
        return {}
    target = find(network[family])
    named = sys.modules.get(str(network[family]).partition(":")[0])
    written = sys.modules.get(getattr(target, "__module__", ""))
    modules = [m for m in (named, written) if m is not None]
    files = {m: Path(str(getattr(m, "__file__", None) or "")) for m in modules}
    return with_imports({f: loaded_digest(m) for m, f in files.items() if f.is_file()})
