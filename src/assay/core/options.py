"""Declarations of settings: one call gives the reader, the check, the default, the help and the
JSON Schema.

    epochs: int = setting(integer(10, low=1, help="Passes over the training images."))

Such a field of a dataclass is the only declaration of a setting. `options_of` turns the fields into
the table that reads studies, `check_fields` checks a dataclass made in Python, and the reference of
studies and the JSON Schema are generated from the same table.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import MISSING, field, fields, is_dataclass, replace
from functools import cache
from typing import Any, TypeVar, get_type_hints

from assay.core.config import Entry, Option, Path
from assay.core.values import span
from assay.core.yaml import in_one_line

__all__ = [
    "REQUIRED",
    "accepts",
    "as_option",
    "check_fields",
    "choice",
    "declared",
    "defaults_of",
    "deferred",
    "flag",
    "integer",
    "is_plain",
    "listed",
    "named_schema",
    "needs",
    "number",
    "object_schema",
    "options_of",
    "schema_of",
    "setting",
    "text",
]

P = TypeVar("P")

Names = Collection[str] | Callable[[], Collection[str]]
"""Choices, or a function that lists them (those of a registry)."""


class _Required:
    def __repr__(self) -> str:
        return "required"


REQUIRED: Any = _Required()
"""Default of a required setting."""


def integer(
    default: object = None,
    *,
    low: int | None = None,
    high: int | None = None,
    help: str,
    example: object = None,
) -> Option:
    """Declare an integer in [low, high]."""
    schema = _numeric("integer", low, high)
    return Option(lambda entry: entry.integer(low, high), default, help, schema, example=example)


def number(
    default: object = None,
    *,
    low: float | None = None,
    high: float | None = None,
    above: float | None = None,
    below: float | None = None,
    help: str,
    noun: str = "a number",
    example: object = None,
) -> Option:
    """Declare a finite number in [low, high], greater than `above` and less than `below`."""

    def read(entry: Entry) -> float:
        return entry.number(low, high, above=above, below=below, noun=noun)

    schema = _numeric("number", low, high, above, below)
    return Option(read, default, help, schema, noun + span(low, high, above, below), example)


def flag(default: object = False, *, help: str) -> Option:
    """Declare true or false."""
    return Option(lambda entry: entry.flag(), default, help, {"type": "boolean"}, example=True)


def text(default: object = None, *, help: str, accepts: str = "", example: object = None) -> Option:
    """Declare non-empty text."""
    schema = {"type": "string", "minLength": 1}
    return Option(lambda entry: entry.text(), default, help, schema, accepts, example)


def choice(
    default: object,
    kind: str,
    names: Names,
    *,
    help: str,
    example: object = None,
    accepts: str = "",
) -> Option:
    """Declare one of `names`; `kind` names it in error messages ("unknown padding ...")."""

    def known() -> list[str]:
        return list(names() if callable(names) else names)

    return Option(
        lambda entry: entry.choice(kind, known()),
        default,
        help,
        lambda: {"enum": known()},
        accepts,
        example,
    )


def listed(
    item: Option,
    default: object = None,
    *,
    help: str,
    one: bool = True,
    unique: bool = False,
    example: object = None,
) -> Option:
    """Declare a list of items; with `one`, a single item is accepted as a list of one, with
    `unique`, no item may be given twice."""

    def read(entry: Entry) -> list[Any]:
        if one and not isinstance(entry.value, (list, tuple)):
            return [item.read(entry)]
        found: list[Any] = []
        for inner in entry.items():
            value = item.read(inner)
            if unique and value in found:
                raise inner.error(f"{value} is given twice")
            found.append(value)
        return found

    def schema() -> dict[str, Any]:
        array = {"type": "array", "items": schema_of(item)}
        array |= {"uniqueItems": True} if unique else {}
        return {"anyOf": [schema_of(item), array]} if one else array

    said = f"a list; each: {accepts(item)}" if not callable(item.schema) else "a list"
    return Option(read, default, help, schema, said, example)


def deferred(
    default: object = None,
    *,
    help: str,
    schema: Mapping[str, object] | Callable[[], Mapping[str, object]],
    accepts: str = "",
    example: object = None,
) -> Option:
    """Declare a setting that is checked later: its reader returns the entry itself."""
    return Option(lambda entry: entry, default, help, schema, accepts, example)


def setting(option: Option, **metadata: object) -> Any:
    """Return a dataclass field for this setting."""
    default = MISSING if option.default is REQUIRED else option.default
    return field(default=default, metadata={"option": option, **metadata})


@cache
def options_of(cls: type) -> dict[str, Option]:
    """Return the settings of a dataclass by name; an undeclared field is read by its type."""
    hints, found = get_type_hints(cls), {}
    for f in fields(cls):
        default = REQUIRED if f.default is MISSING else f.default
        found[f.name] = f.metadata.get("option") or _by_type(hints[f.name], default)
    return found


def declared(cls: type, defaults: Mapping[str, object]) -> dict[str, Option]:
    """Return some settings of a dataclass with other defaults."""
    known = options_of(cls)
    return {name: replace(known[name], default=default) for name, default in defaults.items()}


def as_option(written: object) -> Option:
    """Return an option; a plain default, as plugins may give, becomes one that accepts anything."""
    return written if isinstance(written, Option) else Option(lambda entry: entry.value, written)


def defaults_of(options: Mapping[str, object]) -> dict[str, Any]:
    """Return name -> default of all optional settings; plain defaults are kept."""
    found = {name: as_option(option).default for name, option in options.items()}
    return {name: default for name, default in found.items() if default is not REQUIRED}


def check_fields(instance: object, path: Path = ()) -> None:
    """Check every field of a dataclass like a study's setting; None and parts are accepted.

    Raises:
        ConfigError: a field is invalid; the message names it after `path`.
    """
    for name, option in options_of(type(instance)).items():
        value = getattr(instance, name)
        if value is None or isinstance(value, tuple) or is_dataclass(value):
            continue
        entry = Entry(value, (*path, name))
        if isinstance(option.read(entry), int) and isinstance(value, float):
            raise entry.expected("a whole number, written without a decimal point")


def _by_type(hint: Any, default: Any) -> Option:
    """Return an option for a field without a declaration, mostly of a plugin."""
    kinds = {int: integer, int | None: integer, float: number, float | None: number, bool: flag}
    return kinds.get(hint, text)(default, help="")


def _numeric(kind: str, *limits: float | None) -> dict[str, Any]:
    names = ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum")
    given = {key: n for key, n in zip(names, limits, strict=False) if n is not None}
    return {"type": kind, **given}


def schema_of(option: Option) -> dict[str, Any]:
    """Return the JSON Schema of the accepted values, without help."""
    return dict(option.schema() if callable(option.schema) else option.schema)


def accepts(option: Option) -> str:
    """Return the accepted values in words."""
    return option.accepts or _words(schema_of(option))


def needs(owner: str, name: str, option: Option) -> str:
    """Say that a required setting of `owner` is missing, with what it takes and an example."""
    takes = accepts(option).partition(" (see ")[0]  # where to look in docs/studies.md
    example = "" if option.example is None else in_one_line({name: option.example})[1:-1]
    return f"{owner} needs {name}, {takes}" + (example and f", for example {example}")


def _words(schema: Mapping[str, Any]) -> str:
    if "enum" in schema:
        *others, last = [f"`{name}`" for name in schema["enum"]]
        return f"{', '.join(others)} or {last}" if others else last
    kind = schema.get("type")
    if kind in ("integer", "number"):
        limits = (schema.get(k) for k in _numeric_limits)
        return ("a whole number" if kind == "integer" else "a number") + span(*limits)
    return {"boolean": "true or false", "string": "text", "array": "a list"}.get(
        str(kind), "a mapping"
    )


_numeric_limits = ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum")


def object_schema(options: Mapping[str, Option], required: Collection[str] = ()) -> dict[str, Any]:
    """Return the schema of a mapping of these settings and no others; null means the default."""
    properties = {}
    for name, option in options.items():
        said = {"description": option.help} if option.help else {}
        optional = option.default is not REQUIRED and name not in required
        schema = schema_of(option)
        properties[name] = said | (_or_null(schema) if optional else schema)
        if option.default not in (None, REQUIRED) and is_plain(option.default):
            properties[name]["default"] = option.default
    needed = [name for name in options if name in required or options[name].default is REQUIRED]
    return {
        "type": "object",
        "properties": properties,
        "additionalProperties": False,
        **({"required": needed} if needed else {}),
    }


def named_schema(
    key: str, tables: Mapping[str, Mapping[str, Option]], *, plain: bool = True
) -> dict[str, Any]:
    """Return the schema of a name, or of a mapping with the name under `key` and its settings.

    Args:
        plain: whether the name alone is accepted.
    """
    chosen = []
    for name, options in tables.items():
        inner = object_schema(options)
        inner["properties"] = {key: {"const": name}, **inner["properties"]}
        chosen.append({"if": {"properties": {key: {"const": name}}}, "then": inner})
    whole = {
        "type": "object",
        "properties": {key: {"enum": list(tables)}},
        "required": [key],
        "allOf": chosen,
    }
    return {"anyOf": [{"enum": list(tables)}, whole]} if plain else whole


def _or_null(schema: dict[str, Any]) -> dict[str, Any]:
    if "anyOf" in schema:
        return {**schema, "anyOf": [*schema["anyOf"], {"type": "null"}]}
    if "enum" in schema:
        return {**schema, "enum": [*schema["enum"], None]}
    if isinstance(schema.get("type"), str) and len(schema) > 0 and "allOf" not in schema:
        return {**schema, "type": [schema["type"], "null"]}
    return {"anyOf": [schema, {"type": "null"}]} if schema else schema


def is_plain(value: object) -> bool:
    """Whether a default can be shown as it is: it is neither None nor an object of Python."""
    return isinstance(value, (bool, int, float, str, list, dict))
