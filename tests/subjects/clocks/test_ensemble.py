"""Two readers as one: whom it believes, what makes it doubt, and what else the time may be."""

from __future__ import annotations

import numpy as np
import pytest

from assay.core.errors import DataError
from assay.networks.families import build_network
from assay.networks.network import initial_weights
from assay.subjects.clocks.labels.relational import HEADS
from assay.subjects.clocks.reading.calibration import (
    NO_TIME,
    detector_of,
    fitted,
    thresholds_of,
    weights_of,
)
from assay.subjects.clocks.reading.ensemble import (
    Ensemble,
    Stack,
    evidence,
    features_of,
    possible_times,
    weigh,
)
from assay.subjects.clocks.reading.reader import Reader
from assay.subjects.clocks.render import marked, render
from assay.subjects.clocks.render.corrupted import KINDS, corrupted
from assay.subjects.clocks.render.photo_like import photo_like, some_photo_like
from assay.subjects.clocks.time import spans_text

NETWORK = {"family": "clock-net", "filters": [[8], [16]], "squeeze": 8, "dense": [16]}


def untrained(seed: int) -> Reader:
    network = build_network(NETWORK, (48, 48, 1), dict.fromkeys(HEADS, 120))
    about = {"network": NETWORK, "size": 48, "mean": [120.0], "std": [60.0], "style": "course"}
    return Reader(about, initial_weights(network, seed))


def seen(minutes: int, share: float, spread: int = 719) -> np.ndarray:
    """`share` at one time, the rest evenly on the `spread` times after it."""
    found = np.zeros(720)
    found[minutes] = share
    found[(minutes + 1 + np.arange(spread)) % 720] += (1 - share) / spread
    return found


# believe support by each of two experts, all the same how sure, and mind what speaks against
TWO = [1.0, 1.0, 0.0, 0.0, -1.0, -1.0, -3.0]
FOUR = [1.0] * 4 + [0.0] * 4 + [-1.0] * 4 + [-3.0]


def stack(detector: float = 1.0) -> Stack:
    """One that asks both readers where the only output, times `detector`, is large."""
    about = {"detector": [detector, 0.0], "weights": [TWO, FOUR], "thresholds": [0.0, 0.01, 0.1]}
    return Stack(about)


def test_agreement_makes_certain_and_disagreement_does_not():
    agreeing = np.stack([seen(100, 0.9), seen(101, 0.9)])
    differing = np.stack([seen(100, 0.9), seen(400, 0.9)])
    unsure = np.stack([seen(100, 0.9), seen(400, 0.05)])
    both = np.stack([agreeing, differing, unsure])
    judged = stack().judge(np.concatenate([both, both], 1), np.zeros(3, bool))
    assert judged.minutes[[0, 2]].tolist() == [100, 100]
    sure, doubtful, half = judged.certainty
    assert sure > 0.99
    assert doubtful < 0.1
    assert doubtful < half < sure
    np.testing.assert_allclose(judged.shares.sum(-1), 1)
    assert judged.runner_up[1] == 400


def test_the_second_reader_is_asked_where_its_style_may_be():
    outputs = np.array([[-3.0], [0.0], [3.0]])
    assert stack().may_be_special(outputs).tolist() == [False, True, True]
    assert stack(-1.0).may_be_special(outputs).tolist() == [True, True, False]
    first, second = [seen(100, 0.5)] * 2, [seen(400, 0.99)] * 2
    experts = np.stack([[*first, *second]] * 2)
    judged = stack().judge(experts, np.array([False, True]))
    assert judged.minutes.tolist() == [100, 400]
    assert judged.together.tolist() == [False, True]


def test_a_detector_tells_styles_apart_by_outputs():
    rng = np.random.default_rng(0)
    special = rng.random(400) < 0.5
    outputs = rng.normal(0, 1, (400, 3)) * [1, 50, 1] + np.outer(special, [3, 0, 0])
    weights = detector_of(outputs, special)
    said = outputs @ weights[:-1] + weights[-1] > 0
    assert (said == special).mean() > 0.9


