"""A setting is declared once: what reads a study, what checks Python and what is told are one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from assay.core.config import Entry, Option
from assay.core.errors import ConfigError, NetworkError
from assay.core.options import (
    REQUIRED,
    accepts,
    check_fields,
    choice,
    flag,
    integer,
    listed,
    named_schema,
    number,
    object_schema,
    options_of,
    schema_of,
    setting,
    text,
)
from assay.engines.optimizers.rmsprop import RMSprop
from assay.engines.schedules import Cosine, Exponential
from assay.engines.training import Augment, EarlyStopping, Training
from assay.networks.layers import BatchNorm, Conv2D, Dropout, MaxPool2D


@pytest.mark.parametrize(
    ("option", "good", "wrong", "words", "schema"),
    [
        (integer(3, low=1, help="n"), 7, 0, "a whole number >= 1", {"minimum": 1}),
        (
            integer(3, low=1, high=9, help="n"),
            9,
            10,
            "a whole number from 1 to 9",
            {"minimum": 1, "maximum": 9},
        ),
        (number(1, above=0, help="n"), 0.5, 0, "a number > 0", {"exclusiveMinimum": 0}),
        (
            number(0, low=0, below=1, help="n"),
            0,
            1,
            "a number in [0, 1)",
            {"minimum": 0, "exclusiveMaximum": 1},
        ),
        (
            number(0, above=0, high=1, noun="a share", help="n"),
            1,
            0,
            "a share in (0, 1]",
            {"exclusiveMinimum": 0, "maximum": 1},
        ),
        (number(0, help="n"), -5, "x", "a number", {}),
        (number(0, below=2, help="n"), 1.5, 2, "a number < 2", {"exclusiveMaximum": 2}),
        (flag(help="n"), True, 1, "true or false", {}),
        (text(help="n"), "x", "", "text", {"minLength": 1}),
    ],
)
def test_words_schema_and_error_are_of_one_range(
    option: Option, good: Any, wrong: Any, words: str, schema: dict[str, Any]
) -> None:
    assert option.read(Entry(good, ("key",))) == good
    with pytest.raises(ConfigError) as caught:
        option.read(Entry(wrong, ("key",)))
    assert str(caught.value) == f"key must be {words}, got {wrong!r}"
    assert accepts(option) == words
    assert {k: v for k, v in schema_of(option).items() if k != "type"} == schema


def test_choices_may_be_known_late_and_lists_may_be_one() -> None:
    names: list[str] = []
    option = choice("a", "letter", lambda: names, help="A letter.")
    names += ["alpha", "beta"]
    assert schema_of(option) == {"enum": ["alpha", "beta"]}
    assert accepts(option) == "`alpha` or `beta`"
    with pytest.raises(ConfigError, match="unknown letter 'alpa'; did you mean 'alpha'"):
        option.read(Entry("alpa"))
    many = listed(integer(low=1, help="n"), [], help="Numbers.")
    assert many.read(Entry(3)) == [3]
    with pytest.raises(ConfigError, match=r"^n\[1\] must be a whole number >= 1, got 0$"):
        many.read(Entry([1, 0], ("n",)))


def test_mappings_become_objects() -> None:
    options = {"a": integer(REQUIRED, help="A."), "b": flag(help="B.")}
    assert object_schema(options) == {
        "type": "object",
        "properties": {
            "a": {"description": "A.", "type": "integer"},
            "b": {"description": "B.", "type": ["boolean", "null"], "default": False},
        },
        "additionalProperties": False,
        "required": ["a"],
    }
    plain, whole = named_schema("name", {"x": options})["anyOf"]
    assert plain == {"enum": ["x"]}
    assert whole["allOf"][0]["then"]["properties"]["name"] == {"const": "x"}


def test_fields_that_declare_nothing_are_read_by_their_type() -> None:
    @dataclass(frozen=True)
    class Part:
        size: int
        share: float = 0.5
        name: str = "x"
        on: bool = False
        most: int = setting(integer(3, low=1, help="Most."))

    options = options_of(Part)
    assert options["size"].default is REQUIRED
    assert [schema_of(o)["type"] for o in options.values()] == [
        "integer", "number", "string", "boolean", "integer"
    ]  # fmt: skip
    check_fields(Part(2))
    with pytest.raises(ConfigError, match=r"^part\.most must be a whole number >= 1, got 0$"):
        check_fields(Part(2, most=0), ("part",))


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: Training(epochs=0), "training.epochs must be a whole number >= 1, got 0"),
        (lambda: Training(steps=True), "training.steps must be a whole number >= 1, got True"),
        (
            lambda: Training(batch_size=32.0),  # type: ignore[arg-type]
            "training.batch_size must be a whole number, written without a decimal point, got 32.0",
        ),
        (
            lambda: Training(learning_rate=0.0),
            "training.learning_rate must be a number > 0, got 0.0",
        ),
        (lambda: Training(ema=1.0), "training.ema must be a number in [0, 1), got 1.0"),
        (lambda: RMSprop(rho=1.5), "optimizer.rho must be a number in [0, 1), got 1.5"),
        (lambda: RMSprop(epsilon=-1), "optimizer.epsilon must be a number >= 0, got -1"),
        (
            lambda: Exponential(decay_rate=0),
            "schedule.decay_rate must be a number in (0, 1], got 0",
        ),
        (
            lambda: Cosine(final_fraction=2),
            "schedule.final_fraction must be a number from 0 to 1, got 2",
        ),
        (
            lambda: EarlyStopping(patience=0),
            "early_stopping.patience must be a whole number >= 1, got 0",
        ),
        (lambda: Augment(shift=-1), "augment.shift must be a whole number >= 0, got -1"),
        (lambda: Augment(flip=1), "augment.flip must be true, false or alternating, got 1"),  # type: ignore[arg-type]
    ],
)
def test_a_recipe_made_in_python_is_checked_as_a_study_is(make: Any, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        make()
    assert str(caught.value) == said


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: Conv2D(0), "conv2d: filters must be a whole number >= 1, got 0"),
        (lambda: Conv2D(8, padding="sam"), "did you mean 'same'"),
        (lambda: MaxPool2D(strides=0), "max_pool2d: strides must be a whole number >= 1, got 0"),
        (lambda: Dropout(1.0), "dropout: rate must be a number in [0, 1), got 1.0"),
        (lambda: BatchNorm(momentum=2), "batch_norm: momentum must be a number from 0 to 1, got 2"),
    ],
)
def test_layers_made_in_python_are_checked_as_a_study_is(make: Any, said: str) -> None:
    with pytest.raises(NetworkError) as caught:
        make()
    assert said in str(caught.value)
