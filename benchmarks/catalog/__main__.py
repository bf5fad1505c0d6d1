"""`python -m benchmarks.catalog [--listings N] [--json FILE]`: the queries of a tick and of a batch, in a full catalog.

535,000 listings with ten images each, if not said otherwise, in SQLite. Each query is asked for another batch each
time; its median must be 50 ms at most. What it answers is compared with what was put in.
"""

import random
import statistics
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import click

from benchmarks.catalog.filling import (
    FIRST_ID,
    GONE_EVERY,
    IMAGES_A_LISTING,
    LISTINGS_A_BATCH,
    REMOVED_EVERY,
    WAITING,
    fill,
)
from benchmarks.report import Report, at_most, machine
from etsy_assets.catalog.api_calls import hour_of
from etsy_assets.catalog.catalog import Catalog
from etsy_assets.catalog.records import DiscoveredListing, ListingRecord, Outcome, QuotaReading, ReviewRecord
from etsy_assets.etsy.call_budget import DAY, DEFAULT_SHARES, CallPurpose
from etsy_assets.etsy.call_gate import refused_now
from etsy_assets.etsy.crawl_store import StoredPlan

MOST_MS = 50
REPEATS = 15


class Asked:
    """Every query with the argument that the number of a batch makes for it."""

    def __init__(self, catalog: Catalog, batches: int) -> None:
        self.catalog = catalog
        self.batches = batches
        self.now = datetime.now(UTC)

    def ids(self, number: int) -> list[int]:
        return [FIRST_ID + number * LISTINGS_A_BATCH + place for place in range(LISTINGS_A_BATCH)]

    def of_a_tick(self) -> dict[str, Callable[[int], Any]]:
        catalog, now = self.catalog, self.now
        return {
            "batches to seal": lambda n: catalog.seal_batches(1000, timedelta(days=9), now),
            "sealed batches": lambda n: catalog.batch_keys(),
            "mark of the tombstones": lambda n: catalog.tombstone_mark(),
            "outdated batches": lambda n: catalog.outdated_batches(),
            "batches to refresh": lambda n: catalog.batches_to_refresh(timedelta(days=5), now),
            "whether refresh may call": lambda n: refused_now(catalog, CallPurpose.REFRESH, DEFAULT_SHARES),
            "the crawl plan": lambda n: StoredPlan.load(catalog),
        }

    def of_a_batch(self) -> dict[str, Callable[[int], Any]]:
        catalog = self.catalog
        return {
            "ids of a batch": lambda n: catalog.batch_listing_ids(f"batch-{n:06d}"),
            "listings of a batch": lambda n: catalog.listings(f"batch-{n:06d}", include_gone=True),
            "images of a batch": lambda n: catalog.images(f"batch-{n:06d}"),
            "outcomes of a batch and stage": lambda n: catalog.outcomes(f"batch-{n:06d}", "download"),
            "content of a batch": lambda n: catalog.batch_content(f"batch-{n:06d}"),
            "known among 100 ids": lambda n: catalog.is_known(self.ids(n)),
            "20 listings of a search": lambda n: catalog.listings_by_id(self.ids(n)[:20]),
            "primary images of a search": lambda n: catalog.primary_images(self.ids(n)[:20]),
            "shops to review": lambda n: catalog.shops_to_review(self.now - timedelta(days=7), 500),
            "calls of two days": lambda n: catalog.api_calls(self.now - 2 * DAY),
        }

    def of_a_write(self) -> dict[str, Callable[[int], Any]]:
        catalog, now = self.catalog, self.now
        quota = QuotaReading(10, 9, 5000, 4000, now)
        return {
            "store 100 discovered": lambda n: catalog.record_discovered(
                [DiscoveredListing(each, 1, 968, 1, 1) for each in self.ids(n)], now
            ),
            "bury a listing": lambda n: catalog.mark_gone(self.ids(n)[1:2], now),
            "what a stage was made from": lambda n: catalog.record_made(f"batch-{n:06d}", "images", 1),
            "count a call": lambda n: catalog.record_call(hour_of(now), "batches", "ok", quota),
            "pass the gate": lambda n: catalog.change_call_gate(lambda gate: gate),
            "100 reviews": lambda n: catalog.record_reviews(
                [ReviewRecord(each, 1, each, 5, "Lovely", "en", None, 1, 1) for each in self.ids(n)]
            ),
        }

    def read_again(self, number: int) -> tuple[list[ListingRecord], list[Outcome]]:
        """What a refresh finds of a batch whose prices have changed, and what downloading its images would record."""
        records = self.catalog.listings(f"batch-{number:06d}", include_gone=True)
        images = self.catalog.images_by_listing([record.listing_id for record in records])
        later = self.now + timedelta(seconds=number)
        changed = [
            replace(record, price_amount=1, fetched_at=later, images=tuple(images.get(record.listing_id, ())))
            for record in records
        ]
        found = [image for of_listing in images.values() for image in of_listing]
        return changed, [Outcome(each.listing_id, each.image_id, "download", "ok", None, later) for each in found]


