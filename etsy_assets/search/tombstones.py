"""Dead rows: images that are no longer to be had but stand in a published segment, whose files never change.

Publishing writes down their row numbers beside the segment. Searches pass them over, and no index is built again; that
is left to compaction, once there are many.
"""

import hashlib
from collections.abc import Collection, Mapping, Set
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from etsy_assets.catalog.records import Tombstones
from etsy_assets.errors import CorruptArtifact
from etsy_assets.search.rows import SegmentRows, read_rows
from etsy_assets.search.segments import DEAD_ROWS_ASSET, DeadRows, Segment
from etsy_assets.search.stored_files import store_by_content
from etsy_assets.storage import Home

Ids = npt.NDArray[np.int64]
ImageKeys = Set[tuple[int, int]]


def bury(
    home: Home, segments: Collection[Segment], published: Collection[Segment], dead: Tombstones | None
) -> tuple[tuple[Segment, ...], tuple[str, ...]]:
    """The segments with the rows of dead images written down beside them, as far as that is news.

    published: the segments of the current corpus. dead: None leaves their dead rows as they are. Also returns one
    sentence for each published segment that stays as it was, because its rows can't be read. Raises CorruptArtifact
    when those of another segment can't be.
    """
    known = {(segment.name, segment.rows.version): segment for segment in published}
    found: list[Segment] = []
    unread: list[str] = []
    for segment in segments:
        before = known.get((segment.name, segment.rows.version))
        as_it_was = segment.model_copy(update={"dead": before.dead if before else None})
        try:
            found.append(_with_dead_rows(home, as_it_was, dead.images) if dead else as_it_was)
        except CorruptArtifact as error:
            if before is None:
                raise
            # Searchers have it open, and its damage must not keep the news of other segments from them.
            unread.append(str(error))
            found.append(as_it_was)
    return tuple(found), tuple(unread)


def read_dead_rows(home: Home, segment: Segment) -> Ids:
    """The row numbers of the segment's dead images, ascending. Raises CorruptArtifact naming a file that is damaged."""
    if segment.dead is None:
        return np.empty(0, dtype=np.int64)
    path = segment.folder(home) / segment.dead.file
    if problem := segment.dead.stamp.problem(path):
        raise CorruptArtifact(f"{problem}: materialize {DEAD_ROWS_ASSET} to write it again.")
    rows = pq.read_table(path, columns=["row"])["row"].to_numpy()
    if rows.size and rows[-1] >= segment.rows.rows:
        raise CorruptArtifact(
            f"{path} names row {rows[-1]}, and {segment.name} has {segment.rows.rows}: materialize {DEAD_ROWS_ASSET} "
            "to write it again."
        )
    return np.asarray(rows, dtype=np.int64)


def wholly_dead(listing_ids: Ids, listings: Ids, dead: Ids) -> Ids:
    """The places in `listings` of those whose every image is dead. listing_ids: (rows,); dead: row numbers."""
    living = np.delete(listing_ids, dead)
    return np.flatnonzero(~np.isin(listings, living))


def _with_dead_rows(home: Home, segment: Segment, dead: Mapping[str, ImageKeys]) -> Segment:
    """Reads the segment's rows only when other images are dead than before, or what was written down is damaged."""
    wanted = sorted(key for batch in segment.rows.batches for key in dead.get(batch, ()))
    if not wanted:
        return segment.model_copy(update={"dead": None})
    tombstones = hashlib.sha256(repr(wanted).encode()).hexdigest()[:12]
    before, folder = segment.dead, segment.folder(home)
    if before and before.tombstones == tombstones and before.stamp.problem(folder / before.file) is None:
        return segment
    found = _write(folder, read_rows(home, segment.rows), set(wanted), tombstones)
    return segment.model_copy(update={"dead": found})


def _write(folder: Path, rows: SegmentRows, wanted: ImageKeys, tombstones: str) -> DeadRows:
    keys = zip(rows.listing_ids.tolist(), rows.image_ids.tolist(), strict=True)
    dead = np.array([row for row, key in enumerate(keys) if key in wanted], dtype=np.int64)
    table = pa.table({"row": dead, "listing_id": rows.listing_ids[dead], "image_id": rows.image_ids[dead]})
    stored = store_by_content(folder, "dead", "parquet", lambda path: pq.write_table(table, path, compression="zstd"))
    return DeadRows(
        file=stored.path.name,
        rows=len(dead),
        listings=len(wholly_dead(rows.listing_ids, rows.listings, dead)),
        tombstones=tombstones,
        stamp=stored.stamp,
    )
