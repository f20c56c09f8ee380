"""Flow matching: its path from noise, what it learns of known pictures, and what it refuses."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
import torch

from assay.apps.api import plan_of
from assay.core.errors import AssayError, NetworkError
from assay.data import load
from assay.engines.engine import Resources
from assay.engines.torch_engine.device import place
from assay.networks.families import build_network, makes
from assay.studies.members import cohorts
from assay.subjects.generation.flow import PLANES
from assay.subjects.generation.training.flow import FlowProgram, spread_times
from assay.subjects.generation.velocity import as_images, euler
from assay.tasks.task import find_task

SIZE = 16
STUDY: dict[str, Any] = {
    "study": "tiny",
    "dataset": {"name": "drawn-dials", "size": SIZE, "train": 40, "validation": 20, "test": 20},
    "network": {"family": "flow", "filters": [16, 24], "activation": "relu"},
    "task": {"name": "flow_matching", "features": 1},
    "training": {"steps": 9, "optimizer": "adam", "learning_rate": 1e-2, "ema": 0.9},
}


def _trained(images: torch.Tensor, updates: int, study: Mapping[str, Any] = STUDY) -> FlowProgram:
    """A program after these updates, every one with these images (B, c, h, w)."""
    (cohort,) = cohorts(plan_of(study).runs().values())
    where = place(Resources(device="cpu", precision="float32", threads=1))
    fit = load(STUDY["dataset"]).fit_data
    program = FlowProgram(cohort.members[0], where, find_task(STUDY["task"]), fit)
    for number in range(updates):
        program.step(images, number, 0.0, 1.0)
    return program


def test_what_knows_a_gaussian_carries_noise_to_it():
    """Of pictures N(0, s^2) x_t has the variance v = (1 - t)^2 + s^2 t^2, and the picture that it
    leads to is t s^2 / v of it. So noise x_0 becomes s x_0, but for the steps' error."""
    spread = 0.5  # that to which `picture` scales what the network sees, so that it is x_t / sqrt v

    def knows(seen: torch.Tensor) -> dict[str, torch.Tensor]:
        assert seen.shape[1] == 3 + PLANES
        t = seen[:, 3:4].clamp(-1, 1).arccos() / np.pi  # the first plane is cos(pi t)
        variance = (1 - t) ** 2 + (spread * t) ** 2
        return {"image": t * spread**2 * variance**-0.5 * seen[:, :3]}

    points = torch.randn(4, 8 * 8 * 3, generator=torch.Generator().manual_seed(0))
    noise = as_images(points, (8, 8, 3))
    apart = [float((euler(knows, noise, n) / noise - spread).abs().max()) for n in (16, 100)]
    assert apart[1] < apart[0] < 0.05
    assert apart[1] < 0.01


def test_times_are_spread_over_their_distribution():
    torch.testing.assert_close(spread_times(4, 0.125, "uniform"), torch.arange(4) / 4 + 0.125)
    torch.testing.assert_close(
        spread_times(4, 0.75, "uniform"), torch.tensor([0.75, 0.0, 0.25, 0.5])
    )
    times = spread_times(1000, 0.0005, "logit_normal")
    # a logit of at most 1 is a time from 1 / (1 + e) to e / (1 + e): 68.3 % of a normal's
    within = ((times > 1 / (1 + np.e)) & (times < np.e / (1 + np.e))).double().mean()
    assert within == pytest.approx(0.683, abs=0.002)
    assert times.median() == pytest.approx(0.5, abs=0.002)


def test_one_picture_is_learned_by_heart():
    rng = np.random.default_rng(0)
    picture = np.repeat(np.repeat(rng.integers(0, 2, (4, 4, 3)), 4, 0), 4, 1) * 2.0 - 1
    images = torch.tensor(picture, dtype=torch.float32).permute(2, 0, 1).expand(16, -1, -1, -1)
    program = _trained(images, 80)
    made = program.make(rng.standard_normal((8, SIZE * SIZE * 3), np.float32))
    apart = made / 127.5 - 1 - picture
    assert np.sqrt((apart**2).mean()) < 0.15  # of noise: about 1.1


def test_a_known_gaussian_is_recovered():
    """Every pixel is N(0.2, 0.3) of its own; 16 steps leave a little of the spread out."""
    rng = np.random.default_rng(0)
    pixels = 0.2 + 0.3 * rng.standard_normal((16, 3, SIZE, SIZE), np.float32)
    study = STUDY | {"network": {"family": "flow", "patch": 1, "filters": [16]}}
    program = _trained(torch.from_numpy(pixels), 120, study)
    made = program.make(rng.standard_normal((50, SIZE * SIZE * 3), np.float32)) / 127.5 - 1
    assert made.mean() == pytest.approx(0.2, abs=0.05)
    assert made.std() == pytest.approx(0.3, abs=0.08)
    assert made.mean((1, 2, 3)).std() < 0.03  # 0.3 / sqrt(768) is 0.011


def test_the_network_is_a_small_u_net_that_begins_with_grey():
    flow = build_network("flow", (64, 64, 3), {}, makes("flow"))
    shapes = [p.output_shape for p in flow.leaves()]
    assert {(16, 16, 64), (8, 8, 128), (4, 4, 128)} < set(shapes)
    assert shapes[-1] == (64, 64, 3)
    assert flow.input_shape == (64, 64, 3 + PLANES)
    images = torch.rand(2, 3, SIZE, SIZE)
    seen = torch.rand(2, 3 + PLANES, SIZE, SIZE)
    assert not _trained(images, 0).modules["velocity"](seen)["image"].any()


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"task": {"name": "flow_matching", "euler_steps": 3}}, r"euler_steps.*4.*100, got 3"),
        ({"task": {"name": "flow_matching", "times": "uniforn"}}, "did you mean 'uniform'"),
        ({"task": "adversarial"}, "makes velocity"),
        ({"network": "gan"}, "use flow"),
        ({"training": {"early_stopping": {"monitor": "val_los"}}}, "val_los"),
        ({"network": {"family": "flow", "filters": []}}, "at least one number of filters, got"),
        *(
            ({"dataset": STUDY["dataset"] | {part: few}}, f"at least {few + 1} {part} images, got")
            for part, few in (("train", 31), ("validation", 19), ("test", 19))
        ),
    ],
)
def test_what_cannot_be_meant_is_said(changes: dict[str, Any], said: str):
    with pytest.raises(AssayError, match=said):
        cohorts(plan_of(STUDY | changes).runs().values())


def test_sides_must_fit_the_patches():
    with pytest.raises(NetworkError, match="need sides that 16 divides, got 28x28 pixels"):
        build_network("flow", (28, 28, 1), {}, makes("flow"))
    build_network({"family": "flow", "patch": 1, "filters": [8, 8]}, (28, 28, 1), {}, ("velocity",))
