"""Faults as a client meets them: retrying gets every good thing, and what stays bad is what the plan foretold."""

import io
from collections.abc import Iterator
from dataclasses import replace

import pytest
import requests
from PIL import Image

from etsy_assets.demo.faults import LASTING_IMAGE_FAULTS, LISTING_FAULTS, FaultPlan
from etsy_assets.demo.photo_facts import PhotoFacts
from etsy_assets.demo.server import RunningShop, serve
from etsy_assets.demo.shop import SimulatedShop
from etsy_assets_tests.demo.conftest import API, get

QUICK_HOSTILE = replace(FaultPlan.hostile(), slow_seconds=0.01)
ONLY_LASTING = replace(QUICK_HOSTILE, api_trouble=0.0, cdn_trouble=0.0)


@pytest.fixture(scope="module")
def lasting(shop: SimulatedShop) -> Iterator[RunningShop]:
    with serve(shop, ONLY_LASTING) as running:
        yield running


def listing_with(shop: SimulatedShop, fault: str) -> int:
    faults = ONLY_LASTING.lasting_listing_faults(shop)
    return next(listing_id for listing_id, kind in faults.items() if kind == fault)


def photo_of(shop: SimulatedShop, image_id: int) -> PhotoFacts:
    facts = shop.photo_facts(image_id)
    assert facts is not None
    return facts


def json_with_retries(running: RunningShop, path: str, **query: object) -> tuple[dict, list[requests.Response]]:
    """The first good answer and the bad ones before it; a client that tries three times gets through."""
    bad = []
    for _ in range(3):
        response = get(running, path, **query)
        if response.status_code == 200 and response.headers["content-type"] == "application/json":
            return response.json(), bad
        bad.append(response)
    raise AssertionError(f"three bad answers in a row: {[r.status_code for r in bad]}")


def test_retrying_gets_every_page_and_the_bad_answers_are_of_the_known_kinds(start, shop: SimulatedShop) -> None:
    running = start(shop, replace(QUICK_HOSTILE, api_trouble=1.0))
    bad: list[requests.Response] = []
    listing_ids = []
    for offset in range(0, 60, 3):
        page, met = json_with_retries(running, f"{API}/listings/active", limit=3, offset=offset)
        listing_ids += [listing["listing_id"] for listing in page["results"]]
        bad += met
    assert sorted(listing_ids) == sorted(stocked.listing_id for stocked in shop.listings())
    kinds = {(r.status_code, r.headers["content-type"].split(";")[0]) for r in bad}
    assert kinds == {(429, "application/json"), (500, "application/json"), (500, "text/html"), (200, "text/html")}
    for throttled in (r for r in bad if r.status_code == 429):
        assert throttled.json() == {"error": "Exceeded per second rate limit"}
        assert throttled.headers["x-remaining-this-second"] == "0"
        assert "retry-after" not in throttled.headers


def test_a_cut_connection_is_seen_as_such_and_the_next_try_is_whole(start, shop: SimulatedShop) -> None:
    plan = replace(ONLY_LASTING, cdn_trouble=1.0)
    running = start(shop, plan)
    good = sorted(plan.obtainable_images(shop) - set(plan.odd_formats(shop)))
    path = next(
        path
        for path in (photo_of(shop, image_id).path("75x75") for image_id in good)
        if plan.passing_faults("cdn", path, 0) == ("cut_connection",)
    )
    with pytest.raises(requests.exceptions.RequestException):
        requests.get(running.url + path, timeout=30)
    image_id = int(path.split("/")[-2])
    assert requests.get(running.url + path, timeout=30).content == shop.jpeg(image_id, "75x75")


def test_images_are_bad_exactly_where_the_plan_says(lasting: RunningShop, shop: SimulatedShop) -> None:
    foretold = ONLY_LASTING.lasting_image_faults(shop)
    by_kind = {kind: image_id for image_id, kind in foretold.items()}
    assert set(by_kind) == set(LASTING_IMAGE_FAULTS)
    for kind, image_id in by_kind.items():
        answers = [requests.get(lasting.url + photo_of(shop, image_id).path("570xN"), timeout=30) for _ in range(2)]
        assert answers[0].content == answers[1].content
        assert answers[0].status_code == (404 if kind == "not_found" else 200)
        if kind != "tiny_image":
            with pytest.raises(OSError, match=r"truncated|cannot identify|placeholder"):
                whole_photo(answers[0].content)


