"""The whole platform on one screen. ETSY_ASSETS_PROFILE says which: the offline demo, or Etsy and the full models."""

import dagster as dg

from etsy_assets.assets.api_quota import api_quota
from etsy_assets.assets.crawl_plan import crawl_plan
from etsy_assets.assets.cutouts import cutouts
from etsy_assets.assets.discovered_listings import discovered_listings
from etsy_assets.assets.embeddings import make_embeddings, make_text_embeddings
from etsy_assets.assets.images import images
from etsy_assets.assets.listings import listings
from etsy_assets.assets.newest_listings import newest_listings
from etsy_assets.assets.purged_listings import make_purged_listings
from etsy_assets.assets.reviews import make_reviews
from etsy_assets.assets.search_snapshot import make_search_snapshot
from etsy_assets.assets.segments import index_channels, make_indexes, make_segment_rows
from etsy_assets.assets.taxonomy import taxonomy
from etsy_assets.automation.alerts import make_run_failure_sensor
from etsy_assets.automation.crawl_sensor import make_crawl_sensor
from etsy_assets.automation.publish_sensor import make_publish_sensor
from etsy_assets.automation.schedules import make_schedules
from etsy_assets.automation.sensors import make_listing_batches_sensor, make_repair_sensor
from etsy_assets.automation.upkeep_sensors import make_refresh_sensor, make_update_sensor
from etsy_assets.encoders.registry import profile_encoders
from etsy_assets.jobs.ensemble_search import ensemble_search
from etsy_assets.jobs.pipeline import make_pipeline_jobs
from etsy_assets.partitions import backfilled_by_ranges
from etsy_assets.resources.deployment import deployment_resources
from etsy_assets.settings import Settings


def build_definitions(settings: Settings) -> dg.Definitions:
    """Every asset, job, sensor, schedule and resource of a deployment."""
    specs = profile_encoders(settings.profile)
    embeddings, text_embeddings = make_embeddings(specs), make_text_embeddings(specs)
    segment_rows = make_segment_rows(specs, settings.batches_per_segment)
    indexes = make_indexes(specs, settings.index_policy)
    search_snapshot = make_search_snapshot(specs, settings.batches_per_segment)
    reviews = make_reviews(settings)
    purged_listings = make_purged_listings(settings, [embeddings, text_embeddings])

    jobs = make_pipeline_jobs(
        crawled=dg.AssetSelection.assets(taxonomy, newest_listings),
        planned=dg.AssetSelection.assets(taxonomy, crawl_plan),
        of_slices=dg.AssetSelection.assets(discovered_listings),
        reviewed=dg.AssetSelection.assets(reviews),
        read=dg.AssetSelection.assets(listings),
        made_of_batches=dg.AssetSelection.assets(images, cutouts, embeddings, text_embeddings),
        of_segments=dg.AssetSelection.assets(segment_rows, indexes),
        snapshot=dg.AssetSelection.assets(search_snapshot),
        quota=dg.AssetSelection.assets(api_quota),
        purged=dg.AssetSelection.assets(purged_listings),
    )
    batch_ends = [*embeddings.keys, *text_embeddings.keys]
    # The full profile crawls Etsy and needs its written permission: a person switches it on.
    automatic = settings.profile == "demo"
    sensors_are = dg.DefaultSensorStatus.RUNNING if automatic else dg.DefaultSensorStatus.STOPPED
    schedules_are = dg.DefaultScheduleStatus.RUNNING if automatic else dg.DefaultScheduleStatus.STOPPED

    return dg.Definitions(
        assets=[
            taxonomy,
            newest_listings,
            crawl_plan,
            *backfilled_by_ranges([discovered_listings, listings, images, cutouts, embeddings, text_embeddings]),
            segment_rows,
            indexes,
            search_snapshot,
            reviews,
            api_quota,
            purged_listings,
        ],
        jobs=[*jobs.all, ensemble_search],
        schedules=make_schedules(jobs, settings, schedules_are),
        sensors=[
            make_crawl_sensor(jobs.crawl_slice, discovered_listings.key, settings.call_shares, sensors_are),
            make_listing_batches_sensor(jobs.ingest, batch_ends, settings, sensors_are),
            make_repair_sensor(jobs.ingest, batch_ends, sensors_are),
            make_refresh_sensor(jobs.refresh_listings, settings, sensors_are),
            make_update_sensor(jobs.update_batch, batch_ends, sensors_are),
            make_publish_sensor(
                jobs.index_segment,
                jobs.publish_snapshot,
                segment_rows.key,
                index_channels(specs),
                search_snapshot.key,
                settings,
                sensors_are,
            ),
            make_run_failure_sensor(settings.webhook_url, dg.DefaultSensorStatus.RUNNING),
        ],
        resources=deployment_resources(settings),
        # Of what is materialized without a job, too: by hand, or by a backfill of assets.
        executor=dg.in_process_executor,
    )


defs = build_definitions(Settings.from_environment())
