"""The benchmark's arithmetic, on numbers that can be checked by hand. Nothing here is timed."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from assay.networks.families import build_network


@pytest.fixture(scope="module")
def arithmetic() -> ModuleType:
    """benchmarks/arithmetic.py, which belongs to no package."""
    file = Path(__file__).resolve().parents[2] / "benchmarks" / "arithmetic.py"
    spec = importlib.util.spec_from_file_location("bench_arithmetic", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


def cell(
    arithmetic: ModuleType, precision: str, model: str, **rates: list[float]
) -> dict[str, Any]:
    """A cell at batch 32 of contestants by short name."""
    names = {
        "one": "assay, one run",
        "twenty": "assay, cohort of 20",
        "tf": "Keras/TensorFlow",
        "tf_best": "Keras/TensorFlow, best",
        "jax_best": "Keras/JAX, best",
    }
    results = {names[k]: arithmetic.entry(r, 32, 1000, None) for k, r in rates.items()}
    return {"model": model, "batch": 32, "precision": precision, "results": results}


def test_share_of_peak_is_of_six_operations_a_mac(arithmetic: ModuleType) -> None:
    macs = build_network({"family": "mlp", "hidden": [300, 100]}, (28, 28, 1), {"class": 10}).macs
    assert macs == 784 * 300 + 300 * 100 + 100 * 10
    found = arithmetic.entry([50_000.0, 40_000.0, 60_000.0], 32, macs, 200.0)
    assert found["gflops"] == pytest.approx(6 * 266_200 * 50_000 / 1e9)  # 79.86
    assert found["share_of_peak"] == pytest.approx(79.86 / 200)
    assert found["images_per_second"]["median"] == 50_000
    assert found["images_per_second"]["wide"]
    assert found["ms_per_step"]["median"] == pytest.approx(0.64)
    assert found["ms_per_step"]["max"] == pytest.approx(0.8)  # of the slowest round


def test_ratios_pair_rounds(arithmetic: ModuleType) -> None:
    # a slow second round slows both alike: the ratio does not see it
    results = cell(arithmetic, "float32", "cnn", one=[100, 50, 100], tf=[25, 12.5, 20])["results"]
    found = arithmetic.ratios(results, "assay, one run")
    assert found["Keras/TensorFlow"]["values"] == [4, 4, 5]
    assert found["Keras/TensorFlow"]["median"] == 4
    assert list(found) == ["Keras/TensorFlow"]


def test_bars_take_each_side_at_its_best(arithmetic: ModuleType) -> None:
    cells = [
        cell(arithmetic, "float32", "cnn", one=[100], twenty=[130], tf=[40], tf_best=[60]),
        cell(arithmetic, "bfloat16", "cnn", one=[180], twenty=[260], tf=[20], tf_best=[30]),
        cell(arithmetic, "float32", "mlp-300-100", twenty=[600], tf=[50], tf_best=[100]),
    ]
    rows = arithmetic.bars(cells)

    def rows_of(bar: str, model: str) -> list[dict[str, Any]]:
        return [r for r in rows if r["bar"].startswith(bar) and r["model"] == model]

    same, fastest = rows_of("one CNN", "cnn")
    assert same["ratio"] == pytest.approx(100 / 60)
    assert same["ratio_to_default"] == pytest.approx(2.5)
    assert same["reached"] is False
    assert same["reached_to_default"] is True
    assert fastest["ratio"] == pytest.approx(180 / 60)  # bfloat16 against float32
    assert fastest["reached"] is True
    mlp = rows_of("a run within a cohort of 20 MLPs costs at most 1/6", "mlp-300-100")
    assert [r["ratio"] for r in mlp] == [6, 6]
    assert all(r["reached"] for r in mlp)  # "at most 1/6" includes 1/6


def test_a_setting_wrongly_taken_for_the_best_does_not_flatter(arithmetic: ModuleType) -> None:
    rows = arithmetic.bars(
        [cell(arithmetic, "float32", "mlp-300-100", twenty=[600], tf=[120], tf_best=[90])]
    )
    assert {r["ratio"] for r in rows if r["ratio"] is not None} == {5}


def test_what_was_not_measured_is_neither_reached_nor_missed(arithmetic: ModuleType) -> None:
    rows = arithmetic.bars([cell(arithmetic, "float32", "mlp-512-512", twenty=[600])])
    assert rows
    assert all(r["ratio"] is None and r["reached"] is None for r in rows)


def test_the_bound_of_a_gpu_is_the_traffic_of_its_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    benchmarks = Path(__file__).resolve().parents[2] / "benchmarks"
    monkeypatch.syspath_prepend(benchmarks)
    spec = importlib.util.spec_from_file_location("bench_device", benchmarks / "device.py")
    assert spec is not None
    assert spec.loader is not None
    device = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, spec.name, device)
    spec.loader.exec_module(device)
    parameters = 784 * 300 + 300 + 300 * 100 + 100 + 100 * 10 + 10
    # momentum reads and writes six times four bytes a weight, for 32 images
    assert device.bound(24.0 * parameters, parameters, "momentum") == pytest.approx(32)
    assert device.bound(3.35e12, parameters, "momentum") == pytest.approx(16.75e6, rel=1e-3)
    assert device.bound(16.0 * parameters, parameters, "sgd") == pytest.approx(32)
