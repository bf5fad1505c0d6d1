"""The sensors of batches: each reads state, asks a pure function what to do, and requests it, without the network."""

from datetime import UTC, datetime

import dagster as dg
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

from etsy_assets.automation.decisions import REQUESTS_A_TICK, TRIES, batches_to_repair, batches_to_request
from etsy_assets.automation.instance_state import add_missing, batch_runs, materialized_in_all
from etsy_assets.partitions import listing_batches
from etsy_assets.resources.stores import CatalogDatabase
from etsy_assets.settings import Settings


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
            open_batches, (), batch_runs(context.instance, ingest.name, batch_keys, open_batches), REQUESTS_A_TICK
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
        """Runs a batch again whose last run failed, up to three times in all; after that it is a person's turn.

        A run of several batches that failed may have finished some of them: each of the others is run by itself.
        """
        with catalog_database.open() as catalog:
            sealed = catalog.batch_keys()
        materialized = materialized_in_all(context.instance, batch_keys)
        unfinished = sorted(set(sealed) - set(materialized))
        runs = batch_runs(context.instance, ingest.name, batch_keys, unfinished)
        broken = batches_to_repair(runs, materialized, TRIES)
        requests = [
            dg.RunRequest(run_key=f"{batch}-try-{number}", partition_key=batch, tags={"etsy_assets/try": str(number)})
            for batch, number in list(broken.items())[:REQUESTS_A_TICK]
        ]
        return dg.SensorResult(run_requests=requests, skip_reason=None if requests else "No batch to repair")

    return repair_sensor
