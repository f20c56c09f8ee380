"""Completion in the shell: what it suggests, and the script that switches it on."""

from __future__ import annotations

from pathlib import Path

import pytest

from assay.apps.cli.app import main


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["run", "permute"], ["permuted-pixels"]),
        (["data", "get", "fash"], ["fashion-mnist"]),
        (["list", "--course", "lei"], ["leiden"]),
        (["run", "own.yaml", "--scale", ""], ["smoke", "quick", "full", "tiny"]),
        (["run", "--scale", "ti"], []),
        (["run", "own.yaml", "--set", "training.learning"], ["training.learning_rate="]),
        (["run", "own.yaml", "--only", ""], ["baseline", "learning_rate = 1e-05", "0.01", "1e-05"]),
        (["engines", "own.yaml", "--trial", "base"], ["baseline"]),
        (["results", "--store", "STORE", "sm"], ["small"]),
        (["compare", "--store", "STORE", "small:b"], ["small:baseline"]),
        (["show", "--store", "STORE", "RUN"], ["RUN"]),
    ],
)
def test_the_shell_completes_what_a_command_takes(
    words: list[str],
    expected: list[str],
    study: Path,
    store: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
):
    monkeypatch.chdir(tmp_path)
    own = study.read_text() + "scales: {tiny: {repeats: 1}}\n"
    Path("own.yaml").write_text(own, encoding="utf-8")
    run = next((store / "weights").glob("*.safetensors")).stem
    names = {"STORE": str(store), "RUN": run}
    words = [names.get(word, word) for word in words]
    assert main(["__complete", *words]) == 0
    found = [line.split("\t")[0] for line in capsys.readouterr().out.splitlines()]
    found = [v for v in found if v.startswith(words[-1]) and v and v.isprintable()]
    assert found == [names.get(word, word) for word in expected]


def test_completion_written_to_a_file_changes_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setenv("HOME", str(tmp_path))
    script = tmp_path / "assay.bash"
    command = ["--install-completion", "--shell", "bash"]
    assert main([*command, "--output", str(script)]) == 0
    assert capsys.readouterr().out == f"written: {script}\n"
    assert [p.name for p in tmp_path.iterdir() if p.is_file()] == ["assay.bash"]
    assert "assay" in script.read_text(encoding="utf-8")
    assert main([*command, "--output", str(script / "in-a-file")]) == 2
    assert "error: cannot write " in capsys.readouterr().err
    assert main(command) == 0
    assert "bash-completion" in (tmp_path / ".bashrc").read_text(encoding="utf-8")
