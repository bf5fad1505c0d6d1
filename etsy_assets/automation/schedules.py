"""What runs by the clock."""

import dagster as dg
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

from etsy_assets.automation.instance_state import is_in_flight
from etsy_assets.jobs.pipeline import PipelineJobs
from etsy_assets.settings import Settings


def make_schedules(
    jobs: PipelineJobs, settings: Settings, status: dg.DefaultScheduleStatus
) -> list[dg.ScheduleDefinition]:
    """status: of those that ask Etsy or delete; the report of the quota does neither."""
    reviews_are = status if settings.reviews else dg.DefaultScheduleStatus.STOPPED
    return [
        make_crawl_schedule(jobs.crawl_newest, settings.crawl_cron, status),
        make_upkeep_schedule(
            jobs.crawl_reviews,
            "41 */6 * * *",
            reviews_are,
            "Reads the reviews of the shops that were read longest ago.",
        ),
        make_upkeep_schedule(
            jobs.report_quota,
            "5 * * * *",
            dg.DefaultScheduleStatus.RUNNING,
            "Shows the calls to Etsy, and what is left.",
        ),
        make_upkeep_schedule(
            jobs.purge, "23 3 * * *", status, "Removes what is older than may be stored, and proves it."
        ),
    ]


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


def make_upkeep_schedule(
    job: UnresolvedAssetJobDefinition, cron: str, status: dg.DefaultScheduleStatus, description: str
) -> dg.ScheduleDefinition:
    """Of a job that looks after what is there; it is named after the job."""

    @dg.schedule(
        name=f"{job.name}_schedule", job=job, cron_schedule=cron, default_status=status, description=description
    )
    def upkeep_schedule(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        if is_in_flight(context.instance, job.name):
            return dg.SkipReason("The last one has not ended yet")
        return dg.RunRequest()

    return upkeep_schedule
