"""The API's operations over HTTP: answers, parameters, limits and error bodies."""

import pytest
import requests

from etsy_assets.demo.active_search import usd_price
from etsy_assets.demo.server import RunningShop
from etsy_assets.demo.shop import SimulatedShop
from etsy_assets.demo.taxonomy import subtree_ids
from etsy_assets_tests.demo.conftest import API, get, results

ACTIVE = f"{API}/listings/active"
BATCH = f"{API}/listings/batch"


def ids_of(listings: list[dict]) -> list[int]:
    return [listing["listing_id"] for listing in listings]


@pytest.mark.parametrize(
    ("header", "message"),
    [
        (None, "Invalid API key: should be in the format 'keystring:shared_secret'."),
        ("demokeystring", "Shared secret is required in x-api-key header."),
    ],
)
def test_a_call_without_a_whole_key_is_forbidden(running: RunningShop, header: str | None, message: str) -> None:
    headers = {} if header is None else {"x-api-key": header}
    response = requests.get(f"{running.url}{API}/openapi-ping", headers=headers, timeout=30)
    assert (response.status_code, response.json()) == (403, {"error": message})


def test_every_answer_tells_the_limits_and_the_request_id(running: RunningShop) -> None:
    first, second = (get(running, f"{API}/openapi-ping").headers for _ in range(2))
    assert (first["x-limit-per-second"], first["x-limit-per-day"]) == ("150", "100000")
    assert int(second["x-remaining-today"]) == int(first["x-remaining-today"]) - 1
    assert int(first["x-remaining-this-second"]) < 150
    assert first["x-etsy-request-uuid"] != second["x-etsy-request-uuid"]


def test_pages_of_active_listings_are_newest_first_and_complete(running: RunningShop, shop: SimulatedShop) -> None:
    first = get(running, ACTIVE).json()
    assert (first["count"], len(first["results"])) == (60, 25)
    pages = [results(running, ACTIVE, limit=40, offset=offset) for offset in (0, 40, 80)]
    assert [len(page) for page in pages] == [40, 20, 0]
    oldest_first = [stocked.listing_id for stocked in shop.listings()]
    assert ids_of([*pages[0], *pages[1]]) == oldest_first[::-1]


def test_a_search_page_has_no_associations(running: RunningShop) -> None:
    (listing,) = results(running, ACTIVE, limit=1, includes="Images")
    assert not {"images", "shop", "views"} & set(listing)


def test_a_node_finds_what_is_sold_anywhere_below_it(running: RunningShop, shop: SimulatedShop) -> None:
    expected = {s.listing_id for s in shop.listings() if s.listing.taxonomy_id in subtree_ids(989)}
    assert set(ids_of(results(running, ACTIVE, taxonomy_id=989, limit=100))) == expected
    assert 0 < len(expected) < 60
    assert get(running, ACTIVE, taxonomy_id=967).json()["count"] == 60
    assert get(running, ACTIVE, taxonomy_id=999_999).json() == {"count": 0, "results": []}


def test_price_slices_that_share_a_bound_lose_no_listing(running: RunningShop, shop: SimulatedShop) -> None:
    bound = sorted(usd_price(s.listing) for s in shop.listings())[30]
    below = ids_of(results(running, ACTIVE, max_price=bound, limit=100))
    above = ids_of(results(running, ACTIVE, min_price=bound, limit=100))
    assert set(below) | set(above) == {s.listing_id for s in shop.listings()}
    assert 25 <= len(below) <= 40


def test_a_search_can_be_sorted_by_price_both_ways(running: RunningShop, shop: SimulatedShop) -> None:
    price = {s.listing_id: usd_price(s.listing) for s in shop.listings()}
    up = ids_of(results(running, ACTIVE, taxonomy_id=967, sort_on="price", sort_order="up", limit=100))
    assert [price[i] for i in up] == sorted(price.values())
    down = ids_of(results(running, ACTIVE, taxonomy_id=967, sort_on="price", sort_order="desc", limit=100))
    assert down == up[::-1]


def test_without_a_search_option_nothing_is_sorted(running: RunningShop) -> None:
    assert results(running, ACTIVE, sort_on="price", sort_order="asc") == results(running, ACTIVE)


def test_keywords_must_all_appear(running: RunningShop, shop: SimulatedShop) -> None:
    wood, kind = "ebony", "desk"
    found = ids_of(results(running, ACTIVE, keywords=f"{wood} {kind}", limit=100))
    assert 0 < len(found) < len(results(running, ACTIVE, keywords=kind, limit=100))
    for listing_id in found:
        listing = shop.listing(listing_id).listing
        text = f"{listing.title} {listing.description} {listing.tags}".lower()
        assert wood in text
        assert kind in text


def test_a_place_narrows_the_search_and_an_unknown_one_is_an_error(running: RunningShop, shop: SimulatedShop) -> None:
    found = results(running, ACTIVE, shop_location="Japan", limit=100)
    assert {listing["shop_id"] for listing in found} == shop.shop_ids("JP")
    assert get(running, ACTIVE, shop_location="Atlantis").status_code == 400


@pytest.mark.parametrize(
    "query",
    [
        {"limit": 0},
        {"limit": 101},
        {"limit": "many"},
        {"limit": "1.5"},
        {"offset": -1},
        {"min_price": "cheap"},
        {"max_price": "nan"},
        {"taxonomy_id": 0},
    ],
)
def test_a_value_out_of_bounds_is_a_bad_request(running: RunningShop, query: dict) -> None:
    response = get(running, ACTIVE, **query)
    assert response.status_code == 400
    assert next(iter(query)) in response.json()["error"]


