"""Starting, steering and stopping the simulated shop's server."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from etsy_assets.demo.server import serve
from etsy_assets.demo.shop import SimulatedShop
from etsy_assets.errors import ConfigurationError
from etsy_assets_tests.demo.conftest import API, get

COMMAND = [sys.executable, "-m", "etsy_assets.demo.server", "--port", "0", "--listings", "3"]
REPOSITORY = Path(__file__).parents[2]


@pytest.fixture
def processes() -> Iterator[list[subprocess.Popen]]:
    """Those a test starts; killed at its end if they are still there."""
    started: list[subprocess.Popen] = []
    yield started
    for process in started:
        if process.poll() is None:
            process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout, process.stderr):
            if pipe is not None:
                pipe.close()


def started(processes: list[subprocess.Popen], *options: str) -> tuple[subprocess.Popen, str]:
    """A server process and its URL."""
    process = subprocess.Popen([*COMMAND, *options], stdout=subprocess.PIPE, text=True, cwd=REPOSITORY)
    processes.append(process)
    assert process.stdout is not None
    url = re.search(r"http://127\.0\.0\.1:\d+", process.stdout.readline())
    assert url is not None
    return process, url[0]


def test_a_listing_added_while_it_runs_comes_first(start) -> None:
    running = start(SimulatedShop(listings=4))
    (added,) = running.add_listings(1)
    page = get(running, f"{API}/listings/active", limit=1).json()
    assert (page["count"], page["results"][0]["listing_id"]) == (5, added)


def test_the_control_routes_add_remove_and_describe(start) -> None:
    running = start(SimulatedShop(seed=11, listings=2))
    added = requests.post(f"{running.url}/_shop/listings?count=3", timeout=30).json()["listing_ids"]
    assert len(added) == 3
    assert requests.delete(f"{running.url}/_shop/listings/{added[0]}", timeout=30).status_code == 204
    assert requests.delete(f"{running.url}/_shop/listings/{added[0]}", timeout=30).status_code == 404
    assert requests.post(f"{running.url}/_shop/listings?count=-1", timeout=30).status_code == 400
    health = requests.get(f"{running.url}/_shop/health", timeout=30).json()
    assert health == {"server": "etsy-assets simulated shop", "seed": 11, "listings": 4, "faults": "off"}


def test_requests_are_counted_by_operation_and_status(start) -> None:
    shop = SimulatedShop(listings=2)
    running = start(shop)
    get(running, f"{API}/listings/active")
    get(running, f"{API}/listings/active", limit=0)
    get(running, f"{API}/listings/5")
    over_http = requests.get(f"{running.url}/_shop/requests", timeout=30).json()
    assert over_http["operations"] == {"findAllListingsActive": 2, "getListing": 1}
    assert running.requests().statuses == {200: 1, 400: 1, 404: 1}


def test_a_stopped_server_frees_its_port() -> None:
    shop = SimulatedShop(listings=1)
    with serve(shop) as first:
        port = int(first.url.rsplit(":", 1)[1])
    with serve(shop, port=port) as second:
        assert get(second, f"{API}/openapi-ping").status_code == 200
        second.stop()
        with pytest.raises(requests.exceptions.ConnectionError):
            get(second, f"{API}/openapi-ping")


def test_a_busy_port_is_named_in_one_sentence(start) -> None:
    shop = SimulatedShop(listings=0)
    port = start(shop).url.rsplit(":", 1)[1]
    with (
        pytest.raises(ConfigurationError, match=rf"port {port} of 127\.0\.0\.1 .* choose another port"),
        serve(shop, port=int(port)),
    ):
        pass
    refused = subprocess.run([*COMMAND[:-4], "--port", port], capture_output=True, text=True, cwd=REPOSITORY)
    assert refused.returncode == 1
    assert f"port {port}" in refused.stderr
    assert "Traceback" not in refused.stderr


def test_the_program_serves_until_it_is_terminated(processes: list[subprocess.Popen]) -> None:
    process, url = started(processes, "--faults", "mild")
    assert requests.get(f"{url}/_shop/health", timeout=30).json()["faults"] == "mild"
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=20) in (0, -signal.SIGTERM)


def test_the_program_ends_with_the_process_it_was_told_to_watch(processes: list[subprocess.Popen]) -> None:
    watched = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    processes.append(watched)
    process, _ = started(processes, "--parent-pid", str(watched.pid))
    assert process.poll() is None
    watched.kill()
    watched.wait()
    assert process.wait(timeout=20) == 0


def test_the_program_puts_up_new_listings_and_remembers_them(processes: list[subprocess.Popen], tmp_path: Path) -> None:
    kept = tmp_path / "listings"
    options = ("--remember", str(kept))
    first, url = started(processes, *options, "--add-every", "0.02", "--parent-pid", str(os.getpid()))
    assert any(kept.exists() and listings_at(url) > 3 for _ in range(200_000))
    first.kill()
    first.wait()
    _, url = started(processes, *options)
    assert listings_at(url) == int(kept.read_text()) > 3


def listings_at(url: str) -> int:
    return requests.get(f"{url}/_shop/health", timeout=30).json()["listings"]
