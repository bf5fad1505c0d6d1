"""What each of rembg's sessions does around its network is learned from it."""

from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image
from rembg.sessions import sessions_class

from etsy_assets.imaging.mask_recipe import full_mask, learn_recipe, small_mask

KNOWN = {cls.name(): cls for cls in sessions_class}
IMAGENET = (np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225]))
HALF = (np.array([0.5, 0.5, 0.5]), np.array([1.0, 1.0, 1.0]))


def without_weights(name: str):
    """A session as rembg has it, but for the network, which is never run."""
    session = object.__new__(KNOWN[name])
    session.inner_session = SimpleNamespace(get_inputs=lambda: [SimpleNamespace(name="photo")])
    return session


@pytest.mark.parametrize(
    ("name", "side", "numbers", "logits"),
    [
        ("u2net", 320, IMAGENET, False),
        ("u2netp", 320, IMAGENET, False),
        ("u2net_custom", 320, IMAGENET, False),
        ("silueta", 320, IMAGENET, False),
        ("isnet-general-use", 1024, HALF, False),
        ("birefnet-general", 1024, IMAGENET, True),
        ("birefnet-portrait", 1024, IMAGENET, True),
    ],
)
def test_size_normalisation_and_output_are_those_of_the_session(name, side, numbers, logits):
    recipe = learn_recipe(without_weights(name))
    mean, deviation = numbers
    assert (recipe.size, recipe.logits) == ((side, side), logits)
    np.testing.assert_allclose(recipe.slope, 1 / deviation, rtol=1e-5)
    np.testing.assert_allclose(recipe.offset, -mean / deviation, rtol=1e-5)


def test_a_session_that_does_more_than_the_recipe_says_is_left_to_rembg():
    class Feathered(KNOWN["u2net"]):
        def predict(self, img, *args, **kwargs):
            return [mask.point(lambda level: level // 2) for mask in super().predict(img, *args, **kwargs)]

    session = object.__new__(Feathered)
    session.inner_session = SimpleNamespace(get_inputs=lambda: [SimpleNamespace(name="photo")])
    assert learn_recipe(session) is None


def test_a_session_without_a_network_of_this_kind_is_left_to_rembg():
    assert learn_recipe(SimpleNamespace(inner_session=None, predict=lambda image: [Image.new("L", image.size)])) is None


def test_the_small_mask_spans_all_levels_and_grows_to_the_size_of_the_picture():
    small = small_mask(np.linspace(0.2, 0.4, 12, dtype=np.float32).reshape(3, 4))
    assert (small.getextrema(), small.size, full_mask(small, (40, 30)).size) == ((0, 255), (4, 3), (40, 30))
