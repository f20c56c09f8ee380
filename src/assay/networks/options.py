"""Readers of the options that several network families share, and what they become."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from assay.core.config import Entry, Option
from assay.core.errors import NetworkError, unknown_name
from assay.networks.activations import ACTIVATIONS
from assay.networks.initializers import INITIALIZERS, Initializer
from assay.networks.layers import Dropout
from assay.networks.regularizers import Regularizer

__all__ = [
    "ACTIVATION",
    "BLOCKS",
    "FLAG",
    "INITIALIZERS_TAKE",
    "RATE",
    "SIZE",
    "WEIGHTS",
    "WIDTHS",
    "plain_initializer",
    "plain_regularizer",
    "read_activation",
    "read_flag",
    "read_rate",
    "read_size",
    "read_widths",
    "styled",
]

_SETTINGS = {"random_normal": "stddev", "random_uniform": "limit", "zeros": None, "ones": None}


def plain_initializer(initializer: Initializer) -> Any:
    """Shortest data for an initializer: its name, or {"name", setting} where it is not default."""
    setting = _SETTINGS.get(initializer.name, "scale")
    default = Initializer(initializer.name)
    if setting is None or getattr(initializer, setting) == getattr(default, setting):
        return initializer.name
    return {"name": initializer.name, setting: float(getattr(initializer, setting))}


def plain_regularizer(regularizer: Regularizer) -> dict[str, float] | None:
    """Shortest data for a regularizer: {"l1", "l2"} without zeros, None for no penalty."""
    strengths = {"l1": float(regularizer.l1), "l2": float(regularizer.l2)}
    return {k: v for k, v in strengths.items() if v} or None


def read_initializer(entry: Entry) -> Any:
    """A name or {name, stddev | limit | scale}; a setting that the initializer lacks is refused."""
    if isinstance(entry.value, dict):
        for key in entry.keys("setting of an initializer", [f.name for f in fields(Initializer)]):
            if key != "name":
                entry[key].number(0)
        setting = _SETTINGS.get(str(entry.value.get("name")), "scale")
        for key in set(entry.value) - {"name", setting}:
            said = unknown_name(
                f"setting of initializer {entry.value.get('name')}", key, [setting or "none"]
            )
            raise entry[key].error(said, key=True)
    return plain_initializer(Initializer.parse(entry.value))


def read_regularizer(entry: Entry) -> dict[str, float] | None:
    """none, l1, l2, l1_l2 (0.01 each, as in Keras) or {l1: strength, l2: strength}."""
    if isinstance(entry.value, dict):
        for key in entry.keys("setting of a regularizer", ("l1", "l2")).values():
            key.number(0)
    return plain_regularizer(Regularizer.parse(entry.value))


def read_activation(entry: Entry) -> str:
    """A Keras name."""
    return entry.choice("activation", ACTIVATIONS)


def read_rate(entry: Entry) -> float:
    """A dropout rate in [0, 1)."""
    rate = entry.number()
    try:
        return Dropout(rate).rate
    except NetworkError:
        raise entry.expected("a rate in [0, 1)") from None


def read_flag(entry: Entry) -> bool:
    """true or false."""
    return entry.flag()


def read_size(entry: Entry) -> int:
    """A whole number >= 1."""
    return entry.integer(1)


def read_widths(entry: Entry) -> list[int]:
    """A list of whole numbers >= 1; one number stands for a list of one."""
    if not isinstance(entry.value, (list, tuple)):
        return [entry.integer(1)]
    return [item.integer(1) for item in entry.items()]


WIDTHS = "a list of whole numbers >= 1; one number stands for a list of one"
BLOCKS = "a list of blocks, each a list of whole numbers >= 1"
SIZE, RATE, FLAG = "whole number >= 1", "number in [0, 1)", "true or false"
INITIALIZERS_TAKE = f"{', '.join(INITIALIZERS)}; or {{name, stddev | limit | scale}}"
"""What the readers above take, in words."""

ACTIVATION = Option(
    read_activation, "relu", ", ".join(sorted(ACTIVATIONS)), "activation of the hidden layers"
)

WEIGHTS = {
    "kernel_initializer": Option(
        read_initializer, "glorot_uniform", INITIALIZERS_TAKE, "how kernels begin"
    ),
    "bias_initializer": Option(read_initializer, "zeros", INITIALIZERS_TAKE, "how biases begin"),
    "kernel_regularizer": Option(
        read_regularizer,
        None,
        "a name, a mapping or none",
        "penalty on the kernels: l1, l2, l1_l2 (0.01 each, as in Keras), {l1: 1e-5, l2: 1e-4}",
    ),
}
"""Options for all kernels and biases of a network, the heads included."""


def styled(options: dict[str, Any]) -> dict[str, Any]:
    """Keyword arguments of Dense and Conv2D for the options of WEIGHTS."""
    return {
        "kernel_initializer": Initializer.parse(options["kernel_initializer"]),
        "bias_initializer": Initializer.parse(options["bias_initializer"]),
        "kernel_regularizer": Regularizer.parse(options["kernel_regularizer"]),
    }
