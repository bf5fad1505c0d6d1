"""How a listing's fetched images change the stored ones: added, overwritten, removed, and which of them is primary."""

from collections import defaultdict
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
# When a row was read makes it no other row.
_COMPARED = [column for column in image.c if column.name != "fetched_at"]


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
    stored: defaultdict[int, dict[int, Any]] = defaultdict(dict)
    for ids in chunks(record.listing_id for record in records):
        for found in connection.execute(sa.select(*_COMPARED).where(image.c.listing_id.in_(ids))):
            stored[found.listing_id][found.image_id] = found
    # Most are as they were: a row that is written again costs ten times as much as one that is only looked at.
    written: list[Columns] = []
    replaced: list[Columns] = []
    removed: list[Columns] = []
    changed: set[int] = set()
    for record in records:
        before = stored[record.listing_id]
        images = {each.image_id: each for each in record.images or ()}
        primary = primary_image(images.values())
        for each in images.values():
            row = _image_row(record, each, is_primary=each is primary)
            old = before.get(each.image_id)
            if old is not None and tuple(old) == tuple(row[column.name] for column in _COMPARED):
                continue
            written.append(row)
            if old is None or old.removed_at is not None or is_another_file(old.url, each.url):
                changed.add(record.listing_id)
            if old is not None and is_another_file(old.url, each.url):
                replaced.append({"of_listing": record.listing_id, "of_image": each.image_id})
        removed += [
            {"of_listing": record.listing_id, "of_image": image_id, "at": record.fetched_at}
            for image_id, old in before.items()
            if image_id not in images and old.removed_at is None
        ]
    upsert(connection, image, written)
    _for_each_image(
        connection,
        sa.update(image).values(removed_at=sa.bindparam("at", type_=image.c.removed_at.type), is_primary=sa.false()),
        image,
        removed,
    )
    # The cutout and the embeddings were made from the old bytes, so their outcomes go too.
    _for_each_image(connection, sa.delete(image_outcome), image_outcome, replaced)
    if records:
        connection.execute(
            sa.update(image)
            .where(image.c.listing_id == sa.bindparam("of_listing"), image.c.removed_at.is_(None))
            .values(fetched_at=sa.bindparam("at", type_=image.c.fetched_at.type)),
            [{"of_listing": record.listing_id, "at": record.fetched_at} for record in records],
        )
    return changed


def _image_row(record: ListingRecord, each: ImageRecord, is_primary: bool) -> Columns:
    row = {name: getattr(each, name) for name in IMAGE_FIELDS}
    return row | {
        "listing_id": record.listing_id,
        "is_primary": is_primary,
        "removed_at": None,
        "fetched_at": record.fetched_at,
    }


def _for_each_image(
    connection: Connection, statement: sa.Update | sa.Delete, table: sa.Table, rows: Sequence[Columns]
) -> None:
    if rows:
        condition = (
            table.c.listing_id == sa.bindparam("of_listing"),
            table.c.image_id == sa.bindparam("of_image"),
        )
        connection.execute(statement.where(*condition), rows)
