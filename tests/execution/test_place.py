"""Where a study trains: what `--on` and machine files say, and how jobs are cut for a place."""

from __future__ import annotations

import re

import pytest
from execute_command import config, study

from assay.apps.api import machine_for
from assay.apps.cli.options import MachineOptions
from assay.core.errors import ConfigError
from assay.core.machine import machine
from assay.execution.executors.executor import Capacity, Message
from assay.execution.ledger import MOVES
from assay.execution.place import Place, machine_of, parse_place
from assay.execution.sizing import fitting, work_of_seconds
from assay.execution.versions import differences, versions


def test_what_on_says():
    assert parse_place(None) == parse_place("local") == Place()
    assert parse_place("ray") == Place("ray")
    assert parse_place("ray:auto") == Place("ray", "auto")
    assert parse_place("ray://10.0.0.1:10001") == Place("ray", "ray://10.0.0.1:10001")
    assert str(parse_place("ray://10.0.0.1:10001")) == "ray://10.0.0.1:10001"
    assert [str(parse_place(p)) for p in ("local", "ray:auto", "slurm")] == [
        "local",
        "ray:auto",
        "slurm",
    ]
    assert [parse_place(p).remote for p in ("local", "processes", "ray", "slurm")] == [
        False,
        False,
        True,
        True,
    ]
    with pytest.raises(
        ConfigError, match=r"on must be a string such as 'local' or 'ray:auto', got 3"
    ):
        parse_place(3)  # type: ignore[arg-type]
    for name in ("local", "inline", "processes", "threads", "slurm"):
        with pytest.raises(ConfigError, match=f"is '{name}:a', but {name} has no address; expec"):
            parse_place(f"{name}:a")
    for nowhere in ("ray://", "ray://:10001"):
        with pytest.raises(ConfigError, match=rf"is '{nowhere}', expected ray://HOST:PORT"):
            parse_place(nowhere)


def test_a_machine_file_is_beside_the_study(tmp_path):
    file = tmp_path / "rates.yaml"
    assert machine_of(file).file is None
    (tmp_path / "machine.yaml").write_text(
        "on: slurm\nworkers: 4\nslurm: {partition: gpu, gpus_per_node: 1}\nray: {num_cpus: 2}\n"
    )
    found = machine_of(file)
    assert found.place.executor == "slurm"
    assert dict(found.place.options)["partition"] == "gpu"
    assert (found.workers, found.device) == (4, None)
    own = machine_for(file, workers=2, options={"partition": "cpu"})
    assert own.workers == 2
    assert dict(own.place.options)["partition"] == "cpu"
    assert dict(own.place.options)["gpus_per_node"] == 1
    assert machine_for(file, on="local").place == Place()
    (tmp_path / "rates.machine.yaml").write_text("on: ray:auto\n")
    assert machine_of(file).place.address == "auto"


def test_a_zero_of_the_command_line_counts(tmp_path):
    file = tmp_path / "rates.yaml"
    (tmp_path / "machine.yaml").write_text("on: slurm\nslurm: {gpus_per_node: 1, detach: true}\n")
    options = dict(MachineOptions(gpus_per_node=0).of(file).place.options)
    assert options["gpus_per_node"] == 0
    assert options["detach"] is True
    for wrong in ({"cpus_per_task": 0}, {"partition": ""}):
        with pytest.raises(ConfigError, match=f"slurm.{next(iter(wrong))} must be"):
            MachineOptions(**wrong).of(file)


def test_a_place_with_one_worker_is_not_asked_for_more(tmp_path):
    study, file = tmp_path / "rates.yaml", tmp_path / "machine.yaml"
    said = "--on inline: workers must be at most 1, got 4"
    with pytest.raises(ConfigError, match=f"^{said}$"):
        machine_for(study, on="inline", workers=4)
    file.write_text("workers: 4\n")
    assert machine_for(study, on="inline").workers == 1  # the file's are those of another place
    assert machine_for(study).workers == 4
    file.write_text("on: inline\nworkers: 4\n")
    with pytest.raises(ConfigError, match=rf"^{re.escape(str(file))}:2:10: {said}$"):
        machine_for(study)
    file.write_text("on: inline\n")
    assert machine_for(study).workers == machine_for(study, workers=1).workers == 1
    with pytest.raises(ConfigError, match=said):
        machine_for(study, workers=4)


def test_all_that_is_wrong_with_a_machine_file_is_said_at_once(tmp_path):
    file = tmp_path / "machine.yaml"
    file.write_text("on: slrum\nworkers: none\nslurm: {partitoin: a}\nwhere: x\n")
    with pytest.raises(ConfigError) as caught:
        machine_of(tmp_path / "rates.yaml")
    said = str(caught.value)
    for text in (
        f"{file}:1:5: unknown place to train (--on) 'slrum'; did you mean 'slurm'?",
        f"{file}:2:10: workers must be a whole number >= 1, got 'none'",
        f"{file}:3:9: unknown setting of --on slurm 'partitoin'; did you mean 'partition'?",
        f"{file}:4:1: unknown setting of a machine file 'where'",
    ):
        assert text in said


def test_cohorts_fit_into_the_memory_of_a_worker():
    (cohort,) = study([config(seed) for seed in range(50)])[1]
    assert fitting(cohort, 0, None) == 50
    counts = [fitting(cohort, size << 20, None) for size in (1, 4, 16, 64)]
    assert counts == sorted(counts)
    assert counts[0] < counts[-1]
    assert fitting(cohort, 1, None) == 1


def test_the_work_of_a_minute_is_sixty_times_that_of_a_second():
    _, cohorts = study([config(seed) for seed in range(3)])
    second = work_of_seconds(1.0, cohorts, None)
    assert second > 0
    assert work_of_seconds(60.0, cohorts, None) == pytest.approx(60 * second)
    assert work_of_seconds(0.0, cohorts, None) == 0
    assert Capacity(1, 1).least_seconds == 0


def test_versions_that_differ_are_named():
    assert {"python", "assay", "source", "numpy"} <= versions().keys()
    assert differences(versions(), versions()) == ""
    assert versions()["source"] == machine()["source"]  # on every system
    said = differences({"numpy": "2.0", "jax": "1"}, {"numpy": "1.0"})
    assert "has numpy 1.0 instead of 2.0; install the same versions" in said


def test_a_job_that_loses_its_machine_is_not_suspected_at_once(tmp_path):
    """After so many machines its runs are tried one by one."""
    from assay.core.store import Store
    from assay.engines.engine import Resources
    from assay.execution.jobs import cut
    from assay.execution.ledger import Ledger

    plan, cohorts = study([config(seed) for seed in range(2)])
    parts = cut(cohorts, lambda c: 1293, lambda c: 2, 1)
    with Store(tmp_path) as store:
        ledger = Ledger(plan, cohorts, store, lambda event: None)
        ledger.expect(parts)
        for number in range(MOVES + 1):
            assert ledger.again == []
            (job,) = ledger.jobs(parts, Resources(), False)
            ledger.receive(Message("started", job.number))
            ledger.receive(Message("lost", number, text="its machine was lost", moved=True))
        assert [part.runs for part in ledger.again] == [parts[0].runs]
        ledger.close()
