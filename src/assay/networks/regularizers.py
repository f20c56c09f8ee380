"""Penalties on kernels: l1 * sum|w| + l2 * sum w^2, added to the loss, as Keras defines them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from assay.core.config import Entry, Option
from assay.core.errors import NetworkError, unknown_name
from assay.core.options import number, object_schema, options_of
from assay.networks.description import check, value

__all__ = ["Regularizer", "plain_regularizer", "regularizer_option"]

_NAMED = {"none": (0.0, 0.0), "l1": (0.01, 0.0), "l2": (0.0, 0.01), "l1_l2": (0.01, 0.01)}


@dataclass(frozen=True)
class Regularizer:
    """Strengths l1, l2 >= 0 of the penalty on a kernel."""

    l1: float = value(number(0.0, low=0, help="Strength of the sum of |w|."))
    l2: float = value(number(0.0, low=0, help="Strength of the sum of w squared."))

    def __post_init__(self) -> None:
        check(self, "kernel_regularizer")

    @classmethod
    def parse(cls, data: object) -> Regularizer:
        """Read None, a Keras name ("l1", "l2", "l1_l2": 0.01 each) or {l1: ..., l2: ...}."""
        if data is None:
            return cls()
        if isinstance(data, str):
            if data not in _NAMED:
                raise NetworkError(unknown_name("kernel_regularizer", data, _NAMED))
            return cls(*_NAMED[data])
        if isinstance(data, dict):
            wrong = set(data) - {"l1", "l2"}
            if wrong:
                raise NetworkError(
                    unknown_name("setting of kernel_regularizer", min(wrong), ("l1", "l2"))
                )
            return cls(**{k: float(v) for k, v in data.items()})
        raise NetworkError(f"kernel_regularizer must be a name or {{l1, l2}}, got {data!r}")


def plain_regularizer(regularizer: Regularizer) -> dict[str, float] | None:
    """Shortest data for a regularizer: {"l1", "l2"} without zeros, None for no penalty."""
    strengths = {"l1": float(regularizer.l1), "l2": float(regularizer.l2)}
    return {k: v for k, v in strengths.items() if v} or None


def _read(entry: Entry) -> Regularizer:
    """none, l1, l2, l1_l2 (0.01 each, as in Keras) or {l1: strength, l2: strength}."""
    if not isinstance(entry.value, dict):
        return Regularizer.parse(entry.value)
    known = options_of(Regularizer)
    given = entry.keys("setting of a regularizer", list(known))
    return Regularizer.parse({name: known[name].read(inner) for name, inner in given.items()})


def regularizer_option(default: object, help: str, *, plain: bool = False) -> Option:
    """A setting that names a regularizer, or says {l1: strength, l2: strength}.

    Args:
        plain: read it into plain data instead of a `Regularizer`.
    """

    def read(entry: Entry) -> Any:
        return plain_regularizer(_read(entry)) if plain else _read(entry)

    schema = {"anyOf": [{"enum": list(_NAMED)}, object_schema(options_of(Regularizer))]}
    said = "`none`, `l1`, `l2`, `l1_l2` (0.01 each), or `{l1: 0.001, l2: 0.001}`"
    return Option(read, default, help, schema, said, {"l2": 0.0005})