def test_support_and_doubt_are_logarithms_from_nothing():
    experts = np.stack([seen(100, 0.99), seen(300, 0.49)])[None]
    candidates, features = features_of(experts)
    assert candidates.tolist() == [[100, 300]]
    own = 0.99 + 0.01 / 719  # the minutes to both sides count; before it there is nothing
    before = np.log((own + 0.01 / 719 + 0.01) / 0.01)
    first = features[0, 0]
    assert first[0] == pytest.approx(before, rel=1e-3)
    assert first[1] == pytest.approx(np.log((3 * 0.51 / 719 + 0.01) / 0.01), rel=1e-3)
    left = 1 - own - 0.01 / 719 + 0.001
    assert first[2] == pytest.approx(-np.log(left), rel=1e-3)
    assert first[4] == 0  # no expert speaks against itself
    assert first[5] == pytest.approx(np.log((0.49 + 2 * 0.51 / 719 + 0.01) / 0.01), rel=1e-2)


def test_the_expert_that_is_right_is_believed():
    rng = np.random.default_rng(0)
    minutes = rng.integers(0, 720, 400)
    guesses = rng.integers(0, 720, 400)
    experts = np.stack(
        [[seen(m, 0.8), seen(g, 0.8)] for m, g in zip(minutes, guesses, strict=True)]
    )
    weights = weights_of(experts, minutes)
    read, certainty, _ = weigh(experts, np.array(weights))
    assert (read == minutes).mean() > 0.99
    assert certainty.mean() > 0.9
    assert min(weights[:4]) >= 0
    assert max(weights[4:6]) <= 0


def test_thresholds_are_the_conformal_quantile_of_each_band():
    scores = np.arange(1, 101) / 100
    certainty = np.full(100, 0.95)
    # int(0.05 * 101) = 5 of the next 101 may be missed: the fifth smallest
    assert thresholds_of(scores, certainty) == [0.0, 0.0, 0.05]
    assert thresholds_of(scores[:10], certainty[:10])[2] == 0  # too few to leave any out
    mixed = np.repeat([0.2, 0.7], 50)
    assert thresholds_of(scores, mixed) == [0.02, 0.52, 0.0]


def test_spans_of_possible_times_go_round_the_dial():
    shares = np.zeros(720)
    shares[[718, 719, 0, 1]] = 0.1, 0.2, 0.4, 0.1
    shares[[300, 301]] = 0.15, 0.05
    spans = possible_times(shares, 0, 0.95, (0.0, 0.01, 0.2))
    assert spans == ((718, 1), (300, 300))
    assert spans_text(spans) == "11:58 to 12:01 or 5:00"
    assert possible_times(shares, 0, 0.95, (0, 0, 0.9)) == ((0, 0),)
    # what was read is among them, whatever its share
    assert (500, 500) in possible_times(shares, 500, 0.95, (0, 0, 0.9))
    assert spans_text(possible_times(shares, 0, 0.1, (0.0, 0.5, 0.5))) == "any time"
    many = tuple((10 * i, 10 * i) for i in range(7))
    assert spans_text(many).endswith("12:30 or 3 other spans of time")


def test_pictures_like_photos_are_the_same_again_and_turned_where_asked():
    images = np.full((4, 48, 48, 1), 200, np.uint8)
    images[:, :24] = 30
    one, again, still = (
        photo_like(images, np.random.default_rng(seed), turn)[0]
        for seed, turn in ((0, True), (0, True), (0, False))
    )
    assert one.shape == images.shape
    assert one.dtype == np.uint8
    np.testing.assert_array_equal(one, again)
    below = still[:, 40:, 12:36].mean((1, 2, 3)) - still[:, 8:16, 12:36].mean((1, 2, 3))
    assert (below > 0).all()  # not turned: the bright half stays below
    below = one[:, 40:, 12:36].mean((1, 2, 3)) - one[:, 8:16, 12:36].mean((1, 2, 3))
    assert not (below > 0).all()


def test_only_dials_that_show_where_the_twelve_is_are_rotated():
    times = np.arange(0, 720, 3)
    drawn = render(times, style="any", seed=8, size=48)
    shown = marked(drawn.scene, "any")
    assert 0.1 < 1 - shown.mean() < 0.35
    twelve = (drawn.targets[:, 2] + 0.5) % 1 - 0.5
    assert (abs(twelve[~shown]) < 0.1).all()  # as a person takes them
    assert (abs(twelve[shown]) > 0.2).mean() > 0.1
    images, directions = some_photo_like(
        drawn.images[..., None], drawn.targets[:, 2:], 1.0, np.random.default_rng(0), shown
    )
    moved = (directions != drawn.targets[:, 2:]).all(1)
    assert not moved[~shown].any()
    assert 0.2 < moved[shown].mean() < 0.5
    assert (images != drawn.images[..., None]).any((1, 2, 3)).all()


