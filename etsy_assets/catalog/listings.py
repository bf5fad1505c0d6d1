"""Listings with their shops and images: written as they are fetched, read by batch or by id."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import fields
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from etsy_assets.catalog.batches import stored_batch_number
from etsy_assets.catalog.contents import advance_contents, is_to_be_made_again
from etsy_assets.catalog.database import Columns, Database, chunks, upsert
from etsy_assets.catalog.history import stored_states, write_endings, write_history
from etsy_assets.catalog.image_rows import IMAGE_FIELDS, write_images
from etsy_assets.catalog.purges import named_of, without_purged
from etsy_assets.catalog.records import ImageRecord, ListingRecord, ShopRecord
from etsy_assets.catalog.schema import discovered_listing, image, listing, shop

LISTING_FIELDS = tuple(field.name for field in fields(ListingRecord) if field.name not in ("images", "shop"))
SHOP_FIELDS = tuple(field.name for field in fields(ShopRecord))
REMOVED = "removed"


class ListingQueries(Database):
    def upsert_listings(self, records: Sequence[ListingRecord]) -> None:
        """Stores listings, their shops and images in one transaction; of several records of a listing the last counts.

        images None leaves the stored images as they are; otherwise an image that the record lacks is marked removed,
        one whose URL changed loses its outcomes (so that it is fetched again), and the primary image is chosen again.
        A record that is on show lifts a tombstone (mark_gone), and one that is not sets one: it is not for sale, no
        furniture, or private. Without a state nothing is known. A listing's batch has a new content
        version when there is another picture or text to make something of. What was purged is passed over.
        """
        latest = list({record.listing_id: record for record in records}.values())
        with self._write() as connection:
            latest = without_purged(connection, latest)
            shops = [record.shop for record in latest if record.shop is not None]
            before = stored_states(connection, [record.listing_id for record in latest])
            write_history(connection, before, latest)
            upsert(connection, shop, [_shop_row(each) for each in shops])
            upsert(
                connection,
                listing,
                [_listing_row(record) | {"gone_at": _gone_at(record)} for record in latest],
                changes=lambda new: {
                    "gone_at": sa.case(
                        (sa.and_(new.gone_at.is_(None), new.state != "unknown"), sa.null()),
                        else_=sa.func.coalesce(listing.c.gone_at, new.gone_at),
                    )
                },
            )
            changed = write_images(connection, [record for record in latest if record.images is not None])
            changed |= {
                record.listing_id for record in latest if is_to_be_made_again(before.get(record.listing_id), record)
            }
            advance_contents(connection, changed)

    def mark_gone(self, listing_ids: Collection[int], now: datetime) -> None:
        """Tombstones: state "removed" and the time; nothing is deleted. One that was never fetched gets a row too.

        What was purged is passed over.
        """
        with self._write() as connection:
            ids = sorted(set(listing_ids) - named_of(connection, "listing", listing_ids))
            places: dict[int, Any] = {}
            for chunk in chunks(ids):
                found = connection.execute(
                    sa.select(discovered_listing).where(discovered_listing.c.listing_id.in_(chunk))
                )
                places.update({row.listing_id: row for row in found})
            write_endings(connection, ids, REMOVED, now)
            upsert(
                connection,
                listing,
                [_tombstone(listing_id, places.get(listing_id), now) for listing_id in ids],
                only_when_new=[column.name for column in listing.c if column.name not in ("state", "gone_at")],
                changes=lambda new: {"gone_at": sa.func.coalesce(listing.c.gone_at, new.gone_at)},
            )

    def listings(self, batch: str, include_gone: bool = False) -> list[ListingRecord]:
        """The batch's fetched listings by id, with their shops, images None (see images()). Raises UnknownBatch."""
        query = (
            sa.select(listing)
            .join(discovered_listing, discovered_listing.c.listing_id == listing.c.listing_id)
            .order_by(listing.c.listing_id)
        )
        if not include_gone:
            query = query.where(listing.c.gone_at.is_(None))
        with self._read() as connection:
            number = stored_batch_number(connection, batch)
            return _records(connection, connection.execute(query.where(discovered_listing.c.batch_number == number)))

    def listings_gone(self, batch: str) -> dict[int, bool]:
        """{listing_id: whether it is gone} of the batch's listings that have a row. Raises UnknownBatch."""
        query = sa.select(listing.c.listing_id, listing.c.gone_at.is_not(None)).join(
            discovered_listing, discovered_listing.c.listing_id == listing.c.listing_id
        )
        with self._read() as connection:
            number = stored_batch_number(connection, batch)
            rows = connection.execute(query.where(discovered_listing.c.batch_number == number))
            return {listing_id: bool(is_gone) for listing_id, is_gone in rows}

    def listing(self, listing_id: int) -> ListingRecord | None:
        """The stored listing, gone or not, with its shop; None when it was never fetched."""
        return self.listings_by_id([listing_id]).get(listing_id)

    def listings_by_id(self, listing_ids: Iterable[int]) -> dict[int, ListingRecord]:
        """The stored ones among the ids, gone or not, with their shops, images None."""
        found: dict[int, ListingRecord] = {}
        with self._read() as connection:
            for ids in chunks(set(listing_ids)):
                rows = connection.execute(sa.select(listing).where(listing.c.listing_id.in_(ids)))
                found.update({record.listing_id: record for record in _records(connection, rows)})
        return found

    def images(self, batch: str) -> list[ImageRecord]:
        """The batch's images that are there to be had: not removed, of listings that are not gone.

        In the order of (listing_id, image_id). Raises UnknownBatch.
        """
        query = (
            sa.select(*(image.c[name] for name in IMAGE_FIELDS))
            .join(listing, listing.c.listing_id == image.c.listing_id)
            .join(discovered_listing, discovered_listing.c.listing_id == image.c.listing_id)
            .where(image.c.removed_at.is_(None), listing.c.gone_at.is_(None))
            .order_by(image.c.listing_id, image.c.image_id)
        )
        with self._read() as connection:
            number = stored_batch_number(connection, batch)
            rows = connection.execute(query.where(discovered_listing.c.batch_number == number))
            return [ImageRecord(**row) for row in rows.mappings()]

    def images_by_listing(self, listing_ids: Iterable[int]) -> dict[int, list[ImageRecord]]:
        """For each listing that has any: its images that are not removed, the primary first, then by rank."""
        found: dict[int, list[ImageRecord]] = {}
        order = (image.c.is_primary.desc(), image.c.rank.nulls_last(), image.c.image_id)
        for row in self._images(listing_ids, image.c.removed_at.is_(None), order):
            found.setdefault(row.listing_id, []).append(row)
        return found

    def primary_images(self, listing_ids: Iterable[int]) -> dict[int, ImageRecord]:
        """The primary image of each listing that has one."""
        return {row.listing_id: row for row in self._images(listing_ids, image.c.is_primary, (image.c.image_id,))}

    def _images(
        self, listing_ids: Iterable[int], condition: sa.ColumnElement[bool], order: Sequence[sa.ColumnElement[Any]]
    ) -> list[ImageRecord]:
        found: list[ImageRecord] = []
        query = sa.select(*(image.c[name] for name in IMAGE_FIELDS)).where(condition).order_by(*order)
        with self._read() as connection:
            for ids in chunks(set(listing_ids)):
                rows = connection.execute(query.where(image.c.listing_id.in_(ids)))
                found.extend(ImageRecord(**row) for row in rows.mappings())
        return found


