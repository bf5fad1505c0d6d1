"""The z-buffer, against a brute-force half-plane test of every pixel."""

import math

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from etsy_assets.demo.furniture.rasteriser import rasterise

WIDTH, HEIGHT = 24, 18
SQUARE = np.array([(4.0, 3.0), (12.0, 3.0), (12.0, 9.0), (4.0, 9.0)])


def drawn(*polygons, planes):
    nearness = np.zeros((HEIGHT, WIDTH), np.float32)
    labels = np.full((HEIGHT, WIDTH), -1, np.int32)
    rasterise(enumerate(polygons), np.array(planes, np.float32), nearness, labels)
    return nearness, labels


def pixels_inside(corners):
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH] + 0.5
    sides = [
        (bx - ax) * (y - ay) - (by - ay) * (x - ax)
        for (ax, ay), (bx, by) in zip(corners, np.roll(corners, -1, 0), strict=True)
    ]
    return np.all(np.array(sides) >= 0, 0), np.min(np.abs(sides), 0)


@settings(max_examples=150, deadline=None)
@given(
    centre=st.tuples(st.floats(-5, 30), st.floats(-5, 25)),
    radius=st.floats(1, 25),
    angles=st.lists(st.floats(0, 2 * math.pi), min_size=3, max_size=9, unique=True),
)
def test_a_convex_polygon_covers_exactly_the_pixels_whose_centres_it_contains(centre, radius, angles):
    corners = np.array([(centre[0] + radius * math.cos(a), centre[1] + radius * math.sin(a)) for a in sorted(angles)])
    following = np.roll(corners, -1, 0)
    assume((corners[:, 0] * following[:, 1] - following[:, 0] * corners[:, 1]).sum() > 0.5)
    expected, distance_to_edge = pixels_inside(corners)
    decided = distance_to_edge > 1e-6
    for outline in (corners, corners[::-1]):
        _, labels = drawn(outline, planes=[(0, 0, 1)])
        assert np.array_equal((labels == 0)[decided], expected[decided])


def test_the_nearer_polygon_wins_whatever_the_order():
    far, near = (0, 0, 0.5), (0, 0, 0.9)
    for planes, winner in (((far, near), 1), ((near, far), 0)):
        nearness, labels = drawn(SQUARE, SQUARE + 2, planes=planes)
        assert labels[7, 8] == winner
        assert nearness[7, 8] == np.float32(0.9)


def test_of_two_equally_near_polygons_the_first_stays():
    _, labels = drawn(SQUARE, SQUARE, planes=[(0, 0, 0.5), (0, 0, 0.5)])
    assert set(np.unique(labels)) == {-1, 0}


def test_nearness_follows_the_plane_at_pixel_centres():
    nearness, _ = drawn(SQUARE, planes=[(0.25, 0.5, 1)])
    assert nearness[3, 4] == pytest.approx(0.25 * 4.5 + 0.5 * 3.5 + 1)
    assert nearness[8, 11] == pytest.approx(0.25 * 11.5 + 0.5 * 8.5 + 1)


@pytest.mark.parametrize("shift", [(-40, 0), (40, 0), (0, -40), (0, 40)])
def test_a_polygon_outside_the_frame_draws_nothing(shift):
    _, labels = drawn(SQUARE + shift, planes=[(0, 0, 1)])
    assert np.all(labels == -1)


def test_a_polygon_seen_edge_on_draws_nothing():
    _, labels = drawn(np.array([(1.0, 5.5), (9.0, 5.5), (16.0, 5.5)]), planes=[(0, 0, 1)])
    assert np.all(labels == -1)
