"""Installed plugins are found in the files in which `importlib.metadata` finds them, and loaded."""

from __future__ import annotations

import sys
from importlib.metadata import entry_points
from pathlib import Path

import pytest

from assay.core import installed


def announce(folder: Path, package: str, text: str) -> None:
    """Install a package that says this about its entry points."""
    info = folder / f"{package}-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(text, encoding="utf-8")


def test_plugins_are_those_of_the_standard_library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    announce(
        tmp_path, "one", "[console_scripts]\nx = y:z\n\n[assay.plugins]\n# mine\nfirst = my_a\n"
    )
    announce(
        tmp_path, "two", "[assay.plugins]\nsecond=my.b [extra]\nthird = my_c:part\n[x]\nn = m\n"
    )
    announce(tmp_path / "later", "three", "[assay.plugins]\nfirst = hidden\nlast = my_d\n")
    monkeypatch.setattr(sys, "path", [str(tmp_path), str(tmp_path / "later"), *sys.path])
    found = installed.announced()
    assert found == {p.name: p.module for p in reversed(entry_points(group=installed.GROUP))}
    assert {
        "first": "my_a",
        "second": "my.b",
        "third": "my_c",
        "last": "my_d",
    }.items() <= found.items()


def test_what_is_no_text_announces_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    announce(tmp_path, "one", "")
    (tmp_path / "one-1.0.dist-info" / "entry_points.txt").write_bytes(b"[assay.plugins]\n\xff = a")
    (tmp_path / "file.zip").touch()
    monkeypatch.setattr(sys, "path", [str(tmp_path), str(tmp_path / "file.zip"), "/nowhere"])
    assert installed.announced() == {}


def test_a_broken_plugin_is_named_and_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "broken_plugin.py").write_text("1 / 0\n")
    (tmp_path / "exiting_plugin.py").write_text("raise SystemExit(3)\n")
    (tmp_path / "whole_plugin.py").write_text("loaded = True\n")
    lines = "a = broken_plugin", "b = deleted_plugin", "c = whole_plugin", "d = exiting_plugin"
    announce(tmp_path, "one", "\n".join(["[assay.plugins]", *lines]))
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    monkeypatch.setattr(installed, "_loaded", False)
    said = "cannot be imported and is left out"
    with pytest.warns(UserWarning, match=said) as warned:
        installed.load_installed()
    assert [str(w.message) for w in warned] == [
        f"plugin 'a' (broken_plugin) {said}: {tmp_path / 'broken_plugin.py'}:1: "
        "ZeroDivisionError: division by zero",
        f"plugin 'd' (exiting_plugin) {said}: {tmp_path / 'exiting_plugin.py'}:1: SystemExit: 3",
    ]
    assert sys.modules.pop("whole_plugin").loaded
