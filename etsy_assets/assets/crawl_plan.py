"""The whole of furniture, cut into slices that can each be read to the end."""

import dagster as dg
from pydantic import Field

from etsy_assets.assets.failures import RETRY_PASSING_FAULTS, failing_clearly
from etsy_assets.assets.groups import LISTINGS, OWNERS
from etsy_assets.assets.taxonomy import taxonomy
from etsy_assets.etsy.call_budget import CallPurpose
from etsy_assets.etsy.crawl_planning import PlanLimits
from etsy_assets.etsy.planned_crawl import plan_crawl
from etsy_assets.partitions import crawl_slices
from etsy_assets.resources.etsy_api import EtsyApi
from etsy_assets.resources.stores import CatalogDatabase


class CrawlPlanConfig(dg.Config):
    """How small the slices are."""

    listings_a_slice: int = Field(
        default=PlanLimits().target, ge=1, le=PlanLimits().most, description="At most, as Etsy counts them now."
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
def crawl_plan(
    context: dg.AssetExecutionContext, config: CrawlPlanConfig, etsy_api: EtsyApi, catalog_database: CatalogDatabase
) -> dg.MaterializeResult:
    """Price slices that together hold every active furniture listing: the partitions of `discovered_listings`.

    Each materialization plans a crawl from the start, in place of the one before; one that broke off is gone on with.
    """
    limits = PlanLimits(target=config.listings_a_slice)
    with failing_clearly(), catalog_database.open() as catalog:
        client = etsy_api.client(catalog, CallPurpose.PLANNED_CRAWL)
        stored = plan_crawl(catalog, client, etsy_api.taxonomy_node, limits)
    name = str(crawl_slices.name)
    for key in set(context.instance.get_dynamic_partitions(name)) - set(stored.keys):
        context.instance.delete_dynamic_partition(name, key)
    context.instance.add_dynamic_partitions(name, stored.keys)
    planned = stored.plan.planned
    context.log.info("plan %d: %d slices", stored.number, len(planned))
    return dg.MaterializeResult(
        metadata={
            "plan": stored.number,
            "slices": len(planned),
            "listings": sum(planned.values()),
            "largest_slice": max(planned.values()),
        }
    )
