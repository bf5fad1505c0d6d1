"""Where the camera stands."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from etsy_assets.demo.furniture import build_mesh, sample_furniture
from etsy_assets.demo.furniture.camera import place_camera


def box_corners(lower, upper):
    return np.array(list(itertools.product(*zip(lower, upper, strict=True))))


@settings(max_examples=200, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    extent=st.tuples(*[st.floats(0.2, 2.5)] * 3),
    width=st.integers(60, 2000),
    height=st.integers(60, 2000),
    azimuth=st.none() | st.floats(-math.pi, math.pi),
)
def test_a_box_of_any_shape_is_wholly_in_a_frame_of_any_shape(seed, extent, width, height, azimuth):
    lower, upper = np.array([-extent[0] / 2, -extent[1] / 2, 0]), np.array([extent[0] / 2, extent[1] / 2, extent[2]])
    camera = place_camera(np.random.default_rng(seed), lower, upper, width, height, azimuth)
    pixels = camera.project(camera.look_at(box_corners(lower, upper)))
    assert np.all(pixels > 0)
    assert np.all(pixels < (width, height))


@pytest.mark.parametrize(("width", "height"), [(300, 300), (794, 596), (596, 794)])
def test_furniture_fills_more_than_half_of_one_direction_of_the_frame(width, height):
    for seed in range(50):
        piece = build_mesh(sample_furniture(seed))
        camera = place_camera(np.random.default_rng(seed), piece.lower, piece.upper, width, height)
        pixels = camera.project(camera.look_at(box_corners(piece.lower, piece.upper)))
        assert 0.5 < max(np.ptp(pixels, axis=0) / (width, height)) < 0.95


def test_the_camera_looks_at_the_middle_from_the_given_azimuth():
    lower, upper = np.array([-0.5, -0.3, 0]), np.array([0.5, 0.3, 0.9])
    camera = place_camera(np.random.default_rng(1), lower, upper, 300, 300, azimuth=math.pi / 2)
    right_of_the_piece = camera.position - (lower + upper) / 2
    assert camera.azimuth == math.pi / 2
    assert right_of_the_piece[0] > 0.5
    assert abs(right_of_the_piece[1]) < 1e-9
    np.testing.assert_allclose(camera.axes @ camera.axes.T, np.eye(3), atol=1e-12)
    assert camera.axes[2] @ right_of_the_piece == pytest.approx(-np.linalg.norm(right_of_the_piece))


def test_what_is_higher_is_further_up_in_the_picture_and_what_is_to_the_right_further_right():
    lower, upper = np.array([-0.5, -0.3, 0]), np.array([0.5, 0.3, 0.9])
    camera = place_camera(np.random.default_rng(1), lower, upper, 300, 300, azimuth=0.0)
    low, high, right = camera.project(camera.look_at(np.array([[0, 0, 0.1], [0, 0, 0.8], [0.4, 0, 0.1]])))
    assert high[1] < low[1]
    assert right[0] > low[0]


def test_most_views_are_from_the_front_and_some_from_behind():
    lower, upper = np.array([-0.5, -0.3, 0]), np.array([0.5, 0.3, 0.9])
    cameras = [place_camera(np.random.default_rng(seed), lower, upper, 300, 300) for seed in range(300)]
    from_front = [math.cos(camera.azimuth) > 0 for camera in cameras]
    assert 0.75 < np.mean(from_front) < 0.95
    assert all((camera.position[1] < 0) == front for camera, front in zip(cameras, from_front, strict=True))
