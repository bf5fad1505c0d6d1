"""What the tests of the whole platform share: one set of rendered photos, and one corpus made from them.

Rendering takes a fifth of a second a photo and a first run ten seconds, so both happen once a session.
"""

import os
import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from etsy_assets.demo.faults import FaultPlan
    from etsy_assets.demo.running import RunningShop
    from etsy_assets_tests.assets.deployment import Deployment
    from etsy_assets_tests.assets.ingested import Ingested

LISTINGS = 9
RENDERED_LISTINGS = 12
# As the repository's dagster.yaml, but all in one folder.
INSTANCE_SETTINGS = """\
run_coordinator:
  module: dagster._core.run_coordinator.queued_run_coordinator
  class: QueuedRunCoordinator
telemetry:
  enabled: false
"""


@pytest.fixture(autouse=True, scope="session")
def default_settings() -> Iterator[None]:
    """Whatever deployment a developer's shell is set to, tests neither see nor touch it."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        for name in list(os.environ):
            if name.startswith("ETSY_ASSETS_") or name in ("DAGSTER_HOME", "ETSY_KEYSTRING", "ETSY_SHARED_SECRET"):
                monkeypatch.delenv(name)
        yield


@pytest.fixture(scope="session")
def photo_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Rendered beforehand: a shop that renders while it is asked may outlast a client's patience on a busy machine."""
    from etsy_assets.demo.shop import SimulatedShop

    folder = tmp_path_factory.mktemp("photos")
    shop = SimulatedShop(listings=RENDERED_LISTINGS, photo_folder=folder)
    photos = [photo.image_id for stocked in shop.listings() for photo in stocked.photos]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(shop.jpeg, photos))
    return folder


@pytest.fixture(scope="session")
def blank_instance(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a Dagster instance that has seen nothing: making its tables takes a second, copying them none."""
    import dagster as dg

    folder = tmp_path_factory.mktemp("dagster")
    (folder / "dagster.yaml").write_text(INSTANCE_SETTINGS)
    dg.DagsterInstance.from_config(str(folder)).dispose()
    return folder


@pytest.fixture
def open_shop(photo_folder: Path) -> Iterator[Callable[..., "RunningShop"]]:
    """Opens a simulated shop, closed when the test ends. All shops of a session have the same photos."""
    from etsy_assets.demo.running import serve
    from etsy_assets.demo.shop import SimulatedShop

    with ExitStack() as stack:

        def open_shop(listings: int = LISTINGS, faults: "FaultPlan | None" = None) -> "RunningShop":
            return stack.enter_context(serve(SimulatedShop(listings=listings, photo_folder=photo_folder), faults))

        yield open_shop


@pytest.fixture
def deploy(
    tmp_path: Path, blank_instance: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., "Deployment"]]:
    """Opens a deployment (see assets/deployment.py) with nothing in it, whose failed steps are tried again at once."""
    import dagster as dg

    from etsy_assets_tests.assets.deployment import deployment

    monkeypatch.setattr(dg.RetryPolicy, "calculate_delay", lambda *_: 0)
    with ExitStack() as stack:

        def deploy(*arguments: object, folder: str = "deployment", **options: object) -> "Deployment":
            return stack.enter_context(deployment(tmp_path / folder, blank_instance, *arguments, **options))

        yield deploy


@pytest.fixture(scope="session")
def ingested(
    tmp_path_factory: pytest.TempPathFactory, photo_folder: Path, blank_instance: Path
) -> Iterator["Ingested"]:
    """A published corpus of nine listings in three batches and two segments. Tests must not change it."""
    from etsy_assets_tests.assets.ingested import ingest_and_publish

    with ingest_and_publish(tmp_path_factory.mktemp("ingested"), photo_folder, blank_instance, LISTINGS) as made:
        yield made


@pytest.fixture
def copied(ingested: "Ingested", deploy: Callable[..., "Deployment"], tmp_path: Path) -> Callable[..., "Deployment"]:
    """The same corpus in a folder of the test's own, to be changed."""
    # Other tests have searched in it.
    shutil.copytree(ingested.deployment.root, tmp_path / "copied", ignore=shutil.ignore_patterns("queries"))
    return lambda *arguments, **options: deploy(*arguments, folder="copied", **options)
