"""Reading one slice of the search to its end, so that nothing that stays up is missed while the search moves.

Pages come oldest first: what is added or renewed meanwhile goes to the end, where it is still to be read. What is taken
away moves all behind it up, past the reader; so each page begins with the last listing of the page before, and where it
does not, the reader steps back.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol

from etsy_assets.catalog.records import DiscoveredListing
from etsy_assets.etsy.client import ActivePage
from etsy_assets.etsy.crawl_planning import CrawlSlice
from etsy_assets.etsy.faults import PageAnomaly

PAGE_SIZE = 100
_STEP = PAGE_SIZE - 1
# The last offset that Etsy answers (etsy/open-api#344).
LAST_OFFSET = 12_000
# Pages that are remembered, to tell where a step back has led.
_REMEMBERED = 2


class SliceOutgrown(Exception):
    """More listings than can be paged to; it must be parted. count: how many it has now."""

    def __init__(self, slice_: CrawlSlice, count: int) -> None:
        super().__init__(f"{slice_.key} has {count:,} listings by now: more than can be paged to")
        self.slice = slice_
        self.count = count


@dataclass(frozen=True, slots=True)
class SliceCursor:
    """How far a slice is read.

    offset: of the next page. newest_first: whether it is read from the other end by now. recent: ids of the last pages.
    calls: made so far. count: the listings it had at the last page. complete: its end was reached, and seen to be one.
    unreachable: listings in its middle that neither end leads to.
    """

    offset: int = 0
    newest_first: bool = False
    recent: tuple[int, ...] = ()
    calls: int = 0
    count: int = 0
    complete: bool = False
    unreachable: int = 0


class ActiveSearch(Protocol):
    """What is needed of EtsyClient."""

    def active_listings(
        self,
        limit: int,
        offset: int,
        *,
        taxonomy_id: int | None,
        sort_on: str | None,
        sort_order: str | None,
        min_price: float | None,
        max_price: float | None,
    ) -> ActivePage: ...


def crawl_slice(
    client: ActiveSearch,
    slice_: CrawlSlice,
    cursor: SliceCursor,
    on_page: Callable[[list[DiscoveredListing], SliceCursor], None],
    can_be_parted: bool = True,
) -> SliceCursor:
    """Reads on from the cursor to the end of the slice. on_page: gets each page's listings, and the cursor after it.

    can_be_parted False: more than can be paged to is read from both ends.
    Raises SliceOutgrown, PageAnomaly when the order of the pages changes by itself, and what the client raises.
    """
    while not cursor.complete:
        page = client.active_listings(
            PAGE_SIZE,
            cursor.offset,
            sort_on="created",
            sort_order="desc" if cursor.newest_first else "asc",
            **slice_.parameters,
        )
        if can_be_parted and page.count > LAST_OFFSET:
            raise SliceOutgrown(slice_, page.count)
        cursor = _after(page, replace(cursor, calls=cursor.calls + 1, count=page.count))
        _refuse_disorder(slice_, cursor)
        on_page(page.listings, cursor)
    return cursor


def _after(page: ActivePage, cursor: SliceCursor) -> SliceCursor:
    ids = tuple(listing.listing_id for listing in page.listings)
    # A page of nothing, too: so many are gone that the search ends before it, and what is unread has moved up.
    if cursor.offset and (not ids or ids[0] not in cursor.recent):
        return replace(cursor, offset=max(cursor.offset - _STEP, 0))
    recent = (*cursor.recent, *ids)[-_REMEMBERED * PAGE_SIZE :]
    if page.length < PAGE_SIZE or cursor.offset + page.length >= page.count:
        return replace(cursor, complete=True, recent=())
    if cursor.newest_first and cursor.offset + LAST_OFFSET >= page.count:
        # Both ends have met: this page is one that the first reading had.
        return replace(cursor, complete=True, recent=())
    following = cursor.offset + _STEP
    if following <= LAST_OFFSET:
        return replace(cursor, offset=following, recent=recent)
    if cursor.newest_first:
        return replace(cursor, complete=True, recent=(), unreachable=page.count - 2 * LAST_OFFSET)
    return replace(cursor, offset=0, newest_first=True, recent=())


def _refuse_disorder(slice_: CrawlSlice, cursor: SliceCursor) -> None:
    """A search that is in another order each time would have the reader step back for ever."""
    if cursor.calls > 3 * (cursor.count // _STEP + 10):
        raise PageAnomaly(f"{slice_.key}: {cursor.calls} pages of {cursor.count} listings, and they don't join up.")
