"""A batch's images with their backgrounds removed."""

import dagster as dg

from etsy_assets.assets.batch_by_batch import batch_by_batch
from etsy_assets.assets.failures import RETRY_PASSING_FAULTS
from etsy_assets.assets.groups import IMAGES, OWNERS
from etsy_assets.assets.images import images
from etsy_assets.assets.stage_results import archive_version, share_check, stage_metadata
from etsy_assets.imaging.cutouts import cut_out_batch
from etsy_assets.partitions import listing_batches
from etsy_assets.resources.imaging import BackgroundRemoval
from etsy_assets.resources.stores import CatalogDatabase, HomeFolder

FEW_FELL_BACK = "few_cutouts_fell_back"
MOST_FELL_BACK = 0.10


@dg.asset(
    group_name=IMAGES,
    kinds={"rembg", "onnx", "tar"},
    owners=OWNERS,
    code_version="1",
    deps=[images],
    partitions_def=listing_batches,
    pool="inference",
    retry_policy=RETRY_PASSING_FAULTS,
    check_specs=[
        dg.AssetCheckSpec(
            FEW_FELL_BACK,
            asset="cutouts",
            description="At most 10 % of the images had no usable mask and kept their background.",
        )
    ],
)
def cutouts(
    context: dg.AssetExecutionContext,
    catalog_database: CatalogDatabase,
    home_folder: HomeFolder,
    background_removal: BackgroundRemoval,
) -> dg.MaterializeResult:
    """A batch's images cut out and set on white; one without a usable mask stays whole, and that is recorded."""
    reports = []
    with batch_by_batch(context) as results, catalog_database.open() as catalog:
        for batch in context.partition_keys:
            path = home_folder.paths.cutouts(batch)
            report = cut_out_batch(home_folder.paths.images(batch), path, background_removal.remover())
            catalog.record_outcomes(report.outcomes)
            results.add(batch, {context.asset_key: stage_metadata(report, path)}, archive_version(path))
            reports.append(report)
            context.log.info("%s: %d new, %d reused, %d failed", batch, report.done, report.reused, report.failed)
    return dg.MaterializeResult(check_results=[share_check(FEW_FELL_BACK, reports, "fallback", MOST_FELL_BACK)])
