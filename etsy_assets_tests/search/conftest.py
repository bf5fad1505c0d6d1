import shutil
from pathlib import Path

import pytest

from etsy_assets.search.snapshots import Snapshot, current_snapshot
from etsy_assets.storage import Home
from etsy_assets_tests.search.shop_of_colours import publish_two_segments


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


@pytest.fixture(scope="session")
def built_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = Home(tmp_path_factory.mktemp("two_segments"))
    publish_two_segments(home)
    return home.root


@pytest.fixture
def published(home: Home, built_once: Path) -> Snapshot:
    """The two segments of colours, published in `home`."""
    shutil.copytree(built_once, home.root, dirs_exist_ok=True)
    snapshot = current_snapshot(home)
    assert snapshot is not None
    return snapshot
