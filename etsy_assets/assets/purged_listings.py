"""What must not be kept, removed."""

from collections.abc import Sequence
from datetime import UTC, datetime

import dagster as dg
from pydantic import Field

from etsy_assets.assets.batch_by_batch import CODE_VERSION_TAG
from etsy_assets.assets.failures import RETRY_PASSING_FAULTS, failing_clearly
from etsy_assets.assets.groups import OWNERS, UPKEEP
from etsy_assets.automation.instance_state import newest_events
from etsy_assets.purging.purge import PurgeReport, purge
from etsy_assets.resources.stores import CatalogDatabase, HomeFolder
from etsy_assets.settings import Settings

NOTHING_LEFT = "nothing_purged_is_left"


class PurgeConfig(dg.Config):
    """What to remove besides what has grown too old. It is never stored again."""

    listing_ids: list[int] = Field(default=[], description="Listings to remove for good.")
    shop_ids: list[int] = Field(default=[], description="Shops to remove for good, with all of their listings.")
    reason: str = Field(default="asked for by a person", description="Why; it is kept with the ids.")


def make_purged_listings(settings: Settings, batch_ends: Sequence[dg.AssetsDefinition]) -> dg.AssetsDefinition:
    """batch_ends: the last assets of a batch, whose events have its segment built again."""
    ends = [spec for assets in batch_ends for spec in assets.specs]

    @dg.asset(
        name="purged_listings",
        group_name=UPKEEP,
        kinds={"sqlite", "tar", "safetensors"},
        owners=OWNERS,
        code_version="1",
        retry_policy=RETRY_PASSING_FAULTS,
        check_specs=[
            dg.AssetCheckSpec(
                NOTHING_LEFT,
                asset="purged_listings",
                description="No file holds anything of what was purged. Until the next publish, a segment may.",
            )
        ],
    )
    def purged_listings(
        context: dg.AssetExecutionContext,
        config: PurgeConfig,
        catalog_database: CatalogDatabase,
        home_folder: HomeFolder,
    ) -> dg.MaterializeResult:
        """Listings that are too old or were asked to go, removed from catalog, archives, vectors and reports.

        Their segments are built without them by the next publish; the purge after that deletes the old ones.
        """
        now = datetime.now(UTC)

        made = {spec.key: newest_events(context.instance, spec.key) for spec in ends}

        def on_batch(batch: str, artifacts: int) -> None:
            # Its files are others now, so its segment must be: the publish sensor goes by these events.
            for spec in ends:
                if batch in made[spec.key]:
                    tags = {CODE_VERSION_TAG: spec.code_version} if spec.code_version else {}
                    metadata = {"purged_artifacts": artifacts}
                    context.log_event(dg.AssetMaterialization(spec.key, partition=batch, metadata=metadata, tags=tags))

        with failing_clearly(), catalog_database.open() as catalog:
            catalog.request_purge("listing", config.listing_ids, config.reason, now)
            catalog.request_purge("shop", config.shop_ids, config.reason, now)
            report = purge(catalog, home_folder.paths, settings.storage_age, now, on_batch)
        context.log.info("%d listings purged, of %d batches", report.listings, len(report.batches))
        return dg.MaterializeResult(
            metadata={
                "purged_listings": report.listings,
                "purged_artifacts": report.artifacts,
                "purged_reports": report.reports,
                "purged_rows": report.rows,
                "batches": len(report.batches),
            },
            check_results=[proof_result(report)],
        )

    return purged_listings


def proof_result(report: PurgeReport) -> dg.AssetCheckResult:
    """Passed when nothing is left; a warning while only segments wait for the next publish."""
    only_published = set(report.traces) <= {"segments"}
    return dg.AssetCheckResult(
        check_name=NOTHING_LEFT,
        passed=not report.traces,
        severity=dg.AssetCheckSeverity.WARN if only_published else dg.AssetCheckSeverity.ERROR,
        metadata={
            "files": {place: [str(trace.path) for trace in held][:20] for place, held in report.traces.items()},
            "listings": len({each for held in report.traces.values() for trace in held for each in trace.listing_ids}),
        },
    )
