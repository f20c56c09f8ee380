"""What a run's name says of the code and the machine, beyond what its study says."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from assay.apps.api import plan_of
from assay.apps.cli.app import main
from assay.core.records import run_id
from assay.engines.engine import Resources
from assay.engines.precision import fast_bfloat16, resolve_precision
from assay.engines.torch_engine.device import place
from assay.studies.parts import VERSIONS, of_earlier_versions
from assay.tasks.task import TASKS

STUDY: dict[str, Any] = {
    "study": "small",
    "dataset": {"name": "digits", "train": 100, "test": 50},
    "network": {"family": "mlp", "hidden": [4]},
    "training": {"epochs": 1},
    "repeats": 2,
}


def processor(monkeypatch: pytest.MonkeyPatch, *features: str) -> None:
    """Let this be a machine without a GPU whose processor has these features."""
    monkeypatch.setattr("assay.engines.precision.cpu_features", lambda: frozenset(features))
    monkeypatch.setattr("assay.engines.precision.gpu_possible", lambda: False)
    fast_bfloat16.cache_clear()


@pytest.fixture(autouse=True)
def fresh() -> Any:
    yield
    fast_bfloat16.cache_clear()


def layers(*written: Any) -> dict[str, Any]:
    return {"family": "layers", "layers": list(written)}


def asked(
    engine: str, precision: str = "auto", network: dict[str, Any] | None = None
) -> dict[str, Any]:
    return {"engine": engine, "precision": precision, "network": network or {"family": "cnn"}}


def test_the_format_of_a_name_is_that_in_which_an_engine_trains(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for features, precision in (("avx2", "float32"), ("avx512_bf16", "bfloat16")):
        processor(monkeypatch, features)
        assert resolve_precision(asked("torch"), "cpu") == precision
        assert place(Resources("cpu")).precision == precision


DROPOUT, NOISE, WHITENING = (
    {f"layer {layer}": 2} for layer in ("dropout", "gaussian_noise", "whitening")
)


@pytest.mark.parametrize(
    ("network", "engine", "versions"),
    [
        ({"family": "mlp", "hidden": [4], "dropout": 0.1}, "torch", DROPOUT),
        ({"family": "mlp", "hidden": [4], "dropout": 0.1}, "numpy", DROPOUT),
        ({"family": "mlp", "hidden": [4], "dropout": 0.1}, "keras", {}),
        ({"family": "mlp", "hidden": [4], "dropout": 0.0}, "torch", {}),
        (
            {"family": "cnn", "filters": [[2]], "dropout": 0.0, "conv_dropout": 0.2},
            "torch",
            DROPOUT,
        ),
        ({"family": "cnn", "filters": [[2]], "dropout": 0.0}, "torch", {}),
        (layers("flatten", "dropout", {"dense": 4}), "torch", DROPOUT),
        (layers({"residual": [{"dropout": 0.1}]}, {"dense": 4}), "torch", DROPOUT),
        (layers("flatten", {"dense": 4}), "torch", {}),
        ({"family": "mlp", "hidden": [4], "gaussian_noise": 0.1}, "torch", NOISE),
        ({"family": "mlp", "hidden": [4], "input_gaussian_noise": 0.1}, "numpy", NOISE),
        ({"family": "mlp", "hidden": [4], "gaussian_noise": 0.1}, "keras", {}),
        ({"family": "mlp", "hidden": [4], "gaussian_noise": 0}, "torch", {}),
        (layers({"gaussian_noise": 0.2}, "flatten", {"dense": 4}), "torch", NOISE),
        (layers("gaussian_noise", "dropout", {"dense": 4}), "torch", DROPOUT | NOISE),
        ({"family": "cnn", "filters": [[2]], "whitening": 2, "dropout": 0}, "torch", WHITENING),
        (layers({"whitening": 3}, "flatten", {"dense": 4}), "torch", WHITENING),
    ],
)
def test_layers_that_draw_have_versions_of_their_own(
    network: dict[str, Any], engine: str, versions: dict[str, int]
):
    """Masks have changed, a resumed run drew other noise, and filters were computed of the first
    images; Keras draws its own."""
    (config,) = plan_of({**STUDY, "network": network, "engine": engine, "repeats": 1}).configs()
    assert config.get(VERSIONS, {}) == versions


@pytest.mark.parametrize(
    ("style", "pretrain", "versions"),
    [
        ("course", None, {}),
        ("any", None, {"dataset clocks-rendered": 2}),
        ("course", {"name": "rendered", "style": "any"}, {"pretraining rendered": 2}),
        ("course", {"name": "rendered"}, {}),
        ("course", {"name": "reader", "reader": "any"}, {"pretraining reader": 2}),
        ("course", {"name": "reader", "reader": "course"}, {}),
    ],
)
def test_versions_of_clocks_are_those_of_their_style(
    style: str, pretrain: dict[str, str] | None, versions: dict[str, int]
):
    """Clocks of style any have been others, and so has the reader that ships for them."""
    training = {"epochs": 1, **({"pretrain": pretrain} if pretrain else {})}
    dataset = {"name": "clocks-rendered", "style": style}
    task = {"name": "tell_time", "labels": "relational"}
    study = {"study": "clocks", "dataset": dataset, "network": "clock-net", "task": task}
    (config,) = plan_of({**study, "training": training, "repeats": 1}).configs()
    assert config.get(VERSIONS, {}) == versions


@pytest.mark.parametrize(
    ("normalize", "augment", "versions"),
    [
        ("unit", {"cutout": 3}, {"augmentation cutout": 2}),
        ("none", {"cutout": 3, "shift": 1}, {"augmentation cutout": 2}),
        ("standard", {"cutout": 3}, {}),
        ("center", {"cutout": 3}, {}),
        ("unit", {"shift": 1}, {}),
    ],
)
def test_cutout_has_changed_where_no_mean_was_subtracted(
    normalize: str, augment: dict[str, Any], versions: dict[str, int]
):
    study = {**STUDY, "dataset": {"name": "digits", "normalize": normalize}, "repeats": 1}
    training = {"epochs": 1, "augment": augment}
    (config,) = plan_of({**study, "training": training}).configs()
    assert config.get(VERSIONS, {}) == versions


def test_auto_is_the_precision_that_the_machine_trains_in(monkeypatch: pytest.MonkeyPatch):
    processor(monkeypatch, "avx2")
    assert resolve_precision(asked("torch")) == "float32"
    study = {**STUDY, "network": {"family": "cnn", "filters": [[2]], "first_kernel_size": 3}}
    slow, said = plan_of(study), plan_of({**study, "precision": "float32"})
    assert slow.runs().keys() == said.runs().keys()
    assert {config["precision"] for config in slow.configs()} == {"float32"}
    processor(monkeypatch, "avx512_bf16")
    assert resolve_precision(asked("torch")) == "bfloat16"
    fast = plan_of(study)
    assert {config["precision"] for config in fast.configs()} == {"bfloat16"}
    assert not fast.runs().keys() & slow.runs().keys()


@pytest.mark.parametrize("engine", ["numpy", "keras"])
def test_other_engines_compute_in_float32(engine: str, monkeypatch: pytest.MonkeyPatch):
    processor(monkeypatch, "amx_bf16")
    assert resolve_precision(asked(engine)) == "float32"
    assert resolve_precision(asked(engine, "float64")) == "float64"


def test_an_engine_of_a_plugin_decides_itself(monkeypatch: pytest.MonkeyPatch):
    processor(monkeypatch, "amx_bf16")
    assert resolve_precision(asked("theirs")) == "auto"


@pytest.mark.parametrize(
    ("network", "precision"),
    [
        ({"family": "mlp", "hidden": [8]}, "float32"),
        (layers("flatten", {"dense": 8}, {"activation": "relu"}, "batch_norm"), "float32"),
        (layers({"conv2d": {"filters": 4, "kernel_size": 3}}, {"dense": 8}), "bfloat16"),
        (layers("max_pool2d", {"dense": 8}), "bfloat16"),
        ({"family": "cnn"}, "bfloat16"),
        ({"module": "theirs:Net"}, "bfloat16"),
    ],
)
def test_dense_networks_train_in_float32_on_every_machine(
    network: dict[str, Any], precision: str, monkeypatch: pytest.MonkeyPatch
):
    """In it the compiled program is faster than PyTorch in bfloat16."""
    processor(monkeypatch, "amx_bf16")
    assert resolve_precision(asked("torch", network=network)) == precision
    assert resolve_precision(asked("torch", "bfloat16", network)) == "bfloat16"


@pytest.fixture
def raised(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Let classification have another version."""
    TASKS["classify"]
    known = TASKS._entries["classify"]

    def version(number: int) -> None:
        changed = replace(known, version=number)
        monkeypatch.setitem(TASKS._entries, "classify", changed)

    return version


