"""What listings were before: price, quantity, favourites, views, state; a row for each reading that found a change."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from etsy_assets.catalog.database import Columns, Database, chunks, upsert
from etsy_assets.catalog.records import ListingMoment, ListingRecord
from etsy_assets.catalog.schema import listing, listing_history

TOLD = ("state", "price_amount", "price_divisor", "currency_code", "quantity", "num_favorers", "views")


class HistoryQueries(Database):
    def listing_history(self, listing_id: int) -> list[ListingMoment]:
        """What the listing was over time, oldest first; each moment holds until the next."""
        query = (
            sa.select(listing_history)
            .where(listing_history.c.listing_id == listing_id)
            .order_by(listing_history.c.seen_at)
        )
        with self._read() as connection:
            return [ListingMoment(**row) for row in connection.execute(query).mappings()]


def stored_states(connection: Connection, listing_ids: Iterable[int]) -> dict[int, Any]:
    """The listings' rows as they are before a reading is stored; gone ones too."""
    columns = [listing.c[name] for name in ("listing_id", "title", "materials", "gone_at", *TOLD)]
    found: dict[int, Any] = {}
    for ids in chunks(listing_ids):
        rows = connection.execute(sa.select(*columns).where(listing.c.listing_id.in_(ids)))
        found.update({row.listing_id: row for row in rows})
    return found


def write_history(connection: Connection, before: Mapping[int, Any], records: Sequence[ListingRecord]) -> None:
    """before: as stored_states gives it."""
    rows = []
    for record in records:
        told = {name: getattr(record, name) for name in TOLD}
        stored = before.get(record.listing_id)
        if stored is None or any(getattr(stored, name) != value for name, value in told.items()):
            rows.append({"listing_id": record.listing_id, "seen_at": record.fetched_at} | told)
    upsert(connection, listing_history, rows)


def write_endings(connection: Connection, listing_ids: Iterable[int], state: str, now: datetime) -> None:
    """Of listings that Etsy no longer has: as they were last, in another state."""
    before = stored_states(connection, listing_ids)
    rows: list[Columns] = [
        {name: getattr(stored, name) for name in TOLD} | {"listing_id": listing_id, "seen_at": now, "state": state}
        for listing_id, stored in before.items()
        if stored.state != state
    ]
    upsert(connection, listing_history, rows)
