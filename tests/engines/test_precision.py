"""Whether there may be a GPU is known without loading PyTorch, and in one place."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from assay.engines import precision
from assay.engines.precision import fast_bfloat16, gpu_possible


@pytest.fixture(autouse=True)
def fresh() -> Iterator[None]:
    for function in (gpu_possible, fast_bfloat16):
        function.cache_clear()
    yield
    for function in (gpu_possible, fast_bfloat16):
        function.cache_clear()


@pytest.mark.parametrize(
    ("cuda", "system", "driver", "possible"),
    [
        ("'13.0'", "linux", True, True),
        ("'13.0'", "linux", False, False),
        ("'13.0'", "win32", False, True),
        ("None", "linux", True, False),
        ("None", "darwin", False, False),
    ],
)
def test_a_gpu_is_possible_if_pytorch_is_built_for_one_and_a_driver_may_be_loaded(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    cuda: str,
    system: str,
    driver: bool,
    possible: bool,
):
    (tmp_path / "version.py").write_text(
        f"cuda: Optional[str] = {cuda}\nhip: Optional[str] = None\n"
    )
    spec = SimpleNamespace(submodule_search_locations=[str(tmp_path)])
    monkeypatch.setattr(precision, "find_spec", lambda name: spec)
    monkeypatch.setattr(precision, "sys", SimpleNamespace(platform=system))
    file = tmp_path / ("version.py" if driver else "no-driver")
    monkeypatch.setattr(precision, "_GPU_DRIVERS", (str(file),))
    assert gpu_possible() is possible


def test_without_pytorch_there_is_no_gpu(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(precision, "find_spec", lambda name: None)
    assert not gpu_possible()


@pytest.mark.parametrize("possible", [True, False])
def test_a_possible_gpu_is_asked_for_bfloat16(monkeypatch: pytest.MonkeyPatch, possible: bool):
    torch = pytest.importorskip("torch")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda **how: True)
    monkeypatch.setattr(precision, "gpu_possible", lambda: possible)
    monkeypatch.setattr(precision, "cpu_features", frozenset)
    assert fast_bfloat16("auto") is possible
    assert not fast_bfloat16("cpu")
