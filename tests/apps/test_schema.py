"""The JSON Schema of studies: every built-in study follows it, and what is wrong does not."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from assay.apps.cli.app import main
from assay.apps.schema import study_schema
from assay.core.yaml import read_yaml
from assay.studies.library import built_in, names

SCHEMA = json.loads(json.dumps(study_schema()))
PLAIN = {"study": "s", "dataset": "mnist", "network": "mlp"}


KINDS = {
    "object": lambda v: isinstance(v, Mapping),
    "array": lambda v: isinstance(v, list),
    "string": lambda v: isinstance(v, str),
    "boolean": lambda v: isinstance(v, bool),
    "null": lambda v: v is None,
    "number": lambda v: isinstance(v, (int, float)) and not isinstance(v, bool),
    "integer": lambda v: (
        not isinstance(v, bool)
        and (isinstance(v, int) or (isinstance(v, float) and v.is_integer()))
    ),
}
LIMITS = {
    "minimum": lambda v, n: v >= n,
    "maximum": lambda v, n: v <= n,
    "exclusiveMinimum": lambda v, n: v > n,
    "exclusiveMaximum": lambda v, n: v < n,
}
SIZES = {
    "minItems": (list, 1),
    "maxItems": (list, -1),
    "minLength": (str, 1),
    "minProperties": (Mapping, 1),
}
NOTES = {"$schema", "$defs", "title", "description", "default"}
KNOWN = {
    "$ref", "type", "enum", "const", "anyOf", "allOf", "if", "then", "properties", "required",
    "additionalProperties", "items", "uniqueItems", "pattern", *LIMITS, *SIZES, *NOTES,
}  # fmt: skip


def problems(value: Any, schema: Mapping[str, Any]) -> list[str]:
    """What is wrong with a value, each with its path: by `jsonschema` where that is installed."""
    try:
        import jsonschema
    except ModuleNotFoundError:
        return list(_check(value, schema, schema, ""))
    found = jsonschema.Draft202012Validator(schema).iter_errors(value)
    return [f"{error.json_path}: {error.message}" for error in found]


def _check(
    value: Any, schema: Mapping[str, Any], root: Mapping[str, Any], path: str
) -> Iterator[str]:
    assert set(schema) <= KNOWN, sorted(set(schema) - KNOWN)
    if "$ref" in schema:
        yield from _check(value, root["$defs"][schema["$ref"].rpartition("/")[2]], root, path)
    kinds = schema.get("type", [])
    kinds = [kinds] if isinstance(kinds, str) else kinds
    if kinds and not any(KINDS[kind](value) for kind in kinds):
        yield f"{path}: {value!r} is no {' or '.join(kinds)}"
    if "enum" in schema and not any(_same(value, name) for name in schema["enum"]):
        yield f"{path}: {value!r} is none of {schema['enum']}"
    if "const" in schema and not _same(value, schema["const"]):
        yield f"{path}: {value!r} is not {schema['const']!r}"
    if KINDS["number"](value):
        for name, holds in LIMITS.items():
            if name in schema and not holds(value, schema[name]):
                yield f"{path}: {value!r} breaks {name} {schema[name]}"
    for name, (kind, sign) in SIZES.items():
        if name in schema and isinstance(value, kind) and sign * (len(value) - schema[name]) < 0:
            yield f"{path}: {value!r} breaks {name} {schema[name]}"
    if isinstance(value, str) and not re.search(schema.get("pattern", ""), value):
        yield f"{path}: {value!r} does not match {schema['pattern']}"
    yield from _parts(value, schema, root, path)


def _parts(
    value: Any, schema: Mapping[str, Any], root: Mapping[str, Any], path: str
) -> Iterator[str]:
    choices = [list(_check(value, inner, root, path)) for inner in schema.get("anyOf", ())]
    if choices and all(choices):
        yield f"{path}: {value!r} is nothing that is allowed: {min(choices, key=len)[0]}"
    for inner in schema.get("allOf", ()):
        yield from _check(value, inner, root, path)
    if "if" in schema and not list(_check(value, schema["if"], root, path)):
        yield from _check(value, schema.get("then", {}), root, path)
    unique = isinstance(value, list) and schema.get("uniqueItems")
    if unique and any(item in value[:i] for i, item in enumerate(value)):
        yield f"{path}: {value!r} has an item twice"
    if isinstance(value, list) and "items" in schema:
        for i, item in enumerate(value):
            yield from _check(item, schema["items"], root, f"{path}[{i}]")
    if not isinstance(value, Mapping):
        return
    known, others = schema.get("properties", {}), schema.get("additionalProperties", True)
    yield from (f"{path}: {n} is missing" for n in schema.get("required", ()) if n not in value)
    for name, item in value.items():
        if name in known:
            yield from _check(item, known[name], root, f"{path}.{name}")
        elif others is False:
            yield f"{path}: {name} is not known"
        elif isinstance(others, Mapping):
            yield from _check(item, others, root, f"{path}.{name}")


def _same(value: Any, other: Any) -> bool:
    return value == other and isinstance(value, bool) == isinstance(other, bool)


@pytest.mark.parametrize("name", names())
def test_every_built_in_study_follows_it(name: str) -> None:
    study = read_yaml(built_in(name).text, name).data
    assert problems(study, SCHEMA) == []


@pytest.mark.parametrize(
    "change",
    [
        {"network": {"family": "layers", "layers": [{"conv2d": {"filters": 8, "kernel_size": 3}}]}},
        {"network": {"layers": [{"layer": "dense", "units": 9}, "flatten", {"dropout": 0.5}]}},
        {"network": {"module": "my_parts:Net", "anything": 3}},
        {"network": {"family": "cnn", "filters": [8, [16, 16]], "dense": 32}},
        {"dataset": {"arrays": "images.npy", "labels": "labels.npy"}},
        {"dataset": {"name": "mnist", "validation": 0.1, "train": 1e4}},
        {"training": {"learning_rate": None, "optimizer": {"name": "sgd", "nesterov": True}}},
        {"training": {"optimizer": {"momentum": 0.9, "nesterov": True}}},
        {"training": {"early_stopping": True}},
        {"factors": {"network.activation": ["relu", "tanh"], "size": {"small": None}}},
        {"trials": {"a": None, "b": {"network.hidden": [3]}}, "design": {"random": 3}},
    ],
)
def test_what_can_be_read_follows_it(change: dict[str, Any]) -> None:
    assert problems({**PLAIN, **change}, SCHEMA) == []


@pytest.mark.parametrize(
    "change",
    [
        {"datset": "mnist"},
        {"repeats": 0},
        {"dataset": "mnits"},
        {"dataset": {"name": "mnist", "trian": 5}},
        {"dataset": {"name": "mnist", "style": "any"}},
        {"network": {"family": "mlp", "hidden": [0]}},
        {"network": {"family": "mlp", "filters": [3]}},
        {"network": {"family": "layers", "layers": [{"conv2d": {"filtres": 8}}]}},
        {"network": {"family": "layers", "layers": [{"dropout": 1}]}},
        {"training": {"learning_rate": 0}},
        {"training": {"optimizer": {"name": "adam", "momentum": 0.9}}},
        {"training": {"optimizer": {"name": "adam", "beta_1": 1}}},
        {"training": {"optimizer": {}}},
        {"training": {"optimizer": {"beta_1": 0.9}}},
        {"training": {"schedule": "cosin"}},
        {"engine": "touch"},
        {"factors": {"training.batch_size": [32, 0]}},
        {"search": {"space": {"a": {"integer": [1, 2]}}}},
        {"search": {"trials": 3}},
        {"published": [{"value": 0.9}]},
    ],
)
def test_what_is_wrong_does_not_follow_it(change: dict[str, Any]) -> None:
    assert problems({**PLAIN, **change}, SCHEMA) != []


def test_every_key_of_it_has_a_description() -> None:
    assert SCHEMA["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    for part in (SCHEMA, SCHEMA["$defs"]["training"]):
        assert all(key["description"] for key in part["properties"].values())


def test_the_command_prints_or_writes_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["schema"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert main(["schema", "--out", "study.json"]) == 0
    assert capsys.readouterr().out == "written: study.json\n"
    assert json.loads(Path("study.json").read_text(encoding="utf-8")) == printed
    assert printed["properties"].keys() == SCHEMA["properties"].keys()


def test_the_plugins_of_a_study_are_in_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["new", "schema-of-plugins", "--with", "plugin"]) == 0
    capsys.readouterr()
    assert main(["schema", "schema-of-plugins.yaml"]) == 0
    study = read_yaml(Path("schema-of-plugins.yaml").read_text(encoding="utf-8"), "s").data
    assert problems(study, json.loads(capsys.readouterr().out)) == []
    assert problems(study, SCHEMA) != []
