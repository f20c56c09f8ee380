"""Settings and their places."""

from __future__ import annotations

import itertools
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from assay.core.config import Entry, Option, Problems, Source, dotted, read_options
from assay.core.errors import ConfigError, NetworkError
from assay.core.values import plain_data
from assay.core.yaml import MAX_BYTES, read_yaml, read_yaml_file


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
        ("!!bool 'True'", True),
        ("!!float 5", 5.0),
        ("!!str 5", "5"),
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
    | st.floats(allow_nan=False, allow_subnormal=False)
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
        ("a: 1\nb: 2\na: 3", "s.yaml:3:1: 'a' is given twice (first on line 1)"),
        (
            "a: 1\n\tb: 2",
            "s.yaml:2:1: invalid YAML: there is a tab where only spaces are allowed; use spaces",
        ),
        (
            "a:\tb",
            "s.yaml:1:3: invalid YAML: there is a tab where only spaces are allowed; use spaces",
        ),
        ("[1]: 2", "s.yaml:1:1: a key must be plain text"),
        ("a: &x [*x]", "s.yaml:1:4: this alias contains itself, or aliases make the file huge"),
        ("a: !!int no", "s.yaml:1:4: 'no' is not a valid value"),
        ("a: !!bool 'yes'", "s.yaml:1:4: 'yes' is not a valid value"),
        ("a: !!null none", "s.yaml:1:4: 'none' is not a valid value"),
        ("a: !!int '1_000'", "s.yaml:1:4: '1_000' is not a valid value"),
        ("a: 1\nb: x\0", "s.yaml:2:5: invalid YAML: the character U+0000 is not allowed"),
        ("a: 1e-320", "s.yaml:1:4: 1e-320 is a denormal number, closer to 0 than 2.23e-308"),
        ("a: -0.1e-400", "s.yaml:1:4: -0.1e-400 is too close to 0 for a number"),
        ("a: 1e999", "s.yaml:1:4: 1e999 is too large for a number"),
        ("a: 9223372036854775808", "s.yaml:1:4: 9223372036854775808 does not fit into 64 bits"),
        (
            "a: 0x" + "f" * 5000,
            f"s.yaml:1:4: 0x{'f' * 78}... (5,002 characters) does not fit into 64 bits",
        ),
        (
            "a: " + "9" * 10**6,
            f"s.yaml:1:4: {'9' * 80}... (1,000,000 characters) does not fit into 64 bits",
        ),
        ("a: " + "[" * 1000, "s.yaml:1:53: this is nested too deeply: at most 50 levels"),
        ("a: " + "{b: " * 100_000, "s.yaml:1:197: this is nested too deeply: at most 50 levels"),
        ("- " * 1000, "s.yaml:1:101: this is nested too deeply: at most 50 levels"),
    ],
)
def test_what_is_not_yaml_is_shown_where_it_is(text: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read_yaml(text, "s.yaml")
    assert str(caught.value) == message


def test_a_file_of_too_many_values_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("assay.core.yaml.MAX_VALUES", 10)
    assert len(read_yaml("{" + ", ".join(f"a{i}: b" for i in range(9)) + "}", "s.yaml").data) == 9
    with pytest.raises(ConfigError, match=r"^s.yaml:1:20: this file has more than 10 values$"):
        read_yaml("[b" + ",b" * 100 + "]", "s.yaml")


def test_aliases_cannot_fill_the_memory() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 9)]
    with pytest.raises(ConfigError, match="aliases make the file huge"):
        read_yaml("\n".join(lines), "s.yaml")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"a: 1\nb: \xe9", "s.yaml:2:4: this file is not UTF-8 text: byte 0xe9; save it as UTF-8"),
        ("a: 1".encode("utf-16"), "s.yaml: this file is UTF-16, expected UTF-8; save it as UTF-8"),
        (b"a: " + b"x" * MAX_BYTES, "s.yaml: this file is larger than 1 MiB, which is the limit"),
    ],
)
def test_a_file_that_is_no_text_or_too_large_is_refused_before_it_is_read(
    content: bytes, message: str, tmp_path: Path
) -> None:
    (tmp_path / "s.yaml").write_bytes(content)
    with pytest.raises(ConfigError) as caught:
        read_yaml_file(tmp_path / "s.yaml", "s.yaml")
    assert str(caught.value) == message


def test_a_byte_order_mark_is_no_part_of_a_file(tmp_path: Path) -> None:
    (tmp_path / "s.yaml").write_text("a: 1", encoding="utf-8-sig")
    assert read_yaml_file(tmp_path / "s.yaml", "s.yaml").data == {"a": 1}


def nested(depth: int) -> list[Any]:
    return [] if depth == 1 else [nested(depth - 1)]


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (
            nested(51),
            "a"
            + "[0]" * 26
            + "[... (148 characters): this is nested too deeply: at most 50 levels",
        ),
        ([0] * 40_001, "a[39998]: a study has at most 40,000 values"),
        ({1, 2}, "a must be text, a number, true, false, a list or a mapping, got {1, 2}"),
        ({("b",): 1}, "a: a key must be text, got ('b',)"),
        ([10**5000], "a[0]: a number of 5,000 digits does not fit into 64 bits"),
        (5e-324, "a: 5e-324 is a denormal number, closer to 0 than 2.23e-308"),
    ],
    ids=itertools.count(),
)
def test_what_python_gives_is_bounded_as_well(value: object, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        plain_data({"a": value})
    assert str(caught.value) == message


def test_what_python_gives_becomes_plain_data() -> None:
    given = {"a": (np.int64(3), np.float32(0.5)), 1: nested(48), None: True}
    made = plain_data(given)
    assert made == {"a": [3, 0.5], "1": nested(48), "None": True}
    assert [type(x) for x in made["a"]] == [int, float]


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
        (2**63, Entry.integer, "this: a number of 19 digits does not fit into 64 bits"),
        (1e-320, Entry.number, "this: 1e-320 is a denormal number, closer to 0 than 2.23e-308"),
        ("x" * 1000, Entry.number,
         f"this must be a number, got '{'x' * 79}... (1,002 characters)"),
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
    with pytest.raises(ConfigError, match=r"^s.yaml:2:9: level is 7 and has no deep.er$"):
        Source({"level": 7}).put(("level", "deep", "er"), level, lambda path: None)


def test_paths_are_written_as_people_do() -> None:
    assert dotted(("network", "layers", 2, "units")) == "network.layers[2].units"
