"""Each cutout as the vectors of the profile's encoders, and each listing's words as those of the CLIP encoders."""

from collections.abc import Iterator, Sequence

import dagster as dg

from etsy_assets.assets.batch_by_batch import batch_by_batch
from etsy_assets.assets.cutouts import cutouts
from etsy_assets.assets.failures import RETRY_PASSING_FAULTS
from etsy_assets.assets.groups import EMBEDDINGS, OWNERS, TEXT_EMBEDDINGS
from etsy_assets.assets.listings import listings
from etsy_assets.encoders.base import TextEncoder
from etsy_assets.encoders.batch import embed_batch
from etsy_assets.encoders.listing_texts import embed_listing_texts
from etsy_assets.encoders.registry import EncoderSpec
from etsy_assets.encoders.unfinished import EncoderReport
from etsy_assets.imaging.archive import ImageArchive
from etsy_assets.partitions import listing_batches
from etsy_assets.resources.encoder_models import EncoderModels
from etsy_assets.resources.stores import CatalogDatabase, HomeFolder
from etsy_assets.storage import sha256_file

COMPLETE = "every_cutout_is_embedded"


def embeddings_key(encoder: str) -> dg.AssetKey:
    return dg.AssetKey(["embeddings", encoder])


def text_embeddings_key(encoder: str) -> dg.AssetKey:
    return dg.AssetKey(["text_embeddings", encoder])


def make_embeddings(specs: Sequence[EncoderSpec]) -> dg.AssetsDefinition:
    """One op for any subset of the encoders, so that a cutout is decoded once for all of them."""

    @dg.multi_asset(
        name="embeddings",
        specs=[
            dg.AssetSpec(
                embeddings_key(spec.name),
                deps=[cutouts],
                description=f"A batch's cutouts as unit vectors of {spec.name}: {spec.dimension} numbers an image.",
                group_name=EMBEDDINGS,
                kinds={"pytorch", spec.adapter, "safetensors"},
                owners=OWNERS,
                code_version=spec.fingerprint,
                metadata={"licence": spec.licence, "model": spec.home_page, "dimension": spec.dimension},
                skippable=False,
            )
            for spec in specs
        ],
        check_specs=[
            dg.AssetCheckSpec(COMPLETE, asset=embeddings_key(spec.name), description="No cutout is without its vector.")
            for spec in specs
        ],
        partitions_def=listing_batches,
        can_subset=True,
        pool="inference",
        retry_policy=RETRY_PASSING_FAULTS,
    )
    def embeddings(
        context: dg.AssetExecutionContext,
        catalog_database: CatalogDatabase,
        home_folder: HomeFolder,
        encoder_models: EncoderModels,
    ) -> Iterator[dg.MaterializeResult]:
        chosen = [spec.name for spec in specs if embeddings_key(spec.name) in context.selected_asset_keys]
        reports: dict[str, list[EncoderReport]] = {name: [] for name in chosen}
        with batch_by_batch(context) as results, catalog_database.open() as catalog:
            encoders = encoder_models.load_all(chosen)
            for batch in context.partition_keys:
                destinations = {name: home_folder.paths.embeddings(name, batch) for name in chosen}
                images_version = catalog.batch_content(batch).images_version
                with ImageArchive.open(home_folder.paths.cutouts(batch)) as archive:
                    report = embed_batch(archive, encoders, destinations)
                catalog.record_outcomes(report.outcomes)
                if len(chosen) == len(specs):
                    catalog.record_made(batch, "embedded", images_version)
                for name, found in report.encoders.items():
                    metadata = {embeddings_key(name): encoder_metadata(found)}
                    results.add(batch, metadata, sha256_file(destinations[name]))
                for name, found in report.encoders.items():
                    reports[name].append(found)
                context.log.info("%s: %d cutouts, %d read", batch, report.images, report.decoded)
        for name in chosen:
            check = completeness_check(embeddings_key(name), reports[name])
            yield dg.MaterializeResult(asset_key=embeddings_key(name), check_results=[check])

    return embeddings


def make_text_embeddings(specs: Sequence[EncoderSpec]) -> dg.AssetsDefinition:
    """Title and materials of each listing, once, by the encoders that read."""
    readers = [spec for spec in specs if spec.has_text]

    @dg.multi_asset(
        name="text_embeddings",
        specs=[
            dg.AssetSpec(
                text_embeddings_key(spec.name),
                deps=[listings],
                description=f"A batch's titles and materials as unit vectors of {spec.name}, one a listing.",
                group_name=TEXT_EMBEDDINGS,
                kinds={"pytorch", spec.adapter, "safetensors"},
                owners=OWNERS,
                code_version=spec.fingerprint,
            )
            for spec in readers
        ],
        partitions_def=listing_batches,
        can_subset=True,
        pool="inference",
        retry_policy=RETRY_PASSING_FAULTS,
    )
    def text_embeddings(
        context: dg.AssetExecutionContext,
        catalog_database: CatalogDatabase,
        home_folder: HomeFolder,
        encoder_models: EncoderModels,
    ) -> Iterator[dg.MaterializeResult]:
        chosen = [spec.name for spec in readers if text_embeddings_key(spec.name) in context.selected_asset_keys]
        with batch_by_batch(context) as results, catalog_database.open() as catalog:
            encoders = encoder_models.load_all(chosen)
            for batch in context.partition_keys:
                content = catalog.batch_content(batch).content_version
                records = catalog.listings(batch)
                for name, encoder in encoders.items():
                    assert isinstance(encoder, TextEncoder)
                    destination = home_folder.paths.text_embeddings(name, batch)
                    report = embed_listing_texts(records, encoder, destination)
                    metadata = {text_embeddings_key(name): encoder_metadata(report)}
                    results.add(batch, metadata, sha256_file(destination))
                if len(chosen) == len(readers):
                    catalog.record_made(batch, "texts", content)
        for name in chosen:
            yield dg.MaterializeResult(asset_key=text_embeddings_key(name))

    return text_embeddings


def encoder_metadata(report: EncoderReport) -> dict[str, int | float]:
    """One encoder's counts and speed in one batch."""
    return {
        "dagster/row_count": report.new + report.reused,
        "new_vectors": report.new,
        "reused_vectors": report.reused,
        "failed_vectors": report.failed,
        "vectors_per_second": round(report.new / report.seconds, 2) if report.seconds else 0.0,
        "duration_seconds": round(report.seconds, 2),
    }


def completeness_check(key: dg.AssetKey, reports: Sequence[EncoderReport]) -> dg.AssetCheckResult:
    """A warning when a cutout of the run's batches has no vector."""
    failed = sum(report.failed for report in reports)
    return dg.AssetCheckResult(
        check_name=COMPLETE,
        asset_key=key,
        passed=failed == 0,
        severity=dg.AssetCheckSeverity.WARN,
        metadata={"vectors": sum(report.new + report.reused for report in reports), "failed": failed},
    )
