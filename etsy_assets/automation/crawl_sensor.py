"""Reads the slices of the crawl plan, one run after another, as long as the day has calls for it."""

from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime, timedelta

import dagster as dg
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

from etsy_assets.automation.instance_state import (
    add_missing,
    is_in_flight,
    newest_events,
    partitions_failed_since,
)
from etsy_assets.etsy.call_budget import CallPurpose
from etsy_assets.etsy.call_gate import refused_now
from etsy_assets.etsy.crawl_store import StoredPlan
from etsy_assets.partitions import crawl_slices
from etsy_assets.resources.stores import CatalogDatabase

# A slice that failed is tried again after so long.
PAUSE = timedelta(hours=1)


def make_crawl_sensor(
    crawl_slice: UnresolvedAssetJobDefinition,
    slices: dg.AssetKey,
    shares: Mapping[CallPurpose, float],
    status: dg.DefaultSensorStatus,
) -> dg.SensorDefinition:
    """slices: the asset that is partitioned by them. shares: of a day's calls, by purpose."""

    @dg.sensor(name="crawl_sensor", job=crawl_slice, minimum_interval_seconds=15, default_status=status)
    def crawl_sensor(context: dg.SensorEvaluationContext, catalog_database: CatalogDatabase) -> dg.SensorResult:
        """Runs the next slice of the crawl plan that was not read yet, when the last one has ended."""
        with catalog_database.open() as catalog:
            stored = StoredPlan.load(catalog)
            refusal = refused_now(catalog, CallPurpose.PLANNED_CRAWL, shares)
        if stored is None or not stored.is_finished:
            return dg.SensorResult(skip_reason="No crawl is planned: materialize crawl_plan to start one")
        if is_in_flight(context.instance, crawl_slice.name):
            return dg.SensorResult(skip_reason="A slice is being read")
        if refusal is not None:
            return dg.SensorResult(skip_reason=refusal)
        now = datetime.now(UTC)
        keys = stored.keys
        open_keys = unread(
            keys, newest_events(context.instance, slices), partitions_failed_since(context.instance, keys, now - PAUSE)
        )
        missing = add_missing(context.instance, crawl_slices, keys)
        return dg.SensorResult(
            run_requests=[dg.RunRequest(partition_key=key) for key in open_keys[:1]],
            dynamic_partitions_requests=[crawl_slices.build_add_request(missing)] if missing else None,
            skip_reason=None if open_keys else "Every slice of the plan is read, or has failed within the hour",
        )

    return crawl_sensor


def unread(keys: Sequence[str], read: Collection[str], failed: Collection[str]) -> list[str]:
    """The slices to be read now, in the order of the plan."""
    return [key for key in keys if key not in read and key not in failed]
