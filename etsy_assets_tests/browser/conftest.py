"""One `etsy-assets dev` for all tests of this folder, and one browser on it."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from selenium.webdriver.remote.webdriver import WebDriver

from etsy_assets.demo.running import serve
from etsy_assets.demo.shop import SimulatedShop
from etsy_assets.encoders.registry import profile_encoders
from etsy_assets.resources.stores import CatalogDatabase
from etsy_assets_tests.browser.chromium import headless_chromium, missing_programs
from etsy_assets_tests.browser.dagster_pages import DagsterPages
from etsy_assets_tests.browser.dev_server import NO_CRAWLS, DevServer, dev_server
from etsy_assets_tests.browser.waiting import eventually

BATCHES = 4
BATCH_SIZE = 3
LAUNCH_SECONDS = 60
SETTINGS = {
    "ETSY_ASSETS_BATCH_SIZE": str(BATCH_SIZE),
    "ETSY_ASSETS_PUBLISH_QUIET": "1",
    # Two batches at a time share the cores.
    "OMP_NUM_THREADS": "1",
    **NO_CRAWLS,
}


@pytest.fixture(scope="package")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebDriver]:
    if missing := missing_programs():
        pytest.skip(f"{' and '.join(missing)} not found; tools/setup.sh installs them on a machine with apt-get")
    with headless_chromium(tmp_path_factory.mktemp("chromium")) as browser:
        yield browser


@pytest.fixture(scope="package")
def dev(chromium: WebDriver, photo_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[DevServer]:
    """A platform with four sealed batches, none of them a partition yet.

    publish_sensor runs as it does for a user; what else would start batches by itself is stopped.
    """
    with (
        serve(SimulatedShop(listings=BATCHES * BATCH_SIZE, photo_folder=photo_folder)) as shop,
        dev_server(tmp_path_factory.mktemp("dev"), shop.url, SETTINGS) as server,
    ):
        for sensor in ("listing_batches_sensor", "repair_sensor"):
            server.api.stop_sensor(sensor)
        assert server.api.final_status(server.api.launch("crawl_newest")) == "SUCCESS"
        seal_batches(server)
        yield server


def seal_batches(server: DevServer) -> None:
    """What listing_batches_sensor does first."""
    encoders = [spec.name for spec in profile_encoders("demo")]
    with CatalogDatabase(url=f"sqlite:///{server.home / 'catalog.db'}", encoders=encoders).open() as catalog:
        assert len(catalog.seal_batches(BATCH_SIZE, timedelta(0), datetime.now(UTC))) == BATCHES


@pytest.fixture(scope="package")
def pages(chromium: WebDriver, dev: DevServer) -> DagsterPages:
    return DagsterPages(chromium, dev.url, dev.api.repository["repositoryLocationName"])


@pytest.fixture(scope="package")
def first_batch(dev: DevServer, pages: DagsterPages) -> str:
    """A batch that is made in the UI: the id of its run, which has ended."""
    pages.materialize_new_partition("ingest", "batch-000000")
    of_batch = [{"key": "dagster/partition", "value": "batch-000000"}]
    (run,) = eventually(lambda: dev.api.runs(tags=of_batch), "the run is launched", LAUNCH_SECONDS)
    dev.api.final_status(run["runId"])
    run_id: str = run["runId"]
    return run_id
