"""The compiled program beside the numpy engine and PyTorch's programs."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any

import numpy as np
import pytest

from assay.core.errors import EngineError
from assay.engines.augmentations import Cutout
from assay.engines.engine import ENGINES, Cohort, Resources, Stopped
from assay.engines.loop import Loop
from assay.engines.optimizers import Optimizer
from assay.engines.schedules import Cosine
from assay.engines.streams import Bits, scaled_mask
from assay.engines.training import Augment, EarlyStopping

pytest.importorskip("numba")

from assay.engines.compiled import products, trainer
from assay.engines.compiled.coverage import covers
from assay.engines.compiled.layers import draw_mask
from assay.engines.compiled.tiles import ROWS, WIDTH

ACTIVATIONS = ["linear", "relu", "leaky_relu", "elu", "gelu", "silu", "sigmoid", "tanh", "softmax"]
OPTIMIZERS = [
    {"name": "sgd"},
    {"name": "sgd", "momentum": 0.9},
    {"name": "sgd", "momentum": 0.9, "nesterov": True},
    {"name": "rmsprop"},
    {"name": "rmsprop", "momentum": 0.5},
    {"name": "adagrad"},
    {"name": "adadelta"},
    {"name": "adam"},
    {"name": "adamw"},
    {"name": "lion", "weight_decay": 0.1},
]
PENALTIES = [None, "l1", "l2", "l1_l2"]


@pytest.fixture
def both(train, monkeypatch):
    """Records of a member by the compiled program and by PyTorch's."""

    def run(*members, precision="float64", **settings):
        monkeypatch.setenv("ASSAY_PROGRAM", "compiled")
        ours = train(*members, precision=precision, **settings)
        assert all(r.provenance["program"] == "compiled" for r in ours)
        monkeypatch.setenv("ASSAY_PROGRAM", "pytorch")
        theirs = train(*members, precision=precision, **settings)
        assert not any(r.provenance["program"] == "compiled" for r in theirs)
        return zip(ours, theirs, strict=True)

    return run


def _agree(ours, theirs, atol):
    for name in ("loss", "val_loss", "accuracy"):
        np.testing.assert_allclose(ours.curves[name], theirs.curves[name], atol=atol, err_msg=name)
    for name, array in theirs.weights.items():
        np.testing.assert_allclose(ours.weights[name], array, atol=10 * atol, err_msg=name)


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_every_activation_optimizer_and_penalty(activation, member, both):
    """All optimizers and penalties pass every activation, in turns."""
    for i, optimizer in enumerate(OPTIMIZERS):
        network = {
            "family": "mlp",
            "hidden": [19, 8],
            "activation": activation,
            "kernel_regularizer": PENALTIES[(i + ACTIVATIONS.index(activation)) % 4],
            "batch_norm": i % 3 == 1,
            "dropout": 0.3 * (i % 2),
        }
        one = member(network, seed=i, optimizer=Optimizer.parse(optimizer), learning_rate=0.01)
        for ours, theirs in both(one):
            _agree(ours, theirs, 1e-7)


RECIPES = {
    "schedule": {"schedule": Cosine(warmup=0.2)},
    "augment": {"augment": Augment(shift=1, flip=True)},
    "average": {"ema": 0.9},
    "early stopping": {"early_stopping": EarlyStopping(patience=2, min_delta=0.02), "epochs": 20},
    "steps": {"steps": 21, "evaluate_every": 4, "test_curve": True},
    "one batch": {"batch_size": 500},
}


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=RECIPES)
def test_every_recipe(recipe, member, both):
    network = {"family": "mlp", "hidden": [10], "dropout": 0.2, "batch_norm": True}
    members = [member(network, seed=s, learning_rate=0.03, **recipe) for s in range(2)]
    for ours, theirs in both(*members):
        assert ours.metrics == pytest.approx(theirs.metrics, abs=1e-6)
        _agree(ours, theirs, 1e-7)


@pytest.mark.parametrize("channels", [1, 3, 5])
def test_masks_of_pictures_have_the_bits_of_every_engine(channels):
    """Each pixel is a row; there is more room between the rows than a picture needs."""
    shape = (6, 4, 3, channels)
    mask = scaled_mask(Bits([7], "trunk.0").draw(shape)[0], 0.3, np.dtype(np.float64))
    features = mask[0].size
    out = np.full(6 * (features + 2), -1.0)
    key, threshold = Bits([7], "trunk.0").keys[0], np.int16(round(0.3 * 65536 - 32768))
    draw_mask(key, 0, threshold, mask.max(), 6, out, 0, features, channels, features + 2)
    out = out.reshape(6, features + 2)
    np.testing.assert_array_equal(out[:, :features].reshape(shape), mask)
    assert (out[:, features:] == -1).all()


def test_layers_before_pictures_are_flattened(member, both):
    parts = [{"dropout": 0.2}, "batch_norm", {"activation": "tanh"}, "flatten"]
    for ours, theirs in both(member({"family": "layers", "layers": parts})):
        _agree(ours, theirs, 1e-7)


