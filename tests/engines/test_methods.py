"""Methods of published records, by hand and the same in every engine that has them."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from assay.core.errors import ConfigError
from assay.engines.augmentations import AUGMENTATIONS, Cutout, Mixup
from assay.engines.numpy_engine.images import changed
from assay.engines.numpy_engine.losses import cross_entropy
from assay.engines.streams import Moves, mirrored
from assay.engines.targets import soft_rows
from assay.engines.torch_engine.images import Augmenter
from assay.engines.training import Augment, Training
from assay.studies.members import resolve_member
from assay.tasks.classify import Classify
from assay.testing import check_augmentation

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

    def test_images_and_targets_are_mixed_in_equal_shares(self):
        images = np.arange(4.0).reshape(4, 1, 1, 1) * np.ones((1, 2, 2, 1))
        mixed, shares = Mixup(alpha=1.0).change_both(images, np.eye(4), np.random.default_rng(1))
        np.testing.assert_allclose(shares @ np.arange(4.0), mixed[:, 0, 0, 0])
        np.testing.assert_allclose(shares.sum(1), 1)
        assert (shares < 1).any()


RECIPES = {
    "label smoothing": {"label_smoothing": 0.1},
    "alternating flip": {"augment": Augment(flip="alternating")},
    "reflection": {"augment": Augment(shift=2, reflect=True)},
    "cutout": {"augment": Augment(others=(Cutout(size=3),))},
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
    compiled = recipe in (RECIPES["label smoothing"], RECIPES["alternating flip"])
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
