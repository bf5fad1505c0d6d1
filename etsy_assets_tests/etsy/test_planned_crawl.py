"""A planned crawl of a market that moves: whole, within its calls, and whatever becomes of the process."""

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from etsy_assets.catalog.api_calls import hour_of
from etsy_assets.catalog.catalog import Catalog
from etsy_assets.etsy.call_budget import CallPurpose
from etsy_assets.etsy.call_gate import CatalogGate
from etsy_assets.etsy.client import EtsyClient
from etsy_assets.etsy.crawl_planning import CrawlPlan, CrawlSlice, PlanLimits
from etsy_assets.etsy.crawl_store import StoredPlan, UnknownSlice, load_cursor
from etsy_assets.etsy.faults import DailyQuotaExhausted, PageAnomaly
from etsy_assets.etsy.planned_crawl import plan_crawl, read_slice
from etsy_assets_tests.catalog.samples import all_calls_come_back
from etsy_assets_tests.etsy.market import Churn, Market, open_market

LISTINGS = 20_000
KILLS = 20


@pytest.fixture
def catalog(tmp_path: Path) -> Iterator[Catalog]:
    with Catalog.open(f"sqlite:///{tmp_path / 'catalog.db'}") as opened:
        yield opened


def client_of(catalog: Catalog, url: str) -> EtsyClient:
    return EtsyClient(url, "key", "secret", gate=CatalogGate(catalog, CallPurpose.PLANNED_CRAWL))


def found(catalog: Catalog, market: Market) -> set[int]:
    return catalog.is_known(market.ids_up())


def test_a_crawl_killed_at_twenty_moments_ends_with_all_that_stayed_up(tmp_path: Path) -> None:
    market = Market(LISTINGS, churn=Churn(added=0.6, renewed=0.9, removed=0.5))
    before, kills = market.ids_up(), 0
    url = f"sqlite:///{tmp_path / 'catalog.db'}"
    # The first few during the planning, which takes about 40 calls.
    moments = np.random.default_rng(2).integers(1, 20, KILLS)
    with open_market(market) as address:
        while True:
            command = [sys.executable, "-m", "etsy_assets_tests.etsy.crawl_process", address, url]
            with subprocess.Popen(command) as crawl:
                until = market.calls + int(moments[kills]) if kills < KILLS else None
                while crawl.poll() is None and (until is None or market.calls < until):
                    time.sleep(0.001)
                if crawl.poll() is None:
                    crawl.send_signal(signal.SIGKILL)
            if crawl.returncode == 0:
                break
            assert crawl.returncode == -signal.SIGKILL
            kills += 1
        assert kills == KILLS
        with Catalog.open(url) as catalog:
            stayed = before & market.ids_up()
            assert catalog.is_known(stayed) == stayed


def test_a_crawl_stops_with_calls_left_for_others_and_goes_on_from_there(catalog: Catalog) -> None:
    market = Market(3000, calls_a_day=40)
    with open_market(market) as url, client_of(catalog, url) as client:
        key = plan_crawl(catalog, client, 967, PlanLimits()).keys[0]
        with pytest.raises(DailyQuotaExhausted, match=r"24 API calls are left .* goes on at .* from where it stopped"):
            read_slice(catalog, client, key)
        # Of 40 calls a crawl has 16, and nobody else has used any.
        assert market.calls == 16
        assert load_cursor(catalog, key).calls == 15
        assert market.after_the_day == 0
        market.calls_a_day += 1000
        all_calls_come_back(catalog)
        report = read_slice(catalog, client, key)
        assert (report.listings, report.calls) == (3000, 31)
        assert found(catalog, market) == market.ids_up()


def test_two_processes_keep_within_the_second_and_call_nobody_once_the_day_is_spent(tmp_path: Path) -> None:
    market = Market(6000, calls_a_day=45, calls_a_second=20)
    url = f"sqlite:///{tmp_path / 'catalog.db'}"
    with open_market(market) as address:
        command = [sys.executable, "-m", "etsy_assets_tests.etsy.crawl_process", address, url, "1"]
        crawls = [subprocess.Popen(command, stderr=subprocess.PIPE, text=True) for _ in range(2)]
        said = [crawl.communicate()[1] for crawl in crawls]
    assert [crawl.returncode for crawl in crawls] == [1, 1]
    assert all("No API calls are left of this day's" in text for text in said)
    assert (market.calls, market.throttled, market.after_the_day) == (45, 0, 0)
    with Catalog.open(url) as catalog:
        assert sum(calls.calls for calls in catalog.api_calls(hour_of(datetime.now(UTC) - timedelta(days=1)))) == 45
        assert catalog.call_gate().unanswered == 0


def test_a_slice_that_has_outgrown_its_plan_is_parted_and_its_parts_are_read(catalog: Catalog) -> None:
    market = Market(12_500)
    with open_market(market) as url, client_of(catalog, url) as client:
        catalog.replace_taxonomy(client.taxonomy())
        small = StoredPlan(1, CrawlPlan(planned={CrawlSlice(967): 4000}))
        small.save(catalog)
        report = read_slice(catalog, client, small.keys[0])
        assert report.parts > 1
        assert load_cursor(catalog, small.keys[0]).complete
        for key in StoredPlan.current(catalog).keys:
            read_slice(catalog, client, key)
        assert found(catalog, market) == market.ids_up()


def test_a_new_plan_begins_when_the_last_is_finished_and_its_slices_are_its_own(catalog: Catalog) -> None:
    market = Market(300)
    with open_market(market) as url, client_of(catalog, url) as client:
        first = plan_crawl(catalog, client, 967, PlanLimits(target=200))
        read_slice(catalog, client, first.keys[0])
        second = plan_crawl(catalog, client, 967, PlanLimits(target=200))
        assert (first.number, second.number) == (1, 2)
        assert load_cursor(catalog, first.keys[0]).calls == 0
        with pytest.raises(UnknownSlice, match="not one of crawl plan 2"):
            read_slice(catalog, client, first.keys[0])


def test_a_market_without_furniture_is_an_outage_and_no_plan(catalog: Catalog) -> None:
    with (
        open_market(Market(0)) as url,
        client_of(catalog, url) as client,
        pytest.raises(PageAnomaly, match="an outage"),
    ):
        plan_crawl(catalog, client, 967, PlanLimits())
    assert StoredPlan.load(catalog) is None


def test_a_slice_of_no_plan_is_refused(catalog: Catalog) -> None:
    with pytest.raises(UnknownSlice, match="materialize crawl_plan first"):
        StoredPlan.current(catalog)
