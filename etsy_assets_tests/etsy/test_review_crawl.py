"""Reviews of shops: what is new, what was edited, and how far a day's calls lead."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from etsy_assets.catalog.catalog import Catalog
from etsy_assets.catalog.records import QuotaReading
from etsy_assets.demo.running import RunningShop, serve
from etsy_assets.demo.shop import SimulatedShop
from etsy_assets.etsy.call_budget import CallPurpose, answered
from etsy_assets.etsy.call_gate import CatalogGate
from etsy_assets.etsy.client import EtsyClient
from etsy_assets.etsy.faults import OffsetCeiling
from etsy_assets.etsy.review_crawl import ReviewsReport, read_reviews, review_pages
from etsy_assets_tests.catalog.samples import listing
from etsy_assets_tests.etsy import api_payloads as api
from etsy_assets_tests.etsy.answering_server import Answer, answering

AGE, RESCAN = timedelta(days=7), timedelta(days=90)
NOW = datetime.now(UTC)


@pytest.fixture
def running() -> Iterator[RunningShop]:
    with serve(SimulatedShop(listings=60)) as shop:
        yield shop


@pytest.fixture
def catalog(tmp_path: Path) -> Iterator[Catalog]:
    with Catalog.open(f"sqlite:///{tmp_path / 'catalog.db'}") as opened:
        yield opened


@pytest.fixture
def client(running: RunningShop, catalog: Catalog) -> Iterator[EtsyClient]:
    """Its shops are in the catalog."""
    gate = CatalogGate(catalog, CallPurpose.REVIEWS, {CallPurpose.REVIEWS: 1.0})
    with EtsyClient(running.url, running.keystring, running.shared_secret, gate=gate) as client:
        catalog.upsert_listings(client.listings([stocked.listing_id for stocked in running.shop.listings()]))
        yield client


def read(catalog: Catalog, client: EtsyClient, days: int = 0, most: int = 100) -> ReviewsReport:
    return read_reviews(catalog, client, AGE, RESCAN, NOW + timedelta(days=days), most)


def stored(catalog: Catalog, shop: SimulatedShop) -> dict[int, str]:
    found = [review for stocked in shop.listings() for review in catalog.reviews(stocked.listing_id)]
    return {review.transaction_id: review.text for review in found}


def in_the_shop(shop: SimulatedShop) -> dict[int, str]:
    return {review.transaction_id: review.review for stocked in shop.listings() for review in stocked.reviews}


def selling(shop: SimulatedShop) -> set[int]:
    return {stocked.listing.shop_id for stocked in shop.listings()}


def test_every_review_of_every_shop_is_read_once(running: RunningShop, catalog: Catalog, client: EtsyClient) -> None:
    report = read(catalog, client)
    expected = in_the_shop(running.shop)
    shops = len(selling(running.shop))
    assert report == ReviewsReport(shops=shops, scanned=shops, reviews=len(expected))
    assert stored(catalog, running.shop) == expected
    assert len(expected) > 50
    assert read(catalog, client) == ReviewsReport()


def test_after_that_only_what_is_new_is_asked_for(running: RunningShop, catalog: Catalog, client: EtsyClient) -> None:
    read(catalog, client)
    stocked = next(each for each in running.shop.listings() if each.reviews)
    newest = max(review.created_timestamp for each in running.shop.listings() for review in each.reviews)
    new = stocked.reviews[0].model_copy(
        update={"transaction_id": 9_999_999_999, "created_timestamp": newest + 60, "review": "New"}
    )
    running.shop.put_up(replace(stocked, reviews=(*stocked.reviews, new)))
    report = read(catalog, client, days=8)
    # Of each shop the newest is read again: another may have come in its second.
    assert (report.scanned, report.reviews) == (
        0,
        len(selling(running.shop) & {r.shop_id for r in all_of(running)}) + 1,
    )
    assert stored(catalog, running.shop) == in_the_shop(running.shop)


def all_of(running: RunningShop) -> list:
    return [review for stocked in running.shop.listings() for review in stocked.reviews]


def test_an_edited_review_is_found_when_all_are_read_again(
    running: RunningShop, catalog: Catalog, client: EtsyClient
) -> None:
    read(catalog, client)
    stocked = max(running.shop.listings(), key=lambda each: len(each.reviews))
    edited = stocked.reviews[-1].model_copy(update={"review": "On second thoughts", "updated_timestamp": 1_800_000_000})
    running.shop.put_up(replace(stocked, reviews=(*stocked.reviews[:-1], edited)))
    before = len(stored(catalog, running.shop))
    assert read(catalog, client, days=91).scanned == len(selling(running.shop))
    assert stored(catalog, running.shop)[edited.transaction_id] == "On second thoughts"
    assert len(stored(catalog, running.shop)) == before


def test_when_the_days_calls_are_used_up_the_next_reading_goes_on(
    running: RunningShop, catalog: Catalog, client: EtsyClient
) -> None:
    with client_with(3, running, catalog) as poor:
        first = read(catalog, poor)
    assert first.shops == 3
    assert "No API calls are left" in first.stopped
    with client_with(500, running, catalog) as rich:
        second = read(catalog, rich)
    assert (first.shops + second.shops, second.stopped) == (len(selling(running.shop)), None)
    assert stored(catalog, running.shop) == in_the_shop(running.shop)


def client_with(calls: int, running: RunningShop, catalog: Catalog) -> EtsyClient:
    running.site.quota.per_day = len(running.site.quota._day) + calls
    reading = QuotaReading(150, 100, 5000, calls, datetime.now(UTC))
    catalog.change_call_gate(lambda gate: answered(gate, reading, None))
    gate = CatalogGate(catalog, CallPurpose.REVIEWS, {CallPurpose.REVIEWS: 1.0})
    return EtsyClient(running.url, running.keystring, running.shared_secret, gate=gate)


def test_a_shop_that_is_gone_is_kept_as_it_was_and_not_asked_for_again(catalog: Catalog) -> None:
    catalog.upsert_listings([listing(1)])
    with answering(Answer({"error": "Resource not found"}, 404)) as server, EtsyClient(server.url, "k", "s") as client:
        assert read(catalog, client) == read(catalog, client) == ReviewsReport()
    assert len(server.requests) == 1
    assert catalog.listing(1).shop.shop_name == "OakAndAsh"
    catalog.upsert_listings([listing(1)])
    assert len(catalog.shops_to_review(NOW, 9)) == 1


def test_past_the_last_offset_the_pages_begin_again_at_the_last_reviews_second() -> None:
    full = [api.review(transaction_id=n, created_timestamp=2_000_000_000 - n) for n in range(100)]
    rest = [api.review(transaction_id=n, created_timestamp=2_000_000_000 - n) for n in range(99, 120)]
    answers = (
        Answer(api.page(*full, count=120)),
        Answer({"error": "Offset provided is greater than the maximum offset allowed."}, 400),
        Answer(api.page(*rest)),
    )
    with answering(*answers) as server, EtsyClient(server.url, "k", "s") as client:
        pages = list(review_pages(client, 11, 1_900_000_000))
    assert {review.transaction_id for page in pages for review in page} == set(range(120))
    asked = [{name: values[0] for name, values in query.items()} for _, query, _ in server.requests]
    assert [(each["offset"], each["min_created"], each.get("max_created")) for each in asked] == [
        ("0", "1900000000", None),
        ("100", "1900000000", None),
        ("0", "1900000000", "1999999901"),
    ]


def test_a_ceiling_that_no_narrower_question_lowers_is_an_error_and_no_end() -> None:
    full = [api.review(transaction_id=n, created_timestamp=2_000_000_000) for n in range(100)]
    ceiling = Answer({"error": "Offset provided is greater than the maximum offset allowed."}, 400)
    answers = (Answer(api.page(*full, count=300)), ceiling, Answer(api.page(*full, count=300)), ceiling)
    with (
        answering(*answers) as server,
        EtsyClient(server.url, "k", "s") as client,
        pytest.raises(OffsetCeiling),
    ):
        list(review_pages(client, 11, None))
