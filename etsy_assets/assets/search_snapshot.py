"""The published search corpus."""

from collections.abc import Sequence

import dagster as dg
from pydantic import Field

from etsy_assets.assets.failures import RETRY_PASSING_FAULTS, failing_clearly
from etsy_assets.assets.groups import OWNERS, SEARCH
from etsy_assets.assets.segments import index_key, text_index_key
from etsy_assets.encoders.registry import EncoderSpec
from etsy_assets.partitions import index_segments
from etsy_assets.resources.encoder_models import EncoderModels
from etsy_assets.resources.stores import HomeFolder
from etsy_assets.search.alignment import ALIGNED, check_alignment, stored_cutout
from etsy_assets.search.corpus import Corpus
from etsy_assets.search.publication import publishable_segments
from etsy_assets.search.snapshots import Snapshot, publish
from etsy_assets.storage import Home

SOUND, ALL_PUBLISHED, ROWS_ARE_IMAGES = "every_file_is_sound", "every_segment_is_published", "rows_are_their_images"


class SnapshotConfig(dg.Config):
    """How thoroughly a snapshot is proven."""

    aligned_sample: int = Field(
        default=16, ge=0, le=10_000, description="Images that are embedded again, by every encoder, and compared."
    )


def make_search_snapshot(specs: Sequence[EncoderSpec]) -> dg.AssetsDefinition:
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
            dg.AssetCheckSpec(SOUND, asset="search_snapshot", description="Checksums and row counts of all files."),
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
        encoder_models: EncoderModels,
    ) -> dg.MaterializeResult:
        """The search corpus as it is searched: a list of segment versions with checksums, swapped in atomically."""
        home = home_folder.paths
        with failing_clearly():
            names = index_segments.get_partition_keys(dynamic_partitions_store=context.instance)
            segments, waiting = publishable_segments(home, names, encoders, text_encoders)
            for segment, reason in waiting.items():
                context.log.warning("%s is published as it was, or not at all: %s", segment, reason)
            snapshot = publish(home, segments, encoders=encoders, text_encoders=text_encoders)
            corpus = Corpus.open(home, snapshot)
            alignment = alignment_result(home, snapshot, corpus, encoder_models, config.aligned_sample)
        context.log.info("Snapshot %s: %s", snapshot.version, snapshot.counts)
        return dg.MaterializeResult(
            metadata={
                "version": snapshot.version,
                "dagster/row_count": snapshot.counts.images,
                "listings": snapshot.counts.listings,
                "batches": snapshot.counts.batches,
                "segments": snapshot.counts.segments,
            },
            check_results=[
                # Opening the corpus compared every checksum and every row count; it would have raised.
                dg.AssetCheckResult(check_name=SOUND, passed=True, metadata={"segments": snapshot.counts.segments}),
                dg.AssetCheckResult(
                    check_name=ALL_PUBLISHED,
                    passed=not waiting,
                    severity=dg.AssetCheckSeverity.WARN,
                    metadata={"waiting": dict(waiting)},
                ),
                alignment,
            ],
        )

    return search_snapshot


def alignment_result(
    home: Home, snapshot: Snapshot, corpus: Corpus, models: EncoderModels, sample: int
) -> dg.AssetCheckResult:
    """Embeds a sample of the stored cutouts again and compares."""
    embed = {name: models.load(name).embed_images for name in snapshot.encoders}
    lowest, wrong = check_alignment(corpus, embed, lambda row: stored_cutout(home, corpus, row), sample)
    return dg.AssetCheckResult(
        check_name=ROWS_ARE_IMAGES,
        passed=not wrong,
        metadata={
            "sample": sample,
            **{f"lowest_cosine_{name}": round(cosine, 5) for name, cosine in lowest.items()},
            "wrong_rows": [f"{bad.encoder}: row {bad.row} is not image {bad.image_id}" for bad in wrong[:20]],
        },
    )
