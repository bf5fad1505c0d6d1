"""What buyers say of the shops that the catalog knows."""

from datetime import UTC, datetime

import dagster as dg
from pydantic import Field

from etsy_assets.assets.failures import RETRY_PASSING_FAULTS, failing_clearly
from etsy_assets.assets.groups import LISTINGS, OWNERS
from etsy_assets.assets.newest_listings import newest_listings
from etsy_assets.etsy.call_budget import CallPurpose
from etsy_assets.etsy.review_crawl import read_reviews
from etsy_assets.resources.etsy_api import EtsyApi
from etsy_assets.resources.stores import CatalogDatabase
from etsy_assets.settings import Settings


class ReviewsConfig(dg.Config):
    """How much one reading takes on."""

    most_shops: int = Field(default=500, ge=1, description="Shops to read, those that were read longest ago first.")


def make_reviews(settings: Settings) -> dg.AssetsDefinition:
    @dg.asset(
        name="reviews",
        group_name=LISTINGS,
        kinds={"etsy", "sqlite"},
        owners=OWNERS,
        code_version="1",
        deps=[newest_listings],
        pool="etsy_api",
        retry_policy=RETRY_PASSING_FAULTS,
    )
    def reviews(
        context: dg.AssetExecutionContext,
        config: ReviewsConfig,
        etsy_api: EtsyApi,
        catalog_database: CatalogDatabase,
    ) -> dg.MaterializeResult:
        """The reviews of the shops whose listings were read, each once, as its buyer wrote or last edited it."""
        with failing_clearly(), catalog_database.open() as catalog:
            client = etsy_api.client(catalog, CallPurpose.REVIEWS)
            report = read_reviews(
                catalog, client, settings.refresh_age, settings.reviews_rescan, datetime.now(UTC), config.most_shops
            )
            stored = catalog.counts("reviews")["reviews"]
        context.log.info("%s", report)
        return dg.MaterializeResult(
            metadata={
                "dagster/row_count": stored,
                "shops_read": report.shops,
                "shops_scanned": report.scanned,
                "reviews_read": report.reviews,
                "stopped_because": report.stopped or "every shop that was due is read",
            }
        )

    return reviews