def whole_photo(data: bytes) -> Image.Image:
    if len(data) < 1_000 and data.startswith(b"\x89PNG"):
        raise OSError("the CDN's placeholder")
    image = Image.open(io.BytesIO(data))
    image.load()
    return image


def test_an_odd_image_is_served_whole_with_its_true_type(lasting: RunningShop, shop: SimulatedShop) -> None:
    odd = ONLY_LASTING.odd_formats(shop)
    image_id = next(image_id for image_id, form in odd.items() if form == "palette_png")
    response = requests.get(lasting.url + photo_of(shop, image_id).path("75x75"), timeout=30)
    assert response.headers["content-type"] == "image/png"
    assert whole_photo(response.content).mode == "P"


def test_a_deleted_listing_is_found_but_neither_in_the_batch_nor_by_itself(
    lasting: RunningShop, shop: SimulatedShop
) -> None:
    gone = listing_with(shop, "gone")
    found = get(lasting, f"{API}/listings/active", limit=100).json()["results"]
    assert gone in {listing["listing_id"] for listing in found}
    assert get(lasting, f"{API}/listings/batch", listing_ids=gone).json() == {"count": 0, "results": []}
    assert get(lasting, f"{API}/listings/{gone}").status_code == 404
    assert get(lasting, f"{API}/listings/{gone}/images").status_code == 404


def test_a_listing_withheld_from_the_batch_can_be_had_by_itself(lasting: RunningShop, shop: SimulatedShop) -> None:
    withheld = listing_with(shop, "withheld_from_batch")
    assert get(lasting, f"{API}/listings/batch", listing_ids=withheld).json()["results"] == []
    assert get(lasting, f"{API}/listings/{withheld}").json()["listing_id"] == withheld


def test_images_that_are_null_in_the_batch_can_be_had_by_themselves(lasting: RunningShop, shop: SimulatedShop) -> None:
    listing_id = listing_with(shop, "images_null")
    (listing,) = get(lasting, f"{API}/listings/batch", listing_ids=listing_id, includes="Images").json()["results"]
    assert listing["images"] is None
    images = get(lasting, f"{API}/listings/{listing_id}/images").json()
    assert images["count"] == len(shop.listing(listing_id).photos)


def test_obtainable_images_are_those_that_a_careful_client_gets(lasting: RunningShop, shop: SimulatedShop) -> None:
    asked = [stocked.listing_id for stocked in shop.listings()]
    batch = get(lasting, f"{API}/listings/batch", listing_ids=",".join(map(str, asked)), includes="Images").json()
    images = {listing["listing_id"]: listing["images"] for listing in batch["results"]}
    for listing_id in asked:
        if images.get(listing_id) is None:
            response = get(lasting, f"{API}/listings/{listing_id}/images")
            images[listing_id] = response.json()["results"] if response.status_code == 200 else []
    listed = {image["listing_image_id"] for some in images.values() for image in some}
    bad = set(ONLY_LASTING.lasting_image_faults(shop))
    assert listed - bad == ONLY_LASTING.obtainable_images(shop)


@pytest.mark.parametrize("fault", sorted(set(LISTING_FAULTS) - {"gone", "withheld_from_batch"}))
def test_a_listing_fault_shows_in_the_batch(
    lasting: RunningShop, running: RunningShop, shop: SimulatedShop, fault: str
) -> None:
    query = {"listing_ids": listing_with(shop, fault), "includes": "Images"}
    (spoiled,) = get(lasting, f"{API}/listings/batch", **query).json()["results"]
    (whole,) = get(running, f"{API}/listings/batch", **query).json()["results"]
    changed = {name for name in {*spoiled, *whole} if spoiled.get(name, "absent") != whole.get(name, "absent")}
    expected = {
        "escaped_text": {"title", "description"},
        "odd_text": {"description"},
        "no_price": {"price"},
        "zero_divisor": {"price"},
        "no_taxonomy": {"taxonomy_id"},
        "unknown_fields": {"converted_price", "personalization", "buyer_price"},
    }
    if fault == "missing_fields":
        assert set(spoiled) < set(whole)
    else:
        # Image URLs name the server, so two servers never agree on them.
        assert changed == expected.get(fault, set()) | {"images"}
