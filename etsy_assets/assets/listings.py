"""The full records of a batch's listings, with their shops and images' addresses."""

from datetime import UTC, datetime

import dagster as dg

from etsy_assets.assets.batch_by_batch import batch_by_batch
from etsy_assets.assets.failures import RETRY_PASSING_FAULTS
from etsy_assets.assets.groups import LISTINGS, OWNERS
from etsy_assets.assets.newest_listings import newest_listings
from etsy_assets.catalog.records import ListingRecord
from etsy_assets.etsy.client import EtsyClient
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
    with batch_by_batch(context) as results, catalog_database.open() as catalog:
        client = etsy_api.client(catalog)
        for batch in context.partition_keys:
            ids = catalog.batch_listing_ids(batch)
            records, missing = read_listings(client, ids)
            catalog.upsert_listings(records)
            catalog.mark_gone(missing, datetime.now(UTC))
            unaccounted |= set(ids) - {stored.listing_id for stored in catalog.listings(batch, include_gone=True)}
            counts = {"dagster/row_count": len(records), "listings_gone": len(missing)}
            results.add(batch, {context.asset_key: {**counts, "images": len(catalog.images(batch))}})
            context.log.info("%s: %d listings, %d gone from Etsy", batch, len(records), len(missing))
    check = dg.AssetCheckResult(
        check_name=COMPLETE, passed=not unaccounted, metadata={"unaccounted": sorted(unaccounted)}
    )
    return dg.MaterializeResult(check_results=[check])


def read_listings(client: EtsyClient, ids: list[int]) -> tuple[list[ListingRecord], list[int]]:
    """The listings' records, and the ids of those that are gone.

    The batch call leaves out what it does not have, and sometimes more; each that is missing is asked for by itself
    before it counts as gone.
    """
    records = client.listings(ids)
    missing = []
    for listing_id in set(ids) - {record.listing_id for record in records}:
        record = client.listing(listing_id)
        if record is None:
            missing.append(listing_id)
        else:
            records.append(record)
    return records, sorted(missing)
