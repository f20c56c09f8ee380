"""Measures on vectors and pictures small enough to know the answer."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from scipy.linalg import sqrtm
from scipy.stats import mannwhitneyu, wasserstein_distance

from assay.core.errors import ConfigError, DataError
from assay.core.seeds import stream
from assay.subjects.generation import measures
from assay.subjects.generation.drawn_dials import draw_dials
from assay.subjects.generation.measures.dials import read_dials
from assay.subjects.generation.measures.intervals import bootstrap, mean_interval
from assay.subjects.generation.measures.sliced import pyramid


def normal(n, d=8, shift=0.0, seed=0):
    return np.random.default_rng(seed).normal(shift, 1, (n, d))


def with_moments(mean, root, n=50, seed=0):
    """A sample whose mean and covariance are exactly `mean` and root root'."""
    x = normal(n, len(mean), seed=seed)
    x -= x.mean(0)
    unit = np.linalg.solve(np.linalg.cholesky(np.cov(x.T)), x.T).T
    return unit @ root.T + mean


def pictures(n=120, size=32, channels=3, seed=0):
    """Bright discs of any place, size and colour on dark gradients, uint8 (n, size, size, c)."""
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[:size, :size] / size
    centre, radius = rng.uniform(0.3, 0.7, (2, n, 1, 1)), rng.uniform(0.1, 0.3, (n, 1, 1))
    disc = np.hypot(rows - centre[0], columns - centre[1]) < radius
    colour = rng.uniform(100, 250, (n, 1, 1, channels))
    ground = 80 * rows[..., None] * rng.random((n, 1, 1, channels))
    drawn = np.where(disc[..., None], colour, ground) + rng.normal(0, 4, (n, size, size, channels))
    return np.clip(drawn, 0, 255).astype(np.uint8)


def noisy(images, strength, seed=5):
    noise = np.random.default_rng(seed).normal(0, strength, images.shape)
    return np.clip(images + noise, 0, 255).astype(np.uint8)


def test_frechet_distance_of_known_gaussians():
    a = with_moments(np.zeros(3), np.diag([1.0, 2.0, 3.0]))
    b = with_moments(np.array([1.0, 0.0, 2.0]), np.diag([2.0, 2.0, 1.0]), seed=1)
    assert measures.frechet_distance(a, b) == pytest.approx(1 + 4 + 1 + 0 + 4)
    # covariances that do not commute, against the textbook's formula
    rng = np.random.default_rng(2)
    a, b = (with_moments(rng.normal(size=4), rng.normal(size=(4, 4)), seed=s) for s in (3, 4))
    c, d = np.cov(a.T), np.cov(b.T)
    formula = ((a.mean(0) - b.mean(0)) ** 2).sum() + np.trace(c + d - 2 * np.real(sqrtm(c @ d)))
    assert measures.frechet_distance(a, b) == pytest.approx(formula)
    assert measures.frechet_distance(b, a) == pytest.approx(formula)


def test_frechet_distance_of_equal_sets_is_zero_even_with_few_images():
    few = 1e3 * normal(5, d=64)
    assert measures.frechet_distance(few, few) < 1e-6
    constant = np.ones((5, 3))
    assert measures.frechet_distance(constant, constant + 2) == pytest.approx(12)


def test_kernel_distance_is_what_the_sums_say_and_unbiased():
    x, y = normal(8, seed=1), normal(8, shift=0.5, seed=2)

    def k(a, b):
        return (a @ b / 8 + 1) ** 3

    own = np.mean([k(s[i], s[j]) for s in (x, y) for i in range(8) for j in range(8) if i != j])
    across = np.mean([k(a, b) for a in x for b in y])
    distance = measures.kernel_distance
    assert distance(x, y) == pytest.approx(2 * own - 2 * across)
    # two blocks: the mean of both, whichever images come together
    blocks = distance(x, y, block=4, seed=3)
    assert blocks == pytest.approx(distance(y, x, block=4, seed=3))
    assert blocks != distance(x, y, block=4, seed=4)
    null = [distance(normal(40, seed=2 * s), normal(40, seed=2 * s + 1)) for s in range(60)]
    assert abs(np.mean(null)) < 3 * np.std(null) / np.sqrt(60)
    far = normal(200, shift=0.5, seed=1)
    found = measures.kernel_interval(normal(200), far, seed=1)
    assert 0 < found.low < found.value < found.high
    assert found.value == pytest.approx(distance(normal(200), far))
    assert found != measures.kernel_interval(normal(200), far, seed=2)
    # weights count: a resample is what the images it drew, but for themselves, say
    whole = measures.kernel._Block.of(x, y)
    rng = np.random.default_rng(0)
    drawn = whole.values(1, np.random.default_rng(0))[1]
    i, j = (np.repeat(np.arange(8), rng.multinomial(8, np.full(8, 1 / 8))) for _ in range(2))
    own = sum(np.mean([k(s[a], s[b]) for a in t for b in t if a != b]) for s, t in ((x, i), (y, j)))
    assert drawn == pytest.approx(own - 2 * np.mean([k(x[a], y[b]) for a in i for b in j]))


