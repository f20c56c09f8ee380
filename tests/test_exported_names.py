"""The public surface changes on purpose only."""

from __future__ import annotations

import subprocess
import sys

import pytest

import assay


def test_public_names():
    assert assay.__all__ == [
        "AssayClassifier",
        "AssayError",
        "Results",
        "Studies",
        "__version__",
        "load",
        "register_command",
        "register_dataset",
        "register_engine",
        "register_executor",
        "register_metric",
        "register_network",
        "register_pretraining",
        "register_program",
        "register_sampler",
        "register_section",
        "register_studies",
        "register_task",
        "register_transform",
        "run",
    ]
    assert dir(assay) == sorted(assay.__all__)
    for name in assay.__all__:
        assert getattr(assay, name)


def test_public_methods_of_results():
    public = [name for name in vars(assay.Results) if not name.startswith("_")]
    assert sorted(public) == [
        "curves",
        "dataset",
        "effects",
        "metrics_table",
        "name",
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


def test_help_needs_no_numpy():
    code = (
        "import sys; from assay.apps.cli.app import main; main(['--help'])\n"
        "heavy = {'numpy', 'torch', 'matplotlib', 'pandas', 'optuna'} & set(sys.modules)\n"
        "sys.exit(f'imported: {heavy}' if heavy else 0)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)
