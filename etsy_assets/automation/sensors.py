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
    publishing_step,
    segments_to_index,
    settled,
    snapshot_is_behind,
)
from etsy_assets.automation.instance_state import (
    TARGET_TAG,
    add_missing,
    batch_runs,
    covered_event,
    covered_events,
    is_in_flight,
    materialized_in_all,
    partitions_in_flight,
    tries_of,
)
from etsy_assets.partitions import index_segments, listing_batches
from etsy_assets.resources.stores import CatalogDatabase
from etsy_assets.settings import Settings

REQUESTS_A_TICK = 50
TRIES = 3


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
        chosen = batches_to_request(
            open_batches, (), batch_runs(context.instance, ingest.name, open_batches), REQUESTS_A_TICK
        )
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
            batch_runs(context.instance, ingest.name, sorted(set(sealed) - set(materialized))), materialized, TRIES
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
    """index_keys: a segment's rows and every index of it."""

    @dg.sensor(
        name="publish_sensor",
        jobs=[index_segment, publish_snapshot],
        minimum_interval_seconds=15,
        default_status=status,
    )
    def publish_sensor(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        """Indexes the segments that have newer embeddings, then publishes a snapshot of them.

        It looks at what is there and not at what happened, so a missed tick or a failed run is made up for by the next,
        and so is a batch that was embedded while its segment was being indexed.
        """
        instance = context.instance
        embedded = {batch: max(ids) for batch, ids in materialized_in_all(instance, batch_keys).items()}
        indexed = {segment: max(ids) for segment, ids in materialized_in_all(instance, index_keys).items()}
        covered = {
            segment: min(ids) for segment, ids in materialized_in_all(instance, index_keys, covered_events).items()
        }
        stale = segments_to_index(embedded, covered, settings.batches_per_segment)
        memory = Debounce(**json.loads(context.cursor)) if context.cursor else Debounce()
        newest = max(stale.values(), default=0)
        ready, memory = settled(memory, newest, time.time(), settings.publish_quiet, settings.publish_longest)

        targets = {segment: f"{segment}-{event}" for segment, event in stale.items()}
        snapshot = f"snapshot-{max(indexed.values(), default=0)}"
        tries = tries_of(instance, [*targets.values(), snapshot])
        segments = set(index_segments.get_partition_keys(dynamic_partitions_store=instance))
        step = publishing_step(
            stale=[name for name in stale if ready and tries[targets[name]].failures < TRIES],
            indexing=partitions_in_flight(instance) & segments,
            behind=snapshot_is_behind(indexed, covered_event(instance, snapshot_key))
            and tries[snapshot].failures < TRIES,
            publishing=is_in_flight(instance, publish_snapshot.name),
            limit=REQUESTS_A_TICK,
        )
        wanted = [
            *((index_segment.name, segment, targets[segment]) for segment in step.segments),
            *([(publish_snapshot.name, None, snapshot)] if step.snapshot else []),
        ]
        missing = sorted(set(step.segments) - segments)
        return dg.SensorResult(
            run_requests=[
                dg.RunRequest(
                    # Each try has a key of its own: Dagster starts no second run for a key that it has seen.
                    run_key=f"{target}-try-{tries[target].runs + 1}",
                    job_name=job,
                    partition_key=segment,
                    tags={TARGET_TAG: target},
                )
                for job, segment, target in wanted
            ],
            dynamic_partitions_requests=[index_segments.build_add_request(missing)] if missing else None,
            skip_reason=None if wanted else why_nothing_is_published(bool(stale), ready),
            cursor=json.dumps(asdict(memory)),
        )

    return publish_sensor


def why_nothing_is_published(stale: bool, ready: bool) -> str:
    if stale and not ready:
        return "More embeddings may be coming"
    return "The corpus is up to date, is being made, or has failed three times and waits for a person"
