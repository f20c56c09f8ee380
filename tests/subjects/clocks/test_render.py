"""The renderer against geometry that a hand can compute."""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assay.core.errors import ConfigError
from assay.subjects.clocks.render import draw_scene, make_scene, render, targets_of
from assay.subjects.clocks.render.camera import homography, project, rays, upward
from assay.subjects.clocks.render.compiled import paint
from assay.subjects.clocks.render.covered import COVERED, hidden
from assay.subjects.clocks.render.dials import TEXTURE, DialDesign, draw_dial
from assay.subjects.clocks.render.shade import shade
from assay.subjects.clocks.render.styles import STYLES
from assay.subjects.clocks.render.textures import make_textures

SIZE = 150


def straight(minutes: list[int], turn: float = 0.0, style: str = "course"):
    """Clocks seen straight on, without glare, noise, shadows or surroundings that differ."""
    scene = make_scene(np.array(minutes), style, 5)
    zero = np.zeros(len(minutes))
    return replace(
        scene, turn=zero + turn, tilt=zero, roll=zero, centre=np.zeros((len(minutes), 2)),
        focal=zero + 1, distance=zero + 2.5, glow=0 * scene.glow, noise=zero,
        surface=scene.surface * 0, dial=scene.dial * 0,
        shading=np.tile([0.0, 0.0, 0.0, 1.0], (len(minutes), 1)), square=zero,
        light=0.001 * scene.light, hub=0 * scene.hub,
    )  # fmt: skip


def centroid(dark: np.ndarray) -> np.ndarray:
    """Mean position (right, down) of dark pixels, from the middle of the picture."""
    down, right = np.nonzero(dark)
    return np.array([right.mean(), down.mean()]) + 0.5 - SIZE / 2


def hands_only(image: np.ndarray) -> np.ndarray:
    """Dark pixels inside the ring of numerals."""
    place = np.arange(SIZE) + 0.5 - SIZE / 2
    near = np.hypot(place[:, None], place) < 0.55 * SIZE / 2.5
    return (image < 130) & near


def test_twelve_straight_on_puts_both_hands_up():
    image = draw_scene(straight([0]), "course", SIZE)[0]
    right, down = centroid(hands_only(image))
    assert abs(right) < 1
    assert down < -8


def test_an_hour_hand_that_slips_is_drawn_off_its_place_and_told_on_it():
    scene = straight([240])
    slipped = replace(scene, slip=np.array([0.03]))
    np.testing.assert_allclose(slipped.pointing()[0, :2], [1 / 3 + 0.03, 0], atol=1e-9)
    np.testing.assert_array_equal(targets_of(slipped), targets_of(scene))
    assert (draw_scene(slipped, "course", SIZE) != draw_scene(scene, "course", SIZE)).any()


def test_three_o_clock_has_a_hand_up_and_one_to_the_right():
    image = hands_only(draw_scene(straight([180]), "course", SIZE)[0])
    half = SIZE // 2
    assert image[half - 25 : half - 15, half - 2 : half + 2].all()
    assert image[half - 2 : half + 2, half + 15 : half + 25].all()
    assert not image[half + 15 : half + 25].any()


@pytest.mark.parametrize("minutes", [0, 137, 400, 719])
def test_a_quarter_turn_turns_the_picture(minutes):
    plain, turned = (
        draw_scene(straight([minutes], turn), "course", SIZE)[0].astype(int) for turn in (0, 0.25)
    )
    place = np.arange(SIZE) + 0.5 - SIZE / 2
    dial = np.hypot(place[:, None], place) < 0.9 * SIZE / 2.5
    assert np.abs(np.rot90(plain, -1) - turned)[dial].max() <= 12  # edges fall between pixels
    assert np.abs(plain - turned)[dial].max() > 60


def test_the_homography_maps_the_dials_corners_where_the_camera_says():
    scene = straight([0])
    corners = np.array([[[-1.0, -1], [1, -1], [1, 1], [-1, 1], [0, 0]]])
    # straight on from 2.5 radii with a focal length of one width: 1 radius is 1 / 2.5 widths
    expected = SIZE * (0.5 + np.array([[-0.4, 0.4], [0.4, 0.4], [0.4, -0.4], [-0.4, -0.4], [0, 0]]))
    assert np.allclose(project(homography(scene, SIZE), corners)[0], expected)
    # tilted by 60 degrees: (0, 1) is at height cos 60 = 1/2 of depth 2.5 + sin 60
    tilted = replace(scene, tilt=np.array([60 / 360]))
    found = project(homography(tilted, SIZE), np.array([[[0.0, 1.0]]]))[0, 0]
    assert np.allclose(found, [SIZE / 2, SIZE * (0.5 - 0.5 / (2.5 + np.sqrt(0.75)))])


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from(["course", "any"]))
def test_rays_undo_the_homography(seed, style):
    scene = make_scene(np.array([77]), style, seed)
    points = np.array([[[0.3, -0.8], [-0.5, 0.2], [0.0, 0.0]]])
    seen = project(homography(scene, SIZE), points)
    pixels = np.concatenate([seen, np.ones((1, 3, 1))], -1)
    direction = pixels @ np.swapaxes(rays(scene, SIZE), 1, 2)
    eye = scene.distance[0] * np.array(
        [0, -np.sin(2 * np.pi * scene.tilt[0]), np.cos(2 * np.pi * scene.tilt[0])]
    )
    met = eye[:2] - eye[2] * direction[..., :2] / direction[..., 2:]
    assert np.allclose(met, points, atol=1e-9)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from(["course", "any"]))
