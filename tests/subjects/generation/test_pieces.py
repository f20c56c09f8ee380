"""Latent points, losses and changes of pictures by hand-checkable values."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from assay.core.seeds import stream
from assay.subjects.generation import adversarial
from assay.subjects.generation.drawn_dials import draw_dials
from assay.subjects.generation.latents import Mixture, Normal, between, fit_mixture, prior_of, way
from assay.subjects.generation.training.diff_augment import CHANGES, change
from assay.subjects.generation.training.losses import LOSSES


def test_the_way_between_latent_points_keeps_to_the_arc_or_to_the_line():
    start, end = np.array([3.0, 0, 0]), np.array([0, 3.0, 0])
    arc = between(start, end, 5, spherical=True)
    np.testing.assert_allclose(np.linalg.norm(arc, axis=1), 3, rtol=1e-6)
    np.testing.assert_allclose(arc[2], [3 / np.sqrt(2), 3 / np.sqrt(2), 0], rtol=1e-6)
    line = between(start, end, 5, spherical=False)
    np.testing.assert_allclose(line[2], [1.5, 1.5, 0])
    np.testing.assert_allclose(between(start, start, 3, spherical=True), [start] * 3)
    mixture = Mixture(np.ones(1), np.zeros((1, 3)), np.eye(3)[None])
    np.testing.assert_array_equal(way(Normal(3), start, end, 5), arc)
    np.testing.assert_array_equal(way(mixture, start, end, 5), line)


def test_a_fitted_mixture_draws_what_it_was_fitted_to():
    rng = np.random.default_rng(0)
    points = np.concatenate([rng.normal(size=(900, 2)) - 5, rng.normal(size=(300, 2)) * 2 + 5])
    fitted = fit_mixture(points, 2, rng)
    kept = prior_of(fitted.weights(), 2)
    assert isinstance(kept, Mixture)
    drawn = kept.draw(4000, np.random.default_rng(1))
    left = drawn[:, 0] < 0
    assert left.mean() == pytest.approx(0.75, abs=0.03)
    np.testing.assert_allclose(drawn[left].mean(0), [-5, -5], atol=0.15)
    np.testing.assert_allclose(drawn[~left].std(0), [2, 2], atol=0.25)
    assert isinstance(prior_of({}, 2), Normal)


@pytest.mark.parametrize("name", adversarial.LOSSES)
def test_both_networks_lose_less_when_they_win(name):
    discriminator, generator = LOSSES[name]
    right, wrong = torch.tensor([0.9, 0.8]), torch.tensor([0.1, 0.2])
    assert discriminator(right, wrong) < discriminator(wrong, right)
    assert generator(right, right) < generator(right, wrong)
    assert set(LOSSES) == set(adversarial.LOSSES)


def test_changes_of_pictures_let_gradients_through_and_follow_the_stream():
    assert set(CHANGES) == set(adversarial.POLICIES)
    images = torch.rand(6, 3, 16, 16, requires_grad=True)
    for name in adversarial.POLICIES:
        once, again = (change(images, (name,), stream(0, "x")) for _ in range(2))
        assert torch.equal(once, again)
        assert once.shape == images.shape
        assert not torch.equal(once, images)
        (gradient,) = torch.autograd.grad(once.sum(), [images])
        assert gradient.abs().sum() > 0
    assert change(images, (), stream(0, "x")) is images


def test_dials_show_their_time_and_do_not_depend_on_anything_else():
    minutes = np.arange(0, 720, 3)
    dials = draw_dials(minutes, stream(0, "dials"), 64)
    np.testing.assert_array_equal(draw_dials(minutes, stream(0, "dials"), 64), dials)
    dark = 765 - dials.sum(-1, dtype=int)  # the hands are the darkest
    y, x = np.mgrid[:64, :64] - 31.5
    inside = np.hypot(x, y) < 18  # inside the ticks, nearly all that is dark is a hand
    for turn in (minutes / 60, minutes / 720):
        angle = 2 * np.pi * turn[:, None, None]
        near = np.hypot(x - 10 * np.sin(angle), y + 10 * np.cos(angle)) < 3
        far = np.hypot(x + 10 * np.sin(angle), y - 10 * np.cos(angle)) < 3
        one, other = ((dark * (m & inside)).sum((1, 2)) for m in (near, far))
        assert (one > other).mean() > 0.85  # not where the other hand points the opposite way
