"""One simulated shop for all tests that only read from it, and how to call it."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
import requests

from etsy_assets.demo.faults import FaultPlan
from etsy_assets.demo.server import RunningShop, serve
from etsy_assets.demo.shop import SimulatedShop

API = "/v3/application"


@pytest.fixture(scope="session")
def shop() -> SimulatedShop:
    """The default shop; tests must not change it."""
    return SimulatedShop()


@pytest.fixture(scope="session")
def running(shop: SimulatedShop) -> Iterator[RunningShop]:
    with serve(shop) as running:
        yield running


@pytest.fixture
def start() -> Iterator[Callable[..., RunningShop]]:
    """Starts further servers, stopped when the test ends."""
    with ExitStack() as stack:

        def start(shop: SimulatedShop, faults: FaultPlan | None = None, **limits: int) -> RunningShop:
            return stack.enter_context(serve(shop, faults, **limits))

        yield start


def get(running: RunningShop, path: str, **query: object) -> requests.Response:
    """A call with the right key, tried once."""
    headers = {"x-api-key": f"{running.keystring}:{running.shared_secret}"}
    return requests.get(running.url + path, params=query, headers=headers, timeout=30)


def results(running: RunningShop, path: str, **query: object) -> list[dict]:
    response = get(running, path, **query)
    assert response.status_code == 200, response.text
    return response.json()["results"]
