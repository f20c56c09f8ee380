"""Settings and their places."""

from __future__ import annotations

import math

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from assay.core.config import Entry, Option, Problems, Source, dotted, read_options
from assay.core.errors import ConfigError, NetworkError
from assay.core.yaml import read_yaml


def entry(data: object) -> Entry:
    return Entry(data, (), Source(data))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-3", 0.001),
        ("1E+5", 100_000.0),
        ("-.5", -0.5),
        ("7", 7),
        ("0x1f", 31),
        ("0o17", 15),
        ("017", 17),
        (".inf", math.inf),
        ("no", "no"),
        ("yes", "yes"),
        ("on", "on"),
        ("true", True),
        ("FALSE", False),
        ("null", None),
        ("~", None),
        ("", None),
        ("2024-01-01", "2024-01-01"),
        ("1:30", "1:30"),
        ("1_000", "1_000"),
        ("'1e-3'", "1e-3"),
        ("1e", "1e"),
    ],
)
def test_scalars_follow_yaml_1_2(text: str, value: object) -> None:
    got = read_yaml(f"key: {text}", "s.yaml").data["key"]
    assert got == value
    assert type(got) is type(value)


plain = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**9), 10**9)
    | st.floats(allow_nan=False)
    | st.text("abc: -#'\"{}[]é0\n", max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text("abc", min_size=1), inner, max_size=3)
    ),
    max_leaves=12,
)


@given(plain)
def test_what_is_written_is_read_back(data: object) -> None:
    class Writer(yaml.SafeDumper):
        pass

    # a float as YAML 1.1 and 1.2 both write it; everything else is PyYAML's own
    Writer.add_representer(
        float,
        lambda d, x: d.represent_scalar(
            "tag:yaml.org,2002:float",
            f".{x}".replace(".-inf", "-.inf") if math.isinf(x) else repr(x),
        ),
    )
    text = yaml.dump({"data": data}, Dumper=Writer, allow_unicode=True)
    assert read_yaml(text, "s.yaml").data == {"data": data}


def test_places_of_keys_and_values() -> None:
    source = read_yaml("a: 1\nb:\n  - {c: x, d: [1, 2]}\n", "s.yaml")
    assert str(source.mark(("a",))) == "s.yaml:1:4"
    assert str(source.mark(("a",), key=True)) == "s.yaml:1:1"
    assert str(source.mark(("b", 0, "d", 1))) == "s.yaml:3:19"
    assert str(source.mark(("b", 0, "missing", "deeper"))) == "s.yaml:3:5"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: 1\nb: 2\na: 3", "s.yaml:3:1: 'a' is given twice (first in line 1)"),
        (
            "a: [1, 2",
            "s.yaml:1:9: this is not YAML: while parsing a flow sequence expected ',' or ']', "
            "but got '<stream end>'",
        ),
        (
            "a: 1\n\tb: 2",
            "s.yaml:2:1: this is not YAML: while scanning for the next token found "
            "character '\\t' that cannot start any token",
        ),
        ("[1]: 2", "s.yaml:1:1: a key must be plain text"),
        ("a: &x [*x]", "s.yaml:1:4: this alias contains itself, or aliases make the file huge"),
        ("a: !!int no", "s.yaml:1:4: 'no' is no valid value"),
    ],
)
def test_what_is_not_yaml_is_shown_where_it_is(text: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read_yaml(text, "s.yaml")
    assert str(caught.value) == message


def test_aliases_cannot_fill_the_memory() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 9)]
    with pytest.raises(ConfigError, match="aliases make the file huge"):
        read_yaml("\n".join(lines), "s.yaml")


@pytest.mark.parametrize(
    ("value", "read", "message"),
    [
        ("x", Entry.integer, "this must be a whole number, got 'x'"),
        (True, Entry.integer, "this must be a whole number, got True"),
        (1.5, Entry.integer, "this must be a whole number, got 1.5"),
        (math.nan, Entry.number, "this must be a number, got nan"),
        ("1e-3", Entry.number, "this must be a number, got '1e-3'"),
        (1, Entry.flag, "this must be true or false, got 1"),
        (" ", Entry.text, "this must be text, got ' '"),
        ("x", Entry.items, "this must be a list, got 'x'"),
        (3, Entry.keys, "this must be a mapping, got 3"),
        (0, lambda e: e.integer(1), "this must be a whole number >= 1, got 0"),
        (2, lambda e: e.number(0, 1), "this must be a number from 0 to 1, got 2"),
        ("rleu", lambda e: e.choice("activation", ["relu", "tanh"]),
         "unknown activation 'rleu'; did you mean 'relu'? (known: relu, tanh)"),
    ],
)  # fmt: skip
def test_readers_say_what_they_got_and_wanted(value: object, read: object, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read(entry(value))  # type: ignore[operator]
    assert str(caught.value) == message


def test_a_number_is_read_as_it_is_meant() -> None:
    assert entry(1e4).integer() == 10_000
    assert isinstance(entry(3).number(), float)


def test_all_problems_come_at_once_in_the_order_of_the_file() -> None:
    source = read_yaml("a: x\nb: y\nc: 1\n", "s.yaml")
    problems = Problems()
    top = Entry(source.data, (), source, problems)
    for key in ("b", "a", "c"):
        with problems.collect(top[key]):
            top[key].integer()
    with problems.collect(top["c"]):
        raise NetworkError("too small")
    with pytest.raises(ConfigError) as caught:
        problems.raise_if_any()
    assert str(caught.value).splitlines() == [
        "s.yaml:1:4: a must be a whole number, got 'x'",
        "s.yaml:2:4: b must be a whole number, got 'y'",
        "s.yaml:3:4: too small",
    ]


def test_an_option_that_is_off_by_default_leaves_no_trace() -> None:
    options = {"size": Option(Entry.integer, 3), "noise": Option(Entry.number, 0.0)}
    assert read_options(entry({}), "option", options) == {"size": 3}
    assert read_options(entry({"noise": 0, "size": 3}), "option", options) == {"size": 3}
    assert read_options(entry({"noise": 1}), "option", options) == {"size": 3, "noise": 1.0}
    assert read_options(entry({}), "option", options, complete=True) == {"size": 3, "noise": 0.0}


def test_setting_a_path_keeps_the_place_where_the_value_was_written() -> None:
    source = read_yaml("optimizer: sgd\nlevel: {rate: 0.1}\n", "s.yaml")
    level = Entry(source.data, (), source)["level"]["rate"]
    changed = source.copy()
    changed.put(("optimizer", "rate"), level, {("optimizer",): "name"}.get)
    assert changed.data["optimizer"] == {"name": "sgd", "rate": 0.1}
    assert source.data["optimizer"] == "sgd"
    assert str(changed.mark(("optimizer", "rate"))) == "s.yaml:2:15"
    with pytest.raises(ConfigError, match=r"^s.yaml:2:9: level is 7, it has no deep.er$"):
        Source({"level": 7}).put(("level", "deep", "er"), level, lambda path: None)


def test_paths_are_written_as_people_do() -> None:
    assert dotted(("network", "layers", 2, "units")) == "network.layers[2].units"
