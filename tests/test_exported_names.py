"""The public surface changes on purpose only."""

from __future__ import annotations

import subprocess
import sys
from importlib.resources import files
from pathlib import Path

import pytest

import assay
from assay.apps.cli.app import COMMANDS, app


def test_public_names():
    assert assay.__all__ == [
        "AssayClassifier",
        "AssayError",
        "Results",
        "Studies",
        "__version__",
        "load",
        "register_augmentation",
        "register_command",
        "register_dataset",
        "register_engine",
        "register_executor",
        "register_metric",
        "register_network",
        "register_optimizer",
        "register_page",
        "register_pretraining",
        "register_program",
        "register_sampler",
        "register_schedule",
        "register_section",
        "register_studies",
        "register_task",
        "register_transform",
        "run",
    ]
    assert dir(assay) == sorted(assay.__all__)
    for name in assay.__all__:
        assert getattr(assay, name)


def test_type_checkers_may_read_the_package():
    assert files("assay").joinpath("py.typed").is_file()


def test_public_methods_of_results():
    public = [name for name in vars(assay.Results) if not name.startswith("_")]
    assert sorted(public) == [
        "curves",
        "dataset",
        "effects",
        "images_table",
        "metrics_table",
        "name",
        "plan",
        "read_once",
        "records",
        "report",
        "runs",
        "search_sentences",
        "search_table",
        "sentences",
        "table",
        "trials_table",
        "tried",
    ]


def test_unknown_names_are_refused():
    with pytest.raises(AttributeError, match="module 'assay' has no attribute 'trian'"):
        assay.trian  # noqa: B018


def test_importing_assay_imports_nothing_else():
    heavy = ("numpy", "torch", "rich", "sklearn")
    code = f"import assay, sys; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def imported_by(*arguments: str) -> set[str]:
    """Modules that a command line of assay imports, from its start to its end."""
    code = (
        f"import sys; from assay.apps.cli.app import main; status = main({list(arguments)!r})\n"
        "print(*sorted(sys.modules), sep='\\n', file=sys.stderr); sys.exit(status)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(done.stderr.split())


@pytest.mark.parametrize("arguments", [["--help"], ["run", "--help"], ["--version"]])
def test_help_needs_no_library(arguments: list[str]):
    heavy = {"numpy", "torch", "matplotlib", "pandas", "scipy", "optuna", "sqlite3", "yaml"}
    assert not heavy & imported_by(*arguments)


@pytest.mark.parametrize(
    ("arguments", "needed"), [(["list"], set()), (["results", "small"], {"scipy.special"})]
)
def test_what_reads_a_store_needs_little(arguments: list[str], needed: set[str], store: Path):
    heavy = {"torch", "matplotlib", "pandas", "sklearn", "scipy.stats", "scipy.special", "optuna"}
    found = imported_by(*arguments, "--store", str(store))
    assert heavy & found == needed
    assert "assay.core.store" in found


def test_the_numpy_engine_is_described_without_scipy():
    code = "import assay.engines.numpy_engine.engine, sys; sys.exit('scipy' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_help_imports_no_command():
    homes = {str(command).partition(":")[0] for command, _ in COMMANDS.values()}
    assert not (homes | {"importlib.metadata"}) & imported_by("--help")


@pytest.mark.parametrize("name", COMMANDS)
def test_the_line_of_a_command_is_the_first_of_its_own_help(name: str):
    first = " ".join(str(app[name].help).partition("\n\n")[0].split())
    assert COMMANDS[name][1] == first
