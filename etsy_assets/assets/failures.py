"""How a stage's failures reach Dagster: what no retry mends is never retried, a passing fault is, with back-off."""

from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg

from etsy_assets.catalog.batches import UnknownBatch
from etsy_assets.errors import BadQuery, ConfigurationError, CorruptArtifact
from etsy_assets.etsy.crawl_store import UnknownSlice
from etsy_assets.etsy.faults import DailyQuotaExhausted, RequestRefused

WITHOUT_RETRY = (
    BadQuery,
    ConfigurationError,
    CorruptArtifact,
    # Trying again within minutes would only spend the calls that trickle back.
    DailyQuotaExhausted,
    # The input of a stage that was not run.
    FileNotFoundError,
    RequestRefused,
    UnknownBatch,
    UnknownSlice,
)
# The clients have retried for a minute by themselves before a step fails.
RETRY_PASSING_FAULTS = dg.RetryPolicy(
    max_retries=2, delay=20, backoff=dg.Backoff.EXPONENTIAL, jitter=dg.Jitter.PLUS_MINUS
)


@contextmanager
def failing_clearly() -> Iterator[None]:
    """Turns what no retry mends into a failed step whose message is that one sentence."""
    try:
        yield
    except WITHOUT_RETRY as error:
        raise dg.Failure(description=str(error), allow_retries=False) from error
