"""Reading a batch's listings, the first time or again: one call for all, and one for each that the answer lacks."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from etsy_assets.catalog.catalog import Catalog
from etsy_assets.catalog.records import ListingRecord
from etsy_assets.etsy.client import EtsyClient


@dataclass(frozen=True, slots=True)
class BatchReport:
    """read: listings that Etsy has. gone: confirmed in this reading. returned: tombstones that were lifted.

    images: of the batch, to be had. unaccounted: listings of the batch that the catalog has no row of afterwards.
    """

    read: int
    gone: int
    returned: int
    images: int
    content_version: int
    unaccounted: frozenset[int]


def read_batch(catalog: Catalog, client: EtsyClient, batch: str, now: datetime) -> BatchReport:
    """Stores the batch's listings as Etsy has them now, and buries those that it has no longer.

    Raises UnknownBatch, and what the client raises: then nothing of the batch is changed.
    """
    ids = catalog.batch_listing_ids(batch)
    buried = {listing_id for listing_id, is_gone in catalog.listings_gone(batch).items() if is_gone}
    records, missing = read_listings(client, ids, buried)
    catalog.upsert_listings(records)
    catalog.mark_gone(missing, now)
    catalog.record_read(batch, now)
    stored = catalog.listings_gone(batch)
    return BatchReport(
        read=len(records),
        gone=len(missing),
        returned=sum(not stored.get(listing_id, True) for listing_id in buried),
        images=len(catalog.images(batch)),
        content_version=catalog.batch_content(batch).content_version,
        unaccounted=frozenset(set(ids) - stored.keys()),
    )


def read_listings(
    client: EtsyClient, ids: Collection[int], buried: Collection[int] = ()
) -> tuple[list[ListingRecord], list[int]]:
    """The listings' records, and the ids of those that are gone.

    The batch call leaves out what it does not have, and sometimes more; each that is missing is asked for by itself
    before it counts as gone. buried: those that are gone already; when one is renewed, the batch call has it again.
    """
    records = client.listings(ids)
    missing = []
    for listing_id in sorted(set(ids) - {record.listing_id for record in records} - set(buried)):
        record = client.listing(listing_id)
        if record is None:
            missing.append(listing_id)
        else:
            records.append(record)
    return records, missing
