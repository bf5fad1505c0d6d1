"""Etsy's tree of categories."""

import dagster as dg

from etsy_assets.assets.failures import RETRY_PASSING_FAULTS, failing_clearly
from etsy_assets.assets.groups import LISTINGS, OWNERS
from etsy_assets.etsy.call_budget import CallPurpose
from etsy_assets.resources.etsy_api import EtsyApi
from etsy_assets.resources.stores import CatalogDatabase


@dg.asset(
    group_name=LISTINGS,
    kinds={"etsy", "sqlite"},
    owners=OWNERS,
    code_version="1",
    pool="etsy_api",
    retry_policy=RETRY_PASSING_FAULTS,
)
def taxonomy(
    context: dg.AssetExecutionContext, etsy_api: EtsyApi, catalog_database: CatalogDatabase
) -> dg.MaterializeResult:
    """Etsy's seller taxonomy: the tree of categories that tells furniture from everything else."""
    with failing_clearly(), catalog_database.open() as catalog:
        nodes = etsy_api.client(catalog, CallPurpose.NEWEST_LISTINGS).taxonomy()
        catalog.replace_taxonomy(nodes)
        furniture = catalog.taxonomy_subtree_ids(etsy_api.taxonomy_node)
    context.log.info("%d nodes, %d of them furniture", len(nodes), len(furniture))
    return dg.MaterializeResult(metadata={"dagster/row_count": len(nodes), "furniture_nodes": len(furniture)})
