"""A network, an optimizer and a schedule as calls of Keras, to execute or to print.

The printed code is what the engine executes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from assay.core.errors import EngineError, unknown_name
from assay.engines.schedules import Constant, Schedule
from assay.engines.training import Training
from assay.networks import image_layers, layers
from assay.networks.generator_layers import GaussianNoise
from assay.networks.initializers import Initializer
from assay.networks.modules import Measured
from assay.networks.regularizers import Regularizer

__all__ = ["RANDOM", "Call", "keras_name", "layer_call", "optimizer_call"]

RANDOM = (layers.Dropout, GaussianNoise)
"""Layers that need a seed."""


@dataclass(frozen=True)
class Call:
    """`keras.PATH(name=value, ...)`.

    Attributes:
        path: "layers.Dense", "optimizers.Adam", ...
        arguments: numbers, words, tuples or calls.
    """

    path: str
    arguments: Mapping[str, object]

    def make(self, keras: ModuleType) -> Any:
        """Call it."""
        made: Any = keras
        for part in self.path.split("."):
            made = getattr(made, part)
        given = {k: v.make(keras) if isinstance(v, Call) else v for k, v in self.arguments.items()}
        return made(**given)

    @property
    def code(self) -> str:
        """The call as Python, on one line."""
        given = (
            f"{k}={v.code if isinstance(v, Call) else repr(v)}" for k, v in self.arguments.items()
        )
        return f"keras.{self.path}({', '.join(given)})"


def keras_name(name: str) -> str:
    """Return the name of a layer in Keras, which does not allow dots ("trunk.3")."""
    return name.replace(".", "_")


def layer_call(layer: layers.Layer, name: str, seed: int | None = None) -> Call:
    """Return the call that makes a layer (except residual blocks, which need several).

    Args:
        name: its position, for example "trunk.3".
        seed: of a dropout or noise layer.

    Raises:
        EngineError: Keras has no such layer, or not with this setting.
    """
    if isinstance(layer, Measured):
        raise EngineError("a network of your own code cannot be written as layers of Keras")
    if type(layer) not in _LAYERS:
        known = [cls.kind for cls in _LAYERS]
        raise EngineError(unknown_name("layer of the keras engine", layer.kind, known))
    path, arguments = _LAYERS[type(layer)](layer)
    if seed is not None and isinstance(layer, RANDOM):
        arguments["seed"] = seed
    return Call(f"layers.{path}", {**arguments, "name": keras_name(name)})


def optimizer_call(
    training: Training,
    total: int,
    per_epoch: int,
    hidden: Mapping[str, tuple[int, ...]] | None = None,
    outputs: Sequence[str] = (),
) -> Call:
    """Return the optimizer of a recipe with its learning rate or schedule.

    Args:
        total: updates of the run.
        per_epoch: updates of an epoch.
        hidden: shapes of the kernels of the model's hidden layers, by the layer's name in Keras.
        outputs: names of its output layers.

    Raises:
        EngineError: Keras has no such optimizer or schedule.
    """
    optimizer = training.optimizer
    if not optimizer.keras:
        raise EngineError(optimizer.lacks("keras"), "training.optimizer")
    rate = schedule_call(training.schedule, training.learning_rate, total, per_epoch)
    settings = optimizer.keras_settings(hidden or {}, outputs)
    return Call(f"optimizers.{optimizer.keras}", {"learning_rate": rate, **settings})


def schedule_call(schedule: Schedule, rate: float, total: int, per_epoch: int) -> float | Call:
    """Return Keras's schedule, or the learning rate if it is constant.

    Raises:
        EngineError: Keras lacks the schedule, or computes its warm-up differently.
    """
    if schedule.warmup:
        raise EngineError(
            "the keras engine does not support a warm-up as assay defines it, got schedule.warmup "
            f"{schedule.warmup:g}; expected 0, or engine: torch",
            "training.schedule.warmup",
        )
    if isinstance(schedule, Constant):
        return rate
    if not schedule.keras:
        said = f"the keras engine has no schedule {schedule.kind}; use engine: torch"
        raise EngineError(said, "training.schedule")
    settings = schedule.keras_settings(rate, total, per_epoch)
    return Call(f"optimizers.schedules.{schedule.keras}", settings)


_STARTS = {"kernel_initializer": "glorot_uniform", "bias_initializer": "zeros"}
"""With Keras's defaults."""

