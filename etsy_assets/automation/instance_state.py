"""What the Dagster instance knows: partitions materialized, runs in flight, the newest event of each partition."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence

import dagster as dg

from etsy_assets.automation.decisions import BatchRuns

PARTITION_TAG = "dagster/partition"
IN_FLIGHT = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]
FAILED = [dg.DagsterRunStatus.FAILURE]
# SQL takes a limited number of values in one statement.
PARTITIONS_A_QUERY = 200


def newest_events(instance: dg.DagsterInstance, key: dg.AssetKey) -> Mapping[str, int]:
    """{partition: storage id of its newest materialization}."""
    return instance.get_latest_storage_id_by_partition(key, dg.DagsterEventType.ASSET_MATERIALIZATION)


def materialized_in_all(instance: dg.DagsterInstance, keys: Iterable[dg.AssetKey]) -> dict[str, list[int]]:
    """The partitions that every asset has, each with the storage ids of its newest events, one an asset."""
    events = [newest_events(instance, key) for key in keys]
    if not events:
        return {}
    shared = set.intersection(*(set(found) for found in events))
    return {partition: [found[partition] for found in events] for partition in shared}


def newest_event(instance: dg.DagsterInstance, key: dg.AssetKey) -> int:
    """The storage id of an unpartitioned asset's newest materialization, 0 when it has none."""
    records = instance.fetch_materializations(key, limit=1).records
    return records[0].storage_id if records else 0


def batch_runs(instance: dg.DagsterInstance, batches: Sequence[str]) -> dict[str, BatchRuns]:
    """The runs of each batch that has any, whoever launched them."""
    runs: dict[str, list[dg.DagsterRun]] = defaultdict(list)
    for start in range(0, len(batches), PARTITIONS_A_QUERY):
        part = list(batches[start : start + PARTITIONS_A_QUERY])
        # Newest first, as the instance gives them.
        for run in instance.get_runs(dg.RunsFilter(tags={PARTITION_TAG: part})):
            runs[run.tags[PARTITION_TAG]].append(run)
    return {
        batch: BatchRuns(
            failures=sum(run.status in FAILED for run in found),
            in_flight=any(run.status in IN_FLIGHT for run in found),
            last_failed=found[0].status in FAILED,
        )
        for batch, found in runs.items()
    }


def partitions_in_flight(instance: dg.DagsterInstance, job: str) -> set[str]:
    """The partitions for which a run of this job is queued or running; "" for a run without one."""
    runs = instance.get_runs(dg.RunsFilter(job_name=job, statuses=IN_FLIGHT))
    return {run.tags.get(PARTITION_TAG, "") for run in runs}


def add_missing(
    instance: dg.DagsterInstance, definition: dg.DynamicPartitionsDefinition, keys: Collection[str]
) -> list[str]:
    """The keys that the partitions definition does not have yet, in order."""
    return sorted(set(keys) - set(definition.get_partition_keys(dynamic_partitions_store=instance)))
