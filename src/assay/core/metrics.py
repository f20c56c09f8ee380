"""Metrics: functions with a name, a direction and a format."""

from __future__ import annotations

import math
import numbers
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypedDict, cast

from assay.core.errors import ConfigError
from assay.core.registry import Registry

if TYPE_CHECKING:
    import numpy as np

    MetricFunction = Callable[[np.ndarray, Mapping[str, np.ndarray]], float]
else:  # without NumPy, so that registering a name does not import it
    MetricFunction = Callable[..., float]
"""Function from targets (n, ...) and a record's arrays of predictions to a number."""

__all__ = ["METRICS", "PERCENT", "Metric", "MetricFormat", "MetricFunction"]


class MetricFormat(TypedDict, total=False):
    """How a metric is shown, as plain data: fields of `Metric`."""

    name: str
    unit: str
    difference_unit: str
    scale: float
    decimals: int
    higher_is_better: bool | None
    title: str
    minimum: float | None
    maximum: float | None
    rank: int


@dataclass(frozen=True)
class Metric:
    """The direction and format of a metric, and the function that computes it.

    Attributes:
        name: without the prefix "val_" or "test_".
        unit: printed after a value ("%"); may be empty.
        title: the displayed name, if different from `name`.
        difference_unit: printed after a difference ("points" between two percentages).
        scale: factor from recorded to displayed values (100 for a fraction shown in %).
        decimals: decimals of a value, and at most of a difference.
        higher_is_better: the direction; None if unknown, in which case no value is called better
            than another.
        minimum, maximum: the smallest and largest possible value; None if unknown. Intervals of
            means end there.
        rank: if a study names no metric, the one with the smallest rank is its main metric.
        function: computes it from targets and predictions; None if the task or the engine
            computes it.
        needs: the arrays that `function` reads; None for all that the task provides.
        task: the task whose predictions `function` reads; empty for any task.
    """

    name: str
    unit: str = ""
    difference_unit: str = ""
    scale: float = 1.0
    decimals: int = 4
    higher_is_better: bool | None = None
    title: str = ""
    minimum: float | None = None
    maximum: float | None = None
    rank: int = 50
    function: MetricFunction | None = field(default=None, repr=False)
    needs: tuple[str, ...] | None = field(default=None, repr=False)
    task: str = ""

    def __post_init__(self) -> None:
        """Raise ConfigError for what could not be shown or found after training."""
        whole = isinstance(self.decimals, int) and not isinstance(self.decimals, bool)
        if not whole or not 0 <= self.decimals <= 20:
            said = f"decimals must be a whole number from 0 to 20, got {self.decimals!r}"
            raise ConfigError(f"metric {self.name!r}: {said}")
        for name in ("scale", "minimum", "maximum"):
            value = getattr(self, name)
            if value is not None and not isinstance(value, numbers.Real):
                raise ConfigError(f"metric {self.name!r}: {name} must be a number, got {value!r}")
        listed = isinstance(self.needs, (tuple, list)) and all(type(n) is str for n in self.needs)
        if self.needs is not None and not listed:
            said = f'needs must be a tuple of names, such as ("predicted",), got {self.needs!r}'
            raise ConfigError(f"metric {self.name!r}: {said}")

    @property
    def bounds(self) -> tuple[float, float]:
        """The smallest and the largest possible value."""
        return (
            -math.inf if self.minimum is None else self.minimum,
            math.inf if self.maximum is None else self.maximum,
        )

    def shown(self) -> MetricFormat:
        """Return the format as plain data for a plan; `Metric(**data)` reads it."""
        kept = {name: getattr(self, name) for name in MetricFormat.__annotations__}
        return cast("MetricFormat", kept)

    def number(self, value: float | None, decimals: int | None = None) -> str:
        """Return the scaled value as text without its unit, "-" if there is no value."""
        if value is None or not math.isfinite(value):
            return "-"
        text = f"{self.scale * value:.{self.decimals if decimals is None else decimals}f}"
        return text[1:] if text.startswith("-") and not text.strip("-0.") else text

    def value(self, value: float) -> str:
        """Return the scaled value with its unit: "97.68 %"."""
        text = self.number(value)
        return f"{text} {self.unit}" if self.unit and text != "-" else text

    def size(self, difference: float, decimals: int | None = None) -> str:
        """Return the size of a difference with its unit and without sign: "1.2 points"."""
        return f"{self.number(abs(difference), decimals)} {self.difference_unit}".rstrip()

    def signed(self, difference: float, decimals: int | None = None) -> str:
        """Return a difference with sign and unit: "+0.1 points"."""
        text = self.number(difference, decimals)
        sign = "" if text.startswith("-") or not text.strip("0.") else "+"
        return f"{sign}{text} {self.difference_unit}".rstrip()

    def digits(self, half_width: float | None) -> int:
        """Return the decimals of a difference that its interval's half width can support."""
        width = self.scale * half_width if half_width is not None else math.nan
        if not math.isfinite(width) or width <= 0:
            return self.decimals
        first = math.floor(math.log10(width))
        leading = width / 10**first
        return min(self.decimals, max(1, -first + (leading < 2)))


PERCENT = {
    "unit": "%",
    "difference_unit": "points",
    "scale": 100.0,
    "decimals": 2,
    "minimum": 0.0,
    "maximum": 1.0,
}
"""Format of a fraction, shown in percent."""

METRICS: Registry[Metric] = Registry("metric", "assay.tasks", contract=Metric)
"""Registered metrics; the modules of tasks register theirs."""

METRICS.add("accuracy")(Metric("accuracy", **PERCENT, higher_is_better=True, rank=0))
METRICS.add("loss")(Metric("loss", minimum=0.0, higher_is_better=False, rank=90))
METRICS.add("seconds")(
    Metric("seconds", "s", "s", decimals=2, minimum=0.0, higher_is_better=False, rank=91)
)
