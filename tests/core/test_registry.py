"""What is registered wrongly is refused, with its place, before anything is made of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import pytest

from assay.core.errors import ConfigError
from assay.core.extend import register_dataset
from assay.core.registry import Registry, installing, register


class Singer(Protocol):
    voice: str

    def sing(self) -> str: ...


@dataclass
class Note:
    pitch: int = 440


class Bird:
    voice = "high"

    def sing(self) -> str:
        return "tweet"


SINGERS: Registry[Any] = Registry("singer of the tests", contract=Singer)
NOTES: Registry[Any] = Registry("note of the tests", contract=Note)


def test_of_a_class_one_is_made_where_a_protocol_is_asked_for() -> None:
    SINGERS.add("bird")(Bird)
    assert SINGERS["bird"].sing() == "tweet"
    assert SINGERS["bird"] is SINGERS["bird"]


@pytest.mark.parametrize(
    ("registry", "entry", "said"),
    [
        (SINGERS, object(), r"it has no sing, voice; expected all of .*\.Singer, got <object"),
        (NOTES, 440, r"expected one of .*\.Note, got 440"),
        (NOTES, Note, r"expected one of .*\.Note, got <class"),
        (NOTES, "no_such_module:NOTE", "no_such_module:NOTE cannot be imported: No module named"),
        (NOTES, "assay.core.text:NOTE", "assay.core.text:NOTE cannot be imported: module"),
    ],
)
def test_what_breaks_the_contract_is_named_with_its_place(registry, entry, said) -> None:
    name = f"wrong {entry!r}"
    register(registry.kind, name, entry)
    with pytest.raises(ConfigError, match=rf"test_registry\.py:\d+: {registry.kind} .*: {said}"):
        registry[name]


def test_a_name_has_one_place() -> None:
    NOTES.add("a")(Note())
    with pytest.raises(
        ConfigError, match=r"'a' is registered twice: at .*:\d+ and at .*:\d+; choo"
    ):
        NOTES.add("a")(Note())


def test_a_reserved_name_is_refused():
    reserved: Registry[Any] = Registry("reserved of the tests")
    reserved.reserve(["flip"])
    register(reserved.kind, "flip", Note())
    with pytest.raises(ConfigError, match=r"'flip' is registered twice: at .*:\d+ and by assay"):
        reserved.load()


def test_an_installed_plugin_loses_a_reserved_name_with_a_warning():
    reserved: Registry[Any] = Registry("kept of the tests")
    reserved.reserve(["run"])
    with installing("theirs"):
        register(reserved.kind, "run", Note())
        register(reserved.kind, "walk", Note())
    with pytest.warns(UserWarning, match=r"plugin 'theirs': kept .* by assay itself; .* left out"):
        assert list(reserved) == ["walk"]


def test_nothing_of_an_installed_plugin_that_fails_stays():
    table: Registry[Any] = Registry("broken of the tests")

    def imported() -> None:
        with installing("broken"):
            register(table.kind, "first", Note())
            raise KeyError

    with pytest.raises(KeyError):
        imported()
    assert list(table) == []


@pytest.mark.parametrize("name", [5, "", len])  # len: a decorator without its parentheses
def test_a_part_is_registered_under_a_name(name: Any):
    with pytest.raises(ConfigError, match="dataset: expected the name to register it under, got"):
        register_dataset(name)
