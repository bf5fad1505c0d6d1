"""What must be kept no longer: rows of purged listings and shops, and of listings that were read too long ago.

A listing or shop that a person has named stays on a list, so that no crawl stores it again. One that has only grown old
is forgotten as if it had never been seen.
"""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import Literal, TypeVar

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from etsy_assets.catalog.database import Database, chunks, upsert
from etsy_assets.catalog.records import DiscoveredListing, ListingRecord, ReviewRecord
from etsy_assets.catalog.schema import (
    discovered_listing,
    image,
    image_outcome,
    listing,
    listing_batch,
    listing_history,
    purged,
    review,
    shop,
)

Kind = Literal["listing", "shop"]
Named = TypeVar("Named", ListingRecord, DiscoveredListing, ReviewRecord)

# Of every table that holds something of a listing, in the order in which rows may go.
_OF_LISTINGS = (image_outcome, image, listing_history, review, listing, discovered_listing)


class PurgeQueries(Database):
    def request_purge(self, kind: Kind, ids: Collection[int], reason: str, now: datetime) -> None:
        """Puts listings or shops on the list of what must not be stored. They go with the next purge."""
        rows = [{"kind": kind, "id": each, "reason": reason, "requested_at": now} for each in sorted(set(ids))]
        with self._write() as connection:
            upsert(connection, purged, rows, only_when_new=("requested_at",))

    def purge_requests(self) -> dict[Kind, set[int]]:
        """What a person has named, by kind."""
        with self._read() as connection:
            rows = connection.execute(sa.select(purged.c.kind, purged.c.id)).all()
        return {kind: {row.id for row in rows if row.kind == kind} for kind in ("listing", "shop")}

    def listings_to_purge(self, older_than: datetime | None) -> set[int]:
        """Those named, those of named shops, and those whose last reading is older than given (None: none is)."""
        named = self.purge_requests()
        found: set[int] = set()
        with self._read() as connection:
            for table in (listing, discovered_listing, review, image):
                for ids in chunks(sorted(named["shop"])):
                    found.update(
                        connection.execute(sa.select(table.c.listing_id).where(table.c.shop_id.in_(ids))).scalars()
                    )
            for table in _OF_LISTINGS:
                for ids in chunks(sorted(named["listing"])):
                    found.update(
                        connection.execute(
                            sa.select(table.c.listing_id).where(table.c.listing_id.in_(ids)).distinct()
                        ).scalars()
                    )
            if older_than is not None:
                old = sa.select(listing.c.listing_id).where(listing.c.fetched_at < older_than)
                found.update(connection.execute(old).scalars())
                never_read = (
                    sa.select(discovered_listing.c.listing_id)
                    .outerjoin(listing, listing.c.listing_id == discovered_listing.c.listing_id)
                    .where(listing.c.listing_id.is_(None), discovered_listing.c.last_seen < older_than)
                )
                found.update(connection.execute(never_read).scalars())
        return found

    def batches_of(self, listing_ids: Collection[int]) -> dict[str, set[int]]:
        """{batch: those of the listings that are in it}."""
        found: dict[str, set[int]] = {}
        with self._read() as connection:
            for ids in chunks(sorted(listing_ids)):
                rows = connection.execute(
                    sa.select(listing_batch.c.key, discovered_listing.c.listing_id)
                    .join(discovered_listing, discovered_listing.c.batch_number == listing_batch.c.number)
                    .where(discovered_listing.c.listing_id.in_(ids))
                )
                for key, listing_id in rows:
                    found.setdefault(key, set()).add(listing_id)
        return found

    def purge_rows(self, listing_ids: Collection[int], older_than: datetime | None) -> dict[str, int]:
        """Deletes all rows of the listings, of named shops, and what else was fetched before `older_than`.

        Returns how many rows of each table went.
        """
        named = self.purge_requests()
        gone: dict[str, int] = {}
        with self._write(alone=True) as connection:
            for table in _OF_LISTINGS:
                for ids in chunks(sorted(listing_ids)):
                    _delete(connection, gone, table, table.c.listing_id.in_(ids))
            for ids in chunks(sorted(named["shop"])):
                _delete(connection, gone, review, review.c.shop_id.in_(ids))
                _delete(connection, gone, shop, shop.c.shop_id.in_(ids))
            if older_than is not None:
                _delete(connection, gone, review, review.c.fetched_at < older_than)
                _delete(connection, gone, shop, shop.c.fetched_at < older_than)
                _delete(connection, gone, listing_history, listing_history.c.seen_at < older_than)
        return {name: rows for name, rows in sorted(gone.items()) if rows}


def without_purged(connection: Connection, records: Sequence[Named]) -> list[Named]:
    """Those that nobody has named, neither themselves nor their shops."""
    listings = named_of(connection, "listing", (record.listing_id for record in records))
    shops = named_of(connection, "shop", (record.shop_id for record in records if record.shop_id is not None))
    return [record for record in records if record.listing_id not in listings and record.shop_id not in shops]


def named_of(connection: Connection, kind: Kind, ids: Iterable[int]) -> set[int]:
    """Those of the ids that were asked to be purged."""
    found: set[int] = set()
    for some in chunks(sorted(set(ids))):
        query = sa.select(purged.c.id).where(purged.c.kind == kind, purged.c.id.in_(some))
        found.update(connection.execute(query).scalars())
    return found


def _delete(connection: Connection, gone: dict[str, int], table: sa.Table, condition: sa.ColumnElement[bool]) -> None:
    gone[table.name] = gone.get(table.name, 0) + connection.execute(sa.delete(table).where(condition)).rowcount
