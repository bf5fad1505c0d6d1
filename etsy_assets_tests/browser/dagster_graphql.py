"""What the tests ask Dagster's own API: whether something that was started in the UI has come to its end."""

from dataclasses import dataclass
from typing import Any

import requests

from etsy_assets_tests.browser.waiting import eventually

RUN_SECONDS = 240

LOADED = """{ workspaceOrError { ... on Workspace { locationEntries { loadStatus locationOrLoadError {
    __typename ... on PythonError { message } ... on RepositoryLocation { name repositories { name } } } } } } }"""
LAUNCH = """mutation Launch($parameters: ExecutionParams!) { launchRun(executionParams: $parameters) {
    __typename ... on LaunchRunSuccess { run { runId } } } }"""
RUNS = """query Runs($filter: RunsFilter!) { runsOrError(filter: $filter) { ... on Runs { results {
    runId status jobName tags { key value } } } } }"""
PARTITIONS = """query Partitions($key: AssetKeyInput!) { assetNodeOrError(assetKey: $key) { ... on AssetNode {
    partitionKeysByDimension { partitionKeys } assetPartitionStatuses { ... on DefaultPartitionStatuses {
    materializedPartitions failedPartitions } } } } }"""
MATERIALIZED = """query Materialized($key: AssetKeyInput!) { assetNodeOrError(assetKey: $key) { ... on AssetNode {
    assetMaterializations(limit: 1) { runId } } } }"""
BACKFILLS = """{ partitionBackfillsOrError { ... on PartitionBackfills { results {
    id status numPartitions partitionNames } } } }"""
SENSOR = """query Sensor($selector: SensorSelector!) { sensorOrError(sensorSelector: $selector) { ... on Sensor {
    sensorState { id status } } } }"""
STOP_SENSOR = "mutation Stop($id: String) { stopSensor(id: $id) { ... on PythonError { message } } }"
ADD_PARTITION = """mutation Add($key: String!, $name: String!, $repository: RepositorySelector!) {
    addDynamicPartition(repositorySelector: $repository, partitionsDefName: $name, partitionKey: $key) {
    __typename ... on AddDynamicPartitionSuccess { partitionKey } } }"""
ASSETS = "{ assetNodes { assetKey { path } groupName description kinds } }"


@dataclass(frozen=True)
class DagsterApi:
    """The GraphQL API of a Dagster webserver with one code location."""

    url: str

    @cached_property
    def selector(self) -> dict[str, str]:
        """The code location in the words of the API; waited for if it isn't there yet."""
        (entry,) =
    def ask(self, query: str, **variables: Any) -> dict[str, Any]:
        """The answer's data. Raises AssertionError with the errors of an answer that has some."""
        reply = requests.post(f"{self.url}/graphql", json={"query": query, "variables": variables}, timeout=60)
        answer = reply.json()
        assert not answer.get("errors"), answer["errors"]
        data: dict[str, Any] = answer["data"]
        return data

    def code_location(self, seconds: float) -> CodeLocation:
        """Returns when the code location is there; raises AssertionError with its error if it can't be loaded."""

        def location() -> dict[str, Any] | None:
            (entry,) = self.ask(LOADED)["workspaceOrError"]["locationEntries"]
            return entry["locationOrLoadError"] if entry["loadStatus"] == "LOADED" else None

        loaded = eventually(location, "the code location is loaded", seconds)
        assert loaded["__typename"] == "RepositoryLocation", loaded
        (repository,) = loaded["repositories"]
        return CodeLocation(loaded["name"], repository["name"])

    def assets(self) -> list[dict[str, Any]]:
        return self.ask(ASSETS)["assetNodes"]

    def runs(self, **filter: Any) -> list[dict[str, Any]]:
        """Newest first."""
        return self.ask(RUNS, filter=filter)["runsOrError"]["results"]

    def final_status(self, run_id: str) -> str:
        """The status with which a run ended."""

        def ended() -> str | None:
            (run,) = self.runs(runIds=[run_id])
            return run["status"] if run["status"] in ("SUCCESS", "FAILURE", "CANCELED") else None

        return eventually(ended, f"run {run_id} has ended", RUN_SECONDS)

    def materialized(self, *asset: str) -> set[str]:
        """The partitions of an asset that are there."""
        node = self.ask(PARTITIONS, key={"path": asset})["assetNodeOrError"]
        return set(node["assetPartitionStatuses"]["materializedPartitions"])

    def is_materialized(self, *asset: str) -> bool:
        """Of an asset without partitions."""
        return bool(self.ask(MATERIALIZED, key={"path": asset})["assetNodeOrError"]["assetMaterializations"])

    def backfills(self) -> list[dict[str, Any]]:
        return self.ask(BACKFILLS)["partitionBackfillsOrError"]["results"]

    def stop_sensor(self, name: str) -> None:
        selector = {**LOCATION, "sensorName": name}
        state = self.ask(SENSOR, selector=selector)["sensorOrError"]["sensorState"]
        self.ask(STOP_SENSOR, id=state["id"])
        assert self.ask(SENSOR, selector=selector)["sensorOrError"]["sensorState"]["status"] == "STOPPED"

    def add_partition(self, definition: str, key: str) -> None:
        added = self.ask(ADD_PARTITION, key=key, name=definition, repository=LOCATION)["addDynamicPartition"]
        assert added["__typename"] == "AddDynamicPartitionSuccess", added
