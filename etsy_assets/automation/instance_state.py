"""What the Dagster instance knows: partitions materialized, runs in flight, the newest event of each partition."""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

import dagster as dg

from etsy_assets.automation.decisions import BatchRuns

PARTITION_TAG = "dagster/partition"
# What a publishing run was requested for: a segment or the snapshot, and the event that made it necessary.
TARGET_TAG = "etsy_assets/target"
IN_FLIGHT = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]
FAILED = [dg.DagsterRunStatus.FAILURE]
UNSUCCESSFUL = [dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED]
# SQL takes a limited number of values in one statement.
PARTITIONS_A_QUERY = 200


def newest_events(instance: dg.DagsterInstance, key: dg.AssetKey) -> Mapping[str, int]:
    """{partition: storage id of its newest materialization}."""
    return instance.get_latest_storage_id_by_partition(key, dg.DagsterEventType.ASSET_MATERIALIZATION)


def covered_events(instance: dg.DagsterInstance, key: dg.AssetKey) -> Mapping[str, int]:
    """{materialized partition: storage id up to which it has surely seen what lies upstream}.

    A run reads its inputs after it is planned and before it reports, so what happened in between it may have missed.
    0 when a newer run was planned and has not, or not yet, materialized the partition.
    """
    planned = instance.get_latest_storage_id_by_partition(key, dg.DagsterEventType.ASSET_MATERIALIZATION_PLANNED)
    return {
        partition: planned.get(partition, 0) if planned.get(partition, 0) < event else 0
        for partition, event in newest_events(instance, key).items()
    }


def materialized_in_all(
    instance: dg.DagsterInstance,
    keys: Iterable[dg.AssetKey],
    read: Callable[[dg.DagsterInstance, dg.AssetKey], Mapping[str, int]] = newest_events,
) -> dict[str, list[int]]:
    """The partitions that every asset has, each with the storage ids that `read` gives, one an asset."""
    events = [read(instance, key) for key in keys]
    if not events:
        return {}
    shared = set.intersection(*(set(found) for found in events))
    return {partition: [found[partition] for found in events] for partition in shared}


def covered_event(instance: dg.DagsterInstance, key: dg.AssetKey) -> int:
    """As covered_events, of an asset without partitions; 0 when it was never materialized."""
    records = instance.fetch_materializations(key, limit=1).records
    planned = instance.get_latest_planned_materialization_info(key)
    return planned.storage_id if records and planned and planned.storage_id < records[0].storage_id else 0


def batch_runs(instance: dg.DagsterInstance, job: str, batches: Sequence[str]) -> dict[str, BatchRuns]:
    """The runs of `job` of each batch that has any, and whatever else of it is in flight, whoever launched them.

    A batch of which a person has materialized one asset has not been run as a whole.
    """
    runs: dict[str, list[dg.DagsterRun]] = defaultdict(list)
    for start in range(0, len(batches), PARTITIONS_A_QUERY):
        part = list(batches[start : start + PARTITIONS_A_QUERY])
        # Newest first, as the instance gives them.
        for run in instance.get_runs(dg.RunsFilter(tags={PARTITION_TAG: part})):
            if run.job_name == job or run.status in IN_FLIGHT:
                runs[run.tags[PARTITION_TAG]].append(run)
    return {
        batch: BatchRuns(
            failures=sum(run.status in FAILED for run in found),
            in_flight=any(run.status in IN_FLIGHT for run in found),
            last_failed=found[0].status in FAILED,
        )
        for batch, found in runs.items()
    }


def partitions_in_flight(instance: dg.DagsterInstance) -> set[str]:
    """The partitions for which a run is queued or running, whoever launched it."""
    runs = instance.get_runs(dg.RunsFilter(statuses=IN_FLIGHT))
    return {run.tags[PARTITION_TAG] for run in runs if PARTITION_TAG in run.tags}


def is_in_flight(instance: dg.DagsterInstance, job: str) -> bool:
    """Whether a run of this job is queued or running."""
    return bool(instance.get_runs(dg.RunsFilter(job_name=job, statuses=IN_FLIGHT), limit=1))


@dataclass(frozen=True, slots=True)
class Tries:
    """How often something was requested, and how often that came to nothing."""

    runs: int = 0
    failures: int = 0


def tries_of(instance: dg.DagsterInstance, targets: Collection[str]) -> dict[str, Tries]:
    """For each target (the value of TARGET_TAG that its requests bear) the runs there were."""
    tries = dict.fromkeys(targets, Tries())
    for start in range(0, len(targets), PARTITIONS_A_QUERY):
        part = list(targets)[start : start + PARTITIONS_A_QUERY]
        for run in instance.get_runs(dg.RunsFilter(tags={TARGET_TAG: part})):
            before = tries[run.tags[TARGET_TAG]]
            tries[run.tags[TARGET_TAG]] = Tries(before.runs + 1, before.failures + (run.status in UNSUCCESSFUL))
    return tries


def add_missing(
    instance: dg.DagsterInstance, definition: dg.DynamicPartitionsDefinition, keys: Collection[str]
) -> list[str]:
    """The keys that the partitions definition does not have yet, in order."""
    return sorted(set(keys) - set(definition.get_partition_keys(dynamic_partitions_store=instance)))
