"""Conformance tests for metrics, samplers and engines."""

from __future__ import annotations

from typing import Any

import numpy as np

from assay.testing.toy import toy_dataset

__all__ = ["check_engine", "check_metric", "check_sampler"]


def check_metric(name: str) -> None:
    """Check a metric of classification, or one that says no task and so must work for it.

    It must return one finite number, the same for equal arrays, and a better one for correct
    answers than for wrong ones.
    """
    from assay.core.metrics import METRICS

    metric = METRICS[name]
    if metric.function is None or metric.task not in ("", "classify"):
        return  # the task measures it itself
    targets = np.arange(40) % 4
    right, wrong = (_predictions((targets + shift) % 4) for shift in (0, 1))
    try:
        values = [metric.function(targets, given) for given in (right, right, wrong)]
    except KeyError as error:
        if error.args and error.args[0] in right:
            raise
        raise AssertionError(
            f"it reads {error}, but predictions of classification are {', '.join(right)}; a metric "
            f"of another task says so where it is registered, task=..., and check_task checks it"
        ) from error
    assert all(np.isfinite(value) for value in values), f"it is not finite: {values}"
    assert values[0] == values[1], "it differs for the same predictions"
    if metric.higher_is_better is not None:
        better = values[0] >= values[2] if metric.higher_is_better else values[0] <= values[2]
        assert better, f"right answers give {values[0]}, wrong ones {values[2]}"


def _predictions(classes: np.ndarray) -> dict[str, np.ndarray]:
    """Read-only predictions of these of four classes, all with a probability of 0.7."""
    from assay.tasks.classify import Classify

    outputs = {"class": np.log(np.where(np.eye(4, dtype=bool)[classes], 0.7, 0.1))}
    kept = Classify().predictions(outputs) | Classify().more_predictions(outputs)
    for array in kept.values():
        array.flags.writeable = False
    return kept


def check_sampler(name: str) -> None:
    """Check a sampler: it must propose allowed values, and the same ones for equal seeds and
    equal results."""
    from assay.studies.search.samplers.sampler import SAMPLERS
    from assay.studies.search.space import Parameter, Space

    ranges = {"rate": (0.0, 1.0, 0.25), "share": (0.0, 3.0, 1.0), "size": (1.0, 2.0, 0.5)}
    ends = [Parameter(n, "float", low, high, step) for n, (low, high, step) in ranges.items()]
    space, found = Space(tuple(ends)), []
    for _ in range(2):
        sampler, proposed = SAMPLERS[name].make(space, 7, True), []
        for _ in range(8):
            asked = sampler.ask()
            if asked is None:
                break
            proposed.append(dict(asked.values))
            assert set(asked.values) == set(ranges), f"it proposed {sorted(asked.values)}"
            for parameter in ends:
                value = asked.values[parameter.name]
                said = f"{parameter.name} is {value}"
                assert parameter.low <= value <= parameter.high, said
            sampler.tell(asked, sum(asked.values.values()))
        found.append(proposed)
    assert found[0], "it proposes nothing"
    assert found[0] == found[1], "equal seeds propose different points"


def check_engine(name: str) -> None:
    """Check an engine.

    It must yield a record for each member, give equal results for equal runs, train a member of a
    cohort as it trains the member alone, and decrease the loss.
    """
    from assay.engines.engine import ENGINES, Cohort, Member, Resources
    from assay.engines.training import Training
    from assay.networks.families import build_network

    data, network = toy_dataset(), {"family": "mlp", "hidden": [8]}
    recipe = Training(epochs=6, batch_size=20, learning_rate=0.1)
    built = build_network(network, data.image_shape, {"class": 4})
    members = [Member({"network": network, "seed": s}, built, recipe, s) for s in (0, 1)]
    resources = Resources(device="cpu", precision="float32", threads=1)

    def train(*some: Any) -> dict[int, Any]:
        engine, cohort = ENGINES[name](), Cohort(tuple(some))
        engine.check(cohort, resources)
        records = list(engine.train(cohort, data, resources, lambda progress: None))
        return {record.seed: record for record in records}

    together, again, alone = train(*members), train(*members), train(members[1])
    assert set(together) == {0, 1}, f"records of the seeds {sorted(together)}, expected 0 and 1"
    for seed, record in together.items():
        assert record.status == "finished", record.message
        for other in (again[seed], *([alone[seed]] if seed in alone else [])):
            difference = abs(record.metrics["test_loss"] - other.metrics["test_loss"])
            assert difference < 1e-3, f"equal runs differ by {difference} in their test loss"
        assert record.metrics["test_accuracy"] > 0.5, "nothing was learned"
        assert len(record.curves["val_loss"]) == 6, "one evaluation for each epoch is missing"
