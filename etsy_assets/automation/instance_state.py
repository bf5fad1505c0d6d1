"""What the Dagster instance knows: partitions materialized, runs in flight, the newest event of each partition."""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import dagster as dg

from etsy_assets.automation.decisions import BatchRuns
from etsy_assets.partitions import listing_batches

PARTITION_TAG = "dagster/partition"
# A run of several partitions bears the first and the last.
RANGE_START_TAG = "dagster/asset_partition_range_start"
RANGE_END_TAG = "dagster/asset_partition_range_end"
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


def batch_runs(
    instance: dg.DagsterInstance, job: str, whole: Collection[dg.AssetKey], batches: Sequence[str]
) -> dict[str, BatchRuns]:
    """The runs of each batch as a whole, by itself or in a range, and whatever else of it is in flight.

    A run of `job` is one of whole batches, and so is one that a backfill made for all the assets of `whole`. A batch of
    which a person has materialized one asset has not been run as a whole.
    """
    known, ordered = set(batches), listing_batches.get_partition_keys(dynamic_partitions_store=instance)
    runs: dict[str, list[dg.DagsterRun]] = defaultdict(list)
    for run in runs_of_partitions(instance, batches):
        if run.status in IN_FLIGHT or run.job_name == job or set(run.asset_selection or ()) >= set(whole):
            for batch in known.intersection(partitions_of(run, ordered)):
                runs[batch].append(run)
    return {
        batch: BatchRuns(
            failures=sum(run.status in FAILED for run in found),
            in_flight=any(run.status in IN_FLIGHT for run in found),
            last_failed=found[0].status in FAILED,
        )
        for batch, found in runs.items()
    }


def runs_of_partitions(instance: dg.DagsterInstance, partitions: Sequence[str]) -> list[dg.DagsterRun]:
    """The runs that have one of these partitions, and all that have a range of any; newest first."""
    # Dagster finds runs by tags of given values only.
    starts = [start for _, values in instance.get_run_tags([RANGE_START_TAG]) for start in values] if partitions else []
    wanted = [(PARTITION_TAG, list(partitions)), (RANGE_START_TAG, sorted(starts))]
    found = {
        record.storage_id: record.dagster_run
        for tag, values in wanted
        for start in range(0, len(values), PARTITIONS_A_QUERY)
        for record in instance.get_run_records(dg.RunsFilter(tags={tag: values[start : start + PARTITIONS_A_QUERY]}))
    }
    return [found[storage_id] for storage_id in sorted(found, reverse=True)]


def partitions_of(run: dg.DagsterRun, ordered: Sequence[str]) -> Sequence[str]:
    """The partitions that a run was launched for: one, or a range of those in `ordered`, a definition's keys as Dagster
    has them.
    """
    if PARTITION_TAG in run.tags:
        return [run.tags[PARTITION_TAG]]
    first, last = run.tags.get(RANGE_START_TAG), run.tags.get(RANGE_END_TAG)
    if first not in ordered or last not in ordered:
        return []
    return ordered[ordered.index(first) : ordered.index(last) + 1]


def partitions_in_flight(instance: dg.DagsterInstance, definition: dg.DynamicPartitionsDefinition) -> set[str]:
    """Those of the definition's partitions for which a run is queued or running, whoever launched it."""
    ordered = definition.get_partition_keys(dynamic_partitions_store=instance)
    runs = instance.get_runs(dg.RunsFilter(statuses=IN_FLIGHT))
    return set(ordered).intersection(partition for run in runs for partition in partitions_of(run, ordered))


def partitions_failed_since(instance: dg.DagsterInstance, partitions: Sequence[str], moment: datetime) -> set[str]:
    """Those of which a run of their own failed since then."""
    failed: set[str] = set()
    for start in range(0, len(partitions), PARTITIONS_A_QUERY):
        tags = {PARTITION_TAG: list(partitions[start : start + PARTITIONS_A_QUERY])}
        recent = dg.RunsFilter(statuses=FAILED, tags=tags, updated_after=moment)
        failed |= {run.tags[PARTITION_TAG] for run in instance.get_runs(recent)}
    return failed


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
