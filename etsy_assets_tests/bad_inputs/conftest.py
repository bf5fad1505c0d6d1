"""What the tests of bad inputs share. Their numbers are those of the list that was made from the field."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from etsy_assets.catalog.catalog import Catalog
from etsy_assets.etsy.answers import Anomaly
from etsy_assets.etsy.client import EtsyClient
from etsy_assets.etsy.transport import RetryPolicy
from etsy_assets_tests.etsy.answering_server import Answer, AnsweringServer, answering

QUICK = RetryPolicy(attempts=3, first_wait=0.001, longest_wait=0.05, throttle_wait=0.01)


@pytest.fixture
def catalog(tmp_path: Path) -> Iterator[Catalog]:
    with Catalog.open(f"sqlite:///{tmp_path / 'catalog.db'}") as opened:
        yield opened


@pytest.fixture
def anomalies() -> list[Anomaly]:
    return []


@pytest.fixture
def etsy(anomalies: list[Anomaly]) -> Iterator[Callable[..., tuple[EtsyClient, AnsweringServer]]]:
    """A client of a server that gives these answers in turn, and the server."""
    with ExitStack() as stack:

        def etsy(*answers: Answer, **options: object) -> tuple[EtsyClient, AnsweringServer]:
            server = stack.enter_context(answering(*answers))
            client = EtsyClient(
                server.url, "keystring", "secret", retries=QUICK, on_anomaly=anomalies.append, **options
            )
            return stack.enter_context(client), server

        yield etsy
