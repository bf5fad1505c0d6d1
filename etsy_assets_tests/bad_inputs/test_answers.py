"""Bad inputs 1 to 14: answers that are no data, too little data, or another state of things than the last one."""

from datetime import UTC, datetime, timedelta

import pytest

from etsy_assets.assets.api_quota import drop_result
from etsy_assets.catalog.catalog import Catalog
from etsy_assets.errors import ConfigurationError, PassingFault
from etsy_assets.etsy.batch_reading import read_batch, read_listings
from etsy_assets.etsy.call_budget import CallPurpose
from etsy_assets.etsy.call_gate import CatalogGate
from etsy_assets.etsy.client import EtsyClient
from etsy_assets.etsy.crawl_planning import CrawlPlan, CrawlSlice, PlanLimits
from etsy_assets.etsy.crawl_store import StoredPlan, load_cursor
from etsy_assets.etsy.faults import DailyQuotaExhausted, OffsetCeiling, PageAnomaly, RequestRefused
from etsy_assets.etsy.planned_crawl import plan_crawl, read_slice
from etsy_assets.etsy.review_crawl import read_reviews
from etsy_assets_tests.catalog.samples import NOW, discovered, listing
from etsy_assets_tests.etsy import api_payloads as api
from etsy_assets_tests.etsy.answering_server import Answer
from etsy_assets_tests.etsy.market import Market, open_market

GOOD = Answer(api.page(api.listing(1)))
PER_SECOND = Answer(
    {"error": "Exceeded per second rate limit"}, 429, {"X-Limit-Per-Second": "10", "X-Remaining-This-Second": "0"}
)
SPENT = Answer(
    {"error": "Exceeded daily rate limit"},
    429,
    {"x-remaining-today": "0", "x-limit-per-day": "5000", "retry-after": "86400"},
)
GONE = Answer({"error": "Resource not found"}, 404)


def sealed(catalog: Catalog, *listing_ids: int) -> str:
    catalog.record_discovered(discovered(*listing_ids), NOW)
    (batch,) = catalog.seal_batches(len(listing_ids), timedelta(0), NOW)
    return batch


def test_bad_input_01_a_per_second_throttle_is_waited_out_and_the_same_page_asked_again(etsy):
    client, server = etsy(PER_SECOND, GOOD)
    assert [each.listing_id for each in client.active_listings(100, 300).listings] == [1]
    assert [query["offset"] for _, query, _ in server.requests] == [["300"], ["300"]]


def test_bad_input_02_a_spent_day_stops_at_once_keeps_the_cursor_and_asks_nobody_else(etsy, catalog: Catalog):
    page = [api.listing(number, created_timestamp=1_700_000_000 + number) for number in range(1, 101)]
    client, server = etsy(
        Answer(api.page(*page, count=250)), SPENT, gate=CatalogGate(catalog, CallPurpose.PLANNED_CRAWL)
    )
    stored = StoredPlan(1, CrawlPlan(planned={CrawlSlice(967): 250}))
    stored.save(catalog)
    with pytest.raises(DailyQuotaExhausted) as spent:
        read_slice(catalog, client, stored.keys[0])
    assert (spent.value.retry_after, len(server.requests)) == (86400, 2)
    assert (load_cursor(catalog, stored.keys[0]).calls, len(catalog.discovered_ids())) == (1, 100)
    # The gate is shut for all: no shop, no other slice is asked for.
    with pytest.raises(DailyQuotaExhausted, match="it goes on at"):
        client.shop(11)
    assert len(server.requests) == 2


def test_bad_input_03_a_quota_that_was_cut_overnight_raises_an_alarm_with_both_limits(etsy, catalog: Catalog):
    limits = [{"x-limit-per-day": "100000", "x-remaining-today": "99000"}, {"x-limit-per-day": "5000"}]
    client, _ = etsy(*(Answer({}, 200, each) for each in limits), gate=CatalogGate(catalog, CallPurpose.BATCHES))
    client.ping()
    assert drop_result(catalog.quota_readings(datetime.now(UTC) - timedelta(hours=1))).passed
    client.ping()
    alarm = drop_result(catalog.quota_readings(datetime.now(UTC) - timedelta(hours=1)))
    assert not alarm.passed
    assert {name: value.value for name, value in alarm.metadata.items()} == {"limit_per_day": 5000, "highest": 100_000}


def test_bad_input_04_a_429_is_never_taken_for_no_data(etsy, catalog: Catalog):
    catalog.upsert_listings([listing(1)])
    client, _ = etsy(PER_SECOND)
    for ask in (lambda: client.shop(11), lambda: client.listing(1), lambda: client.shop_reviews(11)):
        with pytest.raises(PassingFault, match="429"):
            ask()
    with pytest.raises(PassingFault):
        read_reviews(catalog, client, timedelta(days=1), timedelta(days=9), NOW, 10)
    (shop,) = catalog.shops_to_review(NOW, 10)
    assert shop.read_at is None


@pytest.mark.parametrize(
    "error", ["Shared secret is required in x-api-key header.", "Invalid API key: should be in the format 'k:s'."]
)
def test_bad_input_05_a_key_of_the_old_form_is_a_fatal_configuration_error(etsy, error: str):
    client, server = etsy(Answer({"error": error}, 403))
    with pytest.raises(ConfigurationError, match="Set the keystring and the shared secret"):
        client.listing(5)
    assert len(server.requests) == 1


