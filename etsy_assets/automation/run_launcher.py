"""Dagster's default run launcher, and word of the runs whose process is gone."""

import grpc  # type: ignore[import-untyped]
from dagster._core.errors import DagsterUserCodeUnreachableError
from dagster._core.launcher import CheckRunHealthResult, DefaultRunLauncher, WorkerStatus
from dagster._core.storage.dagster_run import DagsterRun


class WatchedRunLauncher(DefaultRunLauncher):
    """Lets run monitoring find the runs that ended with their code server, as when a machine is restarted.

    A code server reports when the process of a run has died, but nobody reports when the code server has: by itself,
    Dagster keeps its runs as started for ever. Their batches would never be repaired, their pools never be free, and
    no snapshot would ever be published again.
    """

    @property
    def supports_check_run_worker_health(self) -> bool:
        return True

    def check_run_worker_health(self, run: DagsterRun) -> CheckRunHealthResult:
        """Whether the code server that started the run is there. One that is only slow counts as there."""
        client = self._get_grpc_client_for_termination(run.run_id)  # type: ignore[no-untyped-call]
        if client is None:
            return CheckRunHealthResult(WorkerStatus.UNKNOWN, "No code server is known to have started this run.")
        try:
            client.ping("")
        except DagsterUserCodeUnreachableError as error:
            if nothing_listens(error):
                return CheckRunHealthResult(WorkerStatus.NOT_FOUND, "The code server that ran it has ended.")
        return CheckRunHealthResult(WorkerStatus.RUNNING)


def nothing_listens(error: DagsterUserCodeUnreachableError) -> bool:
    """Whether the server's address is dead, unlike that of a server which did not answer in time."""
    cause = error.__cause__
    return isinstance(cause, grpc.Call) and bool(cause.code() is grpc.StatusCode.UNAVAILABLE)
