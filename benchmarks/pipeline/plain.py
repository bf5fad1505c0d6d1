"""The stages of a batch, one after the other, as a script without Dagster calls them."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from etsy_assets.catalog.catalog import Catalog
from etsy_assets.encoders.base import Encoder, TextEncoder
from etsy_assets.encoders.batch import embed_batch
from etsy_assets.encoders.listing_texts import embed_listing_texts
from etsy_assets.encoders.loading import load_encoder
from etsy_assets.encoders.registry import profile_encoders
from etsy_assets.etsy.call_budget import CallPurpose
from etsy_assets.etsy.call_gate import CatalogGate
from etsy_assets.etsy.client import EtsyClient
from etsy_assets.imaging.archive import ImageArchive
from etsy_assets.imaging.cutouts import BackgroundRemover, cut_out_batch
from etsy_assets.imaging.download import DownloadOptions, download_batch
from etsy_assets.settings import DEMO_KEY, DEMO_SECRET
from etsy_assets.storage import Home


@dataclass(frozen=True, slots=True)
class Options:
    """What a deployment's resources pass to the stages: the download's size and concurrency, the mask's session."""

    size: str
    concurrency: int
    mask_session: str
    mask_network: str


def run_stages(home: Home, shop_url: str, batch: str, options: Options) -> dict[str, float]:
    """Takes a sealed batch from its listings to its embeddings; returns the seconds of each stage."""
    names = [spec.name for spec in profile_encoders("demo")]
    seconds: dict[str, float] = {}

    def timed(stage: str, work: Callable[[], None]) -> None:
        started = time.perf_counter()
        work()
        seconds[stage] = time.perf_counter() - started

    with Catalog.open(home.catalog_url, names) as catalog:
        timed("listings", lambda: _listings(catalog, shop_url, batch))
        timed("images", lambda: _images(catalog, home, batch, options))
        timed("cutouts", lambda: _cutouts(catalog, home, batch, options))
        encoders: dict[str, Encoder] = {}
        timed("models", lambda: encoders.update({spec.name: load_encoder(spec) for spec in profile_encoders("demo")}))
        timed("embeddings", lambda: _embeddings(catalog, home, batch, encoders))
        timed("text_embeddings", lambda: _text_embeddings(catalog, home, batch, encoders))
    return seconds


def _listings(catalog: Catalog, shop_url: str, batch: str) -> None:
    client = EtsyClient(shop_url, DEMO_KEY, DEMO_SECRET, gate=CatalogGate(catalog, CallPurpose.BATCHES))
    ids = catalog.batch_listing_ids(batch)
    records = client.listings(ids)
    catalog.upsert_listings(records)
    catalog.mark_gone(sorted(set(ids) - {record.listing_id for record in records}), datetime.now(UTC))


def _images(catalog: Catalog, home: Home, batch: str, options: Options) -> None:
    download = DownloadOptions(size=options.size, concurrency=options.concurrency)
    catalog.record_outcomes(download_batch(catalog.images(batch), home.images(batch), download).outcomes)


def _cutouts(catalog: Catalog, home: Home, batch: str, options: Options) -> None:
    remover = BackgroundRemover(options.mask_session, Path(options.mask_network), threads=1)
    catalog.record_outcomes(cut_out_batch(home.images(batch), home.cutouts(batch), remover).outcomes)


def _embeddings(catalog: Catalog, home: Home, batch: str, encoders: dict[str, Encoder]) -> None:
    destinations = {name: home.embeddings(name, batch) for name in encoders}
    with ImageArchive.open(home.cutouts(batch)) as cutouts:
        catalog.record_outcomes(embed_batch(cutouts, encoders, destinations).outcomes)


def _text_embeddings(catalog: Catalog, home: Home, batch: str, encoders: dict[str, Encoder]) -> None:
    for name, encoder in encoders.items():
        if isinstance(encoder, TextEncoder):
            embed_listing_texts(catalog.listings(batch), encoder, home.text_embeddings(name, batch))
