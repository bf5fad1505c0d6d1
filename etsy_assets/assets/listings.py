"""The full records of a batch's listings, with their shops and images' addresses."""

from datetime import UTC, datetime

import dagster as dg

from etsy_assets.assets.batch_by_batch import batch_by_batch
from etsy_assets.assets.failures import RETRY_PASSING_FAULTS
from etsy_assets.assets.groups import LISTINGS, OWNERS
from etsy_assets.assets.newest_listings import newest_listings
from etsy_assets.etsy.batch_reading import read_batch
from etsy_assets.etsy.call_budget import CallPurpose
from etsy_assets.jobs.names import REFRESH_LISTINGS
from etsy_assets.partitions import listing_batches
from etsy_assets.resources.etsy_api import EtsyApi
from etsy_assets.resources.stores import CatalogDatabase

COMPLETE = "every_listing_is_accounted_for"


@dg.asset(
    group_name=LISTINGS,
    kinds={"etsy", "sqlite"},
    owners=OWNERS,
    code_version="1",
    # Of the slices of discovered_listings a batch holds listings too. It needs none of them, and with an edge to them
    # the UI would ask of every batch whether one is sure, until the first planned crawl.
    deps=[newest_listings],
    partitions_def=listing_batches,
    pool="etsy_api",
    retry_policy=RETRY_PASSING_FAULTS,
    check_specs=[
        dg.AssetCheckSpec(
            COMPLETE, asset="listings", description="Each listing of the batch is stored, or confirmed gone from Etsy."
        )
    ],
)
def listings(
    context: dg.AssetExecutionContext, etsy_api: EtsyApi, catalog_database: CatalogDatabase
) -> dg.MaterializeResult:
    """A batch's listings as Etsy has them now: title, price, materials, shop, and where their images are."""
    unaccounted: set[int] = set()
    purpose = CallPurpose.REFRESH if context.run.job_name == REFRESH_LISTINGS else CallPurpose.BATCHES
    with batch_by_batch(context) as results, catalog_database.open() as catalog:
        client = etsy_api.client(catalog, purpose)
        for batch in context.partition_keys:
            report = read_batch(catalog, client, batch, datetime.now(UTC))
            unaccounted |= report.unaccounted
            metadata = {
                "dagster/row_count": report.read,
                "listings_gone": report.gone,
                "listings_returned": report.returned,
                "images": report.images,
                "content_version": report.content_version,
            }
            results.add(batch, {context.asset_key: metadata}, f"content-{report.content_version}")
            context.log.info("%s: %s", batch, report)
    check = dg.AssetCheckResult(
        check_name=COMPLETE, passed=not unaccounted, metadata={"unaccounted": sorted(unaccounted)}
    )
    return dg.MaterializeResult(check_results=[check])
