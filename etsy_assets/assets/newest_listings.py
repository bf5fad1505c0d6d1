"""The newest listings that Etsy shows under furniture."""

from collections.abc import Iterator
from datetime import UTC, datetime

import dagster as dg
from pydantic import Field

from etsy_assets.assets.failures import RETRY_PASSING_FAULTS, failing_clearly
from etsy_assets.assets.groups import LISTINGS, OWNERS
from etsy_assets.assets.taxonomy import taxonomy
from etsy_assets.catalog.catalog import Catalog
from etsy_assets.catalog.records import DiscoveredListing
from etsy_assets.etsy.call_budget import CallPurpose
from etsy_assets.etsy.client import EtsyClient
from etsy_assets.resources.etsy_api import EtsyApi
from etsy_assets.resources.stores import CatalogDatabase

PAGE_SIZE = 100


class NewestCrawlConfig(dg.Config):
    """How far back a crawl of the newest listings reaches."""

    max_pages: int = Field(default=20, ge=1, le=121, description="Pages of 100 listings, one API call each.")
    whole_reach: bool = Field(
        default=False, description="Read on past listings that are known already, up to max_pages."
    )


@dg.asset(
    group_name=LISTINGS,
    kinds={"etsy", "sqlite"},
    owners=OWNERS,
    code_version="1",
    deps=[taxonomy],
    pool="etsy_api",
    retry_policy=RETRY_PASSING_FAULTS,
)
def newest_listings(
    context: dg.AssetExecutionContext, config: NewestCrawlConfig, etsy_api: EtsyApi, catalog_database: CatalogDatabase
) -> dg.MaterializeResult:
    """The newest furniture listings, back to those that are known already. Batches are sealed from what is found."""
    with failing_clearly(), catalog_database.open() as catalog:
        client = etsy_api.client(catalog, CallPurpose.NEWEST_LISTINGS)
        seen = new = pages = 0
        for page in newest_pages(client, etsy_api.taxonomy_node, config.max_pages):
            known = catalog.is_known([listing.listing_id for listing in page])
            # Recorded page by page: a crawl that breaks off keeps what it has found.
            new += catalog.record_discovered(page, datetime.now(UTC))
            seen, pages = seen + len(page), pages + 1
            if len(known) == len(page) and not config.whole_reach:
                break
        counts, calls_left = catalog.counts("discovered", "unbatched"), remaining_calls(catalog)
    context.log.info("%d pages, %d listings, %d of them new", pages, seen, new)
    return dg.MaterializeResult(
        metadata={
            "dagster/row_count": seen,
            "listings_ever_seen": counts["discovered"],
            "new_listings": new,
            "waiting_for_a_batch": counts["unbatched"],
            "api_calls": pages,
            "api_calls_left_today": calls_left,
        }
    )


def newest_pages(client: EtsyClient, node: int, max_pages: int) -> Iterator[list[DiscoveredListing]]:
    """Pages of active listings below the node, newest first, until the last one or `max_pages`."""
    for number in range(max_pages):
        offset = number * PAGE_SIZE
        page = client.active_listings(
            limit=PAGE_SIZE,
            offset=offset,
            taxonomy_id=node,
            sort_on="created",
            sort_order="desc",
        )
        if page.listings:
            yield list(page.listings)
        if page.length < PAGE_SIZE or offset + PAGE_SIZE >= page.count:
            return


def remaining_calls(catalog: Catalog) -> int | None:
    """What Etsy's last answer said of today's quota."""
    quota = catalog.latest_quota()
    return quota.remaining_today if quota else None
