"""A phrase of a text with expressions in place of its numbers: "NumPy {ci('numpy')} %"."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from claims.exports import ClaimError
from claims.texts import NUMBER, Text

__all__ = ["Found", "find_phrase", "stated"]

_PARTS = re.compile(r"\{([^{}]*)\}")
_BETWEEN = r"(?: ± | \+- | to | and |, and |, |/| / )"
"""What may stand between the numbers of one expression: mean ± half width, low to high."""


@dataclass(frozen=True)
class Found:
    """One number of a text beside what the records say.

    Attributes:
        start: where it begins.
        text: as it is written.
        value: what the expression comes to.
        expression: as it stands in the file of claims.
    """

    start: int
    text: str
    value: float
    expression: str

    @property
    def right(self) -> bool:
        """Whether the value, rounded to the digits that are written, is what is written."""
        digits = len(self.text.partition(".")[2])
        return abs(self.value - stated(self.text)) <= 0.5 * 10**-digits + 1e-9


def stated(text: str) -> float:
    """The number that a text writes."""
    return float(text.replace(",", "").replace("−", "-"))


def _values(expression: str, names: Mapping[str, Any]) -> list[float]:
    """What an expression comes to: one number or several."""
    try:
        # the files of claims belong to the repository, as its code does
        value = eval(expression, {"__builtins__": {}, **names})
    except ClaimError:
        raise
    except Exception as error:
        raise ClaimError(f"{{{expression}}}: {type(error).__name__}: {error}") from error
    values = value if isinstance(value, Iterable) and not isinstance(value, str) else [value]
    return [float(v) for v in values]


def find_phrase(phrase: str, text: Text, names: Mapping[str, Any]) -> Iterator[Found]:
    """Yield the numbers of a phrase, at every place of the text where it stands.

    Args:
        names: what expressions may use.

    Raises:
        ClaimError: the text does not have the phrase, or an expression cannot be computed.
    """
    parts = _PARTS.split(" ".join(phrase.split()))
    pattern, wanted = "", []
    for i, part in enumerate(parts):
        if i % 2 == 0:
            pattern += re.escape(part)
            continue
        values = _values(part, names)
        pattern += _BETWEEN.join([f"({NUMBER})"] * len(values))
        wanted += [(value, part) for value in values]
    edges = (r"(?<![\w.])", r"(?![\w]|\.\d)")
    places = list(
        re.finditer(pattern.join(edges) if wanted else re.escape("".join(parts)), text.words)
    )
    if not places:
        raise ClaimError(f"{text.name} does not say {phrase!r}")
    for place in places:
        for i, (value, expression) in enumerate(wanted, 1):
            yield Found(place.start(i), place.group(i), value, expression)