_SCALING = {
    "glorot_uniform": (1.0, "fan_avg", "uniform"),
    "glorot_normal": (1.0, "fan_avg", "truncated_normal"),
    "he_uniform": (2.0, "fan_in", "uniform"),
    "he_normal": (2.0, "fan_in", "truncated_normal"),
    "lecun_uniform": (1.0, "fan_in", "uniform"),
    "lecun_normal": (1.0, "fan_in", "truncated_normal"),
}


def initializer_call(start: Initializer) -> str | Call:
    """Return a name if Keras's defaults apply, otherwise a call.

    Keras has no "dirac". A model gets the weights that assay draws, so that zeros may stand for it;
    `keras_code` refuses it.
    """
    if start.name == "dirac":
        return "zeros"
    if start.name == "random_normal":
        return Call("initializers.RandomNormal", {"stddev": start.stddev})
    if start.name == "random_uniform":
        ends = {"minval": -start.limit, "maxval": start.limit}
        return Call("initializers.RandomUniform", ends)
    if start.name not in _SCALING or start.scale == 1:
        return start.name
    scale, mode, distribution = _SCALING[start.name]
    scaled = {"scale": scale * start.scale, "mode": mode, "distribution": distribution}
    return Call("initializers.VarianceScaling", scaled)


def _regularizer(penalty: Regularizer) -> dict[str, Any]:
    strengths = {k: v for k, v in (("l1", penalty.l1), ("l2", penalty.l2)) if v}
    if not strengths:
        return {}
    kind = {1: "L" + next(iter(strengths))[1:], 2: "L1L2"}[len(strengths)]
    return {"kernel_regularizer": Call(f"regularizers.{kind}", strengths)}


def _weighted(layer: Any) -> dict[str, Any]:
    """Return the arguments that differ from Keras's defaults."""
    starts = {n: initializer_call(getattr(layer, n)) for n in _STARTS}
    return {
        **({} if layer.use_bias else {"use_bias": False}),
        **{name: start for name, start in starts.items() if start != _STARTS[name]},
        **_regularizer(layer.kernel_regularizer),
    }


def _dense(layer: layers.Dense) -> tuple[str, dict[str, Any]]:
    return "Dense", {"units": layer.units, **_weighted(layer)}


def _conv(layer: layers.Conv2D) -> tuple[str, dict[str, Any]]:
    window = {n: getattr(layer, n) for n in ("filters", "kernel_size", "strides", "padding")}
    return "Conv2D", {**window, **_weighted(layer)}


def _pool(layer: layers.MaxPool2D) -> tuple[str, dict[str, Any]]:
    kind = "Average" if isinstance(layer, layers.AveragePool2D) else "Max"
    window = {"pool_size": layer.pool_size, "strides": layer.step, "padding": layer.padding}
    return f"{kind}Pooling2D", window


def _noise(layer: GaussianNoise) -> tuple[str, dict[str, Any]]:
    if layer.stddev > 1:
        raise EngineError(
            f"Keras has {layer.kind} of a standard deviation of at most 1, got {layer.stddev}"
        )
    return "GaussianNoise", {"stddev": layer.stddev}


_LAYERS: dict[type[layers.Layer], Callable[[Any], tuple[str, dict[str, Any]]]] = {
    layers.Dense: _dense,
    layers.Conv2D: _conv,
    layers.MaxPool2D: _pool,
    layers.AveragePool2D: _pool,
    layers.GlobalAveragePool: lambda layer: ("GlobalAveragePooling2D", {}),
    image_layers.GlobalMaxPool: lambda layer: ("GlobalMaxPooling2D", {}),
    layers.Flatten: lambda layer: ("Flatten", {}),
    layers.Dropout: lambda layer: ("Dropout", {"rate": layer.rate}),
    GaussianNoise: _noise,
    layers.BatchNorm: lambda layer: (
        "BatchNormalization",
        {"momentum": layer.momentum, "epsilon": layer.epsilon},
    ),
    layers.Activation: lambda layer: ("Activation", {"activation": layer.function}),
}
