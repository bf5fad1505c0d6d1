"""The sensor that keeps the corpus up to date. Like the others it decides from what is there, without the network."""

import hashlib
import json
import time
from collections.abc import Sequence
from dataclasses import asdict

import dagster as dg
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

from etsy_assets.automation.corpus_state import Channel, read_corpus_state
from etsy_assets.automation.decisions import (
    REQUESTS_A_TICK,
    TRIES,
    Debounce,
    publishing_step,
    segments_to_compact,
    segments_to_index,
    settled,
    snapshot_is_behind,
    unpublished,
)
from etsy_assets.automation.instance_state import TARGET_TAG, is_in_flight, partitions_in_flight, tries_of
from etsy_assets.partitions import index_segments
from etsy_assets.resources.stores import CatalogDatabase, HomeFolder
from etsy_assets.search.snapshots import readable_current
from etsy_assets.settings import Settings


def make_publish_sensor(
    index_segment: UnresolvedAssetJobDefinition,
    publish_snapshot: UnresolvedAssetJobDefinition,
    rows_key: dg.AssetKey,
    channels: Sequence[Channel],
    snapshot_key: dg.AssetKey,
    settings: Settings,
    status: dg.DefaultSensorStatus,
) -> dg.SensorDefinition:
    """rows_key: the asset of a segment's rows. channels: the encoders' embeddings and indexes."""

    @dg.sensor(
        name="publish_sensor",
        jobs=[index_segment, publish_snapshot],
        minimum_interval_seconds=15,
        default_status=status,
    )
    def publish_sensor(
        context: dg.SensorEvaluationContext, catalog_database: CatalogDatabase, home_folder: HomeFolder
    ) -> dg.SensorResult:
        """Indexes the segments that have newer embeddings or many dead rows, then publishes a snapshot of them.

        It looks at what is there and not at what happened, so a missed tick or a failed run is made up for by the next,
        and so is a batch that was embedded while its segment was being indexed.
        """
        instance = context.instance
        # Before the events: a snapshot that is published in between is at worst looked at again by the next tick.
        snapshot = readable_current(home_folder.paths)
        state = read_corpus_state(instance, rows_key, channels, snapshot_key, snapshot)
        stale = segments_to_index(state.reads, settings.batches_per_segment)
        with catalog_database.open() as catalog:
            mark = catalog.tombstone_mark()
        tombstones = mark if snapshot and snapshot.tombstones != mark else None
        memory = Debounce(**json.loads(context.cursor)) if context.cursor else Debounce()
        ready, memory = settled(
            memory, unpublished(stale, tombstones), time.time(), settings.publish_quiet, settings.publish_longest
        )

        versions, shares = (snapshot.segment_versions, snapshot.dead_shares) if snapshot else ({}, {})
        compacted = set(segments_to_compact(shares, settings.compact_share)) - set(stale)
        targets = {
            **{segment: f"{segment}-{event}" for segment, event in stale.items()},
            **{segment: f"{segment}-compact-{versions[segment]}" for segment in compacted},
        }
        publication = f"snapshot-{state.newest_index}"
        if tombstones is not None:
            publication += f"-{hashlib.sha256(tombstones.encode()).hexdigest()[:8]}"
        tries = tries_of(instance, [*targets.values(), publication])
        to_index = [name for name in stale if ready and tries[targets[name]].failures < TRIES]
        # A run that succeeded and left the segment as it was is no reason for another.
        to_compact = [name for name in compacted if tries[targets[name]].runs < TRIES]
        behind = snapshot_is_behind(state.newest_index, state.published) or (
            # What is indexed first is published right after it, with the tombstones.
            tombstones is not None and ready and not to_index
        )
        segments = set(index_segments.get_partition_keys(dynamic_partitions_store=instance))
        step = publishing_step(
            stale=[*to_index, *to_compact],
            indexing=partitions_in_flight(instance, index_segments),
            behind=behind and tries[publication].failures < TRIES,
            publishing=is_in_flight(instance, publish_snapshot.name),
            limit=REQUESTS_A_TICK,
        )
        wanted = [
            *((index_segment.name, segment, targets[segment]) for segment in step.segments),
            *([(publish_snapshot.name, None, publication)] if step.snapshot else []),
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
            skip_reason=None if wanted else why_nothing_is_published(bool(memory.event), ready),
            cursor=json.dumps(asdict(memory)),
        )

    return publish_sensor


def why_nothing_is_published(waiting: bool, ready: bool) -> str:
    if waiting and not ready:
        return "More embeddings or tombstones may be coming"
    return "The corpus is up to date, is being made, or has failed three times and waits for a person"
