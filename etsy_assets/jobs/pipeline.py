"""The jobs that make and publish the corpus."""

from dataclasses import dataclass

import dagster as dg
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

JOB_TAG = "etsy_assets/job"


@dataclass(frozen=True, slots=True)
class PipelineJobs:
    """crawl_newest: taxonomy and the newest listings. plan_crawl: the slices of all of furniture. crawl_slice: the
    listings of one slice. ingest: one batch from end to end. index_segment: the rows and
    indexes of one segment. publish_snapshot: the snapshot.
    """

    crawl_newest: UnresolvedAssetJobDefinition
    plan_crawl: UnresolvedAssetJobDefinition
    crawl_slice: UnresolvedAssetJobDefinition
    ingest: UnresolvedAssetJobDefinition
    index_segment: UnresolvedAssetJobDefinition
    publish_snapshot: UnresolvedAssetJobDefinition

    @property
    def all(self) -> list[UnresolvedAssetJobDefinition]:
        return [
            self.crawl_newest,
            self.plan_crawl,
            self.crawl_slice,
            self.ingest,
            self.index_segment,
            self.publish_snapshot,
        ]


def make_pipeline_jobs(
    crawled: dg.AssetSelection,
    planned: dg.AssetSelection,
    of_slices: dg.AssetSelection,
    of_batches: dg.AssetSelection,
    of_segments: dg.AssetSelection,
    snapshot: dg.AssetSelection,
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
        ingest=job("ingest", of_batches, "Takes one batch from its listings to its embeddings."),
        index_segment=job("index_segment", of_segments, "Builds one segment's rows and indexes."),
        publish_snapshot=job("publish_snapshot", snapshot, "Publishes the indexed segments as the corpus to search."),
    )
