"""The newest listings, read again and again while the market moves."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from etsy_assets.catalog.catalog import Catalog
from etsy_assets.errors import PassingFault
from etsy_assets.etsy.client import EtsyClient
from etsy_assets.etsy.newest_crawl import NewestReport, read_newest
from etsy_assets_tests.bad_inputs.conftest import QUICK
from etsy_assets_tests.etsy import api_payloads as api
from etsy_assets_tests.etsy.answering_server import Answer, answering
from etsy_assets_tests.etsy.market import Churn, Market, open_market

NODE = 967


@pytest.fixture
def catalog(tmp_path: Path) -> Iterator[Catalog]:
    with Catalog.open(f"sqlite:///{tmp_path / 'catalog.db'}") as opened:
        yield opened


def read(catalog: Catalog, url: str, max_pages: int = 20, **options: bool) -> NewestReport:
    with EtsyClient(url, "keystring", "secret", retries=QUICK) as client:
        return read_newest(catalog, client, NODE, max_pages, **options)


def test_the_first_crawl_reads_as_far_as_it_may_and_the_next_one_page(catalog: Catalog) -> None:
    market = Market(2000)
    with open_market(market) as url:
        assert read(catalog, url, 5) == NewestReport(pages=5, seen=496, new=496)
        assert read(catalog, url, 5) == NewestReport(pages=1, seen=100, new=0)
        assert read(catalog, url, 121, whole_reach=True) == NewestReport(pages=21, seen=2000, new=1504)


def test_what_came_since_is_read_back_to_where_the_last_crawl_began(catalog: Catalog) -> None:
    market = Market(2000)
    with open_market(market) as url:
        read(catalog, url, 5)
        market._add(330)
        report = read(catalog, url)
    assert (report.pages, report.new, report.joined) == (4, 330, True)


def test_more_than_a_crawl_reads_is_told_and_not_passed_over_in_silence(catalog: Catalog) -> None:
    market = Market(2000)
    with open_market(market) as url:
        read(catalog, url, 5)
        market._add(900)
        report = read(catalog, url, 5)
        assert (report.new, report.joined) == (496, False)
        first, last = report.missing
        assert (last - first, read(catalog, url, 5).joined) == (405, True)


def test_a_crawl_that_broke_off_is_made_up_for_though_the_newest_are_known_by_now(catalog: Catalog) -> None:
    def page(first: int) -> Answer:
        numbers = range(first, first - 100, -1)
        return Answer(api.page(*(api.listing(n, created_timestamp=1_700_000_000 + n) for n in numbers), count=9999))

    with answering(page(1000)) as server:
        read(catalog, server.url, 1)
    outage = Answer({"error": "Server Error"}, 500)
    with answering(page(1300), page(1201), outage) as server, pytest.raises(PassingFault):
        read(catalog, server.url)
    known = catalog.discovered_ids()
    assert {1300, 1102} <= known
    assert 1050 not in known
    with answering(page(1300), page(1201), page(1102), page(1003)) as server:
        report = read(catalog, server.url)
    assert (report.pages, report.joined) == (4, True)
    assert set(range(904, 1301)) <= catalog.discovered_ids()


def test_no_listing_is_missed_while_others_are_taken_away_before_it(catalog: Catalog) -> None:
    market = Market(3000, churn=Churn(added=3, removed=2))
    with open_market(market) as url:
        read(catalog, url, 1)
        market._add(1500)
        new = set(sorted(market.ids_up())[-1500:])
        report = read(catalog, url, 60)
    assert report.joined
    stayed = new & market.ids_up()
    assert catalog.is_known(stayed) == stayed


def test_an_empty_market_is_an_empty_reading(catalog: Catalog) -> None:
    with open_market(Market(0)) as url:
        assert read(catalog, url) == NewestReport(pages=1, seen=0, new=0)
