"""Methods of published records, by hand and the same in every engine that has them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from assay.core.config import Entry
from assay.core.errors import ConfigError, EngineError
from assay.data.dataset import FitData, Split
from assay.data.loading import normalisation
from assay.data.specs import NORMALIZE
from assay.engines.augmentations import AUGMENTATIONS, Cutout, Mixup
from assay.engines.averaging import Lookahead, uniform
from assay.engines.compiled.coverage import covers
from assay.engines.engine import ENGINES, Cohort, Resources, check_looks
from assay.engines.numpy_engine.images import changed
from assay.engines.numpy_engine.losses import cross_entropy
from assay.engines.schedules import Linear, OneCycle
from assay.engines.streams import Moves, mirrored
from assay.engines.targets import soft_rows
from assay.engines.torch_engine.average import SlowWeights, WeightAverage
from assay.engines.torch_engine.device import place
from assay.engines.torch_engine.images import Augmenter, seen
from assay.engines.torch_engine.module import ModuleProgram
from assay.engines.training import Augment, Training
from assay.networks.network import initial_weights
from assay.studies.members import resolve_member
from assay.studies.study import parse_study
from assay.studies.training import read_training
from assay.tasks.classify import Classify
from assay.tasks.looks import TEST_TIME, Look
from assay.tasks.task import find_task
from assay.testing import check_augmentation, check_schedule

MLP = {"family": "mlp", "hidden": [16], "dropout": 0.2}
LOGITS = np.log(np.array([[0.5, 0.25, 0.25]]))


class TestLabelSmoothing:
    def test_rows_keep_their_share_and_spread_the_rest(self, corners):
        rows = soft_rows(Training(label_smoothing=0.2), Classify(), corners)
        np.testing.assert_allclose(rows[0], [0.85, 0.05, 0.05, 0.05])
        assert soft_rows(Training(), Classify(), corners) is None

    def test_the_loss_of_soft_targets_by_hand(self):
        q = np.array([[0.8, 0.1, 0.1]])
        expected = -(0.8 * np.log(0.5) + 0.2 * np.log(0.25))
        loss, gradient, correct = cross_entropy({"class": LOGITS}, q)
        assert loss == pytest.approx(expected)
        np.testing.assert_allclose(gradient["class"], [[-0.3, 0.15, 0.15]])
        assert correct == [1.0]
        outputs, targets = {"class": torch.from_numpy(LOGITS)}, torch.from_numpy(q)
        assert float(Classify().loss(outputs, targets)) == pytest.approx(expected)
        loss, gradient = Classify().loss_gradient(outputs, targets)
        assert float(loss) == pytest.approx(expected)
        np.testing.assert_allclose(gradient["class"], [[-0.3, 0.15, 0.15]])

    def test_curves_of_validation_stay_plain(self, member, train):
        (plain,) = train(member(MLP, learning_rate=1e-9))
        (smooth,) = train(member(MLP, learning_rate=1e-9, label_smoothing=0.5))
        np.testing.assert_allclose(plain.curves["val_loss"], smooth.curves["val_loss"], rtol=1e-5)
        assert smooth.curves["loss"][0] != pytest.approx(plain.curves["loss"][0], rel=1e-3)


class TestAlternatingFlip:
    def test_every_image_is_seen_from_both_sides_in_two_epochs(self):
        moves = Moves(Augment(flip="alternating"), [3])
        seen = []
        for epoch in range(3):
            order = np.random.default_rng(epoch).permutation(40)
            moves.start_epoch(order[None], epoch)
            drawn = np.concatenate([moves.draw(8, start)[2, 0] for start in range(0, 40, 8)])
            flips = np.empty(40, np.int64)
            flips[order] = drawn
            seen.append(flips)
        assert (seen[0] + seen[1] == 1).all()
        assert (seen[2] == seen[0]).all()
        assert 0 < seen[0].sum() < 40

    def test_a_member_keeps_its_sides_when_others_end(self):
        together, alone = (Moves(Augment(flip="alternating"), seeds) for seeds in ([1, 2], [2]))
        orders = np.stack([np.arange(10), np.arange(10)[::-1]])
        together.start_epoch(orders, 0)
        alone.start_epoch(orders[1:], 0)
        together.keep([1])
        assert np.array_equal(together.draw(4, 2)[2], alone.draw(4, 2)[2])


class TestReflection:
    def test_places_outside_show_the_mirror_image(self):
        places = np.arange(-3, 8)
        assert mirrored(places, 4).tolist() == [3, 2, 1, 0, 1, 2, 3, 2, 1, 0, 1]
        assert mirrored(torch.from_numpy(places), 4).tolist() == mirrored(places, 4).tolist()
        assert mirrored(places, 1).tolist() == [0] * 11

    def test_engines_move_alike(self):
        images = np.random.default_rng(0).normal(size=(6, 5, 4, 2))
        augment, targets = Augment(shift=2, flip=True, reflect=True), np.arange(6)
        blank = np.zeros(2)
        ours, _ = changed(images, targets, Moves(augment, [5]), blank, 0)
        mover = Augmenter(augment, [5], torch.from_numpy(blank))
        theirs, _ = mover(torch.from_numpy(images)[None], torch.from_numpy(targets)[None])
        assert np.array_equal(ours, theirs[0].numpy())
        assert set(ours.ravel()) <= set(images.ravel()), "no pixel from outside"


class TestCutoutAndMixup:
    @pytest.mark.parametrize("name", [n for n in AUGMENTATIONS if n in ("cutout", "mixup")])
    def test_they_keep_their_promises(self, name):
        check_augmentation(name)

    def test_a_square_is_hidden(self):
        images = np.ones((200, 6, 6, 1))
        hidden = 36 - Cutout(size=3).change(images, np.random.default_rng(0)).sum((1, 2, 3))
        assert set(hidden) == {4, 6, 9}, "in a corner, at a side, whole"

    @pytest.mark.parametrize("kind", NORMALIZE)
    def test_the_square_is_the_mean_of_the_training_images(self, kind):
        images = np.random.default_rng(1).integers(9, 200, (50, 6, 6, 3), np.uint8)
        mean, std = normalisation(kind, images)
        part = Split(images, np.zeros(50, np.int64))
        cutout = Cutout(size=12).fitted(FitData("noise", part, part, mean, std))
        found = cutout.change(((images - mean) / std).astype(np.float32), np.random.default_rng(0))
        expected = (images.mean((0, 1, 2)) - mean) / std
        np.testing.assert_allclose(found, np.broadcast_to(expected, found.shape), atol=1e-4)
        if kind in ("standard", "center"):
            assert not found.any(), "exactly 0, as ever"

    @pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # TensorFlow
    @pytest.mark.parametrize("engine", ["numpy", "torch", "keras"])
    def test_engines_hide_behind_the_mean(self, engine, member, train, corners):
        if engine == "keras":
            pytest.importorskip("tensorflow")
        unit = replace(corners, mean=np.zeros(1, np.float32), std=np.full(1, 255, np.float32))
        level = unit.train.images.mean(dtype=np.float64)
        flat = np.full(unit.train.images.shape, level, np.float32)
        blind = replace(unit, train=Split(flat, unit.train.targets))
        every = Augment(others=(Cutout(size=16),))
        (hidden,) = train(member(MLP, augment=every), engine=engine, dataset=unit)
        (shown,) = train(member(MLP), engine=engine, dataset=blind)
        np.testing.assert_allclose(hidden.curves["loss"], shown.curves["loss"], rtol=1e-5)

    def test_images_and_targets_are_mixed_in_equal_shares(self):
        images = np.arange(4.0).reshape(4, 1, 1, 1) * np.ones((1, 2, 2, 1))
        mixed, shares = Mixup(alpha=1.0).change_both(images, np.eye(4), np.random.default_rng(1))
        np.testing.assert_allclose(shares @ np.arange(4.0), mixed[:, 0, 0, 0])
        np.testing.assert_allclose(shares.sum(1), 1)
        assert (shares < 1).any()


class TestTimeAugmentation:
    @pytest.mark.parametrize("name", TEST_TIME)
    def test_weights_add_up_and_the_first_look_is_at_the_image_itself(self, name):
        looks = TEST_TIME[name]
        assert sum(look.weight for look in looks) == 1
        assert replace(looks[0], weight=1.0) == Look()
        assert len(set(looks)) == len(looks)

    def test_what_looks_see(self):
        image = torch.arange(9.0).view(1, 1, 3, 3, 1)
        for look, expected in (
            (Look(mirror=True), [[2, 1, 0], [5, 4, 3], [8, 7, 6]]),
            (Look(down=1, right=1), [[4, 3, 4], [1, 0, 1], [4, 3, 4]]),
            (Look(mirror=True, right=-1), [[1, 0, 1], [4, 3, 4], [7, 6, 7]]),
        ):
            assert seen(image, look, torch.zeros(1))[0, 0, :, :, 0].tolist() == expected

    def test_logits_are_averaged_before_they_are_judged(self):
        task = find_task({"name": "classify", "test_time": "flip"})
        logits = np.array([[[2.0, 0.0], [0.0, 6.0]]])
        assert task.combine({"class": logits})["class"].tolist() == [[1.0, 3.0]]

    @pytest.mark.parametrize("name", TEST_TIME)
    def test_engines_judge_alike(self, name, member, corners, monkeypatch):
        task = {"name": "classify", "test_time": name}
        one = member(MLP, learning_rate=0.03)
        found = []
        for engine, program, told in (
            ("numpy", "", task),
            ("torch", "compiled", task),
            ("torch", "pytorch", task),
            ("torch", "pytorch", "classify"),
        ):
            monkeypatch.setenv("ASSAY_PROGRAM", program)
            resources = Resources(device="cpu", precision="float64", threads=1)
            cohort = Cohort((one,), told)
            ENGINES[engine]().check(cohort, resources)
            found += ENGINES[engine]().train(cohort, corners, resources, lambda p: None)
        ours, compiled, theirs, plain = found
        assert compiled.provenance["program"] == "compiled"
        for own in (ours, compiled):
            for curve in ("loss", "val_loss", "val_accuracy"):
                np.testing.assert_allclose(own.curves[curve], theirs.curves[curve], atol=1e-7)
            assert own.metrics == pytest.approx(theirs.metrics, abs=1e-6)
        np.testing.assert_allclose(theirs.curves["loss"], plain.curves["loss"], atol=1e-7)
        assert theirs.metrics["test_loss"] != pytest.approx(plain.metrics["test_loss"], abs=1e-4)

    def test_a_study_needs_no_name_for_the_usual_task(self):
        study = {"study": "s", "dataset": "digits", "network": "mlp", "task": {"test_time": "flip"}}
        (trial,) = parse_study(study).trials
        assert trial.config["task"] == {"name": "classify", "test_time": "flip"}

    def test_an_engine_that_looks_once_says_so(self, member):
        cohort = Cohort((member(MLP),), {"name": "classify", "test_time": "flip"})
        with pytest.raises(EngineError, match="the keras engine looks at each image once"):
            check_looks(cohort, "keras")


RECIPES = {
    "label smoothing": {"label_smoothing": 0.1},
    "alternating flip": {"augment": Augment(flip="alternating")},
    "reflection": {"augment": Augment(shift=2, reflect=True)},
    "cutout": {"augment": Augment(others=(Cutout(size=3),))},
    "mixup": {"augment": Augment(flip=True, others=(Mixup(alpha=1.0),))},
    "mixup, smoothed": {"augment": Augment(others=(Mixup(),)), "label_smoothing": 0.1},
}


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=RECIPES)
def test_engines_train_alike(recipe, member, train, monkeypatch):
    """NumPy, PyTorch stacked and the default engine where its compiled program may train."""
    members = [member(MLP, seed=s, learning_rate=0.03, **recipe) for s in range(2)]
    found = []
    for engine, program in (("numpy", ""), ("torch", "pytorch"), ("torch", "compiled")):
        monkeypatch.setenv("ASSAY_PROGRAM", program)
        found.append(train(*members, engine=engine, precision="float64"))
    (plain,) = train(member(MLP, learning_rate=0.03), engine="numpy", precision="float64")
    for ours, *others in zip(*found, strict=True):
        for other in others:
            for name in ("loss", "accuracy", "val_loss"):
                np.testing.assert_allclose(ours.curves[name], other.curves[name], atol=1e-7)
    assert not np.allclose(found[0][0].curves["loss"], plain.curves["loss"], atol=1e-4)
    compiled = recipe not in (RECIPES["reflection"], RECIPES["cutout"])
    assert (found[2][0].provenance["program"] == "compiled") == compiled


@pytest.mark.parametrize(
    ("training", "said"),
    [
        ({"label_smoothing": 0.1}, "training.label_smoothing changes class targets"),
        ({"augment": {"mixup": {"alpha": 0.2}}}, "training.augment.mixup changes class targets"),
    ],
)
def test_tasks_without_classes_refuse_soft_targets(training, said):
    config = {
        "dataset": {"name": "clocks-rendered"},
        "network": {"family": "mlp"},
        "training": {"optimizer": {"name": "sgd"}, "epochs": 1, **training},
        "task": {"name": "tell_time", "labels": "joint"},
        "engine": "torch",
        "precision": "float32",
        "seed": 0,
    }
    with pytest.raises(ConfigError, match=said):
        resolve_member(config)


class TestSchedules:
    def test_a_line_and_a_triangle(self):
        line = Linear(final_fraction=0.2)
        assert [line.factor(s, 10, 5) for s in (0, 5, 10)] == pytest.approx([1.0, 0.6, 0.2])
        triangle = Linear(warmup=0.5)
        found = [triangle.factor(s, 8, 4) for s in range(8)]
        assert found == [0.25, 0.5, 0.75, 1.0, 1.0, 0.75, 0.5, 0.25]

    def test_one_cycle_goes_up_and_down(self):
        cycle = OneCycle(peak=0.25, initial_fraction=0.2, final_fraction=0.1)
        found = [cycle.factor(s, 8, 4) for s in (0, 1, 2, 5, 8)]
        assert found == pytest.approx([0.2, 0.6, 1.0, 0.55, 0.1])
        assert OneCycle(peak=0.0).factor(0, 8, 4) == 1.0
        assert OneCycle(peak=1.0).factor(8, 8, 4) == 1.0

    @pytest.mark.parametrize("name", ["linear", "one_cycle"])
    def test_they_keep_their_promises(self, name):
        check_schedule(name)


class TestAverages:
    def test_the_mean_of_all_weights_after_the_start(self):
        weight = torch.zeros(1)
        average = WeightAverage({"w": weight}, uniform(2))
        for number in (1.0, 2.0, 3.0, 5.0, 10.0):
            weight.fill_(number)
            average.update()
            with average.in_place():
                seen_there = weight.item()
            expected = {1.0: 1, 2.0: 2, 3.0: 3, 5.0: 4, 10.0: 6}[number]
            assert seen_there == pytest.approx(expected)

    def test_slow_weights_go_half_of_the_way(self):
        weight = torch.zeros(1)
        slow = SlowWeights([weight], Lookahead(steps=2, step_size=0.5))
        seen_after = []
        for _ in range(5):
            weight.add_(4.0)
            slow.update()
            seen_after.append(weight.item())
        assert seen_after == [4.0, 4.0, 8.0, 8.0, 12.0]

    @pytest.mark.parametrize("recipe", [{"swa": 0.5}, {"lookahead": Lookahead(steps=3)}], ids=str)
    def test_a_run_goes_on_from_its_state(self, recipe, member):
        one = member(MLP, **recipe)
        where = place(Resources(device="cpu", precision="float32", threads=1))
        weights = initial_weights(one.network, one.seed)
        rng = np.random.default_rng(0)
        images = torch.tensor(rng.normal(size=(9, 1, 20, 8, 8, 1)), dtype=torch.float32)
        targets = torch.tensor(rng.integers(0, 4, (9, 1, 20)))

        def program():
            return ModuleProgram([one], [weights], where, find_task("classify"), 9)

        def steps(made, start, stop):
            with torch.no_grad():
                for step in range(start, stop):
                    made.step(images[step], targets[step], 1.0)
            return made

        whole, begun = steps(program(), 0, 9), steps(program(), 0, 5)
        later = program()
        later.load(0, begun.state(0))
        steps(later, 5, 9)
        for name, array in whole.weights(0).items():
            assert np.array_equal(array, later.weights(0)[name]), name

    @pytest.mark.parametrize("recipe", [{"swa": 0.5}, {"lookahead": Lookahead()}], ids=str)
    def test_engines_without_them_say_so(self, recipe, member):
        (name,) = recipe
        cohort = Cohort((member(MLP, **recipe),))
        assert not covers(cohort, Resources(device="cpu"))
        with pytest.raises(EngineError, match=f"support averaged weights, got training.{name}"):
            ENGINES["numpy"]().check(cohort, Resources())

    def test_two_averages_are_refused(self):
        with pytest.raises(ConfigError, match=r"training.swa 0.5 and training.ema 0.9"):
            Training(swa=0.5, ema=0.9)

    def test_a_study_may_write_the_steps_alone(self):
        entry = Entry({"lookahead": 3}, ("training",))
        assert read_training(entry)["lookahead"] == {"steps": 3, "step_size": 0.5}
        assert "lookahead" not in read_training(Entry({"lookahead": False}, ("training",)))
