"""The comparisons of a study: contrasts, blocks and the equivalence margin."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from assay.core.config import Entry, Option
from assay.core.errors import unknown_name
from assay.core.options import deferred, listed, number, text
from assay.core.plans import PlanData, PlannedComparison
from assay.studies.factors import label_of

__all__ = ["CONTRASTS", "Contrasts", "comparisons", "read_contrasts"]

CONTRASTS: dict[str, Option] = {
    "blocks": listed(
        text(help="A factor."),
        None,
        help="Factors that are conditions rather than questions. Their levels are not compared "
        "with each other, so that the other comparisons keep their power.",
        unique=True,
        example=["dataset"],
    ),
    "compare": deferred(
        None,
        help="The pairs of levels to compare, instead of every level of every factor with the "
        "first one.",
        schema={
            "type": "object",
            "additionalProperties": {
                "type": "array",
                "items": {"type": "array", "minItems": 2, "maxItems": 2},
            },
        },
        accepts="`{factor: [[level, level that it is compared with], ...]}`",
        example={"network.activation": [["tanh", "relu"], ["elu", "relu"]]},
    ),
    "equivalence": number(
        None,
        above=0,
        high=1e9,
        help="The largest difference of the main metric that does not matter, in the unit of "
        "displayed differences (points for accuracy). Two levels are equivalent if the whole "
        "interval lies within it.",
        example=0.5,
    ),
}
"""Keys of a study that define its comparisons."""


@dataclass(frozen=True)
class Contrasts:
    """The comparisons of a study.

    Attributes:
        blocks: names of the factors that are only conditions.
        compare: factor -> (level, against) pairs; None for all levels with the first.
        equivalence: the largest difference that does not matter, or None.
    """

    blocks: tuple[str, ...] = ()
    compare: dict[str, list[tuple[str, str]]] | None = None
    equivalence: float | None = None

    def pairs(self, factor: str, labels: Sequence[str]) -> list[tuple[str, str]]:
        """Return the compared levels of a factor."""
        if factor in self.blocks:
            return []
        if self.compare is not None:
            return self.compare.get(factor, [])
        return [(label, labels[0]) for label in labels[1:]]

    def to_json(self) -> PlanData:
        """Return the data for a plan."""
        found: PlanData = {"blocks": list(self.blocks)} if self.blocks else {}
        return found if self.equivalence is None else {**found, "equivalence": self.equivalence}


def read_contrasts(
    top: Mapping[str, Entry], factors: Mapping[str, Sequence[str]] | None
) -> Contrasts:
    """Read these keys; errors are added to the problems with their places.

    Args:
        factors: level labels of each factor; None where other errors hide them, so that no name
            of a factor or a level can be judged.
    """
    blocks: list[str] = []
    compare: dict[str, list[tuple[str, str]]] | None = None
    equivalence = None
    if "blocks" in top:
        with top["blocks"].problems.collect(top["blocks"]):
            blocks = CONTRASTS["blocks"].read(top["blocks"])
            for name in blocks:
                if factors is not None and name not in factors:
                    raise top["blocks"].error(unknown_name("factor", name, factors))
    if "compare" in top and factors is not None:
        with top["compare"].problems.collect(top["compare"]):
            compare = _read_compare(top["compare"], factors, blocks)
    if "equivalence" in top:
        with top["equivalence"].problems.collect(top["equivalence"]):
            equivalence = CONTRASTS["equivalence"].read(top["equivalence"])
    return Contrasts(tuple(blocks), compare, equivalence)


def _read_compare(
    entry: Entry, factors: Mapping[str, Sequence[str]], blocks: Sequence[str]
) -> dict[str, list[tuple[str, str]]]:
    found: dict[str, list[tuple[str, str]]] = {}
    for name, pairs in entry.keys("factor", list(factors)).items():
        if name in blocks:
            raise pairs.error(f"{name} is one of the blocks, which are not compared", key=True)
        found[name] = []
        earlier: dict[frozenset[str], Entry] = {}
        for pair in pairs.items():
            if not isinstance(pair.value, (list, tuple)) or len(pair.value) != 2:
                raise pair.expected("two levels, [level, level that it is compared with]")
            level, against = (_meant(item, name, factors[name]) for item in pair.items())
            if level == against:
                raise pair.error(f"{level} cannot be compared with itself")
            if other := earlier.get(frozenset((level, against))):
                said = f"{level} and {against} are compared already, by {other.name}"
                raise pair.error(f"{said}; expected each pair of levels once")
            earlier[frozenset((level, against))] = pair
            found[name].append((level, against))
    return found


def _meant(entry: Entry, factor: str, labels: Sequence[str]) -> str:
    """Return the label of a level that is named by its value; ConfigError if there is none."""
    # numbers that are equal in six digits have labels with all their digits
    for label in (label_of(entry.value, exact=True), label_of(entry.value)):
        if label in labels:
            return label
    raise entry.error(unknown_name(f"level of {factor}", label_of(entry.value), labels))


def comparisons(
    factors: Mapping[str, Sequence[str]],
    trials: Sequence[tuple[str, dict[str, str]]],
    contrasts: Contrasts,
) -> list[PlannedComparison]:
    """List the comparisons of a study, with all other factors equal.

    Args:
        factors: level labels of each factor, the reference first.
        trials: trial_id and level labels of each trial.
    """
    by_levels = {tuple(sorted(levels.items())): trial for trial, levels in trials}
    found: list[PlannedComparison] = []
    for factor, labels in factors.items():
        pairs = contrasts.pairs(factor, labels)
        for trial, levels in trials:
            where = {k: v for k, v in levels.items() if k != factor}
            for against in (b for a, b in pairs if a == levels[factor]):
                reference = by_levels.get(tuple(sorted({**where, factor: against}.items())))
                if reference is not None:
                    found.append(
                        {
                            "factor": factor,
                            "level": levels[factor],
                            "against": against,
                            "a": trial,
                            "b": reference,
                            "where": where,
                        }
                    )
    return found
