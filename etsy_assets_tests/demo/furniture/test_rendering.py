"""Photos and their masks."""

import dataclasses

import numpy as np
import pytest

from etsy_assets.demo.furniture import BACKGROUNDS, KINDS, build_mesh, render, sample_furniture
from etsy_assets.demo.furniture.camera import place_camera
from etsy_assets.demo.furniture.exposure import shrink
from etsy_assets_tests.demo.furniture.test_camera import box_corners

SIZE = 72
CHAIR = dataclasses.replace(sample_furniture(11), kind="chair")


# Background, seed, mean brightness of the four quarters, and the share of the furniture in the photo of view 1.
KNOWN_PHOTOS = [
    ("white", 4, [190, 134, 202, 137], 0.296),
    ("studio", 46, [68, 74, 78, 84], 0.267),
    ("room", 43, [83, 82, 76, 64], 0.258),
    ("clutter", 47, [119, 144, 143, 141], 0.181),
    ("outdoor", 48, [93, 106, 105, 105], 0.173),
]


def pixels(photo):
    return np.asarray(photo.image).astype(float)


def is_furniture(photo):
    return np.asarray(photo.mask) > 127


def test_the_same_photo_comes_out_byte_by_byte_every_time():
    first = render(CHAIR, 2, SIZE, SIZE)
    build_mesh.cache_clear()
    second = render(CHAIR, 2, SIZE, SIZE)
    assert first.image.tobytes() == second.image.tobytes()
    assert first.mask.tobytes() == second.mask.tobytes()
    assert (first.background, first.azimuth, first.elevation) == (second.background, second.azimuth, second.elevation)


@pytest.mark.parametrize(("background", "seed", "quarters", "share"), KNOWN_PHOTOS)
def test_the_photos_that_the_shipped_networks_have_learnt_from_keep_their_look(background, seed, quarters, share):
    photo = render(sample_furniture(seed), 1, 64, 64, background=background)
    # Not to the bit: the last digits of floating-point sums depend on the processor.
    np.testing.assert_allclose(pixels(photo).mean(2).reshape(2, 32, 2, 32).mean((1, 3)).ravel(), quarters, atol=2)
    assert is_furniture(photo).mean() == pytest.approx(share, abs=0.005)


def test_the_photos_of_a_listing_differ_in_view_and_background():
    photos = [render(CHAIR, view, SIZE, SIZE) for view in range(12)]
    assert len({photo.image.tobytes() for photo in photos}) == 12
    assert len({photo.azimuth for photo in photos}) == 12
    assert len({photo.background for photo in photos}) >= 3


@pytest.mark.parametrize("background", BACKGROUNDS)
@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_is_seen_before_every_background(kind, background):
    photo = render(dataclasses.replace(CHAIR, kind=kind), 1, SIZE, SIZE, background=background)
    assert photo.background == background
    assert photo.image.mode == "RGB"
    assert photo.mask.mode == "L"
    assert photo.image.size == photo.mask.size == (SIZE, SIZE)
    assert 0.01 < is_furniture(photo).mean() < 0.9
    assert set(np.unique(np.asarray(photo.mask))) == {0, 255}
    assert pixels(photo).std() > 5


@pytest.mark.parametrize(("width", "height"), [(96, 54), (54, 96), (120, 40), (41, 67)])
def test_the_furniture_is_inside_a_frame_of_any_shape(width, height):
    for kind in ("lamp", "sofa", "shelf", "bed"):
        photo = render(dataclasses.replace(CHAIR, kind=kind), 3, width, height)
        mask = is_furniture(photo)
        assert photo.image.size == photo.mask.size == (width, height)
        assert mask.any()
        assert not mask[[0, -1]].any()
        assert not mask[:, [0, -1]].any()


def test_the_mask_lies_in_the_bounding_box_that_the_camera_sees_and_reaches_its_sides():
    piece = build_mesh(CHAIR)
    rng = np.random.default_rng([99, CHAIR.seed, 0])
    camera = place_camera(rng, piece.lower, piece.upper, SIZE, SIZE)
    corners = camera.project(camera.look_at(box_corners(piece.lower, piece.upper)))
    photo = render(CHAIR, 0, SIZE, SIZE, background="white")
    rows, columns = np.nonzero(is_furniture(photo))
    assert corners[:, 0].min() - 1 <= columns.min() <= columns.max() <= corners[:, 0].max() + 1
    assert corners[:, 1].min() - 1 <= rows.min() <= rows.max() <= corners[:, 1].max() + 1


def test_the_mask_does_not_depend_on_what_is_behind_the_furniture():
    masks = [render(CHAIR, 5, SIZE, SIZE, background=background).mask for background in ("white", "studio", "outdoor")]
    assert masks[0].tobytes() == masks[1].tobytes() == masks[2].tobytes()


def test_furniture_has_the_colour_of_its_material_where_the_mask_says_so():
    red = dataclasses.replace(
        CHAIR, kind="cabinet", body="red", body_type="painted", body_rgb=(170.0, 40.0, 40.0), style="modern"
    )
    photo = render(red, 0, SIZE, SIZE, background="white")
    redness = pixels(photo)[:, :, 0] - pixels(photo)[:, :, 1:].mean(2)
    assert np.median(redness[is_furniture(photo)]) > 40
    assert abs(np.median(redness[~is_furniture(photo)])) < 30


def test_a_white_background_is_bright_except_for_the_shadow():
    for view in range(6):
        photo = render(CHAIR, view, SIZE, SIZE, background="white")
        around = pixels(photo).mean(2)[~is_furniture(photo)]
        assert np.median(around) > 140
        assert around.min() < 0.85 * np.median(around)


def test_supersampling_smooths_the_rim_of_the_mask_only():
    rough, smooth = render(CHAIR, 4, SIZE, SIZE), render(CHAIR, 4, SIZE, SIZE, supersample=3)
    between = (np.asarray(smooth.mask) > 0) & (np.asarray(smooth.mask) < 255)
    assert smooth.image.size == (SIZE, SIZE)
    assert 0.001 < between.mean() < 0.4
    assert (is_furniture(rough) != is_furniture(smooth)).mean() < 0.05


def test_shrinking_averages_squares_of_pixels():
    image = np.arange(24, dtype=np.float32).reshape(4, 6)
    assert shrink(image, 2).tolist() == [[3.5, 5.5, 7.5], [15.5, 17.5, 19.5]]
    assert shrink(image, 1) is image


def test_a_given_azimuth_is_taken():
    front, back = render(CHAIR, 0, SIZE, SIZE, azimuth=0.0), render(CHAIR, 0, SIZE, SIZE, azimuth=3.0)
    assert (front.azimuth, back.azimuth) == (0.0, 3.0)
    assert front.image.tobytes() != back.image.tobytes()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"background": "beach"}, "Unknown background 'beach'; choose one of white, studio"),
        ({"width": 0}, "must be 1 or more"),
        ({"supersample": 0}, "must be 1 or more"),
        ({"view": -1}, "non-negative"),
    ],
)
def test_a_photo_that_cannot_be_taken_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        render(CHAIR, **{"view": 0, "width": 32, "height": 32} | arguments)
