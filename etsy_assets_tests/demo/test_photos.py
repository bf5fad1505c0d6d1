"""Photos as bytes: deterministic, in the CDN's sizes, kept between runs, with their ground truth."""

import io
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from etsy_assets.demo.photos import is_size
from etsy_assets.demo.shop import SimulatedShop


@pytest.fixture(scope="module")
def image_id(shop: SimulatedShop) -> int:
    """A photo that is wider than 570 pixels."""
    return next(p.image_id for s in shop.listings() for p in s.photos if p.width > 600)


def opened(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data))


def test_a_photo_has_the_same_bytes_in_every_shop_of_the_seed(shop: SimulatedShop, image_id: int) -> None:
    assert SimulatedShop(shop.seed).jpeg(image_id) == shop.jpeg(image_id)


def test_a_photo_has_the_pixels_that_the_api_says(shop: SimulatedShop, image_id: int) -> None:
    facts = shop.photo_facts(image_id)
    image = opened(shop.jpeg(image_id))
    assert facts is not None
    assert (image.format, image.size) == ("JPEG", (facts.width, facts.height))


@pytest.mark.parametrize(("size", "expected"), [("75x75", (75, 75)), ("170x135", (170, 135)), ("340x270", (340, 270))])
def test_a_box_is_filled(shop: SimulatedShop, image_id: int, size: str, expected: tuple[int, int]) -> None:
    assert opened(shop.jpeg(image_id, size)).size == expected


def test_a_width_is_a_limit_that_keeps_the_shape(shop: SimulatedShop, image_id: int) -> None:
    full = opened(shop.jpeg(image_id))
    narrow = opened(shop.jpeg(image_id, "570xN"))
    assert narrow.width == 570
    assert narrow.height / narrow.width == pytest.approx(full.height / full.width, rel=0.01)
    assert shop.jpeg(image_id, "1588xN") == shop.jpeg(image_id)


@pytest.mark.parametrize("size", ["", "0xN", "3001xN", "xN", "99x99", "fullxFull", "570xn"])
def test_a_size_that_the_cdn_does_not_have_is_refused(shop: SimulatedShop, image_id: int, size: str) -> None:
    assert not is_size(size)
    with pytest.raises(ValueError, match="no size of the CDN"):
        shop.jpeg(image_id, size)


def test_the_mask_lies_on_the_furniture_of_the_photo(shop: SimulatedShop, image_id: int) -> None:
    truth = shop.photo(image_id)
    mask = np.asarray(truth.mask) > 127
    served = np.asarray(opened(shop.jpeg(image_id)).convert("RGB"), dtype=float)
    assert truth.mask.size == truth.image.size
    assert 0.02 < mask.mean() < 0.9
    # The bytes show this very picture, up to JPEG.
    assert np.abs(served - np.asarray(truth.image, dtype=float)).mean() < 8


def test_photos_of_one_listing_differ(shop: SimulatedShop) -> None:
    first, second = shop.listings()[0].photos[:2]
    assert shop.jpeg(first.image_id, "75x75") != shop.jpeg(second.image_id, "75x75")


def test_a_photo_folder_is_shared_by_shops_at_the_same_time(tmp_path: Path) -> None:
    shops = [SimulatedShop(listings=1, photo_folder=tmp_path) for _ in range(3)]
    (stocked,) = shops[0].listings()
    image_id = stocked.photos[0].image_id
    with ThreadPoolExecutor(6) as threads:
        answers = set(threads.map(lambda n: shops[n % 3].jpeg(image_id), range(6)))
    (kept,) = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert answers == {kept.read_bytes()}


def test_a_kept_photo_is_not_rendered_again(tmp_path: Path) -> None:
    image_id = SimulatedShop(listings=1).listings()[0].photos[0].image_id
    SimulatedShop(listings=1, photo_folder=tmp_path).jpeg(image_id)
    (kept,) = tmp_path.rglob("*.jpg")
    kept.write_bytes(b"a mark that no renderer makes")
    assert SimulatedShop(listings=1, photo_folder=tmp_path).jpeg(image_id) == b"a mark that no renderer makes"
