"""The figures of the evaluation, on similarities whose answer can be worked out by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from etsy_assets.demo.evaluation import ensemble, mask_iou, mean_average_precision, recall_at, text_recall

PAIRS = np.array([0, 0, 1, 1])


def alike(pairs: dict[tuple[int, int], float]) -> np.ndarray:
    """A symmetric (4, 4) matrix, 1 on the diagonal and 0 elsewhere but for `pairs`."""
    matrix = np.eye(4, dtype=np.float32)
    for (row, column), value in pairs.items():
        matrix[row, column] = matrix[column, row] = value
    return matrix


def square(left: int, right: int) -> Image.Image:
    """A 20 x 20 mask that is white from one column to before the other."""
    mask = np.zeros((20, 20), np.uint8)
    mask[:, left:right] = 255
    return Image.fromarray(mask)


def test_a_photo_does_not_find_itself():
    assert recall_at(alike({}), np.arange(4), (1, 3)) == {1: 0.0, 3: 0.0}


def test_recall_counts_the_photos_that_find_another_of_their_listing():
    scores = alike({(0, 1): 0.9, (2, 3): 0.1, (0, 2): 0.2, (1, 3): 0.05})
    assert recall_at(scores, PAIRS, (1, 2)) == {1: 0.75, 2: 1.0}


def test_average_precision_is_one_when_every_listing_is_found_first():
    assert mean_average_precision(alike({(0, 1): 0.9, (2, 3): 0.8}), PAIRS) == 1.0


def test_average_precision_is_half_when_every_listing_is_found_second():
    scores = alike({(0, 1): 0.5, (2, 3): 0.5, (0, 2): 0.9, (1, 3): 0.9})
    assert mean_average_precision(scores, PAIRS) == pytest.approx(0.5)


def test_an_encoder_of_weight_zero_has_no_say():
    good, bad = alike({(0, 1): 0.9, (2, 3): 0.8}), alike({(0, 2): 0.9, (1, 3): 0.8})
    assert recall_at(ensemble({"good": good, "bad": bad}, {"good": 1.0, "bad": 0.0}), PAIRS, (1,)) == {1: 1.0}


@given(st.floats(0.1, 10), st.floats(-5, 5))
def test_the_scale_of_an_encoder_does_not_change_the_ensemble(scale: float, shift: float):
    one, other = alike({(0, 1): 0.9, (1, 2): 0.3}), alike({(0, 2): 0.4, (2, 3): 0.7})
    plain = ensemble({"one": one, "other": other}, {})
    scaled = ensemble({"one": one * scale + shift, "other": other}, {})
    np.testing.assert_allclose(plain, scaled, atol=1e-4)


def test_a_caption_may_find_a_listing_described_in_the_same_words():
    captions = ["oak chair", "oak chair", "pine bed"]
    scores = np.array([[0.1, 0.9, 0.2], [0.1, 0.9, 0.2], [0.9, 0.1, 0.2]])
    assert text_recall(scores, captions, np.arange(3), k=1) == pytest.approx(2 / 3)


def test_the_overlap_of_two_masks_is_their_intersection_over_their_union():
    assert mask_iou(square(0, 10), square(5, 15)) == pytest.approx(5 / 15)
    assert mask_iou(square(0, 0), square(0, 0)) == 1.0
    assert mask_iou(square(0, 5), square(5, 10)) == 0.0