def test_an_unknown_enum_value_is_answered_with_those_allowed(running: RunningShop) -> None:
    response = get(running, ACTIVE, sort_on="asd")
    assert response.status_code == 400
    assert response.json() == {"error": "Invalid value (asd) for enum(created, price, updated, score)"}


def test_the_offset_ends_at_its_ceiling(running: RunningShop) -> None:
    assert results(running, ACTIVE, offset=12_000) == []
    response = get(running, ACTIVE, offset=12_001)
    assert response.status_code == 400
    assert response.json() == {"error": "Offset provided is greater than the maximum offset allowed."}


@pytest.mark.parametrize("form", ["joined", "repeated"])
def test_a_batch_takes_ids_and_includes_joined_or_repeated(
    running: RunningShop, shop: SimulatedShop, form: str
) -> None:
    wanted = [stocked.listing_id for stocked in shop.listings()[4:7]]
    includes = ["Images", "Shop"]
    query = {"listing_ids": wanted, "includes": includes}
    if form == "joined":
        query = {name: ",".join(map(str, values)) for name, values in query.items()}
    found = results(running, BATCH, **query)
    assert ids_of(found) == wanted
    for listing in found:
        stocked = shop.listing(listing["listing_id"])
        assert [image["listing_image_id"] for image in listing["images"]] == [p.image_id for p in stocked.photos]
        assert [image["rank"] for image in listing["images"]] == list(range(1, len(stocked.photos) + 1))
        assert listing["shop"]["shop_id"] == listing["shop_id"]


def test_a_batch_gives_each_known_id_once_and_drops_unknown_ones(running: RunningShop, shop: SimulatedShop) -> None:
    known = shop.listings()[9].listing_id
    answer = get(running, BATCH, listing_ids=f"{known},{known},123").json()
    assert answer["count"] == 1
    assert ids_of(answer["results"]) == [known]
    assert "images" not in answer["results"][0]


@pytest.mark.parametrize("ids", ["", "abc", "0", ",".join(map(str, range(1, 102)))])
def test_a_batch_of_no_bad_or_too_many_ids_is_refused(running: RunningShop, ids: str) -> None:
    assert get(running, BATCH, listing_ids=ids).status_code == 400


def test_an_unknown_association_is_answered_with_those_allowed(running: RunningShop, shop: SimulatedShop) -> None:
    response = get(running, BATCH, listing_ids=shop.listings()[0].listing_id, includes="images")
    assert response.status_code == 400
    assert response.json()["error"].startswith("Invalid value (images) for enum(Shipping, Images, Shop")


def test_a_listing_and_its_images_agree(running: RunningShop, shop: SimulatedShop) -> None:
    listing_id = shop.listings()[2].listing_id
    listing = get(running, f"{API}/listings/{listing_id}", includes="Images").json()
    assert results(running, f"{API}/listings/{listing_id}/images") == listing["images"]
    assert listing["creation_timestamp"] == listing["created_timestamp"]


@pytest.mark.parametrize(
    "path", ["listings/5", "listings/5/images", "listings/5/reviews", "shops/5", "shops/5/reviews"]
)
def test_what_is_not_there_is_a_404_with_an_error_body(running: RunningShop, path: str) -> None:
    response = get(running, f"{API}/{path}")
    assert (response.status_code, response.json()) == (404, {"error": "Resource not found"})


@pytest.mark.parametrize("path", ["listings/x1", "listings/0/images", "shops/-3"])
def test_an_id_that_is_none_is_a_bad_request(running: RunningShop, path: str) -> None:
    assert get(running, f"{API}/{path}").status_code == 400


def test_reviews_of_a_shop_name_the_transaction_and_those_of_a_listing_do_not(
    running: RunningShop, shop: SimulatedShop
) -> None:
    stocked = max(shop.listings(), key=lambda s: len(s.reviews))
    of_listing = results(running, f"{API}/listings/{stocked.listing_id}/reviews")
    of_shop = results(running, f"{API}/shops/{stocked.listing.shop_id}/reviews", limit=100)
    assert len(of_listing) == len(stocked.reviews) > 1
    assert not {"transaction_id", "buyer_user_id"} & set(of_listing[0])
    assert {r.transaction_id for r in stocked.reviews} <= {r["transaction_id"] for r in of_shop}


def test_reviews_can_be_asked_for_from_a_moment_on(running: RunningShop, shop: SimulatedShop) -> None:
    stocked = max(shop.listings(), key=lambda s: len(s.reviews))
    path = f"{API}/listings/{stocked.listing_id}/reviews"
    newest, *older = results(running, path)
    assert results(running, path, min_created=newest["created_timestamp"]) == [newest]
    assert results(running, path, max_created=newest["created_timestamp"] - 1) == older
    assert get(running, path, min_created=5).status_code == 400


def test_an_unknown_path_is_a_404(running: RunningShop) -> None:
    assert get(running, f"{API}/nothing/here").status_code == 404


def test_a_spent_day_refuses_every_further_call(start, shop: SimulatedShop) -> None:
    running = start(shop, calls_per_day=2)
    statuses = [get(running, f"{API}/openapi-ping").status_code for _ in range(3)]
    refused = get(running, ACTIVE)
    assert statuses == [200, 200, 429]
    assert (refused.status_code, refused.json()) == (429, {"error": "Exceeded daily rate limit"})
    assert refused.headers["retry-after"] == "86400"
    assert refused.headers["x-remaining-today"] == "0"


def test_a_limit_cut_while_it_runs_shows_in_the_headers(start, shop: SimulatedShop) -> None:
    running = start(shop)
    running.set_limits(per_day=5_000)
    headers = get(running, f"{API}/openapi-ping").headers
    assert (headers["x-limit-per-day"], headers["x-limit-per-second"]) == ("5000", "150")
