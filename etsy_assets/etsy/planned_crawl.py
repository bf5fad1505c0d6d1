"""Crawling all of furniture: planned once, read slice by slice, both kept in the catalog after every call."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from etsy_assets.catalog.catalog import Catalog
from etsy_assets.catalog.records import DiscoveredListing
from etsy_assets.etsy.client import EtsyClient
from etsy_assets.etsy.crawl_planning import CrawlPlan, CrawlSlice, PlanLimits, finish_plan
from etsy_assets.etsy.crawl_store import StoredPlan, forget_cursors, load_cursor, save_cursor
from etsy_assets.etsy.faults import PageAnomaly, RequestRefused
from etsy_assets.etsy.slice_crawl import SliceCursor, SliceOutgrown, crawl_slice


def plan_crawl(catalog: Catalog, client: EtsyClient, root: int, limits: PlanLimits) -> StoredPlan:
    """A new plan for all listings below the node `root`, or the one that was broken off, gone on with.

    Raises PageAnomaly when there is no listing, and what the client raises; what was planned until then is kept.
    """
    stored = StoredPlan.load(catalog)
    if stored is None or stored.is_finished:
        everything = CrawlSlice(root)
        found = listings_in(client, everything)
        if not found:
            raise PageAnomaly(f"Etsy counts no listing under taxonomy node {root}: an outage, since it has never none.")
        forget_cursors(catalog)
        stored = StoredPlan((stored.number if stored else 0) + 1, CrawlPlan(pending=[(everything, found)]))
        stored.save(catalog)
    finish_plan(
        stored.plan,
        lambda slice_: listings_in(client, slice_),
        children_of(catalog),
        limits,
        on_step=lambda _: stored.save(catalog),
    )
    stored.save(catalog)
    return stored


@dataclass(frozen=True, slots=True)
class SliceReport:
    """listings: in the slice at its end. new: never seen before, in this run. calls: of all runs.

    parts: slices that took over from this one. unreachable: listings that Etsy pages to from neither end.
    """

    listings: int
    new: int
    calls: int
    parts: int
    unreachable: int


def read_slice(catalog: Catalog, client: EtsyClient, key: str) -> SliceReport:
    """Records the listings of one slice of the current plan, from where an earlier reading broke off.

    A slice that has outgrown the plan is parted: its parts are new slices of the plan.
    Raises UnknownSlice, and what crawl_slice raises.
    """
    stored = StoredPlan.current(catalog)
    slice_, new, parts = stored.slice(key), 0, 0

    def keep(page: list[DiscoveredListing], cursor: SliceCursor) -> None:
        nonlocal new
        new += catalog.record_discovered(page, datetime.now(UTC))
        save_cursor(catalog, key, cursor)

    cursor = load_cursor(catalog, key)
    try:
        cursor = crawl_slice(client, slice_, cursor, keep, can_be_parted=not slice_.is_one_price)
    except SliceOutgrown as outgrown:
        grown = CrawlPlan(pending=[(slice_, outgrown.count)])
        finish_plan(grown, lambda part: listings_in(client, part), children_of(catalog), PlanLimits())
        parts = len(grown.planned)
        stored.plan.planned.update(grown.planned)
        stored.save(catalog)
        cursor = SliceCursor(count=outgrown.count, calls=cursor.calls, complete=True)
        save_cursor(catalog, key, cursor)
    return SliceReport(cursor.count, new, cursor.calls, parts, cursor.unreachable)


def listings_in(client: EtsyClient, slice_: CrawlSlice) -> int | None:
    """How many listings a slice has; None when Etsy refuses its node (seen of some leaves)."""
    try:
        return client.active_listings(1, 0, **slice_.parameters).count
    except RequestRefused:
        return None


def children_of(catalog: Catalog) -> Callable[[int], list[int]]:
    nodes = catalog.taxonomy()
    return lambda parent: [node.node_id for node in nodes if node.parent_id == parent]
