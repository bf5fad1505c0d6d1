"""What runs by the clock."""

import dagster as dg
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

from etsy_assets.automation.instance_state import is_in_flight


def make_crawl_schedule(
    crawl_newest: UnresolvedAssetJobDefinition, cron: str, status: dg.DefaultScheduleStatus
) -> dg.ScheduleDefinition:
    @dg.schedule(
        name="newest_listings_schedule",
        job=crawl_newest,
        cron_schedule=cron,
        default_status=status,
        description="Crawls the newest furniture listings, so that they reach a batch within its wait.",
    )
    def newest_listings_schedule(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        # On a busy machine the crawls would queue up behind each other, and each would find the same.
        if is_in_flight(context.instance, crawl_newest.name):
            return dg.SkipReason("The last crawl has not ended yet")
        return dg.RunRequest()

    return newest_listings_schedule
