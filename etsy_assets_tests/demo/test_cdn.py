"""The image CDN over HTTP."""

import io

import pytest
import requests
from PIL import Image

from etsy_assets.demo.photo_facts import PhotoFacts
from etsy_assets.demo.server import RunningShop
from etsy_assets.demo.shop import SimulatedShop
from etsy_assets_tests.demo.conftest import API, results


@pytest.fixture(scope="module")
def photo(shop: SimulatedShop) -> PhotoFacts:
    return shop.listings()[0].photos[0]


def fetch(url: str, **headers: str) -> requests.Response:
    return requests.get(url, headers=headers, timeout=30)


def test_the_urls_of_the_api_lead_to_the_photo(running: RunningShop, shop: SimulatedShop) -> None:
    stocked = shop.listings()[0]
    image = results(running, f"{API}/listings/{stocked.listing_id}/images")[0]
    full = fetch(image["url_fullxfull"])
    assert (full.status_code, full.headers["content-type"]) == (200, "image/jpeg")
    assert full.content == shop.jpeg(image["listing_image_id"])
    assert int(full.headers["content-length"]) == len(full.content)
    assert Image.open(io.BytesIO(full.content)).size == (image["full_width"], image["full_height"])
    for field, size in (("url_75x75", (75, 75)), ("url_170x135", (170, 135))):
        assert Image.open(io.BytesIO(fetch(image[field]).content)).size == size
    assert Image.open(io.BytesIO(fetch(image["url_570xN"]).content)).width <= 570


def test_a_known_etag_is_not_sent_again(running: RunningShop, photo: PhotoFacts) -> None:
    first = fetch(running.url + photo.path("75x75"))
    again = fetch(running.url + photo.path("75x75"), **{"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


@pytest.mark.parametrize("part", ["shop", "hex", "first id", "second id", "suffix", "size", "kind"])
def test_a_url_that_is_wrong_in_any_part_is_a_404(running: RunningShop, photo: PhotoFacts, part: str) -> None:
    path = photo.path("75x75")
    wrong = {
        "shop": path.replace(f"/{photo.shop_id}/", "/123/"),
        "hex": path.replace(f"/{photo.hex}/", "/0000zz/"),
        "first id": path.replace(f"/{photo.image_id}/", "/123/"),
        "second id": path.replace(f".{photo.image_id}_", ".123_"),
        "suffix": path.replace(f"_{photo.suffix}.", "_zzzzz."),
        "size": path.replace("75x75", "76x76"),
        "kind": path.replace("/il/", "/iap/"),
    }[part]
    assert wrong != path
    assert fetch(running.url + wrong).status_code == 404


def test_downloads_are_counted_by_image_and_head_requests_are_not(start, shop: SimulatedShop) -> None:
    running = start(shop)
    first, second = shop.listings()[1].photos[:2]
    for path in (first.path("75x75"), first.path("170x135"), second.path("75x75")):
        fetch(running.url + path)
    head = requests.head(running.url + first.path("75x75"), timeout=30)
    assert int(head.headers["content-length"]) > 0
    assert running.requests().images == {first.image_id: 2, second.image_id: 1}
    assert running.requests().operations == {}


def test_a_removed_listings_photo_is_gone(start) -> None:
    shop = SimulatedShop(listings=2)
    running = start(shop)
    photo = shop.listings()[0].photos[0]
    shop.remove_listing(photo.listing_id)
    assert fetch(running.url + photo.path("75x75")).status_code == 404