def test_manifold_is_what_loops_say():
    real, fake, k = normal(30, 3), 1.3 * normal(25, 3, seed=1), 5

    def reach(x):
        return [sorted(np.linalg.norm(x - p, axis=1))[k] for p in x]

    apart = np.linalg.norm(real[:, None] - fake, axis=2)
    in_real, in_fake = apart <= np.array(reach(real))[:, None], apart <= np.array(reach(fake))
    assert measures.precision(real, fake) == pytest.approx(in_real.any(0).mean())
    assert measures.recall(real, fake) == pytest.approx(in_fake.any(1).mean())
    assert measures.density(real, fake) == pytest.approx(in_real.sum(0).mean() / k)
    assert measures.coverage(real, fake) == pytest.approx(in_real.any(1).mean())
    assert measures.precision(real, fake) == measures.recall(fake, real)


def test_manifold_of_equal_far_and_incomplete_sets():
    modes = [normal(100, 4, shift=20.0 * i, seed=i) for i in range(4)]
    real = np.concatenate(modes)
    other = np.concatenate([normal(100, 4, shift=20.0 * i, seed=9 + i) for i in range(4)])
    four = (measures.precision, measures.recall, measures.density, measures.coverage)
    assert [f(real, real) for f in four] == pytest.approx([1, 1, 1.1, 1], abs=0.1)
    assert [f(real, real + 1000) for f in four] == [0, 0, 0, 0]
    whole = measures.Manifold.of(real, other)
    kept = measures.Manifold.of(real, other[:200])  # two of four modes dropped
    assert kept.precision.mean() == pytest.approx(whole.precision.mean(), abs=0.05)
    assert kept.recall[:200].all() >= whole.recall[:200].all()
    assert not kept.recall[200:].any()
    assert not kept.coverage[200:].any()


def test_variety_is_the_share_of_the_variance():
    x = normal(50)
    assert measures.variety(x, x / 2 + 3) == pytest.approx(0.25)
    assert measures.variety(x, np.ones((9, 8))) == 0
    assert np.isfinite(measures.variety(np.ones((9, 8)), x))  # real images that are all alike


def test_dials_are_read_and_what_is_no_dial_is_not():
    minutes = np.arange(0, 720, 7)
    for size in (32, 48):
        found = read_dials(draw_dials(minutes, stream(0, "dials"), size))
        assert np.abs((found.minutes - minutes + 360) % 720 - 360).max() <= 1
        assert found.certainty.min() > 0.7
    dials = draw_dials(minutes, stream(1, "dials"), 32)
    assert read_dials(noisy(np.full_like(dials, 128), 60)).certainty.max() < 0.5
    assert not read_dials(np.full_like(dials, 9)).certainty.any()
    morning = draw_dials(minutes[minutes < 360], stream(2, "dials"), 32)
    faint = np.concatenate([morning, np.full_like(morning, 200)])
    found = measures.measure_all(dials, faint, dials, colours, names=["dials"])
    assert not found  # these images are of no dataset
    sides = (measures.Sides(dials, x, dials, x, dataset="drawn-dials") for x in (faint, dials))
    found = measures.measure_sides(*sides, names=["dials"])
    assert found["dial_readable"].fake.value == pytest.approx(0.5, abs=0.06)
    assert found["dial_hours"].fake.value == 0.5
    assert found["dial_hours"].floor.value == found["dial_hours"].floor.high == 1
    assert found["dial_times"].fake.high < found["dial_times"].floor.low


