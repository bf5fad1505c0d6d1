"""A catalog as full as that of a whole crawl, made by the database itself: no record of it passes through Python."""

import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path

from etsy_assets.catalog.catalog import Catalog

FIRST_ID = 4_300_000_000
IMAGES_A_LISTING = 10
LISTINGS_A_BATCH = 100
LISTINGS_A_SHOP = 5
STAGES = ("download", "cutout", "embed/clip_vitb32", "embed/clip_vitl14", "embed/dinov2_base", "embed/dinov2_large")
# Of all listings: those that are gone, and those of which a seller has removed an image.
GONE_EVERY, REMOVED_EVERY = 50, 40
# Not yet in a batch.
WAITING = 130
DESCRIPTION = "A solid piece of furniture, made by hand from seasoned wood and finished with oil. " * 12


def fill(path: Path, listings: int) -> None:
    """Writes `listings` listings with ten images each, their outcomes, shops, reviews and a year's calls."""
    Catalog.open(f"sqlite:///{path}").close()
    connection = sqlite3.connect(path, isolation_level=None)
    connection.executescript("PRAGMA synchronous = OFF; PRAGMA cache_size = -400000; PRAGMA foreign_keys = OFF; BEGIN")
    now = datetime.now(UTC).replace(tzinfo=None)
    moment = now.isoformat(" ")
    batches = (listings - WAITING) // LISTINGS_A_BATCH
    connection.execute("CREATE TEMP TABLE n (n INTEGER PRIMARY KEY)")
    connection.execute(
        "WITH RECURSIVE c(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM c WHERE n < ? - 1) INSERT INTO n SELECT n FROM c",
        (max(listings, IMAGES_A_LISTING),),
    )
    connection.execute(
        "INSERT INTO listing_batch (number, key, sealed_at, read_at, content_version, images_version, "
        "embedded_version, texts_version) SELECT n, printf('batch-%06d', n), ?1, datetime(?1, '-' || (n / 24) || "
        "' hours') || '.000000', 1, 1, 1, 1 FROM n WHERE n < ?2",
        (moment, batches),
    )
    connection.execute(
        "INSERT INTO discovered_listing (listing_id, shop_id, taxonomy_id, created_timestamp, updated_timestamp, "
        "first_seen, last_seen, batch_number) SELECT ?1 + n, 1 + n / ?2, 968, 1700000000 + n, 1700000000 + n, ?3, ?3, "
        "CASE WHEN n < ?4 * ?5 THEN n / ?5 END FROM n WHERE n < ?6",
        (FIRST_ID, LISTINGS_A_SHOP, moment, batches, LISTINGS_A_BATCH, listings),
    )
    connection.execute(
        "INSERT INTO listing (listing_id, shop_id, title, description, state, url, taxonomy_id, tags, materials, "
        "price_amount, price_divisor, currency_code, quantity, num_favorers, views, is_private, has_variations, "
        "fetched_at, gone_at) SELECT ?1 + n, 1 + n / ?2, 'Oak chair ' || n, ?3, 'active', "
        "'https://www.etsy.com/' || n, 968, '[\"oak\"]', '[\"oak\"]', n, 100, 'USD', 1, 3, 40, 0, 0, ?4, "
        "CASE WHEN n % ?5 = 0 THEN ?4 END "
        "FROM n WHERE n < ?6",
        (FIRST_ID, LISTINGS_A_SHOP, DESCRIPTION, moment, GONE_EVERY, batches * LISTINGS_A_BATCH),
    )
    connection.execute(
        "INSERT INTO image (listing_id, image_id, rank, url, shop_id, hex, suffix, width, height, is_primary, "
        "removed_at, fetched_at) SELECT ?1 + l.n, 10 * (?1 + l.n) + i.n, i.n, 'https://i.etsystatic.com/' || l.n || "
        "'/r/il/a29f31/' || (10 * (?1 + l.n) + i.n) || '/il_fullxfull.' || (10 * (?1 + l.n) + i.n) || '_2ds7.jpg', "
        "1 + l.n / ?2, 'a29f31', '2ds7', 1500, 1200, i.n = 0, CASE WHEN i.n = 9 AND l.n % ?3 = 0 THEN ?4 END, ?4 "
        "FROM n l CROSS JOIN n i WHERE l.n < ?5 AND i.n < ?6",
        (FIRST_ID, LISTINGS_A_SHOP, REMOVED_EVERY, moment, batches * LISTINGS_A_BATCH, IMAGES_A_LISTING),
    )
    for stage in STAGES:
        connection.execute(
            "INSERT INTO image_outcome (listing_id, image_id, stage, status, recorded_at) "
            "SELECT listing_id, image_id, ?, 'ok', ? FROM image",
            (stage, moment),
        )
    connection.execute(
        "INSERT INTO listing_history (listing_id, seen_at, state, price_amount) "
        "SELECT listing_id, ?, 'active', 1 FROM listing",
        (moment,),
    )
    connection.execute(
        "INSERT INTO shop (shop_id, shop_name, fetched_at, reviews_read_at) SELECT 1 + n, 'Shop ' || n, ?1, "
        "CASE WHEN n % 3 THEN ?1 END FROM n WHERE n < ?2 / ?3",
        (moment, listings, LISTINGS_A_SHOP),
    )
    hours = [(now - timedelta(hours=hour)).replace(minute=0, second=0, microsecond=0) for hour in range(24 * 365)]
    purposes = ("newest_listings", "batches", "planned_crawl", "refresh", "reviews")
    connection.executemany(
        "INSERT INTO api_call (hour, purpose, outcome, calls) VALUES (?, ?, 'ok', 40)",
        [(hour.isoformat(" ") + ".000000", purpose) for hour in hours for purpose in purposes],
    )
    connection.execute("COMMIT")
    connection.execute("ANALYZE")
    connection.close()
