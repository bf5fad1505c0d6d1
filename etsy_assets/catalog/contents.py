"""Which batches have other pictures or texts than those that their vectors were made from.

A batch's content version counts up when a reading of its listings finds something to be made anew. The stages write
down which version they have worked from, so what is behind is known from what is there, whatever run made it so.
"""

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any, Literal

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from etsy_assets.catalog.batches import stored_batch_number
from etsy_assets.catalog.database import Database, chunks
from etsy_assets.catalog.records import BatchContent, ListingRecord
from etsy_assets.catalog.schema import discovered_listing, listing_batch

Stage = Literal["images", "embedded", "texts"]


class ContentQueries(Database):
    def batch_content(self, key: str) -> BatchContent:
        """What the batch has, and what its stages have made of it. Raises UnknownBatch."""
        table = listing_batch
        with self._read() as connection:
            number = stored_batch_number(connection, key)
            row = connection.execute(
                sa.select(
                    table.c.content_version, table.c.images_version, table.c.embedded_version, table.c.texts_version
                ).where(table.c.number == number)
            ).one()
        return BatchContent(*row)

    def record_made(self, key: str, stage: Stage, version: int) -> None:
        """A stage of the batch was made from this content version. Raises UnknownBatch."""
        with self._write() as connection:
            number = stored_batch_number(connection, key)
            connection.execute(
                sa.update(listing_batch).where(listing_batch.c.number == number).values({f"{stage}_version": version})
            )

    def outdated_batches(self) -> dict[str, int]:
        """{key: content version} of those whose vectors were made from an earlier version, oldest batch first."""
        table = listing_batch
        made = sa.case(
            (table.c.embedded_version < table.c.texts_version, table.c.embedded_version), else_=table.c.texts_version
        )
        query = (
            sa.select(table.c.key, table.c.content_version)
            .where(table.c.retired_at.is_(None), table.c.content_version > made)
            .order_by(table.c.number)
        )
        with self._read() as connection:
            return {row.key: row.content_version for row in connection.execute(query)}

    def record_read(self, key: str, now: datetime) -> None:
        """All of the batch's listings were read. Raises UnknownBatch."""
        with self._write() as connection:
            number = stored_batch_number(connection, key)
            connection.execute(sa.update(listing_batch).where(listing_batch.c.number == number).values(read_at=now))

    def batches_to_refresh(self, age: timedelta, now: datetime) -> list[str]:
        """Those that were read longer ago than `age`, the longest first. One that was never read is left to ingest."""
        table = listing_batch
        query = (
            sa.select(table.c.key)
            .where(table.c.retired_at.is_(None), table.c.read_at < now - age)
            .order_by(table.c.read_at, table.c.number)
        )
        with self._read() as connection:
            return list(connection.execute(query).scalars())


def is_to_be_made_again(before: Any | None, record: ListingRecord) -> bool:
    """Whether the listing's text is another one, or it is back: then what was made of it may be gone.

    before: its stored row, None for a new one, whose pictures and text are all to be made.
    """
    if before is None:
        return True
    is_back = before.gone_at is not None and record.is_on_show is True
    return is_back or before.title != record.title or tuple(before.materials) != record.materials


def advance_contents(connection: Connection, listing_ids: Collection[int]) -> None:
    """Counts up the content version of the listings' batches."""
    numbers: set[int] = set()
    for ids in chunks(sorted(listing_ids)):
        query = sa.select(discovered_listing.c.batch_number).where(discovered_listing.c.listing_id.in_(ids)).distinct()
        numbers.update(number for number in connection.execute(query).scalars() if number is not None)
    for some in chunks(sorted(numbers)):
        connection.execute(
            sa.update(listing_batch)
            .where(listing_batch.c.number.in_(some))
            .values(content_version=listing_batch.c.content_version + 1)
        )