def _listing_row(record: ListingRecord) -> dict[str, Any]:
    row = {name: getattr(record, name) for name in LISTING_FIELDS}
    return row | {"tags": list(record.tags), "materials": list(record.materials)}


def _shop_row(record: ShopRecord) -> dict[str, Any]:
    return {name: getattr(record, name) for name in SHOP_FIELDS} | {"gone_at": None}


def _gone_at(record: ListingRecord) -> datetime | None:
    return record.fetched_at if record.is_on_show is False else None


def _tombstone(listing_id: int, discovered: Any, now: datetime) -> Columns:
    return dict.fromkeys(LISTING_FIELDS) | {
        "listing_id": listing_id,
        "shop_id": discovered.shop_id if discovered else None,
        "taxonomy_id": discovered.taxonomy_id if discovered else None,
        "title": "",
        "description": "",
        "state": REMOVED,
        "url": "",
        "tags": [],
        "materials": [],
        "is_private": False,
        "has_variations": False,
        "fetched_at": now,
        "gone_at": now,
    }


def _records(connection: Connection, rows: Iterable[sa.Row[Any]]) -> list[ListingRecord]:
    listings = [row._mapping for row in rows]
    shops: dict[int, ShopRecord] = {}
    for ids in chunks({row["shop_id"] for row in listings if row["shop_id"] is not None}):
        found = connection.execute(sa.select(*(shop.c[name] for name in SHOP_FIELDS)).where(shop.c.shop_id.in_(ids)))
        shops.update({row["shop_id"]: ShopRecord(**row) for row in found.mappings()})
    return [
        ListingRecord(
            **{name: row[name] for name in LISTING_FIELDS}
            | {"tags": tuple(row["tags"]), "materials": tuple(row["materials"])},
            images=None,
            shop=shops.get(row["shop_id"]),
        )
        for row in listings
    ]