def renumbered(record: ListingRecord, by: int) -> ListingRecord:
    """The same as another listing, with other images."""
    images = tuple(
        replace(image, listing_id=image.listing_id + by, image_id=image.image_id + by) for image in record.images or ()
    )
    return replace(record, listing_id=record.listing_id + by, images=images)


def median_ms(query: Callable[[int], Any], numbers: list[int]) -> float:
    times = []
    for number in numbers:
        started = time.perf_counter()
        query(number)
        times.append(1000 * (time.perf_counter() - started))
    return statistics.median(times)


def check(report: Report, asked: Asked, number: int) -> None:
    """That the answers are what was put in."""
    catalog, key = asked.catalog, f"batch-{number:06d}"
    places = [listing_id - FIRST_ID for listing_id in asked.ids(number)]
    there = [place for place in places if place % GONE_EVERY]
    images = sum(IMAGES_A_LISTING - (place % REMOVED_EVERY == 0) for place in there)
    report.check(catalog.batch_listing_ids(key) == asked.ids(number), f"{key} has other listings")
    report.check(len(catalog.listings(key)) == len(there), f"{key} has other listings that are not gone")
    report.check(len(catalog.images(key)) == images, f"{key} has other images")
    report.check(len(catalog.outcomes(key, "download")) == IMAGES_A_LISTING * LISTINGS_A_BATCH, f"{key}'s outcomes")
    report.check(len(catalog.batch_keys()) == asked.batches, "there are other batches")
    report.check(catalog.unbatched_count() >= WAITING, "too few listings wait for a batch")


@click.command(help=__doc__)
@click.option("--listings", type=click.IntRange(3000), default=535_000, show_default=True)
@click.option("--json", "path", type=click.Path(path_type=Path, dir_okay=False), help="Write the table here.")
def main(listings: int, path: Path | None) -> None:
    report = Report()
    report.note(machine("sqlalchemy"))
    draw = random.Random(5)
    with TemporaryDirectory() as folder:
        database = Path(folder) / "catalog.db"
        started = time.perf_counter()
        fill(database, listings)
        size = database.stat().st_size / 1e9
        images = IMAGES_A_LISTING * ((listings - WAITING) // LISTINGS_A_BATCH) * LISTINGS_A_BATCH
        seconds = time.perf_counter() - started
        report.note(f"{listings:,} listings, {images:,} images, {size:.1f} GB, made in {seconds:.0f} s")
        with Catalog.open(f"sqlite:///{database}") as catalog:
            asked = Asked(catalog, (listings - WAITING) // LISTINGS_A_BATCH)
            numbers = draw.sample(range(asked.batches), 3 * REPEATS)
            check(report, asked, numbers[0])
            for kind, queries in (
                ("tick", asked.of_a_tick()),
                ("batch", asked.of_a_batch()),
                ("write", asked.of_a_write()),
            ):
                for name, query in queries.items():
                    add(report, f"{kind}: {name}", median_ms(query, numbers[:REPEATS]))
            again = {number: asked.read_again(number) for number in numbers[REPEATS:]}
            add(
                report,
                "write: 100 listings read again, 1,000 images",
                median_ms(lambda n: catalog.upsert_listings(again[n][0]), numbers[REPEATS : 2 * REPEATS]),
            )
            new = {number: [renumbered(record, 10**9) for record in again[number][0]] for number in numbers[REPEATS:]}
            add(
                report,
                "write: 100 listings for the first time, 1,000 images",
                median_ms(lambda n: catalog.upsert_listings(new[n]), numbers[REPEATS : 2 * REPEATS]),
            )
            add(
                report,
                "write: outcomes of 1,000 images",
                median_ms(lambda n: catalog.record_outcomes(again[n][1]), numbers[2 * REPEATS :]),
            )
    report.end(path)


def add(report: Report, name: str, milliseconds: float) -> None:
    report.add(at_most(name, f"{MOST_MS} ms", milliseconds / MOST_MS, 1, f"{milliseconds:.2f} ms"))


if __name__ == "__main__":
    main()
