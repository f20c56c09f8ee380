"""Expressions of a search: what they compute, and what they refuse."""

from __future__ import annotations

import re
from typing import Any

import pytest

from assay.core.errors import ConfigError
from assay.studies.search.expressions import parse_expression


def test_expressions_compute_and_refuse():
    names = ["layers", "units", "training.learning_rate"]
    values = {"layers": 3, "units": 8, "training.learning_rate": 0.5}
    assert parse_expression("[units * 2**i for i in range(layers)]", names).value(values) == [
        8,
        16,
        32,
    ]
    assert parse_expression("training.learning_rate < 1 and layers > 2", names).value(values)
    for wrong, said in (
        ("unit * 2", "unknown name 'unit'; did you mean 'units'?"),
        ("training.rate", "unknown name 'training.rate'"),
        ("layers >=", "is not an expression"),
        ("().__class__", "unknown name '().__class__'"),
        ("(lambda: 1)()", "is not allowed in an expression"),
        ("open('x')", "unknown name 'open'"),
    ):
        with pytest.raises(ConfigError, match=re.escape(said)):
            parse_expression(wrong, names)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("9**9**9**9", "9 ** 387420489 does not fit into 64 bits"),
        ("2**63", "a number of 19 digits does not fit into 64 bits"),
        ("1 << 10**9", "1 << 1000000000 does not fit into 64 bits"),
        ("[0] * 10**9", "it needs more than 10,000 steps"),
        ("'a' * 10**9", "it needs more than 10,000 steps"),
        ("[x for x in range(10**10)]", "it needs more than 10,000 steps"),
        ("[[[[0] * 99] * 99] * 99] * 99", "it needs more than 10,000 steps"),
        ("[max(y) for y in [range(4000)] for x in y]", "it needs more than 10,000 steps"),
        ("len(range(-2**62, 2**62))", "it needs more than 10,000 steps"),
        ("'%1000000000d' % 1", "strings do not support %"),
        ("(-1) ** 0.5", "is not a real number"),
        ("1e-200 * 1e-110", "1e-310 is a denormal number"),
        ("-" * 100_000 + "1", "an expression has at most 1000 characters"),
        ("-" * 900 + "1", "is nested too deeply: at most 40 levels"),
        ("[" * 900, "is not an expression, such as 'layers >= 2'"),
        ("abs(" * 60 + "1" + ")" * 60, "is nested too deeply: at most 40 levels"),
        ("\0", "is not an expression, such as 'layers >= 2'"),
        ("1j", "'1j' is not allowed in an expression"),
        ("(y := units)", "'(y := units)' is not allowed in an expression"),
        ("units[0]", "'units[0]' is not allowed in an expression"),
        ("units[0].x", "unknown name 'units[0].x'"),
        ("units(2)", "unknown name 'units' (known: abs, float, int"),
    ],
)
def test_an_expression_has_bounds(text: str, said: str):
    with pytest.raises(ConfigError, match=re.escape(said)):
        parse_expression(text, ["units"]).value({"units": 8})


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("'units' if units > 5 else \"units'\"", "units"),  # text in quotes is no name
        ("[i * j for i in range(3) for j in range(i) if j]", [2]),
        ("1 < units < 9 and not units in [1, 2]", True),
        ("[min(units, max(2, 3)), abs(-2) // 1, round(2.71, 1)]", [3, 2, 2.7]),
        ("2**62", 2**62),
        ("round(1, -10**9)", 0),
        ("sorted((3, 1, units % 5)) + [1 or 2, 0 and 1]", [1, 3, 3, 1, 0]),
        ("[[units for units in range(2)], units]", [[0, 1], 8]),
    ],
)
def test_an_expression_means_what_it_means_in_python(text: str, value: Any):
    assert parse_expression(text, ["units"]).value({"units": 8}) == value
