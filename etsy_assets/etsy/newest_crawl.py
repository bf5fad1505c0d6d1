"""Reading the newest listings back to where the last reading began, so that nothing between the two is missed."""

from dataclasses import dataclass
from datetime import UTC, datetime

from etsy_assets.catalog.catalog import Catalog
from etsy_assets.etsy.client import EtsyClient
from etsy_assets.etsy.slice_crawl import PAGE_SIZE

# Each page begins with the last listing of the one before, or one was taken away and the rest moved up unread.
_STEP = PAGE_SIZE - 1
_REACHED = "newest_listings/reached"


@dataclass(frozen=True, slots=True)
class NewestReport:
    """pages: calls. seen: listings in them. new: never seen before. joined: whether nothing lies between this reading
    and the last; if not, missing is the time (created_timestamp, from and to) of which listings may be missing.
    """

    pages: int
    seen: int
    new: int
    missing: tuple[int, int] | None = None

    @property
    def joined(self) -> bool:
        return self.missing is None


def read_newest(
    catalog: Catalog, client: EtsyClient, node: int, max_pages: int, whole_reach: bool = False
) -> NewestReport:
    """Records the newest listings below the node, page by page, back to the newest one of the last reading that ended.

    A reading that breaks off keeps what it has found, and the next goes back just as far: known listings are no reason
    to stop before that. whole_reach: reads max_pages, or to the end. Raises what the client raises.
    """
    reached: int | None = catalog.crawl_state(_REACHED)
    newest, oldest, before = None, None, set[int]()
    offset = pages = new = 0
    seen: set[int] = set()
    joined = False
    while pages < max_pages and not joined:
        page = client.active_listings(PAGE_SIZE, offset, taxonomy_id=node, sort_on="created", sort_order="desc")
        pages += 1
        new += catalog.record_discovered(page.listings, datetime.now(UTC))
        ids = [listing.listing_id for listing in page.listings]
        seen.update(ids)
        stamps = [listing.created_timestamp for listing in page.listings if listing.created_timestamp is not None]
        newest, oldest = max([*stamps, newest or 0]) or None, min([*stamps, oldest or 2**62])
        if offset and (not ids or ids[0] not in before):
            offset = max(offset - _STEP, 0)
            continue
        at_its_end = page.length < PAGE_SIZE or offset + page.length >= page.count
        # Of the second in which the last reading began, some may have come later.
        joined = at_its_end or (not whole_reach and reached is not None and bool(stamps) and min(stamps) < reached)
        before, offset = set(ids), offset + _STEP
    if newest is not None:
        catalog.set_crawl_state(_REACHED, newest)
    missing = None
    # Before the first whole reading there is nothing to join on to.
    if not joined and reached is not None and oldest is not None and oldest >= reached:
        missing = (reached, oldest)
    return NewestReport(pages, len(seen), new, missing)
