"""A batch's images, downloaded and validated."""

import dagster as dg

from etsy_assets.assets.batch_by_batch import batch_by_batch
from etsy_assets.assets.failures import RETRY_PASSING_FAULTS
from etsy_assets.assets.groups import IMAGES, OWNERS
from etsy_assets.assets.listings import listings
from etsy_assets.assets.stage_results import archive_version, share_check, stage_metadata
from etsy_assets.imaging.download import download_batch
from etsy_assets.partitions import listing_batches
from etsy_assets.resources.imaging import ImageDownloads
from etsy_assets.resources.stores import CatalogDatabase, HomeFolder

FEW_FAILED = "few_images_failed"
MOST_FAILED = 0.05


@dg.asset(
    group_name=IMAGES,
    kinds={"etsy", "jpeg", "tar"},
    owners=OWNERS,
    code_version="1",
    deps=[listings],
    partitions_def=listing_batches,
    pool="cdn",
    retry_policy=RETRY_PASSING_FAULTS,
    check_specs=[
        dg.AssetCheckSpec(FEW_FAILED, asset="images", description="At most 5 % of the batch's images have no picture.")
    ],
)
def images(
    context: dg.AssetExecutionContext,
    catalog_database: CatalogDatabase,
    home_folder: HomeFolder,
    image_downloads: ImageDownloads,
) -> dg.MaterializeResult:
    """A batch's images as one archive of JPEGs, each fully decoded once, with the outcome and reason of every image."""
    reports = []
    with batch_by_batch(context) as results, catalog_database.open() as catalog:
        for batch in context.partition_keys:
            path = home_folder.paths.images(batch)
            content = catalog.batch_content(batch).content_version
            report = download_batch(catalog.images(batch), path, image_downloads.options)
            catalog.record_outcomes(report.outcomes)
            catalog.record_made(batch, "images", content)
            results.add(batch, {context.asset_key: stage_metadata(report, path)}, archive_version(path))
            reports.append(report)
            context.log.info("%s: %d new, %d reused, %d failed", batch, report.done, report.reused, report.failed)
    return dg.MaterializeResult(check_results=[share_check(FEW_FAILED, reports, "failed", MOST_FAILED)])
