"""What runs by the clock."""

import dagster as dg
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition


def make_crawl_schedule(
    crawl_newest: UnresolvedAssetJobDefinition, cron: str, status: dg.DefaultScheduleStatus
) -> dg.ScheduleDefinition:
    return dg.ScheduleDefinition(
        name="newest_listings_schedule",
        job=crawl_newest,
        cron_schedule=cron,
        default_status=status,
        description="Crawls the newest furniture listings, so that they reach a batch within its wait.",
    )
