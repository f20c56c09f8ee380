"""A trunk of a stored run: frozen, trained further, and refused where it does not fit."""

from __future__ import annotations

import re
import shutil

import numpy as np
import pytest

from assay.apps.api import plan_of, run
from assay.apps.cli.app import main
from assay.apps.importing import import_runs, read_runs
from assay.apps.reproducing import DIFFERENT, EQUAL, FAILED, reproduce
from assay.core.digests import digest
from assay.core.errors import ConfigError, EngineError
from assay.core.store import Store
from assay.core.store_care import collect_garbage, export_studies
from assay.core.store_format import encode_arrays
from assay.data import load
from assay.engines.engine import ENGINES, Resources
from assay.engines.pretraining import stored_weights
from assay.studies.plan import cohorts

NETWORK = {"family": "mlp", "hidden": [6], "batch_norm": True}
TRAINING = {"epochs": 1, "batch_size": 20, "optimizer": "adam"}
FIRST = {
    "study": "first",
    "dataset": {"name": "xor", "train": 60, "validation": 20, "test": 20},
    "network": NETWORK,
    "training": TRAINING,
    "precision": "float32",
}


@pytest.fixture(scope="module")
def first(tmp_path_factory):
    """The folder of a store with one run, and the name of the run."""
    folder = tmp_path_factory.mktemp("stored") / "store"
    results = run(FIRST, store=folder, workers=1, on="inline", progress=False)
    return folder, results.plan["trials"][0]["runs"][0]


def second(name, freeze=True, **changes):
    """A study on other points that begins with a run."""
    pretrain = {"name": "stored", "run": name, "freeze": freeze}
    dataset = {**FIRST["dataset"], "noise": 0.5}
    training = {**TRAINING, "pretrain": pretrain}
    return {**FIRST, "study": "second", "dataset": dataset, "training": training} | changes


def trained(study, folder):
    """The record of the only run of a study, with its weights."""
    results = run(study, store=folder, workers=1, on="inline", progress=False)
    (name,) = results.plan["trials"][0]["runs"]
    with Store(folder, read_only=True) as store:
        return store.record(name), store.weights(name)


def test_a_frozen_trunk_is_that_of_the_stored_run_and_only_the_head_learns(first):
    folder, name = first
    with Store(folder, read_only=True) as store:
        before = store.weights(name)
    record, after = trained(second(name), folder)
    moved = {k for k, v in after.items() if not np.array_equal(v, before[k])}
    assert moved == {"head.class.0.bias", "head.class.0.kernel"}
    assert any("moving_mean" in key for key in before)  # which stay as well
    assert record.provenance["parameters"] == 6 * 2 + 2
    # it sees its own points as its own training points normalise them
    own = load(record.config["dataset"])
    assert record.provenance["pixels"]["mean"] == own.mean.tolist()
    assert own.mean.tolist() != load(FIRST["dataset"]).mean.tolist()


def test_a_trunk_that_is_not_frozen_begins_there_and_learns_on(first):
    folder, name = first
    slow = {**second(name, freeze=False)["training"], "learning_rate": 1e-7}
    _, after = trained(second(name, training=slow), folder)
    with Store(folder, read_only=True) as store:
        before = store.weights(name)
    key = "trunk.1.kernel"
    assert not np.array_equal(after[key], before[key])
    np.testing.assert_allclose(after[key], before[key], atol=1e-5)
    heads = (weights["head.class.0.kernel"] for weights in (after, before))
    assert not np.allclose(*heads, atol=1e-5)  # a new one


def test_workers_and_reproduce_find_the_store(first, tmp_path):
    folder, name = first
    study = second(name, study="third", repeats=2)
    run(study, store=folder, workers=2, on="processes", progress=False)
    with Store(folder, read_only=True) as store:
        records = [store.record(r) for r in plan_of(study).runs()]
        (found,) = reproduce(records[:1], {}, weights=store.weights_folder)
    assert [record.status for record in records] == ["finished", "finished"]
    assert found.verdict == EQUAL
    (lost,) = reproduce(records[:1], {}, weights=tmp_path)
    assert lost.verdict == FAILED
    assert "cannot be read from" in lost.message
    assert "every machine that trains must see the store" in lost.message


def test_the_provenance_says_with_which_weights_a_run_began(first, tmp_path):
    folder, name = first
    record, _ = trained(second(name), folder)
    with Store(folder, read_only=True) as store:
        file = stored_weights(store.weights_folder, name)
        weights = {key: array + 1 for key, array in store.weights(name).items()}
    assert record.provenance["begun_with"] == {name: digest(file.read_bytes())}
    other = stored_weights(tmp_path, name)
    other.write_bytes(encode_arrays(weights, str(other)))
    (found,) = reproduce([record], {}, weights=tmp_path)
    assert found.verdict == DIFFERENT
    (changed,) = (row for row in found.changed if row[0] == "begun_with")
    assert digest(other.read_bytes()) in changed[2]


