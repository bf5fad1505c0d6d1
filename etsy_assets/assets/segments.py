"""Segments: consecutive batches whose images stand in one order in every encoder's index."""

from collections.abc import Iterator, Sequence
from functools import partial

import dagster as dg

from etsy_assets.assets.embeddings import embeddings_key, text_embeddings_key
from etsy_assets.assets.failures import RETRY_PASSING_FAULTS, failing_clearly
from etsy_assets.assets.groups import INDEX, OWNERS, TEXT_INDEX
from etsy_assets.automation.corpus_state import Channel
from etsy_assets.automation.decisions import segment_batches
from etsy_assets.encoders.registry import EncoderSpec
from etsy_assets.errors import ConfigurationError, CorruptArtifact
from etsy_assets.partitions import index_segments
from etsy_assets.resources.stores import CatalogDatabase, HomeFolder
from etsy_assets.search.batches import Asked, NotReady, searchable_images
from etsy_assets.search.index_policy import IndexPolicy
from etsy_assets.search.indexes import build_index, build_text_index
from etsy_assets.search.manifests import IndexManifest, RowsManifest
from etsy_assets.search.publication import required_encoders
from etsy_assets.search.rows import build_segment_rows, latest_rows
from etsy_assets.search.snapshots import readable_current

NONE_SKIPPED = "no_batch_is_skipped"
RECALL = "recall_is_reached"


def index_key(encoder: str) -> dg.AssetKey:
    return dg.AssetKey(["index", encoder])


def text_index_key(encoder: str) -> dg.AssetKey:
    return dg.AssetKey(["text_index", encoder])


def index_channels(specs: Sequence[EncoderSpec]) -> list[Channel]:
    """The indexes of a segment, each with the embeddings that it is built from."""
    return [
        *(Channel(spec.name, embeddings_key(spec.name), index_key(spec.name)) for spec in specs),
        *(
            Channel(f"text_{spec.name}", text_embeddings_key(spec.name), text_index_key(spec.name))
            for spec in specs
            if spec.has_text
        ),
    ]


def make_segment_rows(specs: Sequence[EncoderSpec], batches_per_segment: int) -> dg.AssetsDefinition:
    """The asset that fixes the order of a segment's images."""
    encoders = [spec.name for spec in specs]
    text_encoders = [spec.name for spec in specs if spec.has_text]

    @dg.asset(
        name="segment_rows",
        group_name=INDEX,
        kinds={"parquet"},
        owners=OWNERS,
        code_version="1",
        deps=[
            *(dg.AssetDep(embeddings_key(name), partition_mapping=dg.AllPartitionMapping()) for name in encoders),
            *(dg.AssetDep(text_embeddings_key(n), partition_mapping=dg.AllPartitionMapping()) for n in text_encoders),
        ],
        partitions_def=index_segments,
        retry_policy=RETRY_PASSING_FAULTS,
        check_specs=[
            dg.AssetCheckSpec(
                NONE_SKIPPED,
                asset="segment_rows",
                description="Every sealed batch of the segment is embedded by every encoder that is published.",
            )
        ],
    )
    def segment_rows(
        context: dg.AssetExecutionContext, catalog_database: CatalogDatabase, home_folder: HomeFolder
    ) -> dg.MaterializeResult:
        """The order of a segment's images: row N is the same image in every encoder's index."""
        rows: list[RowsManifest] = []
        skipped: list[NotReady] = []
        needed, needed_texts = required_encoders(readable_current(home_folder.paths), encoders, text_encoders)
        asked = Asked(
            needed,
            needed_texts,
            joining=[name for name in encoders if name not in needed],
            joining_texts=[name for name in text_encoders if name not in needed_texts],
        )
        with failing_clearly(), catalog_database.open() as catalog:
            for segment in context.partition_keys:
                ready = {}
                for batch in segment_batches(segment, catalog.batch_keys(), batches_per_segment):
                    live = {(image.listing_id, image.image_id) for image in catalog.images(batch)}
                    found = searchable_images(home_folder.paths, batch, live, asked)
                    if isinstance(found, NotReady):
                        context.log.warning("%s is skipped: %s", batch, found.reason)
                        skipped.append(found)
                    else:
                        ready[batch] = found
                if not ready:
                    raise ConfigurationError(
                        f"{segment} has no batch that is wholly embedded: run the ingest job for its batches first."
                    )
                rows.append(build_segment_rows(home_folder.paths, segment, ready))
        return dg.MaterializeResult(
            metadata={
                "dagster/row_count": sum(manifest.rows for manifest in rows),
                "listings": sum(manifest.listings for manifest in rows),
                "batches": sum(len(manifest.batches) for manifest in rows),
                "version": ", ".join(manifest.version for manifest in rows),
            },
            check_results=[
                dg.AssetCheckResult(
                    check_name=NONE_SKIPPED,
                    passed=not skipped,
                    severity=dg.AssetCheckSeverity.WARN,
                    metadata={"skipped": {batch.batch: batch.reason for batch in skipped}},
                )
            ],
        )

    return segment_rows