def test_up_in_the_picture_is_up(seed, style):
    scene = make_scene(np.array([77]), style, seed)
    turn = 2 * np.pi * upward(scene)[0]
    step = 1e-6 * np.array([np.sin(turn), np.cos(turn)])
    a, b = project(homography(scene, SIZE), np.array([[[0.0, 0.0], step]]))[0]
    right, down = b - a
    assert down < 0
    assert abs(right) < 1e-4 * abs(down)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 719), st.integers(0, 10_000), st.sampled_from(["course", "any"]))
def test_the_time_is_what_lies_between_the_directions(minutes, seed, style):
    hour, minute, twelve, long, short = targets_of(make_scene(np.array([minutes]), style, seed))[0]
    assert (hour, minute) == divmod(minutes, 60)
    off = [(long - twelve) * 60 - minute, (short - twelve) * 720 - minutes]
    wrapped = [(d + p / 2) % p - p / 2 for d, p in zip(off, (60, 720), strict=True)]
    assert np.allclose(wrapped, 0, atol=1e-3)


@pytest.mark.parametrize("style", ["course", "any"])
def test_equal_seeds_draw_equal_clocks_and_others_other_ones(style):
    minutes = np.arange(0, 720, 90)
    first, again = (render(minutes, style=style, seed=3, size=48) for _ in range(2))
    other = render(minutes, style=style, seed=4, size=48)
    assert (first.images == again.images).all()
    assert (first.images != other.images).any((1, 2)).all()
    assert first.images.dtype == np.uint8
    assert first.images.std((1, 2)).min() > 1
    assert ((first.hidden >= 0) & (first.hidden <= 1)).all()


def test_a_picture_is_the_same_whatever_is_drawn_with_it():
    scene = make_scene(np.arange(11), "any", 0)
    whole = draw_scene(scene, "any", 60)
    some = draw_scene(scene[np.array([7, 2])], "any", 60)
    assert np.abs(whole[[7, 2]].astype(int) - some).max() <= 1


@pytest.mark.parametrize("style", ["course", "any"])
def test_what_is_compiled_draws_what_pytorch_draws(style):
    scene = make_scene(np.arange(0, 720, 20), style, 8)
    textures = make_textures(STYLES[style].designs, STYLES[style].surfaces, "cpu")
    scene = replace(scene, square=np.arange(36) % 3 / 2)  # round, between, square
    fast, plain = (draw(scene, textures, 64).astype(int) for draw in (paint, shade))
    # the ground is not interpolated: a pixel between two texels may take either of them
    assert (np.abs(fast - plain) > 1).mean() < 1e-3
    assert (fast != plain).mean() < 5e-3
    assert np.abs(paint(scene[::-1], textures, 64)[::-1] - fast).max() == 0


def test_a_scene_can_be_cut():
    scene = make_scene(np.arange(6), "any", 0)
    assert all(len(getattr(scene[2:5], f.name)) == 3 for f in fields(scene))


def test_glare_hides_what_it_covers():
    scene = straight([0])
    tip = project(homography(scene, SIZE), np.array([[[0.0, scene.hands[0, 1, 0]]]]))[0, 0] / SIZE
    glow = scene.glow.copy()
    glow[0, 0] = [*tip, 0.05, 1.0]

    lit = replace(scene, glow=glow)
    assert hidden(scene)[0] == 0
    assert hidden(lit)[0] > 0.99
    assert (draw_scene(lit, "course", SIZE)[0] >= draw_scene(scene, "course", SIZE)[0]).all()


@pytest.mark.parametrize("style", list(STYLES))
def test_clocks_can_be_drawn_with_a_hand_covered(style):
    minutes = np.arange(0, 720, 3)
    usual, asked = (make_scene(minutes, style, 5, covered=n) for n in (0, 120))
    assert (hidden(asked)[:120] >= COVERED).mean() > 0.5 > 0.2 > (hidden(usual) >= COVERED).mean()
    assert (asked.minutes == minutes).all()
    assert all((getattr(asked, f.name)[120:] == getattr(usual, f.name)[120:]).all()
               for f in fields(asked))  # fmt: skip
    again = make_scene(minutes, style, 5, covered=120)
    assert (again.glow == asked.glow).all()
    # other clocks than the usual ones, not the usual ones with another lamp
    assert (asked.turn != usual.turn)[hidden(usual) < COVERED][:40].any()


def test_a_dial_has_its_numerals_and_ticks_where_they_belong():
    bare = draw_dial(DialDesign(numerals="none", hour=(0, 0, 0), minute=(0, 0, 0)))
    assert not bare.any()
    ticks = draw_dial(DialDesign(numerals="none", minute=(0, 0, 0)))
    at = round(TEXTURE / 2 * (1 + 0.94))
    assert ticks[TEXTURE // 2 - 1 : TEXTURE // 2 + 1, at - 1 : at + 1].min() > 0.5  # at the 3
    quarters = draw_dial(DialDesign(numerals="quarters", hour=(0, 0, 0), minute=(0, 0, 0)))
    arabic = draw_dial(DialDesign(hour=(0, 0, 0), minute=(0, 0, 0)))
    assert 0 < quarters.sum() < arabic.sum()


def test_hours_may_have_dots_and_only_four_of_them_a_tick():
    dial = DialDesign(
        numerals="none", hour=(0.8, 0.9, 0.05), minute=(0, 0, 0), hours=4, hour_dots=True
    )
    assert not dial.marked
    ink = draw_dial(dial)
    half = TEXTURE // 2
    for turn in range(12):
        angle = 2 * np.pi * turn / 12
        place = 0.85 * np.array([-np.cos(angle), np.sin(angle)])
        down, right = (half * (1 + place)).astype(int)
        assert (ink[down, right] > 0.5) == (turn % 3 == 0)


def test_an_unknown_style_is_named():
    with pytest.raises(ConfigError, match=r"unknown style of clocks 'corse'.*course"):
        render(np.array([0]), style="corse")
