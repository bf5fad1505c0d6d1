"""`etsy-assets demo`: the real definitions on a real Dagster instance, run headless from the crawl to a search."""

import json
import os
import time
from collections import defaultdict
from dataclasses import asdict, dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import dagster as dg
from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from etsy_assets.automation.instance_state import IN_FLIGHT
from etsy_assets.cli.shop_process import simulated_shop
from etsy_assets.definitions import build_definitions
from etsy_assets.errors import ConfigurationError
from etsy_assets.processes import is_alive
from etsy_assets.resources.deployment import deployment_resources
from etsy_assets.resources.stores import CatalogDatabase
from etsy_assets.search.snapshots import Snapshot, current_snapshot
from etsy_assets.settings import Settings
from etsy_assets.storage import Home

# The process that executes a run of the demo: when it is gone, so is the run.
DEMO_PROCESS_TAG = "etsy_assets/demo_process"
SHOWN_MATCHES = 6
# Narrow enough for a terminal of 80 columns.
TITLE_WIDTH = 40
QUIET_LOGS = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


@dataclass(slots=True)
class Pipeline:
    """Runs jobs in this process and adds up what each stage took."""

    definitions: dg.Definitions
    resources: dict[str, Any]
    instance: dg.DagsterInstance
    progress: Progress
    stage_seconds: defaultdict[str, float] = field(default_factory=lambda: defaultdict(float))
    runs: int = 0

    def run(
        self, job: str, partition: str | None = None, config: dict[str, Any] | None = None
    ) -> dg.ExecuteInProcessResult:
        """One run, shown as a line of progress. Raises ConfigurationError with the run's own sentence when it fails."""
        task = self.progress.add_task(f"{job} {partition or ''}", total=None)
        result = self.definitions.resolve_job_def(job).execute_in_process(
            run_config=QUIET_LOGS,
            instance=self.instance,
            partition_key=partition,
            raise_on_error=False,
            tags={DEMO_PROCESS_TAG: str(os.getpid())},
        )
        self.progress.update(task, total=1, completed=1)
        if not result.success:
            raise ConfigurationError(f"The run of {job} failed: {failure_of(result)}")
        for event in result.all_events:
            if event.event_type == dg.DagsterEventType.STEP_SUCCESS:
                self.stage_seconds[event.step_key or job] += event.step_success_data.duration_ms / 1000
        self.runs += 1
        return result

    def tick(self, sensor: str) -> list[dg.RunRequest]:
        """What a sensor asks for now, with the partitions it adds added."""
        definition = self.definitions.resolve_sensor_def(sensor)
        with dg.build_sensor_context(instance=self.instance, sensor_name=sensor, resources=self.resources) as context:
            result = definition(context)
        assert isinstance(result, dg.SensorResult)
        for request in result.dynamic_partitions_requests or []:
            self.instance.add_dynamic_partitions(request.partitions_def_name, request.partition_keys)
        return list(result.run_requests or [])


