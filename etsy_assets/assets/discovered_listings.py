"""Every furniture listing, found by reading the slices of the crawl plan one after another."""

import dagster as dg

from etsy_assets.assets.batch_by_batch import batch_by_batch
from etsy_assets.assets.crawl_plan import crawl_plan
from etsy_assets.assets.failures import RETRY_PASSING_FAULTS
from etsy_assets.assets.groups import LISTINGS, OWNERS
from etsy_assets.etsy.call_budget import CallPurpose
from etsy_assets.etsy.crawl_store import StoredPlan
from etsy_assets.etsy.planned_crawl import read_slice
from etsy_assets.partitions import crawl_slices
from etsy_assets.resources.etsy_api import EtsyApi
from etsy_assets.resources.stores import CatalogDatabase

WHOLE = "the_whole_slice_was_reached"


@dg.asset(
    group_name=LISTINGS,
    kinds={"etsy", "sqlite"},
    owners=OWNERS,
    code_version="2",
    deps=[crawl_plan],
    partitions_def=crawl_slices,
    pool="etsy_api",
    retry_policy=RETRY_PASSING_FAULTS,
    check_specs=[
        dg.AssetCheckSpec(
            WHOLE, asset="discovered_listings", description="No listing of a slice lies beyond what Etsy pages to."
        )
    ],
)
def discovered_listings(
    context: dg.AssetExecutionContext, etsy_api: EtsyApi, catalog_database: CatalogDatabase
) -> dg.MaterializeResult:
    """The ids of a slice's listings. It is complete only when its last page was seen to be the last.

    A run that broke off is gone on with from its last page. A slice that has outgrown its plan is parted: its parts are
    new partitions.
    """
    unreachable: dict[str, int] = {}
    with batch_by_batch(context) as results, catalog_database.open() as catalog:
        client = etsy_api.client(catalog, CallPurpose.PLANNED_CRAWL)
        for key in context.partition_keys:
            report = read_slice(catalog, client, key)
            if report.parts:
                context.instance.add_dynamic_partitions(str(crawl_slices.name), StoredPlan.current(catalog).keys)
            if report.unreachable:
                unreachable[key] = report.unreachable
            metadata = {
                "dagster/partition_row_count": report.listings,
                "new_listings": report.new,
                "api_calls": report.calls,
                "parted_into": report.parts,
            }
            results.add(key, {context.asset_key: metadata})
            context.log.info("%s: %s", key, report)
    check = dg.AssetCheckResult(check_name=WHOLE, passed=not unreachable, metadata={"unreachable": unreachable})
    return dg.MaterializeResult(check_results=[check])
