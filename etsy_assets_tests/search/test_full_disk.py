"""The disk fills up at each point of indexing and publishing a new batch: the corpus of before is still searched.

assets/test_full_disk.py shows what a person sees of it in a run.
"""

import shutil
from pathlib import Path

import pytest

from etsy_assets.errors import ConfigurationError
from etsy_assets.search.snapshots import current_snapshot
from etsy_assets.storage import Home
from etsy_assets_tests.assets.full_disk import copied_to_a_small_disk
from etsy_assets_tests.search.shop_of_vectors import faults_of, publish_new_batch

POINTS = 10


@pytest.fixture(scope="module")
def finished(vectors_once: Path, tmp_path_factory: pytest.TempPathFactory) -> Home:
    """As it is when the disk is large enough."""
    home = Home(tmp_path_factory.mktemp("finished") / "home")
    shutil.copytree(vectors_once, home.root)
    publish_new_batch(home)
    return home


@pytest.mark.parametrize("share", [point / POINTS for point in range(POINTS + 1)])
def test_on_a_full_disk_the_old_corpus_is_searched_and_with_space_again_the_retry_completes(
    vectors_once: Path, finished: Home, tmp_path: Path, share: float
) -> None:
    home, old = Home(tmp_path / "home"), current_snapshot(Home(vectors_once))
    with copied_to_a_small_disk(vectors_once, finished.root, share, home.root) as free:
        with pytest.raises(ConfigurationError) as refused:
            publish_new_batch(home)
        assert str(refused.value).startswith(f"No disk space is left to write {home.root}/")
        assert str(refused.value).endswith(": free some, or set ETSY_ASSETS_HOME to a larger disk.")
        # All was written but CURRENT, which is replaced by a file that needs room beside it.
        assert (f"{home.snapshots}/" in str(refused.value)) == (share == 1)
        assert not [path for path in home.root.rglob(".*") if path.suffix in (".tmp", ".partial")]
        assert current_snapshot(home) == old
        assert faults_of(home) == []

        free()
        publish_new_batch(home)

        assert current_snapshot(home).content_hash == current_snapshot(finished).content_hash
        assert faults_of(home) == []
