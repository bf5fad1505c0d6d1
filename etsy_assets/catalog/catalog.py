"""The catalog: one database that knows every listing, image and outcome. SQLite by default, Postgres by its URL."""

from collections.abc import Sequence
from types import TracebackType
from typing import Any, Self

import sqlalchemy as sa

from etsy_assets.catalog.api_calls import ApiCallQueries
from etsy_assets.catalog.batches import BatchQueries
from etsy_assets.catalog.contents import ContentQueries
from etsy_assets.catalog.crawl import CrawlQueries
from etsy_assets.catalog.database import create_engine, named_database_errors
from etsy_assets.catalog.history import HistoryQueries
from etsy_assets.catalog.listings import ListingQueries
from etsy_assets.catalog.migrating import bring_up_to_date
from etsy_assets.catalog.outcomes import OutcomeQueries
from etsy_assets.catalog.purges import PurgeQueries
from etsy_assets.catalog.reviews import ReviewQueries
from etsy_assets.catalog.schema import discovered_listing, image, listing, listing_batch, review, shop
from etsy_assets.catalog.taxonomy import TaxonomyQueries
from etsy_assets.catalog.tombstones import TombstoneQueries


class Catalog(
    TaxonomyQueries,
    BatchQueries,
    ListingQueries,
    OutcomeQueries,
    TombstoneQueries,
    ReviewQueries,
    CrawlQueries,
    ApiCallQueries,
    ContentQueries,
    HistoryQueries,
    PurgeQueries,
):
    """Each method is one transaction. Several threads may share one Catalog; each process opens its own."""

    @classmethod
    def open(cls, url: str, encoders: Sequence[str] = ()) -> Self:
        """Connects, migrates the database if it is behind, and gives the view image_status the encoders' columns.

        encoders: names of the active profile's encoders; empty leaves the view as it is. Raises ConfigurationError
        (bad URL, no permission, no disk space, a database of a newer version), CorruptArtifact or PassingFault.
        """
        engine = create_engine(url)
        try:
            with named_database_errors(engine.url):
                bring_up_to_date(engine, encoders)
        except BaseException:
            engine.dispose()
            raise
        return cls(engine)

    def close(self) -> None:
        self._engine.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Catalog({self._engine.url.render_as_string(hide_password=True)!r})"

    def counts(self, *names: str) -> dict[str, Any]:
        """How much there is of what is named, or of everything; `outcomes` is {stage: {status: images}}.

        Everything takes seconds for millions of images: ask for what you need.

        listings and images count what is there to be had; listings_gone and images_removed the rest.
        """
        counted = {
            "listings": (listing, listing.c.gone_at.is_(None)),
            "listings_gone": (listing, listing.c.gone_at.is_not(None)),
            "images": (image, image.c.removed_at.is_(None)),
            "images_removed": (image, image.c.removed_at.is_not(None)),
            "shops": (shop, sa.true()),
            "reviews": (review, sa.true()),
            "discovered": (discovered_listing, sa.true()),
            "unbatched": (discovered_listing, discovered_listing.c.batch_number.is_(None)),
            "batches": (listing_batch, listing_batch.c.retired_at.is_(None)),
            "batches_retired": (listing_batch, listing_batch.c.retired_at.is_not(None)),
        }
        with self._read() as connection:
            counts: dict[str, Any] = {
                name: connection.execute(sa.select(sa.func.count()).select_from(table).where(condition)).scalar_one()
                for name, (table, condition) in counted.items()
                if name in (names or counted)
            }
        return counts | ({"outcomes": self.outcome_counts()} if not names or "outcomes" in names else {})