def run_demo(report_path: Path) -> None:
    """Everything, once; what an earlier run has finished is not done again."""
    console = Console()
    settings = Settings.from_environment()
    if settings.profile != "demo":
        raise ConfigurationError("The demo runs on the simulated shop: unset ETSY_ASSETS_PROFILE, or set it to demo.")
    if "DAGSTER_HOME" not in os.environ:
        raise ConfigurationError("DAGSTER_HOME is not set: run `make demo`, or set it to the folder of dagster.yaml.")
    started = time.perf_counter()
    columns = (SpinnerColumn(finished_text="✓"), TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with (
        simulated_shop(settings) as url,
        dg.DagsterInstance.get() as instance,
        Progress(*columns, console=console) as bar,
    ):
        # Nobody else is adding listings: nothing is gained by waiting for more.
        headless = replace(settings, etsy_url=url, batch_wait=timedelta(0), publish_quiet=0)
        end_dead_runs(instance)
        pipeline = Pipeline(build_definitions(headless), deployment_resources(headless), instance, bar)
        work = make_corpus(pipeline)
        snapshot = current_snapshot(Home(settings.home))
        if snapshot is None:
            raise ConfigurationError("The simulated shop has no listings, so there is nothing to search.")
        refuse_left_out_batches(settings, snapshot)
        search = pipeline.run("ensemble_search")
    found = search.output_for_node("report")
    report = demo_report(settings, snapshot, pipeline, found, time.perf_counter() - started, nothing_to_do=work == 0)
    report_path.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    show(console, report, report_path)


def end_dead_runs(instance: dg.DagsterInstance) -> None:
    """Ends the runs of a demo that was killed, which would hold their places in the pools for ever.

    A daemon does that in `etsy-assets dev`; the demo has none.
    """
    for run in instance.get_runs(dg.RunsFilter(statuses=IN_FLIGHT)):
        process = run.tags.get(DEMO_PROCESS_TAG)
        if process is not None and not is_alive(int(process)):
            instance.report_run_failed(run, "The demo that executed this run was killed.")
            instance.event_log_storage.free_concurrency_slots_for_run(run.run_id)


def make_corpus(pipeline: Pipeline) -> int:
    """Crawl, batches, segments, snapshot, as the sensors ask for them. Returns how many runs they asked for."""
    pipeline.run("crawl_newest")
    requested = 0
    for sensor in ("listing_batches_sensor", "repair_sensor", "publish_sensor"):
        while requests := pipeline.tick(sensor):
            for request in requests:
                pipeline.run(request.job_name or "ingest", request.partition_key)
            requested += len(requests)
    return requested


def refuse_left_out_batches(settings: Settings, snapshot: Snapshot) -> None:
    """A corpus that lacks a batch, because its runs failed so often that repair_sensor has given up, is no success."""
    with CatalogDatabase(url=settings.catalog_url, encoders=list(snapshot.encoders)).open() as catalog:
        left_out = sorted(set(catalog.batch_keys()) - snapshot.batches)
    if left_out:
        raise ConfigurationError(
            f"The corpus lacks {', '.join(left_out)}, as its runs have failed too often to be tried again: start "
            "`make dev`, see there why, and run its ingest job."
        )


def failure_of(result: dg.ExecuteInProcessResult) -> str:
    """The sentence of the first step that failed."""
    for event in result.all_events:
        if event.event_type == dg.DagsterEventType.STEP_FAILURE:
            data = event.step_failure_data
            if data.user_failure_data and data.user_failure_data.description:
                return data.user_failure_data.description
            if data.error:
                return (data.error.cause or data.error).message.strip()
    return "no step says why; see the run in the Dagster UI"


@dataclass(frozen=True, slots=True)
class DemoReport:
    """demo_report.json. embeddings, index_rows: by encoder. seconds: of this run, stage_seconds by asset or op."""

    listings: int
    images: int
    images_failed: int
    cutouts: int
    cutout_fallbacks: int
    embeddings: dict[str, int]
    index_rows: dict[str, int]
    snapshot: str
    pipeline_seconds: float
    stage_seconds: dict[str, float]
    top_matches: list[dict[str, Any]]
    gallery: str
    nothing_to_do: bool


def demo_report(
    settings: Settings,
    snapshot: Snapshot,
    pipeline: Pipeline,
    found: dict[str, Any],
    seconds: float,
    nothing_to_do: bool,
) -> dict[str, Any]:
    """The state of the whole corpus, and what this run took. found: what the search's report op returned."""
    database = CatalogDatabase(url=settings.catalog_url, encoders=list(snapshot.encoders))
    with database.open() as catalog:
        counts = catalog.counts()
    outcomes: dict[str, dict[str, int]] = counts["outcomes"]
    with_picture = {stage: statuses.get("ok", 0) + statuses.get("fallback", 0) for stage, statuses in outcomes.items()}
    return asdict(
        DemoReport(
            listings=counts["listings"],
            images=with_picture.get("download", 0),
            images_failed=outcomes.get("download", {}).get("failed", 0),
            cutouts=with_picture.get("cutout", 0),
            cutout_fallbacks=outcomes.get("cutout", {}).get("fallback", 0),
            embeddings={name: with_picture.get(f"embed/{name}", 0) for name in snapshot.encoders},
            index_rows={
                name: sum(segment.indexes[name].rows for segment in snapshot.segments) for name in snapshot.encoders
            },
            snapshot=snapshot.version,
            pipeline_seconds=round(seconds, 1),
            stage_seconds={stage: round(spent, 2) for stage, spent in pipeline.stage_seconds.items()},
            top_matches=found["top_matches"],
            gallery=found["gallery"],
            nothing_to_do=nothing_to_do,
        )
    )


def show(console: Console, report: dict[str, Any], report_path: Path) -> None:
    """The result as a person wants to see it."""
    table = Table(title="Matches of the demo's query photo")
    table.add_column("", justify="right", no_wrap=True)
    table.add_column("listing", no_wrap=True)
    table.add_column("title", max_width=TITLE_WIDTH, no_wrap=True, overflow="ellipsis")
    table.add_column("score", justify="right", no_wrap=True)
    table.add_column("encoders", justify="right", no_wrap=True)
    for rank, match in enumerate(report["top_matches"][:SHOWN_MATCHES], 1):
        table.add_row(
            str(rank), str(match["listing_id"]), match["title"], f"{match['score']:.3f}", str(match["agreeing"])
        )
    console.print(table)
    if report["nothing_to_do"]:
        console.print(
            "Nothing to do: every listing, image, embedding and index is up to date. Only the search was run."
        )
    console.print(
        f"{report['listings']} listings, {report['images']} images ({report['images_failed']} failed), "
        f"{report['cutouts']} cutouts ({report['cutout_fallbacks']} kept their background), "
        f"{len(report['embeddings'])} encoders, in {report['pipeline_seconds']:.0f} s. Snapshot {report['snapshot']}."
    )
    console.print(f"Gallery: [link=file://{report['gallery']}]{report['gallery']}[/link]", soft_wrap=True)
    console.print(f"Figures: {report_path}")
    console.print(
        "Next: [bold]make dev[/bold] shows all of it in the Dagster UI, with new listings coming in by themselves."
    )
