"""The sensors that keep batches true: listings are read again as they age, and what has changed is made anew."""

from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime, timedelta

import dagster as dg
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

from etsy_assets.automation.decisions import REQUESTS_A_TICK, TRIES
from etsy_assets.automation.instance_state import (
    TARGET_TAG,
    Tries,
    is_in_flight,
    materialized_in_all,
    partitions_failed_since,
    partitions_in_flight,
    tries_of,
)
from etsy_assets.etsy.call_budget import CallPurpose
from etsy_assets.etsy.call_gate import refused_now
from etsy_assets.partitions import listing_batches
from etsy_assets.resources.stores import CatalogDatabase
from etsy_assets.settings import Settings

# One reading at a time is all that the pool lets through; the next are requested as it ends.
REFRESHES_A_TICK = 5
# A batch whose reading failed waits so long.
PAUSE = timedelta(hours=1)


def make_refresh_sensor(
    refresh_listings: UnresolvedAssetJobDefinition, settings: Settings, status: dg.DefaultSensorStatus
) -> dg.SensorDefinition:
    @dg.sensor(name="refresh_sensor", job=refresh_listings, minimum_interval_seconds=30, default_status=status)
    def refresh_sensor(context: dg.SensorEvaluationContext, catalog_database: CatalogDatabase) -> dg.SensorResult:
        """Reads the batches again whose listings were read too long ago, the oldest first, while the day has calls."""
        now = datetime.now(UTC)
        with catalog_database.open() as catalog:
            due = catalog.batches_to_refresh(settings.refresh_age, now)
            refusal = refused_now(catalog, CallPurpose.REFRESH, settings.call_shares)
        if not due:
            return dg.SensorResult(skip_reason=f"No batch was read longer ago than {settings.refresh_age}")
        if refusal is not None:
            return dg.SensorResult(skip_reason=refusal)
        if is_in_flight(context.instance, refresh_listings.name):
            return dg.SensorResult(skip_reason="The batches requested before are being read")
        busy = partitions_in_flight(context.instance, listing_batches)
        failed = partitions_failed_since(context.instance, due, now - PAUSE)
        chosen = due_now(due, busy, failed)
        return dg.SensorResult(
            run_requests=[dg.RunRequest(partition_key=batch) for batch in chosen],
            skip_reason=None if chosen else "Every batch that is due is in a run, or has failed within the hour",
        )

    return refresh_sensor


def make_update_sensor(
    update_batch: UnresolvedAssetJobDefinition, batch_keys: list[dg.AssetKey], status: dg.DefaultSensorStatus
) -> dg.SensorDefinition:
    """batch_keys: the last assets of a batch; one that lacks any of them has not been ingested yet."""

    @dg.sensor(name="update_sensor", job=update_batch, minimum_interval_seconds=30, default_status=status)
    def update_sensor(context: dg.SensorEvaluationContext, catalog_database: CatalogDatabase) -> dg.SensorResult:
        """Makes the images and vectors anew that a reading found to be others; what is unchanged is used again.

        Which those are stands in the catalog, whoever read the listings: a missed tick is made up for by the next.
        """
        with catalog_database.open() as catalog:
            outdated = catalog.outdated_batches()
        if not outdated:
            return dg.SensorResult(skip_reason="Every batch is as its listings are")
        ingested = materialized_in_all(context.instance, batch_keys)
        busy = partitions_in_flight(context.instance, listing_batches)
        targets = {key: f"{key}-content-{version}" for key, version in outdated.items() if key in ingested}
        tries = tries_of(context.instance, list(targets.values()))
        chosen = updates_now(targets, busy, tries)
        return dg.SensorResult(
            run_requests=[
                dg.RunRequest(
                    # Each try has a key of its own: Dagster starts no second run for a key that it has seen.
                    run_key=f"{target}-try-{tries[target].runs + 1}",
                    partition_key=key,
                    tags={TARGET_TAG: target},
                )
                for key, target in chosen.items()
            ],
            skip_reason=None if chosen else "What has changed is being made, or has failed three times",
        )

    return update_sensor


def due_now(due: Sequence[str], busy: Collection[str], failed: Collection[str]) -> list[str]:
    """The batches to read now, in the order in which they are due."""
    return [key for key in due if key not in busy and key not in failed][:REFRESHES_A_TICK]


def updates_now(targets: Mapping[str, str], busy: Collection[str], tries: Mapping[str, Tries]) -> dict[str, str]:
    """{batch: target} to request now: not in a run, and not failed too often at this very content."""
    ready = {
        key: target for key, target in targets.items() if key not in busy and tries.get(target, Tries()).runs < TRIES
    }
    return dict(list(ready.items())[:REQUESTS_A_TICK])
