"""One purge: what must not be kept leaves the files, then the catalog; what is still published is named."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from etsy_assets.catalog.catalog import Catalog
from etsy_assets.purging.batch_files import purge_batch
from etsy_assets.purging.proof import Trace, traces
from etsy_assets.search.collection import collect
from etsy_assets.search.snapshots import readable_current
from etsy_assets.storage import Home

# Of listings that were purged: those that some file may still hold, until a later purge has proven otherwise.
_UNPROVEN = "purge/unproven"


@dataclass(frozen=True, slots=True)
class PurgeReport:
    """listings: purged in this run. batches: whose files were written again. rows: of the catalog, by table.

    artifacts: pictures and vectors. reports: of searches. traces: what still holds one of them, by place.
    """

    listings: int
    batches: tuple[str, ...]
    rows: dict[str, int]
    artifacts: int
    reports: int
    traces: dict[str, list[Trace]] = field(default_factory=dict)


def purge(
    catalog: Catalog,
    home: Home,
    storage_age: timedelta,
    now: datetime,
    on_batch: Callable[[str, int], None] = lambda batch, artifacts: None,
) -> PurgeReport:
    """Removes listings that were asked to go, those of shops that were, and what was read longer ago than storage_age.

    Files come before the catalog: one that is killed finds the same listings again. Segments are not changed here. A
    segment is built again without the listings and published; then the next purge deletes what was published before.
    on_batch: called for each batch that has any of them, with how many pictures and vectors went now.
    """
    older_than = now - storage_age
    doomed = catalog.listings_to_purge(older_than)
    unproven = set(catalog.crawl_state(_UNPROVEN) or [])
    if doomed - unproven:
        catalog.set_crawl_state(_UNPROVEN, sorted(doomed | unproven))
    artifacts, changed = 0, []
    for batch, listing_ids in sorted(catalog.batches_of(doomed).items()):
        gone = purge_batch(home, batch, listing_ids)
        if gone:
            changed.append(batch)
            artifacts += gone
        on_batch(batch, gone)
    rows = catalog.purge_rows(doomed, older_than)
    # What has been seen again since, in another crawl, is no longer a trace of what was purged.
    sought = (doomed | unproven) - catalog.is_known(doomed | unproven)
    reports = _purge_reports(home, sought, older_than)
    found: dict[str, list[Trace]] = {}
    for trace in traces(home, sought):
        found.setdefault(trace.place, []).append(trace)
    if set(found) == {"segments"} and not _in_current(home, found["segments"]):
        # Only what was published before: nobody searches it, and it may not be gone back to.
        collect(home, keep=1)
        found = {place: [trace for trace in held if trace.path.exists()] for place, held in found.items()}
        found = {place: held for place, held in found.items() if held}
    left = {each for held in found.values() for trace in held for each in trace.listing_ids}
    catalog.set_crawl_state(_UNPROVEN, sorted(left))
    return PurgeReport(len(doomed), tuple(changed), rows, artifacts, reports, found)


def _in_current(home: Home, held: list[Trace]) -> bool:
    current = readable_current(home)
    folders = {segment.folder(home) for segment in current.segments} if current else set()
    return any(trace.path.parent in folders for trace in held)


def _purge_reports(home: Home, listing_ids: set[int], older_than: datetime) -> int:
    """Deletes the reports of searches that are too old or show one of them: each holds pictures. Returns how many."""
    unwanted = {trace.path.parent for trace in traces(home, listing_ids) if trace.place == "queries"}
    for folder in (home.root / "queries").glob("*/"):
        if folder.stat().st_mtime < older_than.timestamp():
            unwanted.add(folder)
    for folder in unwanted:
        shutil.rmtree(folder)
    return len(unwanted)
