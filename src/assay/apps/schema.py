"""The JSON Schema of studies, made from the declarations that read and check them.

Editors use it to complete and check a study. It says which values each key accepts; only `assay
run` checks how several keys fit together.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from assay.core.config import Option
from assay.core.options import REQUIRED, named_schema, object_schema, schema_of

__all__ = ["study_schema"]

DRAFT = "https://json-schema.org/draft/2020-12/schema"
Schema = dict[str, Any]


def study_schema() -> Schema:
    """Return the schema of a study, with every registered part."""
    from assay.studies.keys import STUDY

    whole = object_schema(STUDY, required=("dataset", "network"))
    whole["required"] = ["study"]  # factors or trials may give the others
    return {
        "$schema": DRAFT,
        "title": "A study of assay",
        **whole,
        "$defs": _definitions(),
    }


def _definitions() -> Schema:
    settings = _settings()
    levels = {name: _levels(schema) for name, schema in settings.items()}
    return {
        "dataset": _dataset(),
        "network": _network(),
        "task": _task(),
        "training": _training(),
        "layer": _layer(),
        "settings": {"type": "object", "properties": settings, "additionalProperties": True},
        "level": {"anyOf": [{"$ref": "#/$defs/settings"}, {"type": "null"}]},
        "factors": {
            "type": "object",
            "properties": levels,
            "additionalProperties": _levels({}),
        },
    }


def _dataset() -> Schema:
    from assay.data.catalog import ENTRIES
    from assay.data.specs import settings_of

    tables = {name: settings_of(ENTRIES[name]) for name in ENTRIES}
    schema = named_schema("name", tables)
    told = [name for name in tables if name in ENTRIES[name].optional]
    for name in told:  # {arrays: images.npy} needs no name
        options = {"name": Option(read=lambda entry: entry.value), **tables[name]}
        schema["anyOf"].append(object_schema(options, required=(name,)))
    return schema


def _network() -> Schema:
    from assay.networks.families import FAMILIES

    tables = {name: FAMILIES[name].options for name in FAMILIES.usable()}
    schema = named_schema("family", tables)
    for chosen in schema["anyOf"][1]["allOf"]:
        family = chosen["then"]["properties"]["family"]["const"]
        if FAMILIES[family].read:  # its other keys are arguments of user code
            chosen["then"]["additionalProperties"] = True
    for name in (name for name in tables if name in tables[name]):  # {layers: [...]}
        one = object_schema(tables[name], required=(name,))
        schema["anyOf"].append({**one, "additionalProperties": bool(FAMILIES[name].read)})
    return schema


def _task() -> Schema:
    from assay.studies.settings import TASK
    from assay.tasks.task import TASKS, task_options

    schema = named_schema("name", {name: task_options(name) for name in TASKS.usable()})
    alone = object_schema(task_options(TASK))  # the options of the usual task need no name
    schema["anyOf"].append({**alone, "minProperties": 1})
    return schema


def _training() -> Schema:
    from assay.studies.training import TRAINING

    return object_schema(TRAINING)


def _layer() -> Schema:
    """Schema of a layer: a name, {kind: settings}, {kind: first setting, others...} or
    {layer: kind, settings...}."""
    from assay.networks.image_layers import LAYERS
    from assay.networks.parse import layer_options

    alone, forms = [], []
    for kind, cls in LAYERS.items():
        options = layer_options(cls)
        whole = object_schema(options)
        if "required" not in whole:
            alone.append(kind)
        first = next(iter(options), None)
        inner = [whole] if options else []
        inner += [] if first is None else [schema_of(options[first])]
        inner += [{"type": "null"}] if "required" not in whole else []
        others = {n: s for n, s in whole["properties"].items() if n != kind}
        said = " ".join((cls.__doc__ or "").split("\n\n")[0].split())
        forms.append(
            {
                "type": "object",
                "properties": {kind: {"description": said, "anyOf": inner}, **others},
                "required": [kind],
                "additionalProperties": False,
            }
        )
        long = {"layer": Option(lambda entry: entry.value, REQUIRED, schema={"const": kind})}
        forms.append(object_schema({**long, **options}))
    return {"anyOf": [{"enum": alone}, *forms]}


def _settings() -> dict[str, Schema]:
    """Schema of every dotted setting; if parts differ, it accepts what any of them accepts."""
    from assay.data.catalog import ENTRIES
    from assay.data.specs import settings_of
    from assay.networks.families import FAMILIES
    from assay.studies.keys import STUDY
    from assay.studies.settings import SECTIONS
    from assay.studies.training import TRAINING
    from assay.tasks.task import TASKS, task_options

    found: dict[str, list[Schema]] = {}

    def add(section: str, options: Mapping[str, Option]) -> None:
        for name, option in options.items():
            schemas = found.setdefault(f"{section}.{name}", [])
            said = object_schema({name: option})["properties"][name]
            said.pop("default", None)
            schemas += [said] if said not in schemas else []

    add("training", TRAINING)
    for name in ENTRIES:
        add("dataset", settings_of(ENTRIES[name]))
    for name in FAMILIES.usable():
        add("network", FAMILIES[name].options)
    for name in TASKS.usable():
        add("task", task_options(name))
    whole = {section: schema_of(STUDY[section]) for section in SECTIONS}
    return whole | {path: s[0] if len(s) == 1 else {"anyOf": s} for path, s in found.items()}


def _levels(schema: Schema) -> Schema:
    """Schema of the levels of a factor: a list of values, or named levels."""
    named = {"type": "object", "additionalProperties": {"$ref": "#/$defs/level"}}
    return {"anyOf": [{"type": "array", "items": schema}, named]}
