"""A failed run is told to whoever listens, and a listener that is not there does no harm."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import dagster as dg
import pytest

from etsy_assets.automation.alerts import failure_message, make_run_failure_sensor
from etsy_assets_tests.assets.deployment import Deployment

SECRET = "T0KEN-in-the-path"


@dg.op
def broken_op() -> None:
    raise dg.Failure(description="The disk is full:\n free some.")


@dg.op
def crashing_op() -> None:
    raise ZeroDivisionError("a bug")


@dg.job
def broken_job() -> None:
    broken_op()


@dg.job
def crashing_job() -> None:
    crashing_op()


@contextmanager
def webhook(status: int = 200) -> Iterator[tuple[str, list[tuple[str, dict]]]]:
    """A real one on loopback: its address, and what was posted to it."""
    posted: list[tuple[str, dict]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            posted.append((self.headers["Content-Type"], json.loads(body)))
            self.send_response(status)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/services/{SECRET}", posted
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def alert(url: str | None, instance: dg.DagsterInstance, job: dg.JobDefinition) -> None:
    """Runs the job to its failure, and the sensor as Dagster's daemon does."""
    run = job.execute_in_process(instance=instance, raise_on_error=False, tags={"dagster/partition": "batch-000042"})
    context = dg.build_run_status_sensor_context(
        "run_failure_alert", run.get_run_failure_event(), instance, run.dagster_run
    ).for_run_failure()
    make_run_failure_sensor(url, dg.DefaultSensorStatus.RUNNING)(context)


@pytest.fixture
def instance(deploy: Callable[..., Deployment]) -> dg.DagsterInstance:
    return deploy().instance


def test_the_webhook_gets_one_line_that_says_which_run_failed_on_what_and_why(instance: dg.DagsterInstance) -> None:
    with webhook() as (url, posted):
        alert(url, instance, broken_job)
    ((content_type, message),) = posted
    run_id = instance.get_runs()[0].run_id
    assert content_type == "application/json"
    assert message == {"text": f"Run {run_id[:8]} of broken_job of batch-000042 failed: The disk is full: free some."}


def test_a_run_that_failed_by_a_bug_is_told_with_the_exception(instance: dg.DagsterInstance) -> None:
    with webhook() as (url, posted):
        alert(url, instance, crashing_job)
    ((_, message),) = posted
    assert "ZeroDivisionError: a bug" in message["text"]
    assert "\n" not in message["text"]


@pytest.mark.parametrize("status", [500, 404])
def test_a_webhook_that_refuses_is_survived(
    instance: dg.DagsterInstance, capfd: pytest.CaptureFixture[str], status: int
) -> None:
    with webhook(status) as (url, posted):
        alert(url, instance, broken_job)
    assert len(posted) == 1
    assert_not_told(capfd)


@pytest.mark.parametrize("url", [f"http://127.0.0.1:9/{SECRET}", f"no address/{SECRET}", f"http://..bad/{SECRET}"])
def test_a_webhook_that_is_not_there_is_survived(
    instance: dg.DagsterInstance, capfd: pytest.CaptureFixture[str], url: str
) -> None:
    alert(url, instance, broken_job)
    assert_not_told(capfd)


def assert_not_told(capfd: pytest.CaptureFixture[str]) -> None:
    """The log has the failure and that nobody was told, but not the address, which is a secret."""
    log = capfd.readouterr().err
    assert "of broken_job of batch-000042 failed" in log
    assert "The failure webhook was not reached" in log
    assert SECRET not in log


def test_without_a_webhook_the_failure_is_logged(
    instance: dg.DagsterInstance, capfd: pytest.CaptureFixture[str]
) -> None:
    alert(None, instance, broken_job)
    log = capfd.readouterr().err
    assert "of broken_job of batch-000042 failed: The disk is full: free some." in log
    assert "webhook" not in log


def test_a_very_long_reason_is_cut_to_one_readable_line() -> None:
    run = dg.DagsterRun("ingest", "0123456789abcdef")
    message = failure_message(run, "word \n" * 1000)
    assert message.startswith("Run 01234567 of ingest failed: word word")
    assert len(message) < 600
