"""What is said of the slips that people make in a study's file, and at which line."""

from __future__ import annotations

import pytest

from assay.core.errors import ConfigError
from assay.core.yaml import read_yaml


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "study: x\nrepeats 5\n\n# a comment\nfactors:\n  a: [1]\n",
            "2:1: invalid YAML: expected KEY: VALUE, with a space after the colon, got repeats 5",
        ),
        (
            "study: x\ndataset:digits\n# a comment\nnetwork: {a: 1}\n",
            "2:1: invalid YAML: expected KEY: VALUE, with a space after the colon, "
            "got dataset:digits",
        ),
        (
            "network: {a: 1, b: 2\ntraining:\n  epochs: 3\n",
            "1:10: invalid YAML: the { here has no end: expected a comma or } after a value",
        ),
        (
            "a: [1, 2\nb: 3\n",
            "1:4: invalid YAML: the [ here has no end: expected a comma or ] after a value",
        ),
        (
            "a: {b: [1, 2}\n",
            "1:8: invalid YAML: the [ here has no end: expected a comma or ] after a value",
        ),
        ("a: {b: 1}}\n", "1:10: invalid YAML: a } is not expected here"),
        ("a: 'x\nb: 3\n", "1:4: invalid YAML: the quote that begins here has no end"),
        (
            "training:\nepochs: 20\n  batch_size: 3\n",
            "3:13: invalid YAML: the line above has a value of its own, so nothing can be "
            "indented below it; keys that belong together begin in the same column",
        ),
        (
            "training:\n   epochs: 20\n  batch_size: 3\n",
            "3:3: invalid YAML: this line begins in another column than the lines that it "
            "belongs to; check the spaces before it",
        ),
        (
            "question: What matters: tanh or ReLU?\n",
            "1:23: invalid YAML: there is a second colon here; if it belongs to a text, put the "
            "text in quotes",
        ),
        (
            "a: {question: What matters: tanh?}\n",
            "1:27: invalid YAML: there is a second colon here; if it belongs to a text, put the "
            "text in quotes",
        ),
        ("a: b\n- c\n", "2:1: invalid YAML: a - is not expected here"),
        ("a: @x\n", "1:4: invalid YAML: a text that begins with @ must stand in quotes"),
        ("a: *x\n", "1:4: invalid YAML: found undefined alias 'x'"),
    ],
)
def test_a_slip_is_said_where_it_is(text: str, message: str):
    with pytest.raises(ConfigError) as caught:
        read_yaml(text, "s.yaml")
    assert str(caught.value) == f"s.yaml:{message}"