def test_a_version_above_one_is_part_of_the_name(raised: Callable[[int], None]):
    first = plan_of(STUDY).runs()
    assert all(VERSIONS not in config for config in first.values())
    raised(2)
    second = plan_of(STUDY).runs()
    assert not first.keys() & second.keys()
    assert all(config[VERSIONS] == {"task classify": 2} for config in second.values())


def test_what_earlier_versions_stored_is_counted_with_the_reason(raised: Callable[[int], None]):
    first = set(plan_of(STUDY).runs())
    unsaid = {run_id({**c, "precision": "auto"}) for c in plan_of(STUDY).configs()}
    raised(3)

    def stored(*names: Iterable[str]) -> Callable[[Iterable[str]], set[str]]:
        held = set().union(*names)
        return lambda asked: held & set(asked)

    now = plan_of(STUDY).runs()
    has_had = "task classify has had version 1, now 3"
    nameless = "their identities do not include their precision"
    assert of_earlier_versions(now, stored()) == {}
    assert of_earlier_versions(now, stored(now, first)) == {}, "there is nothing to train"
    assert of_earlier_versions(now, stored(first)) == {has_had: 2}
    assert of_earlier_versions(now, stored(unsaid)) == {f"{has_had} and {nameless}": 2}


@pytest.mark.usefixtures("blank_page")
def test_a_command_says_what_it_trains_again_and_why(
    raised: Callable[[int], None],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
):
    file = tmp_path / "small.yaml"
    file.write_text(
        "study: small\n" + "".join(f"{k}: {v}\n" for k, v in STUDY.items() if k != "study")
    )
    command = [str(file), "--store", str(tmp_path / "store"), "--workers", "1"]
    monkeypatch.chdir(tmp_path)
    assert main(["run", *command]) == 0
    raised(2)
    assert main(["run", *command[:-2], "--dry-run"]) == 0
    assert "2: task classify has had version 1, now 2" in capsys.readouterr().out
    assert main(["run", *command]) == 0
    said = "2 stored runs are of an earlier version (task classify has had version 1, now 2)"
    assert f"{said}; they are trained again" in capsys.readouterr().err
    assert main(["run", *command]) == 0
    assert said not in capsys.readouterr().err


def picture(path: Path, shade: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("L", (8, 8), shade).save(path)


def test_runs_of_pictures_that_were_replaced_are_not_those_of_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    for label, shade in (("dark", 20), ("light", 200)):
        for i in range(10):
            picture(tmp_path / "pictures" / label / f"{i}.png", shade + i)
    monkeypatch.setenv("ASSAY_CACHE", str(tmp_path / "cache"))
    data = {"name": "folder", "path": "pictures", "size": [8, 8], "grayscale": True}
    before = plan_of({**STUDY, "dataset": data}, data_dir=tmp_path)
    assert before.runs() == plan_of({**STUDY, "dataset": data}, data_dir=tmp_path).runs()
    picture(tmp_path / "pictures" / "dark" / "3.png", 90)
    after = plan_of({**STUDY, "dataset": data}, data_dir=tmp_path)
    assert not before.runs().keys() & after.runs().keys()
    told = of_earlier_versions(
        after.runs(), lambda names: {*names} & before.runs().keys(), before.to_json()
    )
    assert told == {"the content of pictures has changed": 2}
