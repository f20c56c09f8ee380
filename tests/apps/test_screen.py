"""Standard output as it is met: of few characters, closed, full, or read no further."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from assay.apps.cli import console
from assay.apps.cli.app import main

ASSAY = f"{sys.executable} -m assay"
ATTACK = "\x1b[31m[red]R\x1b]0;t\x07\r\u202e"
SHOWN = r"\x1b[31m[red]R\x1b]0;t\x07\x0d\u202e"


def shell(command: str, store: Path, **environment: str) -> subprocess.CompletedProcess[bytes]:
    """Run a line of the shell, in which $ASSAY is the command line."""
    environment = {**os.environ, "ASSAY": ASSAY, "ASSAY_STORE": str(store), **environment}
    return subprocess.run(command, shell=True, capture_output=True, env=environment)


def test_a_terminal_of_ascii_gets_ascii(store: Path):
    done = shell("$ASSAY results small", store, PYTHONIOENCODING="ascii")
    assert (done.returncode, done.stderr) == (0, b"")
    text = done.stdout.decode("ascii")
    assert "mean +- 95 %" in text
    widths = {len(line) for line in text.splitlines()[2:7]}
    assert len(widths) == 1, "the columns stand under each other"


@pytest.mark.parametrize("form", ["table", "csv", "json", "markdown", "latex"])
def test_every_format_can_be_printed_in_every_encoding(
    form: str, store: Path, monkeypatch: pytest.MonkeyPatch
):
    for encoding in ("ascii", "latin-1", "cp1252"):
        out = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
        monkeypatch.setattr(sys, "stdout", out)
        assert main(["results", "small", "--store", str(store), "--format", form]) == 0
        assert "small" in out.buffer.getvalue().decode(encoding) or form in ("csv", "markdown")  # type: ignore[attr-defined]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_is_said_and_the_report_is_written(
    study: Path,
    store: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
):
    page = tmp_path / "page.html"
    with open("/dev/full", "w") as full:
        monkeypatch.setattr(sys, "stdout", full)
        assert main(["run", str(study), "--store", str(store), "--report", str(page)]) == 2
    assert page.read_text(encoding="utf-8").rstrip().endswith("</html>")
    said = "error: standard output cannot be written: No space left on device\n"
    assert capsys.readouterr().err == said


@pytest.mark.parametrize("ending", ["<&- >&- 2>&-", "| true"])
def test_output_that_nobody_reads_costs_no_report(ending: str, store: Path, tmp_path: Path):
    page = tmp_path / "page.html"
    done = shell(f"$ASSAY report small --report {page} {ending}", store)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    assert page.exists()
    assert main(["results", "small", "--store", str(store)]) == 0, "nothing was written over it"


@pytest.mark.parametrize("columns", ["0", "00", "-3", "many", ""])
def test_a_terminal_without_a_width_gets_the_whole_table(columns: str, store: Path):
    usual = shell("unset COLUMNS; $ASSAY results small; $ASSAY store --help", store)
    done = shell("$ASSAY results small; $ASSAY store --help", store, COLUMNS=columns)
    assert b"test accuracy" in done.stdout
    assert (done.stdout, done.stderr, done.returncode) == (usual.stdout, b"", 0)


def test_no_text_of_a_study_acts_on_the_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("COLUMNS", "200")
    for terminal in (False, True):
        monkeypatch.setattr(sys.stdout, "isatty", lambda terminal=terminal: terminal)
        console.say(ATTACK)
        console.heading(ATTACK)
        console.points([ATTACK])
        console.fields({ATTACK: ATTACK})
        console.table((ATTACK, f">{ATTACK}"), [(ATTACK, ATTACK)])
        console.document(ATTACK)
        console.json({ATTACK: ATTACK})
        console.error(ATTACK)
        console.remark(ATTACK)
        out, err = capsys.readouterr()
        assert out.count(SHOWN) == 10
        assert err.count(SHOWN) == 2
        assert not {"\x07", "\r", "\u202e"} & {*out, *err}
        assert "\x1b]" not in out + err
        assert "\x1b[31m" not in out + err


@pytest.mark.parametrize("width", [50, 60, 200])
@pytest.mark.parametrize("odd", ["plain", "two\nlines", "a\ttab", "\u65e5\u672c wide", ""])
def test_rows_shown_together_are_those_shown_one_by_one(
    odd: str, width: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("COLUMNS", str(width))
    rows = [(odd, 1, "words that are long enough"), ("b", 12345, odd), ("c", None, "end")]
    head = ("name", ">test accuracy (%), mean \u00b1 95 %", "text")
    console.table(head, rows)
    together = capsys.readouterr().out
    monkeypatch.setattr(console, "_natural_width", lambda heads, cells: float("inf"))
    console.table(head, rows)
    assert capsys.readouterr().out == together


def test_json_is_strict(capsys: pytest.CaptureFixture[str]):
    console.json({"a": float("nan"), "b": [float("inf"), 1, True, None, Path("x")], 3: (0.5,)})
    lines = "".join(capsys.readouterr().out.split())
    assert lines == '{"a":null,"b":[null,1,true,null,"x"],"3":[0.5]}'


@pytest.mark.parametrize("text", [ATTACK, os.fsdecode(b"caf\xe9"), "\ud83d", "\x7f\x9b \u65e5"])
def test_json_says_every_text_as_it_is(text: str, capsys: pytest.CaptureFixture[str]):
    console.json({text: [text]})
    out = capsys.readouterr().out
    assert json.loads(out) == {text: [text]}
    assert out.isascii()
    assert "\x7f" not in out


def test_an_argument_that_is_not_utf_8_is_named(capfd: pytest.CaptureFixture[str]):
    name = os.fsdecode(b"caf\xe9.yaml")
    assert main(["run", name]) == 2
    assert capfd.readouterr().err == "error: there is no study file caf\\xe9.yaml\n"


def test_an_installed_plugin_that_fails_is_one_line(store: Path, tmp_path: Path):
    announced = tmp_path / "theirs-1.0.dist-info"
    announced.mkdir()
    (announced / "METADATA").write_text("Metadata-Version: 2.1\nName: theirs\nVersion: 1.0\n")
    (announced / "entry_points.txt").write_text("[assay.plugins]\ntheirs = their_parts\n")
    (tmp_path / "their_parts.py").write_text("1 / 0\n")
    paths = os.pathsep.join(filter(None, [str(tmp_path), os.environ.get("PYTHONPATH")]))
    done = shell("$ASSAY results small", store, PYTHONPATH=paths)
    assert done.returncode == 0
    assert done.stderr.decode().strip() == (
        "warning: plugin 'theirs' (their_parts) cannot be imported and is left out: "
        f"{tmp_path / 'their_parts.py'}:1: ZeroDivisionError: division by zero"
    )
