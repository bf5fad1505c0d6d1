"""The newest listings that Etsy shows under furniture."""

from datetime import UTC, datetime

import dagster as dg
from pydantic import Field

from etsy_assets.assets.failures import RETRY_PASSING_FAULTS, failing_clearly
from etsy_assets.assets.groups import LISTINGS, OWNERS
from etsy_assets.assets.taxonomy import taxonomy
from etsy_assets.catalog.catalog import Catalog
from etsy_assets.etsy.call_budget import CallPurpose
from etsy_assets.etsy.newest_crawl import NewestReport, read_newest
from etsy_assets.resources.etsy_api import EtsyApi
from etsy_assets.resources.stores import CatalogDatabase

JOINED = "nothing_lies_between_two_crawls"


class NewestCrawlConfig(dg.Config):
    """How far back a crawl of the newest listings reaches."""

    max_pages: int = Field(default=20, ge=1, le=121, description="Pages of 100 listings, one API call each.")
    whole_reach: bool = Field(default=False, description="Read on past where the last crawl began, up to max_pages.")


@dg.asset(
    group_name=LISTINGS,
    kinds={"etsy", "sqlite"},
    owners=OWNERS,
    code_version="2",
    deps=[taxonomy],
    pool="etsy_api",
    retry_policy=RETRY_PASSING_FAULTS,
    check_specs=[
        dg.AssetCheckSpec(
            JOINED, asset="newest_listings", description="This crawl reached back to where the last one began."
        )
    ],
)
def newest_listings(
    context: dg.AssetExecutionContext, config: NewestCrawlConfig, etsy_api: EtsyApi, catalog_database: CatalogDatabase
) -> dg.MaterializeResult:
    """The newest furniture listings, back to where the last crawl began. Batches are sealed from what is found."""
    with failing_clearly(), catalog_database.open() as catalog:
        client = etsy_api.client(catalog, CallPurpose.NEWEST_LISTINGS)
        report = read_newest(catalog, client, etsy_api.taxonomy_node, config.max_pages, config.whole_reach)
        counts, calls_left = catalog.counts("discovered", "unbatched"), remaining_calls(catalog)
    context.log.info("%s", report)
    return dg.MaterializeResult(
        metadata={
            "dagster/row_count": report.seen,
            "listings_ever_seen": counts["discovered"],
            "new_listings": report.new,
            "waiting_for_a_batch": counts["unbatched"],
            "api_calls": report.pages,
            "api_calls_left_today": calls_left,
        },
        check_results=[joined_result(report)],
    )


def joined_result(report: NewestReport) -> dg.AssetCheckResult:
    """Failed when more was new than a crawl reads: what lies between is left to a planned crawl."""
    missing = {}
    if report.missing is not None:
        first, last = (datetime.fromtimestamp(stamp, UTC).isoformat() for stamp in report.missing)
        missing = {"listed_between": f"{first} and {last}", "do": "raise max_pages, or materialize crawl_plan"}
    return dg.AssetCheckResult(check_name=JOINED, passed=report.joined, metadata=missing)


def remaining_calls(catalog: Catalog) -> int | None:
    """What Etsy's last answer said of today's quota."""
    quota = catalog.latest_quota()
    return quota.remaining_today if quota else None
