"""What the tests ask Dagster's own API: whether something that was started in the UI has come to its end."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import requests

from etsy_assets_tests.browser.waiting import eventually

LOAD_SECONDS = 180
RUN_SECONDS = 600

LOADED = """{ workspaceOrError { ... on Workspace { locationEntries { loadStatus locationOrLoadError {
    __typename ... on PythonError { message } ... on RepositoryLocation { name repositories { name } } } } } } }"""
LAUNCH = """mutation Launch($parameters: ExecutionParams!) { launchRun(executionParams: $parameters) {
    __typename ... on LaunchRunSuccess { run { runId } } } }"""
RUNS = """query Runs($filter: RunsFilter!) { runsOrError(filter: $filter) { ... on Runs { results {
    runId status jobName tags { key value } } } } }"""
PARTITIONS = """query Partitions($key: AssetKeyInput!) { assetNodeOrError(assetKey: $key) { ... on AssetNode {
    assetPartitionStatuses { ... on DefaultPartitionStatuses { materializedPartitions } } } } }"""
MATERIALIZED = """query Materialized($key: AssetKeyInput!) { assetNodeOrError(assetKey: $key) { ... on AssetNode {
    assetMaterializations(limit: 1) { runId } } } }"""
BACKFILLS = """{ partitionBackfillsOrError { ... on PartitionBackfills { results {
    id status partitionNames } } } }"""
SENSOR = """query Sensor($selector: SensorSelector!) { sensorOrError(sensorSelector: $selector) { ... on Sensor {
    sensorState { id status } } } }"""
STOP_SENSOR = "mutation Stop($id: String) { stopSensor(id: $id) { __typename } }"
ADD_PARTITION = """mutation Add($key: String!, $name: String!, $repository: RepositorySelector!) {
    addDynamicPartition(repositorySelector: $repository, partitionsDefName: $name, partitionKey: $key) {
    __typename } }"""
ASSETS = "{ assetNodes { assetKey { path } groupName } }"


@dataclass(frozen=True)
class DagsterApi:
    """The GraphQL API of a Dagster webserver with one code location."""

    url: str

    def ask(self, query: str, **variables: Any) -> dict[str, Any]:
        """The answer's data. Raises AssertionError with the errors of an answer that has some."""
        reply = requests.post(f"{self.url}/graphql", json={"query": query, "variables": variables}, timeout=60)
        answer = reply.json()
        assert not answer.get("errors"), answer["errors"]
        data: dict[str, Any] = answer["data"]
        return data

    @cached_property
    def repository(self) -> dict[str, str]:
        """The code location as a selector; waited for. Raises AssertionError with its error if it can't be loaded."""

        def location() -> dict[str, Any] | None:
            (entry,) = self.ask(LOADED)["workspaceOrError"]["locationEntries"]
            return entry["locationOrLoadError"] if entry["loadStatus"] == "LOADED" else None

        loaded = eventually(location, "the code location is loaded", LOAD_SECONDS)
        assert loaded["__typename"] == "RepositoryLocation", loaded
        (repository,) = loaded["repositories"]
        return {"repositoryLocationName": loaded["name"], "repositoryName": repository["name"]}

    def groups(self) -> dict[str, set[str]]:
        """The names of the assets, as a graph shows them, by group."""
        found: dict[str, set[str]] = {}
        for node in self.ask(ASSETS)["assetNodes"]:
            found.setdefault(node["groupName"], set()).add(node["assetKey"]["path"][-1])
        return found

    def launch(self, job: str) -> str:
        """Launches a job as it is; returns the id of the run."""
        parameters = {"selector": {**self.repository, "jobName": job}, "runConfigData": {}}
        launched = self.ask(LAUNCH, parameters=parameters)["launchRun"]
        assert launched["__typename"] == "LaunchRunSuccess", launched
        run_id: str = launched["run"]["runId"]
        return run_id

    def runs(self, **filter: Any) -> list[dict[str, Any]]:
        """Newest first."""
        return self.ask(RUNS, filter=filter)["runsOrError"]["results"]

    def final_status(self, run_id: str) -> str:
        """The status with which a run ended."""

        def ended() -> str | None:
            (run,) = self.runs(runIds=[run_id])
            return run["status"] if run["status"] in ("SUCCESS", "FAILURE", "CANCELED") else None

        return eventually(ended, f"run {run_id} has ended", RUN_SECONDS)

    def materialized_partitions(self, *asset: str) -> set[str]:
        node = self.ask(PARTITIONS, key={"path": asset})["assetNodeOrError"]
        return set(node["assetPartitionStatuses"]["materializedPartitions"])

    def is_materialized(self, *asset: str) -> bool:
        """Of an asset without partitions."""
        return bool(self.ask(MATERIALIZED, key={"path": asset})["assetNodeOrError"]["assetMaterializations"])

    def final_backfill(self) -> dict[str, Any]:
        """The only backfill, when it has ended."""

        def ended() -> dict[str, Any] | None:
            (backfill,) = self.ask(BACKFILLS)["partitionBackfillsOrError"]["results"]
            return backfill if backfill["status"].startswith(("COMPLETED", "FAILED", "CANCELED")) else None

        return eventually(ended, "the backfill has ended", RUN_SECONDS)

    def stop_sensor(self, name: str) -> None:
        selector = {**self.repository, "sensorName": name}
        state = self.ask(SENSOR, selector=selector)["sensorOrError"]["sensorState"]
        self.ask(STOP_SENSOR, id=state["id"])
        assert self.ask(SENSOR, selector=selector)["sensorOrError"]["sensorState"]["status"] == "STOPPED"

    def add_partition(self, definition: str, key: str) -> None:
        added = self.ask(ADD_PARTITION, key=key, name=definition, repository=self.repository)["addDynamicPartition"]
        assert added["__typename"] == "AddDynamicPartitionSuccess", added