def test_views_of_infinite_outputs_end_a_run_without_a_warning(member, corners, monkeypatch):
    monkeypatch.setenv("ASSAY_PROGRAM", "compiled")
    one = member({"family": "layers", "layers": ["flatten"]}, learning_rate=3e38, steps=1)
    cohort = Cohort((one,), {"name": "classify", "test_time": "flip"})
    resources = Resources(device="cpu", precision="float32", threads=1)
    (record,) = ENGINES["torch"]().train(cohort, corners, resources, lambda p: None)
    assert record.provenance["program"] == "compiled"
    assert record.status == "diverged"


def test_float32_curves_agree(member, both):
    one = member({"family": "mlp", "hidden": [30, 20], "activation": "elu"}, epochs=6)
    for ours, theirs in both(one, precision="float32"):
        _agree(ours, theirs, 1e-4)


@pytest.fixture
def trained(corners, monkeypatch):
    """Records of members by the compiled program, on some threads."""

    def run(*members, threads=1, **settings):
        monkeypatch.setenv("ASSAY_PROGRAM", "compiled")
        resources = Resources(device="cpu", precision="float32", threads=threads, **settings)
        records = ENGINES["torch"]().train(Cohort(members), corners, resources, lambda p: None)
        return {record.run_id: record for record in records}

    return run


def test_a_member_is_bit_for_bit_the_same_alone_and_beside_others(member, trained):
    network = {"family": "mlp", "hidden": [24, 12], "dropout": 0.2}
    members = [
        member(network, seed=s, learning_rate=1e30 if s == 1 else 0.05, batch_size=24)
        for s in range(5)
    ]
    together, in_turns = trained(*members, threads=3), trained(*members)
    for one in members:
        (alone,) = trained(one).values()
        for other in (together[one.run_id], in_turns[one.run_id]):
            assert other.status == alone.status == ("diverged" if one.seed == 1 else "finished")
            for name in set(alone.curves) - {"seconds"}:
                np.testing.assert_array_equal(alone.curves[name], other.curves[name])
            for name, array in alone.weights.items():
                np.testing.assert_array_equal(array, other.weights[name])


def test_stretches_end_where_python_has_something_to_do(member, trained, monkeypatch):
    """However many updates are made at once, nothing changes: soft targets have no exact sums."""
    network = {"family": "mlp", "hidden": [9], "dropout": 0.5}
    one = member(network, batch_size=7, evaluate_every=13, ema=0.9, label_smoothing=0.1)
    (usual,) = trained(one).values()
    monkeypatch.setattr(trainer, "STRETCH_SECONDS", 0.0)
    (single,) = trained(one).values()
    assert len(usual.curves["step"]) == len(single.curves["step"]) > 5
    for name in set(usual.curves) - {"seconds"}:
        np.testing.assert_array_equal(usual.curves[name], single.curves[name])


