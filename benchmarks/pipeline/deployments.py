"""Deployments of the demo profile in folders, each with its batches sealed and nothing of them made yet."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import dagster as dg

from benchmarks.pipeline.sides import ROOT
from etsy_assets.catalog.catalog import Catalog
from etsy_assets.catalog.records import DiscoveredListing
from etsy_assets.demo.shop import SimulatedShop
from etsy_assets.encoders.registry import profile_encoders
from etsy_assets.partitions import listing_batches
from etsy_assets.storage import Home

_MADE = ("images", "cutouts", "embeddings", "text_embeddings")


@contextmanager
def deployment(folder: Path, shop: SimulatedShop, listings: int, a_batch: int) -> Iterator[tuple[Path, list[str]]]:
    """The first `listings` of the shop in batches of `a_batch`: a folder with `home` and `dagster`, and the batches.

    It goes when the block ends.
    """
    with TemporaryDirectory(dir=folder) as name:
        root = Path(name)
        home, now = Home(root / "home"), datetime.now(UTC)
        home.root.mkdir()
        ids = [stocked.listing_id for stocked in shop.listings()[:listings]]
        with Catalog.open(home.catalog_url, [spec.name for spec in profile_encoders("demo")]) as catalog:
            catalog.record_discovered([DiscoveredListing(number, None, None, None, None) for number in ids], now)
            batches = catalog.seal_batches(a_batch, timedelta(0), now)
        with _instance(root / "dagster") as instance:
            instance.add_dynamic_partitions(str(listing_batches.name), batches)
        yield root, batches


@contextmanager
def _instance(folder: Path) -> Iterator[dg.DagsterInstance]:
    """One of the repository's own settings, with all that it stores in this folder."""
    folder.mkdir()
    settings = (ROOT / "dagster.yaml").read_text("utf-8").replace(": .dagster", f": {folder}")
    (folder / "dagster.yaml").write_text(settings, "utf-8")
    with dg.DagsterInstance.from_config(str(folder)) as instance:
        yield instance


def artifacts(root: Path) -> dict[str, bytes]:
    """The bytes of everything that the stages make, by relative path."""
    home = root / "home"
    paths = [path for folder in _MADE for path in (home / folder).rglob("*") if path.is_file()]
    return {str(path.relative_to(home)): path.read_bytes() for path in paths if path.suffix != ".lock"}