def test_the_names_of_runs_depend_on_the_run_and_not_on_the_place_of_the_store(first, tmp_path):
    folder, name = first
    moved = tmp_path / "elsewhere"
    shutil.copytree(folder, moved)
    runs = [list(plan_of(second(name), store=where).runs()) for where in (None, folder, moved)]
    assert runs[0] == runs[1] == runs[2]
    assert list(plan_of(second("0" * 16)).runs()) != runs[0]


def test_a_store_keeps_and_exports_the_run_that_others_begin_with(first, tmp_path):
    folder, name = first
    trained(second(name), folder)
    copy = tmp_path / "copy"
    joined = export_studies(folder, copy, ["second"])
    assert joined.plans == ["second"]
    assert not collect_garbage(copy, remove=False).runs
    with Store(copy, read_only=True) as store:
        assert store.has_weights(name)
        assert {*store.study_names()} == {"second"}


def written(tmp_path, study_text):
    file = tmp_path / "second.yaml"
    file.write_text(study_text, encoding="utf-8")
    return file


TEXT = """study: second
dataset: {{name: xor, train: 60, validation: 20, test: 20, noise: 0.5}}
network: {{family: mlp, hidden: [{hidden}], batch_norm: true, activation: {activation}}}
training:
  epochs: 1
  pretrain:
    name: stored
    run: {run}
precision: float32
"""


WHOLE = "must be the whole name of a run, 16 hexadecimal digits in quotes"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"run": "'0000000000000000'"}, "there is no run 0000000000000000 in the store"),
        ({"run": "abc"}, WHOLE),
        ({"run": "1234567890123456"}, WHOLE),
        ({"hidden": 7}, "this network has trunk.1.kernel of shape 2x7, the run 2x6"),
        ({"hidden": "6, 6"}, "this network has trunk.4.kernel of shape 6x6, the run has none"),
        (
            {"activation": "tanh"},
            "trunk.3 is activation relu there, activation tanh in this network",
        ),
    ],
)
def test_what_cannot_be_begun_with_is_said_at_its_place(first, tmp_path, capsys, changes, said):
    folder, name = first
    given = {"hidden": 6, "activation": "relu", "run": f"'{name}'"}
    file = written(tmp_path, TEXT.format(**given | changes))
    assert main(["run", str(file), "--store", str(folder)]) == 2
    error = capsys.readouterr().err
    assert re.search(r"second\.yaml:8:10: ", error), error
    assert said in " ".join(error.split())


def test_a_run_without_weights_or_a_store_cannot_be_begun_with(first, tmp_path):
    folder, name = first
    with pytest.raises(ConfigError, match=r"there is no store at .*nowhere, which should hold"):
        plan_of(second(name), store=tmp_path / "nowhere")
    light = tmp_path / "light"
    run({**FIRST, "save_weights": False}, store=light, on="inline", progress=False)
    advice = "stored without its weights; train it with save_weights: true into another store"
    with pytest.raises(ConfigError, match=advice):
        plan_of(second(name), store=light)
    run(FIRST, store=light, on="inline", progress=False)  # which stores no weights of it, either
    with Store(light, read_only=True) as store:
        assert not store.has_weights(name)
        assert advice in store.record(name).without_weights
    run(FIRST, store=tmp_path / "another", on="inline", progress=False)
    assert plan_of(second(name), store=tmp_path / "another").runs()
    failing = {**FIRST, "study": "bad", "training": {**TRAINING, "learning_rate": 1e30}}
    bad = run(failing, store=folder, on="inline", progress=False).plan["trials"][0]["runs"][0]
    with pytest.raises(ConfigError, match=f"run {bad} .* has diverged"):
        plan_of(second(bad), store=folder)
    assert plan_of(second(bad)).runs()  # taken on trust where nothing is trained


def test_what_has_no_weights_in_any_store_is_not_advised_to_be_trained_into_another(tmp_path):
    search = {
        "sampler": "random",
        "trials": 1,
        "best": 1,
        "space": {"training.learning_rate": {"float": [0.01, 0.2]}},
    }
    run({**FIRST, "search": search}, store=tmp_path, on="inline", progress=False)
    with Store(tmp_path, read_only=True) as store:
        records = [store.record(name) for name in store.run_ids()]
        said = [r.without_weights for r in records if not store.has_weights(r.run_id)]
    assert said
    assert all("in a study without search: a search keeps no weights of its" in s for s in said)
    table = tmp_path / "runs.csv"
    table.write_text("trial,seed,accuracy\na,0,0.9\n", encoding="utf-8")
    import_runs(tmp_path / "imported", "mine", read_runs(table))
    with Store(tmp_path / "imported", read_only=True) as store:
        (record,) = store.records(store.run_ids())
    assert record.without_weights == f"run {record.run_id} was imported, so it has no weights"
    nearest = {"estimator": "sklearn.neighbors:NearestCentroid"}
    fitted = {**FIRST, "network": nearest, "engine": "sklearn", "precision": "float64"}
    del fitted["training"]
    results = run(fitted, store=tmp_path / "fitted", on="inline", progress=False)
    (record,) = results.records()[:1]
    assert record.without_weights.endswith(
        "is of scikit-learn, whose fitted classifiers are not kept"
    )