@pytest.mark.parametrize("rows", [1, 3, 5, 33])
def test_products_of_any_size(rows):
    """Kernels that fill no tile, next to what NumPy multiplies."""
    rng = np.random.default_rng(rows)
    for inputs, outputs in ((1, 1), (5, 17), (300, 33), (16, 16)):
        kernel = rng.normal(size=(inputs, outputs))
        deep = products.whole(inputs, ROWS)
        panels = np.zeros((-(-outputs // WIDTH), deep, WIDTH))
        products.packed(kernel, panels)
        np.testing.assert_array_equal(products.unpacked(panels, inputs, outputs), kernel)
        x = np.zeros((products.whole(rows, ROWS), products.apart(inputs)))
        x[:rows, :inputs] = rng.normal(size=(rows, inputs))
        y = np.full((len(x), products.apart(outputs)), np.nan)
        flat = panels.reshape(-1)
        products.forward(
            x.reshape(-1), 0, x.shape[1], rows, flat, 0, inputs, deep, outputs, y.reshape(-1), 0,
            y.shape[1],
        )  # fmt: skip
        np.testing.assert_allclose(y[:rows, :outputs], x[:rows, :inputs] @ kernel, atol=1e-12)
        d = rng.normal(size=(rows, products.apart(outputs)))
        back = np.full(x.shape, np.nan)
        row = products.whole(rows, WIDTH)
        turned = np.zeros(products.whole(outputs, WIDTH) * row)
        product = np.zeros(products.whole(inputs, ROWS) * row)
        products.transposed(d.reshape(-1), 0, d.shape[1], rows, outputs, turned, 0, row)
        products.input_gradient(
            turned, 0, row, rows, flat, 0, inputs, deep, outputs, product, 0, back.reshape(-1), 0,
            back.shape[1],
        )  # fmt: skip
        expected = d[:, :outputs] @ kernel.T
        np.testing.assert_allclose(back[:rows, :inputs], expected, atol=1e-12)


EVERYTHING = {"family": "mlp", "hidden": [12, 8], "dropout": 0.3, "batch_norm": True}


@pytest.fixture
def interrupted(corners, monkeypatch, tmp_path):
    """Train a member with a program, or until it has had so many updates."""

    def run(program, one, *, updates=0, folder=tmp_path, precision="float64"):
        monkeypatch.setenv("ASSAY_PROGRAM", program)
        resources = Resources(
            "cpu", precision, threads=1, checkpoints=folder, checkpoint_seconds=0.0
        )

        def stop_at(self, done):
            Loop.__dict__["_save"](self, done)
            if updates and done >= updates:
                raise Stopped

        with monkeypatch.context() as patch:
            patch.setattr(Loop, "pause", stop_at)
            try:
                (record,) = ENGINES["torch"]().train(
                    Cohort((one,)), corners, resources, lambda p: remarks.append(p.remark)
                )
            except Stopped:
                return None
            return record

    remarks: list[str] = []
    found: Any = run
    found.remarks = remarks
    return found


@pytest.mark.parametrize("ema", [0.0, 0.9])
@pytest.mark.parametrize(
    ("first", "then"),
    [("compiled", "compiled"), ("compiled", "pytorch"), ("pytorch", "compiled")],
)
def test_each_program_goes_on_where_the_other_stopped(
    first, then, ema, member, interrupted, tmp_path
):
    recipe = {"optimizer": Optimizer.parse("adam"), "augment": Augment(shift=1), "ema": ema}
    one = member(EVERYTHING, seed=3, learning_rate=0.01, **recipe)
    whole = interrupted(then, one, folder=None)
    assert interrupted(first, one, updates=10) is None
    assert len(list(tmp_path.glob("*.unfinished.safetensors"))) == 1
    end = interrupted(then, one)
    assert any("resumes from update" in said for said in interrupted.remarks)
    if first == then:
        for name in set(whole.curves) - {"seconds"}:
            # sums of the loss are grouped otherwise, by the updates between two checkpoints
            limit = 1e-14 if name == "loss" else 0.0
            np.testing.assert_allclose(whole.curves[name], end.curves[name], rtol=limit)
        for name, array in whole.weights.items():
            np.testing.assert_array_equal(array, end.weights[name])
    else:
        _agree(end, whole, 1e-7)


def test_two_processes_may_compile_at_once(tmp_path):
    code = (
        "import numpy as np\n"
        "from assay.engines.compiled.layers import sum_rows\n"
        "out = np.empty(3)\n"
        "sum_rows(np.ones(8), 0, 4, 2, out)\n"
        "print(out.tolist())\n"
    )
    env = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path)}
    command = [sys.executable, "-c", code]
    both = [subprocess.Popen(command, env=env, stdout=subprocess.PIPE, text=True) for _ in "ab"]
    assert [process.communicate()[0].strip() for process in both] == ["[2.0, 2.0, 2.0]"] * 2
    (folder,) = tmp_path.iterdir()
    kept = {f.name: f.stat().st_mtime_ns for f in folder.rglob("*sum_rows*.nbc")}
    assert kept
    subprocess.run(command, env=env, check=True, stdout=subprocess.DEVNULL)
    assert kept == {f.name: f.stat().st_mtime_ns for f in folder.rglob("*sum_rows*.nbc")}


def test_what_is_faster_is_remembered(member, monkeypatch, tmp_path):
    from assay.engines.compiled import choice, measuring

    monkeypatch.setenv("ASSAY_CACHE", str(tmp_path))
    monkeypatch.setattr(choice, "_found", {})
    asked: list[str] = []

    def measured(member, precision):
        asked.append(precision)
        return {choice.COMPILED: 5.0, choice.BATCHED: 3.0, choice.ONEDNN: 2.0, choice.BFLOAT16: 9.0}

    monkeypatch.setattr(measuring, "measured", measured)
    one = member({"family": "mlp", "hidden": [10]})
    assert choice.fastest(one, Resources("cpu", "float32")) == choice.COMPILED
    monkeypatch.setattr(choice, "_found", {})  # as another process finds it
    assert choice.fastest(one, Resources("cpu")) == choice.BFLOAT16  # auto may be bfloat16
    assert choice.remembered_product(one) is False
    (size,) = choice.known()
    assert "multiply-adds, batch 32" in size
    (tmp_path / "programs.json").write_text("[1, {")
    monkeypatch.setattr(choice, "_found", {})
    assert choice.fastest(one, Resources("cpu", "float32")) == choice.COMPILED
    assert asked == ["float32", "float32"]


def test_a_program_that_is_not_there_is_named(member, train, monkeypatch):
    monkeypatch.setenv("ASSAY_PROGRAM", "cuda")
    with pytest.raises(EngineError, match=r"ASSAY_PROGRAM must be compiled or pytorch.*'cuda'"):
        train(member({"family": "mlp", "hidden": [10]}))


def test_changes_that_it_cannot_make_are_left_to_pytorch(member):
    """A square hidden by an augmentation would be missing without a word."""
    network = {"family": "mlp", "hidden": [8]}
    cohort = Cohort((member(network, augment=Augment(others=(Cutout(),))),))
    assert not covers(cohort, Resources(device="cpu"))
    assert covers(Cohort((member(network, augment=Augment(flip=True)),)), Resources(device="cpu"))