def test_bad_input_06_the_offset_ceiling_is_told_from_a_bad_request_and_the_slice_is_parted(etsy, catalog: Catalog):
    ceiling = Answer({"error": "Offset provided is greater than the maximum offset allowed."}, 400)
    client, _ = etsy(ceiling, Answer({"error": "Invalid value (asd) for enum(0, 1)"}, 400))
    with pytest.raises(OffsetCeiling):
        client.active_listings(100, 12_001)
    with pytest.raises(RequestRefused) as refused:
        client.active_listings()
    assert not isinstance(refused.value, OffsetCeiling)

    market = Market(12_500)
    with open_market(market) as url, EtsyClient(url, "keystring", "secret") as crawler:
        catalog.replace_taxonomy(crawler.taxonomy())
        stored = StoredPlan(1, CrawlPlan(planned={CrawlSlice(967): 4000}))
        stored.save(catalog)
        assert read_slice(catalog, crawler, stored.keys[0]).parts > 1


def test_bad_input_07_an_empty_page_before_the_count_is_an_anomaly_and_not_the_end(etsy):
    client, _ = etsy(Answer({"count": 51_234, "results": []}))
    with pytest.raises(PageAnomaly, match="empty at offset 12000 though it counts 51234"):
        client.active_listings(100, 12_000)


def test_bad_input_08_nothing_is_deleted_on_one_empty_answer(etsy, catalog: Catalog):
    batch = sealed(catalog, 1, 2)
    catalog.upsert_listings([listing(1), listing(2)])
    client, server = etsy(Answer({"count": 0, "results": []}), Answer(api.listing(1)), Answer(api.listing(2)))
    report = read_batch(catalog, client, batch, NOW)
    assert (report.read, report.gone, catalog.counts()["listings"]) == (2, 0, 2)
    assert len(server.requests) == 3
    client, _ = etsy(Answer({"count": 0, "results": []}))
    with pytest.raises(PageAnomaly, match="an outage"):
        plan_crawl(catalog, client, 967, PlanLimits())


@pytest.mark.parametrize("outage", [Answer({"error": "Server Error"}, 500), Answer(b"<html>We'll be back</html>", 503)])
def test_bad_input_09_an_outage_is_retried_a_bounded_number_of_times(etsy, outage: Answer):
    client, server = etsy(outage)
    with pytest.raises(PassingFault):
        client.active_listings()
    assert len(server.requests) == 3


def test_bad_input_10_a_count_that_drifts_costs_no_listing_and_doubles_none(etsy, catalog: Catalog):
    def page(*numbers: int, count: int) -> Answer:
        return Answer(api.page(*(api.listing(n, created_timestamp=1_700_000_000 + n) for n in numbers), count=count))

    # While it was read, three came in; the last page holds one that the page before it had.
    client, _ = etsy(page(*range(1, 101), count=148), page(*range(100, 152), count=151))
    stored = StoredPlan(1, CrawlPlan(planned={CrawlSlice(967): 148}))
    stored.save(catalog)
    report = read_slice(catalog, client, stored.keys[0])
    assert (report.listings, report.new) == (151, 151)
    assert catalog.discovered_ids() == set(range(1, 152))


def test_bad_input_11_a_batch_answer_is_matched_by_id_and_what_it_lacks_is_confirmed(etsy, catalog: Catalog):
    client, server = etsy(Answer(api.page(api.listing(3), api.listing(1))), GONE)
    records, missing = read_listings(client, [1, 2, 3, 3, 1])
    assert ([record.listing_id for record in records], missing) == ([1, 3], [2])
    assert server.requests[0][1]["listing_ids"] == ["1,2,3"]
    assert server.asked[1] == "/v3/application/listings/2"
    client, server = etsy(Answer(api.page(api.listing(1))))
    client.listings(range(1, 202))
    assert [len(query["listing_ids"][0].split(",")) for _, query, _ in server.requests] == [100, 100, 1]


def test_bad_input_12_a_listing_that_is_gone_is_a_tombstone_with_its_time(etsy, catalog: Catalog):
    batch = sealed(catalog, 1)
    catalog.upsert_listings([listing(1)])
    client, _ = etsy(Answer(api.page(count=0)), GONE)
    assert read_batch(catalog, client, batch, NOW).gone == 1
    assert (catalog.listing(1).state, catalog.listing(1).title) == ("removed", "Oak chair")
    assert catalog.listing_history(1)[-1].seen_at == NOW
    assert catalog.listings(batch) == []


@pytest.mark.parametrize("state", ["edit", "removed", "sold_out", "never heard of"])
def test_bad_input_13_a_state_outside_the_enum_is_not_active_and_a_renewed_listing_returns(
    etsy, catalog: Catalog, state: str
):
    batch = sealed(catalog, 1)
    renewed = api.listing(1, creation_timestamp=1_800_000_000, original_creation_timestamp=1_600_000_000)
    client, _ = etsy(*(Answer(api.page(each)) for each in (api.listing(1), api.listing(1, state=state), renewed)))
    there = []
    for _ in range(3):
        read_batch(catalog, client, batch, NOW)
        there.append([record.listing_id for record in catalog.listings(batch)])
    assert there == [[1], [], [1]]
    assert [moment.state for moment in catalog.listing_history(1)] == ["active", state, "active"]
    assert catalog.listing(1).original_created_timestamp == 1_600_000_000


def test_bad_input_14_a_listing_that_search_still_shows_without_its_shop_is_read_for_what_it_is(etsy, catalog: Catalog):
    batch = sealed(catalog, 7_289_915)
    lagging = {"listing_id": 7_289_915, "state": "active", "Shop": None}
    client, _ = etsy(Answer(api.page(lagging)), GONE, Answer(api.page(count=0)), GONE)
    read_batch(catalog, client, batch, NOW)
    assert (catalog.listing(7_289_915).state, catalog.listing(7_289_915).shop) == ("active", None)
    assert read_batch(catalog, client, batch, NOW).gone == 1
