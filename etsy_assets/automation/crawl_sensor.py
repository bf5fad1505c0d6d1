"""Reads the slices of the crawl plan, one run after another, as long as the day has calls for it."""

from collections.abc import Collection, Sequence
from datetime import UTC, datetime, timedelta

import dagster as dg
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

from etsy_assets.automation.instance_state import (
    FAILED,
    PARTITION_TAG,
    PARTITIONS_A_QUERY,
    add_missing,
    is_in_flight,
    newest_events,
)
from etsy_assets.catalog.records import QuotaReading
from etsy_assets.etsy.crawl_store import StoredPlan
from etsy_assets.etsy.planned_crawl import reserved_calls
from etsy_assets.partitions import crawl_slices
from etsy_assets.resources.stores import CatalogDatabase

# A slice that failed, or a day that was spent, is tried again after so long.
PAUSE = timedelta(hours=1)


def make_crawl_sensor(
    crawl_slice: UnresolvedAssetJobDefinition, slices: dg.AssetKey, status: dg.DefaultSensorStatus
) -> dg.SensorDefinition:
    """slices: the asset that is partitioned by them."""

    @dg.sensor(name="crawl_sensor", job=crawl_slice, minimum_interval_seconds=15, default_status=status)
    def crawl_sensor(context: dg.SensorEvaluationContext, catalog_database: CatalogDatabase) -> dg.SensorResult:
        """Runs the next slice of the crawl plan that was not read yet, when the last one has ended."""
        with catalog_database.open() as catalog:
            stored, quota = StoredPlan.load(catalog), catalog.latest_quota()
        if stored is None or not stored.is_finished:
            return dg.SensorResult(skip_reason="No crawl is planned: materialize crawl_plan to start one")
        if is_in_flight(context.instance, crawl_slice.name):
            return dg.SensorResult(skip_reason="A slice is being read")
        now = datetime.now(UTC)
        if (calls := calls_to_wait_for(quota, now)) is not None:
            return dg.SensorResult(skip_reason=f"{calls} API calls are left, kept for new listings and batches")
        keys = stored.keys
        open_keys = unread(keys, newest_events(context.instance, slices), failed_since(context.instance, keys, now))
        missing = add_missing(context.instance, crawl_slices, keys)
        return dg.SensorResult(
            run_requests=[dg.RunRequest(partition_key=key) for key in open_keys[:1]],
            dynamic_partitions_requests=[crawl_slices.build_add_request(missing)] if missing else None,
            skip_reason=None if open_keys else "Every slice of the plan is read, or has failed within the hour",
        )

    return crawl_sensor


def calls_to_wait_for(quota: QuotaReading | None, now: datetime) -> int | None:
    """The calls that were left at the last answer, if those are kept for more urgent work; None when one may go on.

    An old reading says nothing: calls trickle back over a day.
    """
    return reserved_calls(quota) if quota is not None and now - quota.read_at < PAUSE else None


def unread(keys: Sequence[str], read: Collection[str], failed: Collection[str]) -> list[str]:
    """The slices to be read now, in the order of the plan."""
    return [key for key in keys if key not in read and key not in failed]


def failed_since(instance: dg.DagsterInstance, keys: Sequence[str], now: datetime) -> set[str]:
    """The slices of which a run failed within the pause."""
    failed: set[str] = set()
    for start in range(0, len(keys), PARTITIONS_A_QUERY):
        tags = {PARTITION_TAG: list(keys[start : start + PARTITIONS_A_QUERY])}
        recent = dg.RunsFilter(statuses=FAILED, tags=tags, updated_after=now - PAUSE)
        failed |= {run.tags[PARTITION_TAG] for run in instance.get_runs(recent)}
    return failed
