"""A whole platform in a folder: the real definitions, a Dagster instance on disk, a home, and a shop to ask."""

import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from unittest import mock

import dagster as dg
from dagster._core.definitions.sensor_definition import SensorExecutionData
from dagster._grpc.impl import get_external_sensor_execution

import etsy_assets.definitions
from etsy_assets.catalog.catalog import Catalog
from etsy_assets.encoders.registry import profile_encoders
from etsy_assets.resources.deployment import deployment_resources
from etsy_assets.search.corpus import Corpus
from etsy_assets.search.snapshots import Snapshot, current_snapshot
from etsy_assets.settings import Settings
from etsy_assets.storage import Home

ENCODERS = tuple(spec.name for spec in profile_encoders("demo"))
TEXT_ENCODERS = tuple(spec.name for spec in profile_encoders("demo") if spec.has_text)
QUIET_LOGS = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
# Where nothing listens: for whoever should not ask.
CLOSED_SHOP = "http://127.0.0.1:9"


@dataclass(frozen=True, slots=True)
class Deployment:
    root: Path
    settings: Settings
    instance: dg.DagsterInstance
    definitions: dg.Definitions

    @property
    def home(self) -> Home:
        return Home(self.settings.home)

    def run(
        self,
        job: str,
        partition: str | None = None,
        *,
        config: Mapping[str, Any] | None = None,
        tags: Mapping[str, str] | None = None,
        only: Sequence[dg.AssetKey] | None = None,
    ) -> dg.ExecuteInProcessResult:
        """One run of a job, or of some of its assets. A failed run comes back as such."""
        return self.definitions.resolve_job_def(job).execute_in_process(
            run_config={**QUIET_LOGS, **(config or {})},
            instance=self.instance,
            partition_key=partition,
            tags=tags,
            asset_selection=only,
            raise_on_error=False,
        )

    def run_range(self, job: str, first: str, last: str, **options: Any) -> dg.ExecuteInProcessResult:
        """One run for several partitions, as a backfill with a single run launches it."""
        tags = {"dagster/asset_partition_range_start": first, "dagster/asset_partition_range_end": last}
        return self.run(job, tags=tags, **options)

    def tick(self, sensor: str, cursor: str | None = None) -> SensorExecutionData:
        """What Dagster's daemon gets from the code server for one tick; the partitions asked for are added."""
        answer = get_external_sensor_execution(
            self.definitions.get_repository_def(),
            None,
            self.instance.get_ref(),
            sensor,
            last_tick_completion_timestamp=None,
            last_run_key=None,
            cursor=cursor,
            log_key=None,
            last_sensor_start_timestamp=None,
        )
        assert isinstance(answer, SensorExecutionData), answer
        for request in answer.dynamic_partitions_requests or []:
            self.instance.add_dynamic_partitions(request.partitions_def_name, request.partition_keys)
        return answer

    def ingest_all(self) -> dict[str, dg.ExecuteInProcessResult]:
        """Crawls, and runs each batch that the sensor asks for. By batch."""
        assert self.run("crawl_newest").success
        requests = self.tick("listing_batches_sensor").run_requests or []
        return {str(request.partition_key): self.run("ingest", request.partition_key) for request in requests}

    def publish(self) -> Snapshot:
        """Runs what the publishing sensor asks for until it asks for nothing."""
        while requests := self.tick("publish_sensor").run_requests:
            for request in requests:
                assert self.run(str(request.job_name), request.partition_key, tags=request.tags).success
        snapshot = current_snapshot(self.home)
        assert snapshot is not None
        return snapshot

    @contextmanager
    def catalog(self) -> Iterator[Catalog]:
        with Catalog.open(self.settings.catalog_url, ENCODERS) as catalog:
            yield catalog

    def corpus(self) -> Corpus:
        snapshot = current_snapshot(self.home)
        assert snapshot is not None
        return Corpus.open(self.home, snapshot)

    def artifacts(self, *folders: str) -> dict[str, bytes]:
        """The bytes of every file under these folders of the home, by relative path."""
        chosen = [path for folder in folders for path in (self.home.root / folder).rglob("*")]
        return {str(path.relative_to(self.home.root)): path.read_bytes() for path in chosen if path.is_file()}


@contextmanager
def deployment(
    root: Path,
    blank_instance: Path,
    shop_url: str = CLOSED_SHOP,
    resources: Mapping[str, Any] | None = None,
    **environment: str,
) -> Iterator[Deployment]:
    """Opens the deployment in a folder, with small batches, and no waiting unless `environment` says how long.

    resources: take the place of the deployment's own. environment: ETSY_ASSETS_* variables, by the rest of their names.
    """
    if not (root / "dagster").exists():
        shutil.copytree(blank_instance, root / "dagster")
    settings = Settings.from_environment(
        {
            "ETSY_ASSETS_HOME": str(root / "home"),
            "ETSY_ASSETS_ETSY_URL": shop_url,
            "ETSY_ASSETS_BATCH_SIZE": "3",
            "ETSY_ASSETS_BATCHES_PER_SEGMENT": "2",
            **{f"ETSY_ASSETS_{name}": value for name, value in environment.items()},
        }
    )
    if "BATCH_WAIT" not in environment:
        settings = replace(settings, batch_wait=timedelta(0))
    if "PUBLISH_QUIET" not in environment:
        settings = replace(settings, publish_quiet=0)
    own = {**deployment_resources(settings), **(resources or {})}
    with mock.patch("etsy_assets.definitions.deployment_resources", lambda _: own):
        definitions = etsy_assets.definitions.build_definitions(settings)
    with dg.DagsterInstance.from_config(str(root / "dagster")) as instance:
        yield Deployment(root, settings, instance, definitions)


def sentence_of(result: dg.ExecuteInProcessResult) -> str:
    """What a failed run says: the description of its one failed step, as the UI shows it."""
    (event,) = [event for event in result.all_events if event.event_type == dg.DagsterEventType.STEP_FAILURE]
    data = event.step_failure_data
    if data.user_failure_data and data.user_failure_data.description:
        return data.user_failure_data.description
    return (data.error.cause or data.error).message


def retries_of(result: dg.ExecuteInProcessResult) -> int:
    """How often a step was run again."""
    return sum(event.event_type == dg.DagsterEventType.STEP_UP_FOR_RETRY for event in result.all_events)


def materializations(result: dg.ExecuteInProcessResult, *key: str) -> list[dg.AssetMaterialization]:
    """Those of one asset, one a partition."""
    events = [event for event in result.all_events if event.event_type == dg.DagsterEventType.ASSET_MATERIALIZATION]
    found = [event.event_specific_data.materialization for event in events]
    return [materialization for materialization in found if materialization.asset_key == dg.AssetKey(key)]


def metadata_of(result: dg.ExecuteInProcessResult, *key: str) -> dict[str, Any]:
    """The values of the metadata of an asset that was materialized once."""
    (materialization,) = materializations(result, *key)
    return {name: value.value for name, value in materialization.metadata.items()}


def checks_of(result: dg.ExecuteInProcessResult) -> dict[tuple[str, str], dg.AssetCheckEvaluation]:
    """By (asset, check)."""
    return {
        (evaluation.asset_key.to_user_string(), evaluation.check_name): evaluation
        for evaluation in result.get_asset_check_evaluations()
    }