def make_indexes(specs: Sequence[EncoderSpec], policy: IndexPolicy) -> dg.AssetsDefinition:
    """One op for any subset of a segment's indexes: a new encoder is added by backfilling its own alone."""
    readers = [spec for spec in specs if spec.has_text]

    @dg.multi_asset(
        name="indexes",
        specs=[
            *(
                index_spec(INDEX, index_key(spec.name), embeddings_key(spec.name), spec, "images, one row an image")
                for spec in specs
            ),
            *(
                index_spec(
                    TEXT_INDEX,
                    text_index_key(spec.name),
                    text_embeddings_key(spec.name),
                    spec,
                    "titles, one row a listing",
                )
                for spec in readers
            ),
        ],
        partitions_def=index_segments,
        check_specs=[
            dg.AssetCheckSpec(RECALL, asset=key, description="The index finds what exact search finds.")
            for key in (*map(index_key, (s.name for s in specs)), *map(text_index_key, (s.name for s in readers)))
        ],
        can_subset=True,
        retry_policy=RETRY_PASSING_FAULTS,
    )
    def indexes(context: dg.AssetExecutionContext, home_folder: HomeFolder) -> Iterator[dg.MaterializeResult]:
        home = home_folder.paths
        names, text_names = [spec.name for spec in specs], [spec.name for spec in readers]
        builders = {
            **{index_key(name): partial(build_index, encoder=name, policy=policy) for name in names},
            **{text_index_key(name): partial(build_text_index, encoder=name, policy=policy) for name in text_names},
        }
        selected = context.selected_asset_keys
        built: dict[dg.AssetKey, list[IndexManifest]] = {key: [] for key in builders if key in selected}
        needed, needed_texts = required_encoders(readable_current(home), names, text_names)
        required = {*map(index_key, needed), *map(text_index_key, needed_texts)}
        with failing_clearly():
            for segment in context.partition_keys:
                rows = latest_rows(home, segment)
                if rows is None:
                    raise ConfigurationError(f"{segment} has no rows yet: materialize segment_rows for it first.")
                for key in list(built):
                    try:
                        built[key].append(builders[key](home, segment, rows.version))
                    except CorruptArtifact as error:
                        # Who asks for the index of a new encoder alone is told; the others don't wait for its backfill.
                        if key in required or not required & selected:
                            raise
                        context.log.warning("%s is still being added and is left out: %s", key.to_user_string(), error)
                        del built[key]
        for key, manifests in built.items():
            yield dg.MaterializeResult(
                asset_key=key,
                metadata={
                    "dagster/row_count": sum(manifest.rows for manifest in manifests),
                    "dimension": manifests[0].dimension,
                    "kind": ", ".join(sorted({manifest.kind for manifest in manifests})),
                    "recall": min(manifest.recall for manifest in manifests),
                    "effort": max(manifest.effort for manifest in manifests),
                    "written_mb": round(
                        sum(stamp.bytes for manifest in manifests for stamp in manifest.files.values()) / 1e6, 3
                    ),
                },
                check_results=[recall_result(key, manifests, policy.target_recall)],
            )

    return indexes


def recall_result(key: dg.AssetKey, manifests: Sequence[IndexManifest], target: float) -> dg.AssetCheckResult:
    """A kind that lacks recall is passed over, so what is built has enough; this warns of those that were."""
    passed_over = {
        f"{passed.kind}, {manifest.rows} rows": passed.recall
        for manifest in manifests
        for passed in manifest.passed_over
    }
    return dg.AssetCheckResult(
        check_name=RECALL,
        asset_key=key,
        passed=not passed_over and all(manifest.recall >= target for manifest in manifests),
        severity=dg.AssetCheckSeverity.WARN,
        metadata={
            "recall": min(manifest.recall for manifest in manifests),
            "target": target,
            "kind": ", ".join(sorted({manifest.kind for manifest in manifests})),
            "passed_over": passed_over,
        },
    )


def index_spec(group: str, key: dg.AssetKey, source: dg.AssetKey, spec: EncoderSpec, of: str) -> dg.AssetSpec:
    return dg.AssetSpec(
        key,
        deps=["segment_rows", dg.AssetDep(source, partition_mapping=dg.AllPartitionMapping())],
        description=f"A FAISS index of {spec.name} over a segment's {of}, in the order of segment_rows.",
        group_name=group,
        kinds={"faiss"},
        owners=OWNERS,
        code_version="1",
        # Left out while the encoder is being added and the segment's batches are not embedded by it yet.
        skippable=True,
    )
