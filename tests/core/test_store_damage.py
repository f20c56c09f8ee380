"""One flipped bit in a store is noticed when the thing is read, and the run is trained again."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.numpy import save

from assay.core.errors import StoreError
from assay.core.records import Record, run_id, trial_id
from assay.core.store import Store
from assay.core.store_check import check_store
from assay.core.store_format import decode_arrays, decode_record, encode_record

flips = settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


def make(seed: int = 0, **changes: Any) -> Record:
    config = {"dataset": {"name": "digits"}, "engine": "numpy", "seed": seed}
    steps = np.arange(5.0)
    values: dict[str, Any] = {
        "run_id": run_id(config),
        "trial_id": trial_id(config),
        "seed": seed,
        "status": "finished",
        "config": config,
        "curves": {"step": steps, "loss": 1 / (1 + steps)},
        "metrics": {"test_accuracy": 0.875 + seed / 100, "steps": 12},
        "predictions": {"test_predicted": np.arange(9, dtype=np.uint8)},
        "timing": {"train": 1.5},
        "provenance": {"device": "cpu"},
        "weights": {"kernel": np.full((3, 4), seed + 0.5, np.float32)},
    }
    return Record(**{**values, **changes})


PLAN = {
    "study": "tour",
    "scale": "full",
    "question": "Is it sound?",
    "trials": [{"label": "plain", "runs": [make(0).run_id, make(1).run_id]}],
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    with Store(tmp_path / "store") as store:
        for seed in (0, 1):
            store.add(make(seed))
        store.save_plan(PLAN)
        store.save_plan({**PLAN, "study": "other"})
    return tmp_path / "store"


def flipped(content: bytes, bit: int) -> bytes:
    damaged = bytearray(content)
    damaged[bit // 8 % len(content)] ^= 1 << bit % 8
    return bytes(damaged)


def change(folder: Path, sql: str, *values: Any) -> None:
    with closing(sqlite3.connect(folder / "index.sqlite")) as db, db:
        assert db.execute(sql, values).rowcount == 1


def flip_value(folder: Path, table: str, key: str, column: str, bit: int) -> Callable[[], None]:
    """Flip a bit of a value; return what puts it back."""
    name = "study" if table == "plans" else "run_id"
    where = f"FROM {table} WHERE {name} = ?"
    with closing(sqlite3.connect(folder / "index.sqlite")) as db:
        kind, content = db.execute(
            f"SELECT typeof({column}), CAST({column} AS BLOB) {where}", (key,)
        ).fetchone()
    new = flipped(content, bit)
    if kind == "integer":
        value, put = int(content) ^ 1 << bit % 48, "?"
    else:
        value, put = new, "?" if kind == "blob" else "CAST(? AS TEXT)"
    sql = f"UPDATE {table} SET {column} = {put} WHERE {name} = ?"
    change(folder, sql, value, key)
    after = new.decode(errors="replace") if column == name else key
    back = int(content) if kind == "integer" else content

    def restore() -> None:
        with closing(sqlite3.connect(folder / "index.sqlite")) as db, db:
            db.text_factory = bytes
            keys = [k for (k,) in db.execute(f"SELECT CAST({name} AS BLOB) FROM {table}")]
            found = new if column == name and new in keys else key.encode()
            again = f"UPDATE {table} SET {column} = {put} WHERE CAST({name} AS BLOB) = ?"
            assert db.execute(again, (back, found)).rowcount == 1, after

    return restore


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    path = tmp_path_factory.mktemp("damage") / "store"
    with Store(path) as store:
        for seed in (0, 1):
            store.add(make(seed))
        store.save_plan(PLAN)
    yield path
    assert check_store(path).sound  # every flip was undone


COLUMNS = "run_id trial_id seed status config metrics timing provenance message updated"
COLUMNS += " arrays_digest weights_digest digest"


@flips
@given(column=st.sampled_from(COLUMNS.split()), bit=st.integers(0, 8 * 2000))
def test_a_flip_in_a_record_is_an_error_and_its_run_is_missing(kept: Path, column: str, bit: int):
    run = make(0).run_id
    if column == "message":
        return  # it is empty: there is no bit
    restore = flip_value(kept, "runs", run, column, bit)
    try:
        with Store(kept, read_only=True) as store:
            runs = [r for trial in PLAN["trials"] for r in trial["runs"]]  # type: ignore[index]
            with pytest.raises(StoreError, match=rf"the record of run {run} is damaged: .*run"):
                store.records(store.recorded(runs), arrays=False)
            assert store.present(runs) == {make(1).run_id}
            assert store.record(make(1).run_id).seed == 1
            (row,) = store.studies()
            assert (row["present"], row["runs"]) == (1, 2)
        # its arrays and weights do not fit a wrong name or digest either
        assert check_store(kept).damaged[0].kind == "record"
    finally:
        restore()


@flips
@given(bit=st.integers(0, 8 * 2000))
def test_a_flip_in_arrays_is_an_error_where_they_are_read(kept: Path, bit: int):
    run = make(0).run_id
    restore = flip_value(kept, "arrays", run, "blob", bit)
    try:
        with Store(kept, read_only=True) as store:
            assert store.records([run], arrays=False)[0].metrics == make(0).metrics
            with pytest.raises(StoreError, match=rf"arrays of run {run} is damaged: its checksum"):
                store.record(run)
            assert list(store.verify([run])) == [run]
            assert store.present([run]) == set()
        assert [f.kind for f in check_store(kept).damaged] == ["arrays"]
    finally:
        restore()


@flips
@given(bit=st.integers(0, 8 * 2000))
def test_a_flip_in_weights_is_an_error_that_names_the_file(kept: Path, bit: int):
    run = make(0).run_id
    file = kept / "weights" / f"{run}.safetensors"
    sound = file.read_bytes()
    file.write_bytes(flipped(sound, bit))
    try:
        with Store(kept, read_only=True) as store:
            message = rf"{run}.safetensors is damaged: its checksum is wrong; `assay run`"
            with pytest.raises(StoreError, match=message):
                store.weights(run)
            assert list(store.verify([run])) == [run]
        assert [(f.kind, f.name) for f in check_store(kept).damaged] == [("weights", run)]
    finally:
        file.write_bytes(sound)


@flips
@given(column=st.sampled_from(["study", "plan", "updated", "digest"]), bit=st.integers(0, 8 * 500))
def test_a_flip_in_a_plan_is_listed_and_no_table_is_made_of_it(kept: Path, column: str, bit: int):
    restore = flip_value(kept, "plans", "tour", column, bit)
    try:
        with Store(kept, read_only=True) as store:
            (row,) = store.studies()
            assert "is damaged" in row["problem"]
            with pytest.raises(StoreError, match=r"plan of study .* is damaged|no study 'tour'"):
                store.plan("tour")
        assert [f.kind for f in check_store(kept).damaged] == ["plan"]
    finally:
        restore()


def test_missing_weights_and_arrays_are_damage(folder: Path):
    first, second = make(0).run_id, make(1).run_id
    (folder / "weights" / f"{first}.safetensors").unlink()
    change(folder, "DELETE FROM arrays WHERE run_id = ?", second)
    with Store(folder) as store:
        with pytest.raises(StoreError, match=rf"{first}.safetensors is missing, the weights of"):
            store.weights(first)
        with pytest.raises(StoreError, match=rf"arrays of run {second} is damaged: they are missi"):
            store.record(second)
        assert store.verify([first, second]).keys() == {first, second}
        assert store.present([first, second]) == set()


def test_damaged_runs_are_given_out_and_replaced(folder: Path):
    runs = [make(0).run_id, make(1).run_id]
    change(folder, "UPDATE runs SET metrics = '[]' WHERE run_id = ?", runs[0])
    file = folder / "weights" / f"{runs[1]}.safetensors"
    file.write_bytes(flipped(file.read_bytes(), 999))
    with Store(folder) as store, Store(folder) as other:
        assert store.verify(runs).keys() == other.verify(runs).keys() == set(runs)
        assert store.claim(runs, "one") == runs
        assert [store.add(make(seed)) for seed in (0, 1)] == [True, True]
        store.release(runs, "one")
        assert store.present(runs) == other.present(runs) == set(runs)  # it looks again
        assert other.claim(runs, "other") == []
        assert not other.add(make(0))
        assert other.weights(runs[1])["kernel"][0, 0] == 1.5
    assert check_store(folder).sound


def test_one_damaged_plan_or_record_does_not_stop_the_others(folder: Path):
    change(folder, "UPDATE plans SET plan = '{\"study\": ' WHERE study = ?", "other")
    third = make(2)
    with Store(folder) as store:
        store.add(third)
        store.save_plan({**PLAN, "study": "third", "trials": [{"runs": [third.run_id]}]})
    change(folder, "UPDATE runs SET config = '7' WHERE run_id = ?", third.run_id)
    with Store(folder, read_only=True) as store:
        rows = {row["study"]: row for row in store.studies()}
        assert [rows[n]["present"] for n in ("tour", "other", "third")] == [2, 0, 0]
        assert rows["third"]["damaged"] == 1
        assert "`assay run` of the study writes it again" in rows["other"]["problem"]
        assert store.plan("tour") == PLAN
    with Store(folder) as store:
        store.save_plan({**PLAN, "study": "other"})
        assert store.plan("other")["question"] == "Is it sound?"


@pytest.mark.parametrize("wrong", [b"pl\xe1n TEXT", b"pl\0n TEXT", b"plbn TEXT"])
def test_an_index_whose_tables_have_other_names_is_an_error(folder: Path, wrong: bytes):
    index = folder / "index.sqlite"
    index.write_bytes(index.read_bytes().replace(b"plan TEXT", wrong))

    def read() -> None:
        with Store(folder, read_only=True) as store:
            store.studies()

    with pytest.raises(StoreError, match=r"cannot (read|open) the store"):
        read()


def test_arrays_of_other_types_and_garbage_are_said_to_be_damaged():
    content = save({"a": np.zeros(12, np.float16)})
    for wrong in (content.replace(b"F16", b"BF16")[:-1], b"", b"\0" * 99, content[:-1], None, "x"):
        with pytest.raises(StoreError, match=r"the blob is damaged: "):
            decode_arrays(wrong, "the blob")  # type: ignore[arg-type]
    header = b'{"a":{"dtype":"%s","shape":[12],"data_offsets":[0,%d]}}'
    for dtype, size in ((b"BF16", 24), (b"F8_E4M3", 12), (b"X9", 24), (b"C64", 96)):
        text = header % (dtype, size)
        wrong = len(text).to_bytes(8, "little") + text + bytes(size)
        with pytest.raises(StoreError, match=r"the blob is damaged: "):
            decode_arrays(wrong, "the blob")


@pytest.mark.parametrize(
    ("place", "value", "message"),
    [
        (2, "7", "a name, its seed or its message has another type"),
        (3, "finishes", "its status is 'finishes'"),
        (4, "[]", "its configuration must be a JSON object, got list"),
        (5, "[1]", "its metrics must be a JSON object, got list"),
        (5, '{"loss": "low"}', "its metrics must be numbers, got 'low' for 'loss'"),
        (6, "{", "its timing cannot be read as JSON"),
        (7, None, "its provenance cannot be read as JSON"),
        (7, b"\xff", "its provenance cannot be read as JSON"),
        (8, b"x", "a name, its seed or its message has another type"),
    ],
)
def test_values_of_other_types_are_said_to_be_damaged(place: int, value: object, message: str):
    row, blob = encode_record(make())
    wrong = [*row[:place], value, *row[place + 1 :]]
    with pytest.raises(StoreError, match=rf"the record of run \w+ is damaged: {message}"):
        decode_record(wrong, blob)


def test_curves_that_do_not_fit_each_other_are_said_to_be_damaged():
    row, blob = encode_record(make(curves={"step": np.arange(3.0), "loss": np.zeros(4)}))
    with pytest.raises(StoreError, match=r"is damaged: the curve 'loss' has 4 points, 3 steps"):
        decode_record(row, blob)
    row, blob = encode_record(make(curves={"loss": np.zeros((4, 1))}))
    with pytest.raises(StoreError, match=r"the curve 'loss' has 2 dimensions, expected 1"):
        decode_record(row, blob)


def test_a_check_counts_all_and_names_what_belongs_to_nothing(folder: Path):
    (folder / "checkpoints").mkdir()
    (folder / "checkpoints" / "a.unfinished.safetensors").write_bytes(b"half")
    (folder / "weights" / "stray.safetensors").write_bytes(b"")
    shares: list[float] = []
    found = check_store(folder, lambda share, doing: shares.append(share))
    assert found.checked == {
        "index": 1, "plan": 2, "record": 2, "arrays": 2, "weights": 2, "checkpoint": 1,
    }  # fmt: skip
    assert [(f.kind, f.name) for f in found.damaged] == [("checkpoint", "a.unfinished.safetensors")]
    assert found.left_over == [
        f"{folder / 'weights' / 'stray.safetensors'}: weights of a run that is not in the index"
    ]
    assert shares == [0.5, 1.0]
    assert json.dumps(found.checked)
