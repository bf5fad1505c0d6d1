"""What is no longer to be had: listings gone from Etsy, images that their sellers removed, batches that were retired.

Nothing is deleted. The published corpus leaves such images out from its next snapshot on.
"""

from collections import defaultdict
from datetime import UTC

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from etsy_assets.catalog.database import Database
from etsy_assets.catalog.records import Tombstones
from etsy_assets.catalog.schema import discovered_listing, image, listing, listing_batch

_KINDS = {
    "listings gone": listing.c.gone_at,
    "images removed": image.c.removed_at,
    "batches retired": listing_batch.c.retired_at,
}


class TombstoneQueries(Database):
    def tombstone_mark(self) -> str:
        """Tombstones.mark alone. It is read from indexes that hold tombstones only, so a sensor may ask at every tick.

        A tombstone that is set is later than those before it, and one that is lifted makes them fewer.
        """
        with self._read() as connection:
            return _mark(connection)

    def tombstones(self) -> Tombstones:
        """Every tombstone of a sealed batch, and the mark that stood for them at that moment."""
        # One query each, for a condition over three tables would read all of them.
        keys = sa.select(listing_batch.c.key, image.c.listing_id, image.c.image_id).select_from(
            image.join(discovered_listing, discovered_listing.c.listing_id == image.c.listing_id).join(
                listing_batch, listing_batch.c.number == discovered_listing.c.batch_number
            )
        )
        gone = keys.join(listing, listing.c.listing_id == image.c.listing_id).where(listing.c.gone_at.is_not(None))
        removed = keys.where(image.c.removed_at.is_not(None))
        retired = keys.where(listing_batch.c.retired_at.is_not(None))
        found: dict[str, set[tuple[int, int]]] = defaultdict(set)
        with self._read() as connection:
            mark = _mark(connection)
            for query in (gone, removed, retired):
                for key, listing_id, image_id in connection.execute(query):
                    found[key].add((listing_id, image_id))
        return Tombstones(mark, {key: frozenset(images) for key, images in found.items()})


def _mark(connection: Connection) -> str:
    parts = []
    for kind, moment in _KINDS.items():
        query = sa.select(sa.func.count(), sa.func.max(moment, type_=moment.type)).where(moment.is_not(None))
        count, newest = connection.execute(query).one()
        if count:
            parts.append(f"{count} {kind} until {newest.astimezone(UTC).isoformat()}")
    return ", ".join(parts)