@pytest.mark.parametrize("kind", KINDS)
def test_each_way_of_corrupting_changes_a_picture_and_is_the_same_again(kind):
    ways = len(KINDS[kind])
    image = np.indices((48, 48)).sum(0).astype(np.uint8)[..., None] + 60
    images = np.repeat(image[None], 2 * ways, 0)
    one, again = (corrupted(images, np.random.default_rng(3), kind) for _ in range(2))
    assert one.shape == images.shape
    assert one.dtype == np.uint8
    np.testing.assert_array_equal(one, again)
    assert (one != images).any((1, 2, 3)).all()
    assert (one[:ways] != one[ways:]).any((1, 2, 3)).all()  # drawn again for each picture
    assert corrupted(images[:0], np.random.default_rng(3), kind).shape == (0, 48, 48, 1)


def test_an_ensemble_reads_pictures_of_any_kind():
    readers = [untrained(0), untrained(1)]
    about = {
        "detector": [0.0] * 361, "weights": [TWO, FOUR], "thresholds": [0.1, 0.1, 0.1],
    }  # fmt: skip
    ensemble = Ensemble(readers, Stack(about))
    images = np.random.default_rng(0).integers(0, 255, (3, 48, 48, 1), np.uint8)
    experts, outputs = evidence(readers, images)
    assert experts.shape == (3, 4, 720)
    assert outputs.shape == (3, 360)
    np.testing.assert_allclose(experts.sum(-1), 1)
    whole, parts = ensemble.stack.judge(experts, np.ones(3, bool)), ensemble.glance(images)
    np.testing.assert_array_equal(whole.minutes, parts.minutes)
    for picture in (images[0], np.random.default_rng(1).integers(0, 255, (90, 140, 3), np.uint8)):
        sight = ensemble.read(picture)
        assert 0 <= sight.minutes < 720
        assert 0 <= sight.certainty < 0.5
        assert sight.possible
        assert sight.shares.sum() == pytest.approx(1)
    with pytest.raises(DataError, match="expected 7 and 13 weights, got 7 and 7"):
        Stack(about | {"weights": [TWO, TWO]})


def test_what_describes_an_ensemble_is_fitted_from_evidence():
    rng = np.random.default_rng(1)
    minutes, guesses = rng.integers(0, 720, (2, 600))
    rows = [
        [seen(m, 0.8), seen(m, 0.7), seen(g, 0.8), seen(g, 0.8)]
        for m, g in zip(minutes, guesses, strict=True)
    ]
    about = fitted(np.stack(rows), np.zeros((600, 1)), minutes, [0.0, 0.0], 3)
    assert (about["count"], about["coverage"]) == (600, 0.95)
    judged = Stack(about).judge(np.stack(rows), np.ones(600, bool))
    assert (judged.minutes == minutes).mean() > 0.95
    held = [
        any(
            (m - a) % 720 <= (b - a) % 720
            for a, b in possible_times(s, int(r), float(c), about["thresholds"])
        )
        for s, r, c, m in zip(judged.shares, judged.minutes, judged.certainty, minutes, strict=True)
    ]
    assert np.mean(held) >= 0.95


def test_pictures_without_a_clock_lower_the_certainty_of_readings_like_theirs():
    rng = np.random.default_rng(2)
    minutes, guesses = rng.integers(0, 720, (2, 600))
    clocks = np.stack([[seen(m, 0.7), seen(m, 0.6)] * 2 for m in minutes])
    # readings that agree less, half of which are pictures without a clock
    others = np.stack([[seen(m, 0.4), seen(m, 0.2)] * 2 for m in guesses])
    times = np.where(np.arange(600) < 300, guesses, NO_TIME)
    experts, known = np.concatenate([clocks, others]), np.concatenate([minutes, times])
    about = fitted(experts, np.zeros((1200, 1)), known, [0.0, 0.0], 3)
    assert (about["count"], about["others"]) == (900, 300)
    certainty = Stack(about).judge(experts, np.ones(1200, bool)).certainty
    assert certainty[:600].mean() > 0.95
    assert abs(certainty[600:].mean() - 0.5) < 0.1
