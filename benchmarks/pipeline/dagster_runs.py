"""The ingest job, run as `dagster job execute` runs it: in one process, on an instance on the disk."""

import os

import dagster as dg

from etsy_assets.definitions import build_definitions
from etsy_assets.settings import Settings

_QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


def run_ingest(batches: list[str]) -> dict[str, float]:
    """One run for the batches, which are consecutive. The deployment is that of the environment.

    Returns the seconds of each step, and of the run.
    """
    range_tags = {"dagster/asset_partition_range_start": batches[0], "dagster/asset_partition_range_end": batches[-1]}
    job = build_definitions(Settings.from_environment()).resolve_job_def("ingest")
    with dg.DagsterInstance.from_config(os.environ["DAGSTER_HOME"]) as instance:
        result = job.execute_in_process(
            run_config=_QUIET,
            instance=instance,
            partition_key=batches[0] if len(batches) == 1 else None,
            tags=None if len(batches) == 1 else range_tags,
        )
        stats = instance.get_run_stats(result.run_id)
    seconds = {
        str(event.step_key): event.step_success_data.duration_ms / 1000
        for event in result.all_events
        if event.event_type == dg.DagsterEventType.STEP_SUCCESS
    }
    assert stats.start_time and stats.end_time
    return {**seconds, "run": stats.end_time - stats.start_time}
