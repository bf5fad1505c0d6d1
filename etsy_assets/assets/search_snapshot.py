"""The published search corpus."""

from collections.abc import Sequence

import dagster as dg

from etsy_assets.assets.failures import RETRY_PASSING_FAULTS, failing_clearly
from etsy_assets.assets.groups import OWNERS, SEARCH
from etsy_assets.assets.segments import index_key, text_index_key
from etsy_assets.assets.snapshot_proof import (
    ROWS_ARE_IMAGES,
    SOUND,
    SegmentsToProve,
    SnapshotConfig,
    alignment_result,
    sampled_corpus,
    soundness_result,
)
from etsy_assets.automation.decisions import with_batches
from etsy_assets.encoders.registry import EncoderSpec
from etsy_assets.partitions import index_segments
from etsy_assets.resources.encoder_models import EncoderModels
from etsy_assets.resources.stores import CatalogDatabase, HomeFolder
from etsy_assets.search.alignment import ALIGNED
from etsy_assets.search.publication import publishable_segments, required_encoders
from etsy_assets.search.publish_lock import publishing
from etsy_assets.search.snapshots import publish_alone, readable_current
from etsy_assets.search.soundness import check_files

ALL_PUBLISHED = "every_segment_is_published"


def make_search_snapshot(specs: Sequence[EncoderSpec], batches_per_segment: int) -> dg.AssetsDefinition:
    encoders = [spec.name for spec in specs]
    text_encoders = [spec.name for spec in specs if spec.has_text]

    @dg.asset(
        name="search_snapshot",
        group_name=SEARCH,
        kinds={"json", "faiss"},
        owners=OWNERS,
        code_version="1",
        deps=[*(index_key(name) for name in encoders), *(text_index_key(name) for name in text_encoders)],
        pool="inference",
        retry_policy=RETRY_PASSING_FAULTS,
        check_specs=[
            dg.AssetCheckSpec(SOUND, asset="search_snapshot", description="No file is missing or damaged."),
            dg.AssetCheckSpec(
                ALL_PUBLISHED, asset="search_snapshot", description="No segment waits for an index that is missing."
            ),
            dg.AssetCheckSpec(
                ROWS_ARE_IMAGES,
                asset="search_snapshot",
                description=f"Cutouts embedded again have a cosine of at least {ALIGNED} with their rows' vectors.",
            ),
        ],
    )
    def search_snapshot(
        context: dg.AssetExecutionContext,
        config: SnapshotConfig,
        home_folder: HomeFolder,
        catalog_database: CatalogDatabase,
        encoder_models: EncoderModels,
    ) -> dg.MaterializeResult:
        """The search corpus as it is searched: a list of segment versions with checksums, swapped in atomically."""
        home = home_folder.paths
        with failing_clearly():
            # What to publish is decided while no other publisher can change what it is decided from.
            with publishing(home), catalog_database.open() as catalog:
                names = index_segments.get_partition_keys(dynamic_partitions_store=context.instance)
                needed, needed_texts = required_encoders(readable_current(home), encoders, text_encoders)
                segments, waiting = publishable_segments(
                    home, with_batches(names, catalog.batch_keys(), batches_per_segment), needed, needed_texts
                )
                published = publish_alone(
                    home, segments, encoders=encoders, text_encoders=text_encoders, dead=catalog.tombstones()
                )
            for segment, reason in waiting.items():
                context.log.warning("%s is published as it was, or not at all: %s", segment, reason)
            snapshot = published.snapshot
            proven = SegmentsToProve.of(published, config)
            sound = check_files(home, snapshot.segments, proven.again)
            corpus = sampled_corpus(home, snapshot, {*proven.new, *proven.again} - sound.unsound)
            alignment = alignment_result(home, snapshot, corpus, encoder_models, config.aligned_sample)
        context.log.info("Snapshot %s: %s", snapshot.version, snapshot.counts)
        return dg.MaterializeResult(
            metadata={
                "version": snapshot.version,
                "dagster/row_count": snapshot.counts.images,
                "dead_images": snapshot.counts.dead_images,
                "listings": snapshot.counts.listings,
                "batches": snapshot.counts.batches,
                "segments": snapshot.counts.segments,
            },
            check_results=[
                soundness_result(published, sound),
                dg.AssetCheckResult(
                    check_name=ALL_PUBLISHED,
                    passed=not waiting,
                    severity=dg.AssetCheckSeverity.WARN,
                    # An encoder that is being added is no fault, but a person waits for it.
                    metadata={"waiting": dict(waiting), "left_out_encoders": dict(published.left_out)},
                ),
                alignment,
            ],
        )

    return search_snapshot
