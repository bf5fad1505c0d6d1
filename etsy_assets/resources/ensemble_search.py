"""The search engine, as the search job's resource."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any

import dagster as dg
from PIL import Image

from etsy_assets.catalog.records import ListingRecord
from etsy_assets.errors import CorruptArtifact
from etsy_assets.imaging.archive import ImageArchive
from etsy_assets.resources.encoder_models import EncoderModels
from etsy_assets.resources.imaging import BackgroundRemoval
from etsy_assets.resources.stores import CatalogDatabase, HomeFolder
from etsy_assets.search.cards import ListingCard
from etsy_assets.search.corpus import Corpus
from etsy_assets.search.engine import SearchEngine
from etsy_assets.search.gallery import listings_shown
from etsy_assets.search.markdown_gallery import markdown_gallery
from etsy_assets.search.query import Query, load_query
from etsy_assets.search.query_embedding import QueryCutout
from etsy_assets.search.report import results_document, write_report
from etsy_assets.search.results import SearchResult

DEMO = Path(__file__).parents[1] / "demo"
DEMO_FUSION_WEIGHTS = DEMO / "weights" / "fusion_weights.json"
# A listing of the simulated shop, from a side that none of its photos shows.
DEMO_QUERY = DEMO / "query.jpg"


@dataclass(frozen=True, slots=True)
class SearchReport:
    """The files of a search, its matches as the Dagster UI shows them, and the same as results.json has them."""

    results: Path
    gallery: Path
    markdown: str
    top_matches: list[dict[str, Any]]


class EnsembleSearch(dg.ConfigurableResource):
    """Searches the current snapshot with every encoder of the profile."""

    home_folder: dg.ResourceDependency[HomeFolder]
    catalog_database: dg.ResourceDependency[CatalogDatabase]
    encoder_models: dg.ResourceDependency[EncoderModels]
    background_removal: dg.ResourceDependency[BackgroundRemoval]
    # Etsy's API terms, section 5: listing content may be displayed for six hours.
    display_hours: float = 6.0

    def engine(self) -> SearchEngine:
        """A new engine over the snapshot that is current when it is first used."""
        return SearchEngine(
            self.home_folder.paths,
            self.encoder_models.load,
            cut_out=self.cut_out,
            primary_image=self.primary_image,
            default_weights=default_weights(self.encoder_models.profile),
        )

    def example_query(self, engine: SearchEngine) -> Query:
        """What a search without a query runs: the demo's photo, or a listing of the corpus."""
        if self.encoder_models.profile == "demo":
            return replace(load_query(image_path=DEMO_QUERY), label="the example photo")
        return load_query(listing_id=engine.corpus.example_listing)

    def report(self, result: SearchResult, corpus: Corpus, run_id: str) -> SearchReport:
        """Writes results.json and gallery.html into the run's folder. Raises ConfigurationError on a full disk."""
        cards = self.cards(corpus, listings_shown(result))
        files = write_report(self.home_folder.paths.query(run_id), result, cards)
        return SearchReport(
            results=files.results,
            gallery=files.gallery,
            markdown=markdown_gallery(result, cards),
            top_matches=results_document(result, cards)["matches"],
        )

    def cards(self, corpus: Corpus, listing_ids: Iterable[int]) -> dict[int, ListingCard]:
        """What a person is shown of each listing."""
        wanted = list(listing_ids)
        with self.catalog_database.open() as catalog:
            records = catalog.listings_by_id(wanted)
            primary = catalog.primary_images(wanted)
        cards = {}
        for listing_id, record in records.items():
            image_id = primary[listing_id].image_id if listing_id in primary else None
            cards[listing_id] = listing_card(
                record, image_id, self.picture(corpus, listing_id, image_id), timedelta(hours=self.display_hours)
            )
        return cards

    def picture(self, corpus: Corpus, listing_id: int, image_id: int | None) -> bytes | None:
        """The stored photo of a listing: its primary one, or any other when that one could not be had."""
        rows = corpus.rows_of(listing_id)
        if not len(rows):
            return None
        try:
            with ImageArchive.open(self.home_folder.paths.images(corpus.batch_of(int(rows[0])))) as archive:
                entries = {entry.image_id: entry for entry in archive.ok_entries() if entry.listing_id == listing_id}
                entry = entries.get(image_id or 0) or next(iter(entries.values()), None)
                return archive.read(entry) if entry else None
        except (FileNotFoundError, CorruptArtifact):
            # A gallery with a grey tile is better than none: the archive's own check reports the damage.
            return None

    def cut_out(self, image: Image.Image) -> QueryCutout:
        return self.background_removal.remover().cut_out(image)

    def primary_image(self, listing_id: int) -> int | None:
        """The image that stands for a listing, None when the catalog does not have it."""
        with self.catalog_database.open() as catalog:
            image = catalog.primary_images([listing_id]).get(listing_id)
        return image.image_id if image else None


@lru_cache
def default_weights(profile: str) -> Mapping[str, float]:
    """How much each encoder counts by default: fitted for the demo's encoders, equal for the published ones."""
    if profile != "demo":
        return {}
    weights: dict[str, float] = json.loads(DEMO_FUSION_WEIGHTS.read_text(encoding="utf-8"))
    return weights


def listing_card(
    record: ListingRecord, image_id: int | None, picture: bytes | None, display_age: timedelta
) -> ListingCard:
    price = f"{record.currency_code or ''} {record.price:,.2f}".strip() if record.price is not None else None
    return ListingCard(
        listing_id=record.listing_id,
        title=record.title,
        price=price,
        url=record.url,
        shop_name=record.shop.shop_name if record.shop else None,
        thumbnail=picture,
        primary_image_id=image_id,
        fetched_at=record.fetched_at,
        show_until=record.fetched_at + display_age,
    )
