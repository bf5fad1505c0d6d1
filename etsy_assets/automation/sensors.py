"""The sensors: each reads state, asks a pure function what to do, and requests it. No tick makes a network call."""

import json
import time
from dataclasses import asdict
from datetime import UTC, datetime

import dagster as dg
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

from etsy_assets.automation.decisions import (
    Debounce,
    batches_to_repair,
    batches_to_request,
    segments_to_index,
    settled,
    snapshot_is_behind,
)
from etsy_assets.automation.instance_state import (
    add_missing,
    batch_runs,
    materialized_in_all,
    newest_event,
    partitions_in_flight,
)
from etsy_assets.partitions import index_segments, listing_batches
from etsy_assets.resources.stores import CatalogDatabase
from etsy_assets.settings import Settings

REQUESTS_A_TICK = 50
TRIES = 3
JOB_TAG = "etsy_assets/job"


def make_listing_batches_sensor(
    ingest: UnresolvedAssetJobDefinition,
    batch_keys: list[dg.AssetKey],
    settings: Settings,
    status: dg.DefaultSensorStatus,
) -> dg.SensorDefinition:
    """batch_keys: the last assets of a batch; a batch that has all of them is done."""

    @dg.sensor(name="listing_batches_sensor", job=ingest, minimum_interval_seconds=15, default_status=status)
    def listing_batches_sensor(
        context: dg.SensorEvaluationContext, catalog_database: CatalogDatabase
    ) -> dg.SensorResult:
        """Seals batches of new listings (a full one at once, the rest after a wait) and runs each new batch once."""
        with catalog_database.open() as catalog:
            sealed_now = catalog.seal_batches(settings.batch_size, settings.batch_wait, datetime.now(UTC))
            sealed = catalog.batch_keys()
        missing = add_missing(context.instance, listing_batches, sealed)
        open_batches = sorted(set(sealed) - set(materialized_in_all(context.instance, batch_keys)))
        chosen = batches_to_request(open_batches, (), batch_runs(context.instance, open_batches), REQUESTS_A_TICK)
        return dg.SensorResult(
            run_requests=[dg.RunRequest(run_key=batch, partition_key=batch) for batch in chosen],
            dynamic_partitions_requests=[listing_batches.build_add_request(missing)] if missing else None,
            skip_reason=None if chosen else f"{len(sealed_now)} batches sealed now, none to start",
        )

    return listing_batches_sensor


def make_repair_sensor(
    ingest: UnresolvedAssetJobDefinition, batch_keys: list[dg.AssetKey], status: dg.DefaultSensorStatus
) -> dg.SensorDefinition:
    @dg.sensor(name="repair_sensor", job=ingest, minimum_interval_seconds=60, default_status=status)
    def repair_sensor(context: dg.SensorEvaluationContext, catalog_database: CatalogDatabase) -> dg.SensorResult:
        """Runs a batch again whose last run failed, up to three times in all; after that it is a person's turn."""
        with catalog_database.open() as catalog:
            sealed = catalog.batch_keys()
        materialized = materialized_in_all(context.instance, batch_keys)
        broken = batches_to_repair(
            batch_runs(context.instance, sorted(set(sealed) - set(materialized))), materialized, TRIES
        )
        requests = [
            dg.RunRequest(run_key=f"{batch}-try-{number}", partition_key=batch, tags={"etsy_assets/try": str(number)})
            for batch, number in list(broken.items())[:REQUESTS_A_TICK]
        ]
        return dg.SensorResult(run_requests=requests, skip_reason=None if requests else "No batch to repair")

    return repair_sensor


def make_publish_sensor(
    index_segment: UnresolvedAssetJobDefinition,
    publish_snapshot: UnresolvedAssetJobDefinition,
    batch_keys: list[dg.AssetKey],
    index_keys: list[dg.AssetKey],
    snapshot_key: dg.AssetKey,
    settings: Settings,
    status: dg.DefaultSensorStatus,
) -> dg.SensorDefinition:
    """index_keys: every index of a segment."""

    @dg.sensor(
        name="publish_sensor",
        jobs=[index_segment, publish_snapshot],
        minimum_interval_seconds=15,
        default_status=status,
    )
    def publish_sensor(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        """Indexes the segments that have newer embeddings, then publishes a snapshot of them.

        It looks at what is there and not at what happened, so a missed tick or a failed run is made up for by the next.
        """
        instance = context.instance
        embedded = {batch: max(ids) for batch, ids in materialized_in_all(instance, batch_keys).items()}
        indexed = {segment: min(ids) for segment, ids in materialized_in_all(instance, index_keys).items()}
        stale = segments_to_index(embedded, indexed, settings.batches_per_segment)
        indexing = partitions_in_flight(instance, index_segment.name)
        publishing = partitions_in_flight(instance, publish_snapshot.name)
        memory = Debounce(**json.loads(context.cursor)) if context.cursor else Debounce()
        newest = max(stale.values(), default=0)
        ready, memory = settled(memory, newest, time.time(), settings.publish_quiet, settings.publish_longest)
        cursor = json.dumps(asdict(memory))
        if stale and not ready:
            return dg.SensorResult(skip_reason="More embeddings may be coming", cursor=cursor)
        if segments := sorted(set(stale) - indexing):
            missing = add_missing(instance, index_segments, segments)
            return dg.SensorResult(
                run_requests=[
                    dg.RunRequest(
                        run_key=f"{segment}-{stale[segment]}", partition_key=segment, job_name=index_segment.name
                    )
                    for segment in segments[:REQUESTS_A_TICK]
                ],
                dynamic_partitions_requests=[index_segments.build_add_request(missing)] if missing else None,
                cursor=cursor,
            )
        behind = snapshot_is_behind(indexed, newest_event(instance, snapshot_key))
        if behind and not indexing and not publishing:
            request = dg.RunRequest(run_key=f"snapshot-{max(indexed.values())}", job_name=publish_snapshot.name)
            return dg.SensorResult(run_requests=[request], cursor=cursor)
        return dg.SensorResult(skip_reason="The snapshot is up to date, or being made", cursor=cursor)

    return publish_sensor
