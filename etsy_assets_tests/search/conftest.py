import shutil
from pathlib import Path

import pytest

from etsy_assets.search.snapshots import Snapshot, current_snapshot
from etsy_assets.storage import Home
from etsy_assets_tests.search.shop_of_colours import publish_two_segments
from etsy_assets_tests.search.shop_of_vectors import publish_vectors


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


@pytest.fixture(scope="session")
def vectors_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = Home(tmp_path_factory.mktemp("vectors"))
    publish_vectors(home)
    return home.root


@pytest.fixture
def vectors(home: Home, vectors_once: Path) -> Snapshot:
    """Seven batches of vectors in two segments, published in `home`; an eighth is embedded."""
    shutil.copytree(vectors_once, home.root, dirs_exist_ok=True)
    snapshot = current_snapshot(home)
    assert snapshot is not None
    return snapshot
