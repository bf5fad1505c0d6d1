"""Where the platform keeps what it makes: the home folder and the catalog."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import dagster as dg

from etsy_assets.catalog.catalog import Catalog
from etsy_assets.storage import Home


class HomeFolder(dg.ConfigurableResource):
    """The folder with every archive, embedding, segment and snapshot."""

    root: str

    @property
    def paths(self) -> Home:
        return Home(Path(self.root))


class CatalogDatabase(dg.ConfigurableResource):
    """The database of listings, images and outcomes. `encoders` are the columns of its view image_status."""

    url: str
    encoders: list[str]

    @contextmanager
    def open(self) -> Iterator[Catalog]:
        if self.url.startswith("sqlite:///"):
            Path(self.url.removeprefix("sqlite:///")).parent.mkdir(parents=True, exist_ok=True)
        with Catalog.open(self.url, self.encoders) as catalog:
            yield catalog