def test_memorisation_tells_copies_from_new_images():
    train, test, new = normal(300), normal(200, seed=1), normal(200, seed=2)
    honest = measures.memorisation(train, test, new)
    assert abs(honest.z) < 3
    assert honest.copied < 0.05
    u = mannwhitneyu(honest.test, honest.fake).statistic
    assert honest.nearer == pytest.approx(u / (200 * 200))
    copies = measures.memorisation(train, test, train[10:60])
    assert (copies.nearest == np.arange(10, 60)).all()
    assert not copies.fake.any()
    assert (copies.nearer, copies.copied) == (1, 1)
    assert copies.z > 3
    some = np.concatenate([train[:20], new[:180]])
    assert 0.1 <= measures.memorisation(train, test, some).copied < 0.15
    far = measures.memorisation(train, test, 10 * new)
    assert (far.nearer, far.copied) == (0, 0)
    near, apart = measures.nearest(np.array([[0.0], [1.0], [5.0]]), np.array([[4.0], [0.4]]), k=2)
    assert near.tolist() == [[2, 1], [0, 1]]
    assert apart == pytest.approx(np.array([[1, 3], [0.4, 0.6]]))


def test_pyramid_loses_nothing_and_patches_measure_the_right_scale():
    images = pictures(40)
    fine, coarse = pyramid(images)
    assert (fine.shape[1:3], coarse.shape[1:3]) == ((32, 32), (16, 16))
    assert len(pyramid(np.zeros((1, 64, 64, 3)))) == 3
    distance = measures.sliced_wasserstein
    assert distance(images, images) == pytest.approx([0, 0], abs=1e-6)
    other = pictures(40, seed=1)
    assert distance(images, other) == pytest.approx(distance(other, images))
    assert (distance(images, other, seed=1) != distance(images, other)).all()
    floor = distance(images, other)
    shifted = np.clip(other.astype(int) // 2 + [100, 0, 0], 0, 255).astype(np.uint8)
    brighter = distance(images // 2, shifted)
    assert brighter[1] > 3 * floor[1]  # a colour is coarse,
    assert brighter[0] < 3 * floor[0]
    rough = distance(images, noisy(other, 20))
    assert rough[0] > 4 * floor[0]  # noise is fine
    assert rough[1] < rough[0]


def test_sliced_distance_is_the_area_between_distribution_functions():
    level = measures.sliced._level(pictures(5)[..., :1], pictures(5, seed=1)[..., :1], 3, 0, 0)
    values = np.empty_like(level.gaps)
    np.put_along_axis(values, level.order, np.cumsum(level.gaps, 1) - level.gaps, 1)
    pick = (np.array([0, 0, 3, 4, 1]), np.array([2, 2, 2, 0, 1]))
    rows = [(3 * i[:, None] + np.arange(3)).ravel() + 15 * side for side, i in enumerate(pick)]
    for chosen, (a, b) in (((), (np.arange(15), np.arange(15, 30))), (pick, rows)):
        known = np.mean([wasserstein_distance(v[a], v[b]) for v in values])
        assert level.distance(*chosen) == pytest.approx(known)


def test_path_lengths():
    def apart(a, b):
        return np.abs(a - b).mean((1, 2, 3))

    even = np.linspace(0, 1, 5).reshape(1, 5, 1, 1, 1) * np.ones((1, 1, 4, 4, 3))
    jump = np.array([0.0, 0, 0, 1, 1]).reshape(1, 5, 1, 1, 1) * np.ones((1, 1, 4, 4, 3))
    back = np.array([0.0, 1, 0, 1, 0]).reshape(1, 5, 1, 1, 1) * np.ones((1, 1, 4, 4, 3))
    still = np.zeros((1, 5, 4, 4, 3))
    found = measures.path_lengths(np.concatenate([even, jump, back, still]), apart)
    assert found.length == pytest.approx([1, 1, 4, 0])
    assert found.direct == pytest.approx([1, 1, 0, 0])
    assert found.largest_step == pytest.approx([0.25, 1, 0.25, np.nan], nan_ok=True)
    assert found.detour == pytest.approx([1, 1, np.nan, np.nan], nan_ok=True)
    with pytest.raises(DataError, match=r"gave shape \(16, 4, 4, 3\) for 16 pairs"):
        measures.path_lengths(np.concatenate([even] * 4), lambda a, b: a - b)
    with pytest.raises(DataError, match="at least one path and two steps"):
        measures.path_lengths(even[:, :1], apart)


def test_reconstruction_error():
    images = np.full((2, 4, 4, 3), 100, np.uint8)
    back = images.copy()
    back[1] += 51
    found = measures.reconstruction_error(images, back)
    assert found.squared == pytest.approx([0, 0.04])
    assert found.absolute == pytest.approx([0, 0.2])
    assert found.psnr == pytest.approx(-10 * np.log10(0.02))
    assert measures.reconstruction_error(images, images).psnr == float("inf")
    assert found.interval().value == pytest.approx(0.02)
    with pytest.raises(DataError, match=r"expected \(2, 4, 4, 3\), that of the images"):
        measures.reconstruction_error(images, back[:1])


def test_intervals_hold_what_they_promise_and_obey_their_seed():
    x = normal(100, 1)[:, 0]
    assert mean_interval(x, seed=1) == mean_interval(x, seed=1) != mean_interval(x, seed=2)
    ends = [mean_interval(normal(50, 1, seed=s)[:, 0], resamples=300) for s in range(100)]
    assert 85 <= sum(e.low <= 0 <= e.high for e in ends) <= 100
    half = np.mean([e.high - e.low for e in ends]) / 2
    assert half == pytest.approx(1.96 / np.sqrt(50), rel=0.1)
    assert np.isnan(mean_interval(np.array([3.0])).low)

    def apart(i, j):
        return abs(x[i].mean() - x[j].mean() - 1)

    found = bootstrap(apart, (100, 100), 1.0, least=0.0, seed=1)
    assert found.low < found.value < found.high
    assert found != bootstrap(apart, (100, 100), 1.0, least=0.0, seed=2)
    assert bootstrap(apart, (100, 100), 0.01, least=0.0).low == 0


def colours(images):
    """Simple features: mean and deviation of each channel in each quarter of the picture."""
    blocks = images.reshape(len(images), 2, images.shape[1] // 2, 2, -1, images.shape[3]) / 255
    return np.stack([blocks.mean((2, 4)), blocks.std((2, 4))], 1).reshape(len(images), -1)


def test_all_measures_beside_their_floor():
    real, floor, train = (pictures(60, seed=s) for s in (1, 2, 3))
    worse = noisy(pictures(80, seed=4), 120)
    found = measures.measure_all(real, worse, floor, colours, train=train)
    every = [measures.MEASURES[m] for m in measures.MEASURES]
    names = {name for m in every if not m.only for name in m.numbers}
    assert set(found) == names
    for name, measured in found.items():
        fake, least = measured.fake, measured.floor
        assert fake.low <= fake.value <= fake.high, name
        assert least.low <= least.value <= least.high, name
        assert (measured.n_real, measured.n_fake) == (60, 60)
        if measured.number.better == "lower":
            assert fake.value > least.high, name
        if measured.number.better == "higher":
            assert fake.value < least.value, name
    again = measures.measure_all(real, worse, floor, colours, names=["frechet_distance"])
    assert again == {"frechet_distance": found["frechet_distance"]}  # and nothing without `train`
    other = measures.measure_all(real, worse, floor, colours, names=["frechet_distance"], seed=1)
    assert other != again
    copies = measures.measure_all(
        real, train, floor, colours, train=train, names=["neighbours", "manifold"]
    )
    assert copies["copied"].fake.low > copies["copied"].floor.high
    with pytest.raises(ConfigError, match="did you mean 'kernel_distance'"):
        measures.measure_all(real, worse, floor, colours, names=["kernel_distanc"])
    with pytest.raises(DataError, match="fake: images of shape"):
        measures.measure_all(real, worse[:, :16], floor, colours)
    with pytest.raises(DataError, match="floor: 3 images, expected at least 20"):
        measures.measure_all(real, worse, floor[:3], colours)


@pytest.mark.parametrize(
    ("real", "fake", "said"),
    [
        (normal(9)[:, 0], normal(9), r"real: float64 array of shape \(9,\), expected feature"),
        (normal(9), normal(9, 7), "real has 8 features and fake 7"),
        (normal(9), normal(3), "fake: 3 feature vectors, expected at least 6"),
        (np.where(normal(9) > 2, np.nan, 0) + np.nan, normal(9), "real: 9 of 9 feature vectors"),
    ],
)
def test_wrong_features_are_refused_in_words(real, fake, said):
    with pytest.raises(DataError, match=said):
        measures.Manifold.of(real, fake)


def test_wrong_images_are_refused_in_words():
    good = pictures(4)
    with pytest.raises(DataError, match="real: float64 array"):
        measures.sliced_wasserstein(good / 255, good)
    with pytest.raises(DataError, match="fake: images of 8x8 pixels, expected at least 14x14"):
        measures.sliced_wasserstein(good, good[:, :8, :8])
    with pytest.raises(DataError, match="expected one shape"):
        measures.sliced_wasserstein(good, good[:, :16])


def test_measures_load_no_framework():
    code = (
        "import assay.subjects.generation.measures, assay.subjects.generation.features, sys; "
        "print([m for m in ('torch', 'sklearn', 'matplotlib') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