def test_a_study_validated_on_test_images_may_begin_with_any_run_but_not_the_reverse(first):
    folder, name = first
    tuned = {**FIRST["dataset"], "validation": None, "split_seed": 1, "validate_on_test": True}
    assert plan_of(second(name, dataset=tuned), store=folder).runs()
    results = run({**FIRST, "dataset": tuned}, store=folder, on="inline", progress=False)
    (all_seen,) = results.plan["trials"][0]["runs"][:1]
    with pytest.raises(ConfigError, match=r"images of this study: the run has dataset\.validate"):
        plan_of(second(all_seen, dataset=FIRST["dataset"]), store=folder)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"split_seed": 1}, "its dataset.split_seed is 1, that of the run 0"),
        ({"validation": 30, "train": 50}, "its dataset.validation is 30, that of the run 20"),
        ({"validation": None, "folds": 4}, "its dataset.folds is 4, that of the run None"),
    ],
)
def test_a_trunk_that_has_seen_the_validation_images_is_refused(first, changes, said):
    folder, name = first
    dataset = {k: v for k, v in {**FIRST["dataset"], **changes}.items() if v is not None}
    with pytest.raises(ConfigError, match=re.escape(f"validation images of this study: {said}")):
        plan_of(second(name, dataset=dataset), store=folder)
    same = second(name, dataset=FIRST["dataset"])
    assert plan_of(same, store=folder).runs()
    fewer = second(name, dataset={**FIRST["dataset"], "validation": 10})
    assert plan_of(fewer, store=folder).runs()  # all of them are validation images there, too
    with pytest.raises(ConfigError, match="the split varies between its runs"):
        plan_of({**same, "vary": ["seed", "split"]}, store=folder)

    tuned = {k: v for k, v in dataset.items() if k in ("name", "train", "test")}
    on_test = second(name, dataset={**tuned, "validate_on_test": True})
    assert plan_of(on_test, store=folder).runs()  # no run has learned from test images


def test_validation_images_are_not_seen_through_another_run_either(first, tmp_path):
    folder, name = first
    points, file = load(FIRST["dataset"]).train, tmp_path / "other.npz"
    np.savez(file, x=points.images + 1, y=points.targets)
    begun = second(name, dataset={"name": "arrays", "arrays": str(file), "test": 5})
    middle = run(begun, store=folder, on="inline", progress=False).plan["trials"][0]["runs"][0]
    assert plan_of(second(middle, dataset=FIRST["dataset"]), store=folder).runs()
    other = second(middle, dataset={**FIRST["dataset"], "split_seed": 1})
    said = f"run {middle} .*{re.escape(f'(through run {name}, with which it began): its dataset')}"
    with pytest.raises(ConfigError, match=said):
        plan_of(other, store=folder)


def test_a_run_on_other_data_may_have_any_split(tmp_path):
    points = load(FIRST["dataset"]).train
    studies = []
    for number in (1, 2):
        file = tmp_path / f"{number}.npz"
        np.savez(file, x=points.images + number, y=points.targets)
        dataset = {"name": "arrays", "arrays": str(file), "split_seed": number, "test": 5}
        studies.append({**FIRST, "dataset": dataset})
    folder = tmp_path / "store"
    results = run(studies[0], store=folder, on="inline", progress=False)
    name = results.plan["trials"][0]["runs"][0]
    begun = second(name, dataset=studies[1]["dataset"])
    assert plan_of(begun, store=folder).runs()
    same = {**studies[0]["dataset"], "split_seed": 2}
    with pytest.raises(ConfigError, match=r"its dataset\.split_seed is 2, that of the run 1"):
        plan_of(second(name, dataset=same), store=folder)


def test_engines_and_tasks_that_cannot_begin_with_a_run_say_so(first):
    _, name = first
    (mine,) = cohorts(plan_of(second(name)).configs())
    with pytest.raises(EngineError, match="begins with a run of a store, but this training has"):
        list(ENGINES["torch"]().train(mine, load(FIRST["dataset"]), Resources("cpu"), print))
    (numpy,) = cohorts(plan_of(second(name, engine="numpy")).configs())
    with pytest.raises(EngineError, match=r"training\.pretrain"):
        ENGINES["numpy"]().check(numpy, Resources())
    drawn = {
        "study": "s",
        "dataset": "drawn-dials",
        "network": {"family": "vae"},
        "task": "autoencode",
    }
    with pytest.raises(ConfigError, match="whose network has a trunk and a head, got task"):
        plan_of({**drawn, "training": {"pretrain": {"name": "stored", "run": name}}})
