"""The top-level keys of a study, with range, default and help."""

from __future__ import annotations

from assay.core.config import Option
from assay.core.options import (
    REQUIRED,
    deferred,
    flag,
    integer,
    listed,
    object_schema,
    text,
)
from assay.studies.contrasts import CONTRASTS
from assay.studies.design import DESIGNS, RANDOM, read_design
from assay.studies.judging import JUDGING
from assay.studies.names import read_name
from assay.studies.parts import PLUGINS
from assay.studies.published import PUBLISHED
from assay.studies.search.keys import SEARCH
from assay.studies.settings import CHOICES, NEEDED
from assay.studies.variation import VARIATION

__all__ = ["STUDY"]

_VALUES = {"type": "object", "additionalProperties": True}

STUDY: dict[str, Option] = {
    "study": Option(
        read_name,
        REQUIRED,
        "The name of the study.",
        {"type": ["string", "integer"]},
        "letters, digits, `-`, `_` and `.`",
        "my-study",
    ),
    "question": text(
        "",
        help="What the study asks, in one sentence.",
        example="Does tanh learn better than ReLU?",
    ),
    **NEEDED,
    "training": deferred(
        None,
        help="How to train it.",
        schema={"$ref": "#/$defs/training"},
        accepts="a mapping (see Training)",
        example={"epochs": 5, "optimizer": "adam"},
    ),
    "task": deferred(
        "classify",
        help="The task to learn.",
        schema={"$ref": "#/$defs/task"},
        accepts="a task, or a mapping with its `name` (see Task)",
    ),
    **CHOICES,
    "repeats": integer(
        1,
        low=1,
        high=10_000,
        help="Number of runs of each trial, with different seeds; 5 after a search.",
    ),
    "seed": integer(0, low=0, high=2**31, help="Seed of the first repeat; the others follow it."),
    **VARIATION,
    "design": Option(
        read_design,
        None,
        "How to combine the levels of the factors into trials; `one_at_a_time` by default.",
        {
            "anyOf": [
                {"enum": [name for name in DESIGNS if name != "random"]},
                object_schema({"random": RANDOM}),
            ]
        },
        "`one_at_a_time`, `full_factorial` or `{random: number of trials}`",
        {"random": 40},
    ),
    "factors": deferred(
        None,
        help="The factors to vary: dotted settings and their levels.",
        schema={"$ref": "#/$defs/factors"},
        accepts="a mapping (see Factors)",
        example={"network.activation": ["relu", "tanh"]},
    ),
    "trials": deferred(
        None,
        help="An explicit list of trials, instead of factors.",
        schema={"type": "object", "additionalProperties": {"$ref": "#/$defs/level"}},
        accepts="`{name: {setting: value}}`",
        example={"small": {"network.hidden": [32]}, "large": {"network.hidden": [512]}},
    ),
    "search": deferred(
        None,
        help="A search, instead of factors.",
        schema=lambda: object_schema(SEARCH),
        accepts="a mapping (see Search)",
        example={"trials": 20, "space": {"network.hidden": [[32], [64]]}},
    ),
    "scales": deferred(
        None,
        help="Smaller versions of the study, for `--scale`.",
        schema={"type": "object", "additionalProperties": _VALUES},
        accepts="`{name: {setting: value}}` (see Scales)",
        example={"quick": {"training.epochs": 2, "repeats": 2}},
    ),
    "published": deferred(
        None,
        help="Published results to show beside those of the study in its report.",
        schema={"type": "array", "items": object_schema(PUBLISHED)},
        accepts="a list of mappings (see Published figures)",
        example=[{"value": 0.97, "source": "A. Author, 2020"}],
    ),
    "save_weights": flag(True, help="Keep the trained weights in the store."),
    **CONTRASTS,
    **JUDGING,
    PLUGINS: listed(
        text(help="A file or a module."),
        None,
        help="Plugins: files, relative to the study, and installed modules.",
        example=["my_parts.py"],
    ),
}
"""Keys of a study."""
