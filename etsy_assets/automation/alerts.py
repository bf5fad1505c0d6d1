"""What happens when a run fails: one line in the log, and one message to a webhook if there is one."""

import json

import dagster as dg
import requests

from etsy_assets.automation.instance_state import PARTITION_TAG, RANGE_END_TAG, RANGE_START_TAG

WEBHOOK_TIMEOUT_SECONDS = 10


def failure_message(run: dg.DagsterRun, error: str) -> str:
    """One line that says which run failed, on what, and why."""
    partition, first, last = (run.tags.get(tag) for tag in (PARTITION_TAG, RANGE_START_TAG, RANGE_END_TAG))
    of = f" of {partition}" if partition else f" of {first} to {last}" if first else ""
    return f"Run {run.run_id[:8]} of {run.job_name}{of} failed: {' '.join(error.split())[:500]}"


def make_run_failure_sensor(webhook_url: str | None, status: dg.DefaultSensorStatus) -> dg.SensorDefinition:
    """webhook_url: gets a POST with {"text": ...}, which Slack, Mattermost and others understand."""

    @dg.run_failure_sensor(name="run_failure_alert", default_status=status, minimum_interval_seconds=30)
    def run_failure_alert(context: dg.RunFailureSensorContext) -> None:
        """Says which run failed and why: in the log and, if configured, to a webhook."""
        message = failure_message(context.dagster_run, root_cause(context))
        context.log.error(message)
        if webhook_url is None:
            return
        try:
            answer = requests.post(
                webhook_url,
                data=json.dumps({"text": message}),
                headers={"Content-Type": "application/json"},
                timeout=WEBHOOK_TIMEOUT_SECONDS,
            )
            answer.raise_for_status()
        except requests.RequestException as error:
            # The URL may hold a token, and the error may hold the URL: neither belongs in a log.
            context.log.warning("The failure webhook was not reached (%s)", type(error).__name__)

    return run_failure_alert


def root_cause(context: dg.RunFailureSensorContext) -> str:
    """The sentence of the step that failed, or of the run when no step did."""
    for event in context.get_step_failure_events():
        data = event.step_failure_data
        if data.user_failure_data and data.user_failure_data.description:
            return data.user_failure_data.description
        if data.error:
            return (data.error.cause or data.error).message
    return context.failure_event.message or "no reason was recorded"
