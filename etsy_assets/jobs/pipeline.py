"""The jobs that make and publish the corpus."""

from dataclasses import dataclass, fields

import dagster as dg
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

from etsy_assets.jobs.names import CRAWL_REVIEWS, REFRESH_LISTINGS, UPDATE_BATCH

JOB_TAG = "etsy_assets/job"


@dataclass(frozen=True, slots=True)
class PipelineJobs:
    """crawl_newest: taxonomy and the newest listings. plan_crawl: the slices of all of furniture. crawl_slice: the
    listings of one slice. crawl_reviews: the reviews of shops. ingest: one batch from end to end. refresh_listings: the
    listings of one batch, again. update_batch: what is made of them. index_segment: the rows and indexes of one
    segment. publish_snapshot: the snapshot. report_quota: the calls so far. purge: what must not be kept.
    """

    crawl_newest: UnresolvedAssetJobDefinition
    plan_crawl: UnresolvedAssetJobDefinition
    crawl_slice: UnresolvedAssetJobDefinition
    crawl_reviews: UnresolvedAssetJobDefinition
    ingest: UnresolvedAssetJobDefinition
    refresh_listings: UnresolvedAssetJobDefinition
    update_batch: UnresolvedAssetJobDefinition
    index_segment: UnresolvedAssetJobDefinition
    publish_snapshot: UnresolvedAssetJobDefinition
    report_quota: UnresolvedAssetJobDefinition
    purge: UnresolvedAssetJobDefinition

    @property
    def all(self) -> list[UnresolvedAssetJobDefinition]:
        return [getattr(self, field.name) for field in fields(self)]


def make_pipeline_jobs(
    crawled: dg.AssetSelection,
    planned: dg.AssetSelection,
    of_slices: dg.AssetSelection,
    reviewed: dg.AssetSelection,
    read: dg.AssetSelection,
    made_of_batches: dg.AssetSelection,
    of_segments: dg.AssetSelection,
    snapshot: dg.AssetSelection,
    quota: dg.AssetSelection,
    purged: dg.AssetSelection,
) -> PipelineJobs:
    """In one process each: models are loaded once a run, and a batch's images are still in the page cache."""

    def job(name: str, selection: dg.AssetSelection, description: str) -> UnresolvedAssetJobDefinition:
        return dg.define_asset_job(
            name,
            selection,
            description=description,
            executor_def=dg.in_process_executor,
            tags={JOB_TAG: name},
        )

    return PipelineJobs(
        crawl_newest=job("crawl_newest", crawled, "Finds the newest furniture listings."),
        plan_crawl=job("plan_crawl", planned, "Plans a crawl of all furniture: the slices to read."),
        crawl_slice=job("crawl_slice", of_slices, "Finds every listing of one slice of the crawl plan."),
        crawl_reviews=job(CRAWL_REVIEWS, reviewed, "Reads the reviews of the shops that were read longest ago."),
        ingest=job("ingest", read | made_of_batches, "Takes one batch from its listings to its embeddings."),
        refresh_listings=job(REFRESH_LISTINGS, read, "Reads one batch's listings again, to find what has changed."),
        update_batch=job(
            UPDATE_BATCH, made_of_batches, "Makes anew what has changed of one batch, from its images on."
        ),
        index_segment=job("index_segment", of_segments, "Builds one segment's rows and indexes."),
        publish_snapshot=job("publish_snapshot", snapshot, "Publishes the indexed segments as the corpus to search."),
        report_quota=job("report_quota", quota, "Shows the calls to Etsy of the last 24 hours. It makes none."),
        purge=job("purge", purged, "Removes what is too old, or was asked to be removed, and proves it."),
    )
