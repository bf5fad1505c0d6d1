"""Discovered listings, and the batches that they are sealed into.

A listing is in at most one batch, and a batch never gains a listing: membership is written once, together with the
batch itself, in a transaction that no other sealer can enter.
"""

import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from etsy_assets.catalog.database import Database, chunks, upsert
from etsy_assets.catalog.purges import without_purged
from etsy_assets.catalog.records import DiscoveredListing
from etsy_assets.catalog.schema import discovered_listing, listing_batch


class UnknownBatch(LookupError):
    """A batch key that names no sealed batch."""


def batch_key(number: int) -> str:
    """42 -> "batch-000042"."""
    return f"batch-{number:06d}"


def batch_number(key: str) -> int:
    """ "batch-000042" -> 42. Raises UnknownBatch for a key of another form."""
    match = re.fullmatch(r"batch-(\d{6,})", key)
    if match is None or batch_key(int(match[1])) != key:
        raise UnknownBatch(f"{key!r} is not a batch key: they look like batch-000042.")
    return int(match[1])


def stored_batch_number(connection: Connection, key: str) -> int:
    """The number of a batch that exists. Raises UnknownBatch, so that a mistyped key is never an empty batch."""
    number = batch_number(key)
    if connection.execute(sa.select(listing_batch.c.number).where(listing_batch.c.number == number)).first() is None:
        raise UnknownBatch(f"There is no batch {key} in the catalog.")
    return number


class BatchQueries(Database):
    def record_discovered(self, listings: Iterable[DiscoveredListing], now: datetime) -> int:
        """Stores the listings and says how many were new; of a known one only what changed and last_seen is updated.

        What was purged is passed over.
        """
        with self._read() as connection:
            listings = without_purged(connection, list(listings))
        rows = {
            each.listing_id: {
                "listing_id": each.listing_id,
                "shop_id": each.shop_id,
                "taxonomy_id": each.taxonomy_id,
                "created_timestamp": each.created_timestamp,
                "updated_timestamp": each.updated_timestamp,
                "first_seen": now,
                "last_seen": now,
            }
            for each in listings
        }
        table = discovered_listing
        optional = ("shop_id", "taxonomy_id", "created_timestamp", "updated_timestamp")
        with self._write(alone=True) as connection:
            known = _known(connection, rows)
            upsert(
                connection,
                table,
                rows.values(),
                only_when_new=("first_seen",),
                changes=lambda new: {name: sa.func.coalesce(new[name], table.c[name]) for name in optional},
            )
        return len(rows) - len(known)

    def discovered_ids(self) -> set[int]:
        with self._read() as connection:
            return set(connection.execute(sa.select(discovered_listing.c.listing_id)).scalars())

    def is_known(self, listing_ids: Iterable[int]) -> set[int]:
        """Those of the ids that were discovered before."""
        with self._read() as connection:
            return _known(connection, listing_ids)

    def unbatched_count(self) -> int:
        with self._read() as connection:
            return connection.execute(
                sa.select(sa.func.count()).where(discovered_listing.c.batch_number.is_(None))
            ).scalar_one()

    def seal_batches(self, size: int, wait: timedelta, now: datetime) -> list[str]:
        """Puts unbatched listings, oldest first, into batches of `size`; the keys of the new batches, in order.

        A partial batch is sealed only when its oldest listing was discovered `wait` ago or earlier.
        """
        if size < 1:
            raise ValueError(f"A batch of {size} listings can't be sealed: give a size of at least 1.")
        table = discovered_listing
        with self._write(alone=True) as connection:
            order = (table.c.first_seen, table.c.listing_id)
            unbatched = sa.select(table.c.first_seen).where(table.c.batch_number.is_(None)).order_by(*order)
            waiting = connection.execute(sa.select(sa.func.count()).select_from(unbatched.subquery())).scalar_one()
            sealed = waiting - waiting % size
            if sealed < waiting and connection.execute(unbatched.offset(sealed).limit(1)).scalar_one() + wait <= now:
                sealed = waiting
            if not sealed:
                return []
            highest = connection.execute(sa.select(sa.func.max(listing_batch.c.number))).scalar_one_or_none()
            first = 0 if highest is None else highest + 1
            numbers = range(first, first + -(-sealed // size))
            connection.execute(
                sa.insert(listing_batch),
                [{"number": number, "key": batch_key(number), "sealed_at": now} for number in numbers],
            )
            place = (sa.func.row_number().over(order_by=order) - 1).label("place")
            queue = sa.select(table.c.listing_id, place).where(table.c.batch_number.is_(None)).subquery("queue")
            connection.execute(
                sa.update(table)
                .where(table.c.listing_id == queue.c.listing_id, queue.c.place < sealed)
                .values(batch_number=first + queue.c.place // size)
            )
        return [batch_key(number) for number in numbers]

    def batch_keys(self, include_retired: bool = False) -> list[str]:
        """The keys of the sealed batches, oldest first."""
        query = sa.select(listing_batch.c.key).order_by(listing_batch.c.number)
        if not include_retired:
            query = query.where(listing_batch.c.retired_at.is_(None))
        with self._read() as connection:
            return list(connection.execute(query).scalars())

    def batch_listing_ids(self, key: str) -> list[int]:
        """The ids of the batch's listings, ascending. Raises UnknownBatch."""
        table = discovered_listing
        with self._read() as connection:
            number = stored_batch_number(connection, key)
            query = sa.select(table.c.listing_id).where(table.c.batch_number == number).order_by(table.c.listing_id)
            return list(connection.execute(query).scalars())

    def retire_batch(self, key: str, reason: str, now: datetime | None = None) -> None:
        """Takes a batch out of batch_keys(); its listings and images stay. Raises UnknownBatch."""
        with self._write() as connection:
            number = stored_batch_number(connection, key)
            connection.execute(
                sa.update(listing_batch)
                .where(listing_batch.c.number == number, listing_batch.c.retired_at.is_(None))
                .values(retired_at=now or datetime.now(UTC), retired_reason=reason)
            )

    @staticmethod
    def batch_number(key: str) -> int:
        """ "batch-000042" -> 42. Raises UnknownBatch for a key of another form."""
        return batch_number(key)


def _known(connection: Connection, listing_ids: Iterable[int]) -> set[int]:
    found: set[int] = set()
    for ids in chunks(listing_ids):
        query = sa.select(discovered_listing.c.listing_id).where(discovered_listing.c.listing_id.in_(ids))
        found.update(connection.execute(query).scalars())
    return found
