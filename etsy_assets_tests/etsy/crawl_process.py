"""A planned crawl in a process of its own, that can be killed.

    python -m etsy_assets_tests.etsy.crawl_process URL CATALOG [SHARE]

Plans if need be, reads every slice of the plan that was not read to its end, and ends. SHARE: of the day's calls, that
it may use; without it, as many as a planned crawl has.
"""

import sys

from etsy_assets.catalog.catalog import Catalog
from etsy_assets.etsy.call_budget import DEFAULT_SHARES, CallPurpose
from etsy_assets.etsy.call_gate import CatalogGate
from etsy_assets.etsy.client import EtsyClient
from etsy_assets.etsy.crawl_planning import PlanLimits
from etsy_assets.etsy.crawl_store import StoredPlan, load_cursor
from etsy_assets.etsy.planned_crawl import plan_crawl, read_slice

LIMITS = PlanLimits(target=1000, most=2000)


def main(url: str, catalog_url: str, share: str | None = None) -> None:
    shares = DEFAULT_SHARES if share is None else {CallPurpose.PLANNED_CRAWL: float(share)}
    with (
        Catalog.open(catalog_url) as catalog,
        EtsyClient(url, "key", "secret", gate=CatalogGate(catalog, CallPurpose.PLANNED_CRAWL, shares)) as client,
    ):
        if not catalog.taxonomy():
            catalog.replace_taxonomy(client.taxonomy())
        stored = StoredPlan.load(catalog)
        if stored is None or not stored.is_finished:
            stored = plan_crawl(catalog, client, 967, LIMITS)
        for key in stored.keys:
            if not load_cursor(catalog, key).complete:
                read_slice(catalog, client, key)


if __name__ == "__main__":
    main(*sys.argv[1:])
