"""Reading a slice while the search moves: what stays up is found, and an end is an end only when it was seen."""

from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from etsy_assets.catalog.records import DiscoveredListing
from etsy_assets.etsy.client import ActivePage
from etsy_assets.etsy.crawl_planning import CrawlSlice
from etsy_assets.etsy.faults import PageAnomaly
from etsy_assets.etsy.slice_crawl import LAST_OFFSET, SliceCursor, SliceOutgrown, crawl_slice

SLICE = CrawlSlice(967, 12_505, 99_005)


@dataclass
class Search:
    """Ids, oldest first. changes: what happens before each answer: add, or renew or remove what stands at a place."""

    ids: list[int]
    changes: list[tuple[str, int]] = field(default_factory=list)
    asked: list[dict[str, Any]] = field(default_factory=list)
    removed: set[int] = field(default_factory=set)

    def active_listings(self, limit: int, offset: int, **asked: Any) -> ActivePage:
        self.asked.append({"offset": offset, **asked})
        if self.changes:
            self._change(*self.changes.pop())
        ids = self.ids if asked["sort_order"] == "asc" else self.ids[::-1]
        page = ids[offset : offset + limit]
        return ActivePage(len(ids), len(page), [DiscoveredListing(id_, None, None, None, None) for id_ in page])

    def _change(self, kind: str, place: int) -> None:
        if kind == "add":
            self.ids.append(max(self.ids, default=0) + 10**6)
        elif self.ids:
            id_ = self.ids.pop(place % len(self.ids))
            if kind == "renew":
                self.ids.append(id_)
            else:
                self.removed.add(id_)


def read(search: Search, cursor: SliceCursor | None = None, **options: Any) -> tuple[set[int], SliceCursor]:
    found: set[int] = set()

    def keep(page: list[DiscoveredListing], _: SliceCursor) -> None:
        found.update(listing.listing_id for listing in page)

    return found, crawl_slice(search, SLICE, cursor or SliceCursor(), keep, **options)


@pytest.mark.parametrize("count", [0, 1, 99, 100, 101, 198, 199, 200, 1234])
def test_a_search_that_stands_still_is_read_once(count):
    search = Search(list(range(count)))
    found, end = read(search)
    assert found == set(range(count))
    assert (end.complete, end.count) == (True, count)
    assert end.calls == len(search.asked) <= count / 99 + 1
    assert search.asked[0] == {
        "offset": 0,
        "taxonomy_id": 967,
        "min_price": 12.505,
        "max_price": 99.005,
        "sort_on": "created",
        "sort_order": "asc",
    }


CHANGES = st.lists(
    st.tuples(st.sampled_from(["add", "renew", "remove"]), st.integers(0, 2000)) | st.just(("add", 0)), max_size=40
)


@settings(deadline=None)
@given(st.integers(150, 1500), CHANGES)
def test_whatever_changes_meanwhile_what_stays_up_is_found(count, changes):
    search = Search(list(range(count)), changes)
    found, end = read(search)
    assert end.complete
    assert set(range(count)) - search.removed <= found


@pytest.mark.parametrize(("count", "gone"), [(2000, slice(100, 640)), (1000, slice(0, 300)), (1000, slice(0, 790))])
def test_many_that_are_taken_away_while_the_crawl_pauses_hide_nothing(count, gone):
    search = Search(list(range(count)))
    cursors: list[SliceCursor] = []
    found: set[int] = set()

    def keep(page: list[DiscoveredListing], cursor: SliceCursor) -> None:
        found.update(listing.listing_id for listing in page)
        cursors.append(cursor)
        if len(cursors) == 8:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        crawl_slice(search, SLICE, SliceCursor(), keep)
    del search.ids[gone]
    again, end = read(search, cursors[-1])
    assert end.complete
    assert set(search.ids) <= found | again


def test_a_slice_that_has_outgrown_what_can_be_paged_to_says_how_many_it_has():
    with pytest.raises(SliceOutgrown) as outgrown:
        read(Search(list(range(LAST_OFFSET + 1))))
    assert (outgrown.value.slice, outgrown.value.count) == (SLICE, LAST_OFFSET + 1)


@pytest.mark.parametrize("count", [12_050, 12_101, 15_000, 24_000])
def test_one_that_cannot_be_parted_is_read_from_both_ends(count):
    search = Search(list(range(count)))
    found, end = read(search, can_be_parted=False)
    assert len(found) == count
    assert (end.complete, end.unreachable) == (True, 0)
    assert max(asked["offset"] for asked in search.asked) <= LAST_OFFSET


def test_what_neither_end_leads_to_is_counted():
    found, end = read(Search(list(range(30_000))), can_be_parted=False)
    assert end.complete
    assert 0 < 30_000 - len(found) <= end.unreachable


def test_pages_in_another_order_each_time_are_no_slice_that_was_read():
    class Shuffled(Search):
        def active_listings(self, limit: int, offset: int, **asked: Any) -> ActivePage:
            self.ids = self.ids[limit + 1 :] + self.ids[: limit + 1]
            return super().active_listings(limit, offset, **asked)

    with pytest.raises(PageAnomaly, match="don't join up"):
        read(Shuffled(list(range(1000))))


def test_a_page_with_unusable_items_is_not_the_last():
    class Spoiled(Search):
        def active_listings(self, limit: int, offset: int, **asked: Any) -> ActivePage:
            page = super().active_listings(limit, offset, **asked)
            return ActivePage(page.count, page.length, [each for each in page.listings if each.listing_id != 50])

    found, _ = read(Spoiled(list(range(300))))
    assert found == set(range(300)) - {50}
