"""How a listing's fetched images change the stored ones: added, overwritten, removed, and which of them is primary."""

from collections.abc import Iterable, Sequence
from dataclasses import fields
from typing import Any
from urllib.parse import urlsplit

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from etsy_assets.catalog.database import Columns, chunks, upsert
from etsy_assets.catalog.records import ImageRecord, ListingRecord
from etsy_assets.catalog.schema import image, image_outcome

IMAGE_FIELDS = tuple(field.name for field in fields(ImageRecord))


def primary_image(images: Iterable[ImageRecord]) -> ImageRecord | None:
    """The image with the lowest (rank, image_id); one without a rank comes last. Sellers reorder, so never keep it."""
    return min(images, key=lambda each: (each.rank is None, each.rank or 0, each.image_id), default=None)


def is_another_file(stored_url: str, url: str) -> bool:
    """Whether the URL leads to other bytes: its path or query changed. The same file moves between hosts."""
    before, after = urlsplit(stored_url), urlsplit(url)
    return (before.path, before.query) != (after.path, after.query)


def write_images(connection: Connection, records: Sequence[ListingRecord]) -> set[int]:
    """Makes the stored images those of the records, each of which must have images (not None).

    Returns the listings that have another picture to be had than before: a new one, one at another URL, one put back.
    """
    stored: dict[tuple[int, int], Any] = {}
    for ids in chunks(record.listing_id for record in records):
        columns = (image.c.listing_id, image.c.image_id, image.c.url, image.c.removed_at)
        rows = connection.execute(sa.select(*columns).where(image.c.listing_id.in_(ids)))
        stored.update({(row.listing_id, row.image_id): row for row in rows})
    wanted: dict[tuple[int, int], Columns] = {}
    removed: list[Columns] = []
    for record in records:
        images = {each.image_id: each for each in record.images or ()}
        primary = primary_image(images.values())
        for each in images.values():
            row = {name: getattr(each, name) for name in IMAGE_FIELDS}
            wanted[record.listing_id, each.image_id] = row | {
                "listing_id": record.listing_id,
                "is_primary": each is primary,
                "removed_at": None,
                "fetched_at": record.fetched_at,
            }
        removed += [
            {"of_listing": record.listing_id, "of_image": row.image_id, "at": record.fetched_at}
            for row in stored.values()
            if row.listing_id == record.listing_id and row.image_id not in images and row.removed_at is None
        ]
    upsert(connection, image, wanted.values())
    _for_each_image(
        connection,
        sa.update(image).values(removed_at=sa.bindparam("at", type_=image.c.removed_at.type), is_primary=sa.false()),
        image,
        removed,
    )
    replaced = [
        {"of_listing": key[0], "of_image": key[1]}
        for key, row in wanted.items()
        if key in stored and is_another_file(stored[key].url, row["url"])
    ]
    # The cutout and the embeddings were made from the old bytes, so their outcomes go too.
    _for_each_image(connection, sa.delete(image_outcome), image_outcome, replaced)
    new = {key[0] for key in wanted if key not in stored or stored[key].removed_at is not None}
    return new | {row["of_listing"] for row in replaced}


def _for_each_image(
    connection: Connection, statement: sa.Update | sa.Delete, table: sa.Table, rows: Sequence[Columns]
) -> None:
    if rows:
        condition = (
            table.c.listing_id == sa.bindparam("of_listing"),
            table.c.image_id == sa.bindparam("of_image"),
        )
        connection.execute(statement.where(*condition), rows)
