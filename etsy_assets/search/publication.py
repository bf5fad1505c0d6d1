"""Which version of each segment can be published now, and which encoders the corpus must go on having."""

from collections.abc import Collection, Iterable

from etsy_assets.errors import CorruptArtifact
from etsy_assets.search.rows import latest_rows
from etsy_assets.search.segments import built_segment
from etsy_assets.search.snapshots import Snapshot, current_snapshot
from etsy_assets.storage import Home


def publishable_segments(
    home: Home, segments: Iterable[str], encoders: Collection[str], text_encoders: Collection[str]
) -> tuple[dict[str, str], dict[str, str]]:
    """{segment: version} to publish, and {segment: reason} of those whose newest version can't be.

    A segment whose newest rows are not wholly indexed stays as the current snapshot has it, so that it holds up nobody.
    """
    chosen, waiting = {}, {}
    published = published_versions_of_segments(home)
    for segment in sorted(segments):
        rows = latest_rows(home, segment)
        missing = (
            ["segment_rows"] if rows is None else missing_indexes(home, segment, rows.version, encoders, text_encoders)
        )
        if rows is not None and not missing:
            chosen[segment] = rows.version
            continue
        waiting[segment] = f"materialize {', '.join(missing)} for {segment}"
        if segment in published:
            chosen[segment] = published[segment]
    return chosen, waiting


def required_encoders(
    snapshot: Snapshot | None, encoders: Collection[str], text_encoders: Collection[str]
) -> tuple[list[str], list[str]]:
    """Those encoders, and text encoders, without which nothing may be published: what the snapshot has.

    One that it does not have is still being added, and must not keep anything from being searched. All are required
    before the first snapshot, and when it has none of them.
    """
    images = [name for name in encoders if snapshot and name in snapshot.encoders]
    texts = [name for name in text_encoders if snapshot and name in snapshot.text_encoders]
    return (images, texts) if images else (list(encoders), list(text_encoders))


def missing_indexes(
    home: Home, segment: str, version: str, encoders: Collection[str], text_encoders: Collection[str]
) -> list[str]:
    """The index assets that a version of a segment lacks."""
    built = built_segment(home, segment, version)
    return [
        *(f"index/{name}" for name in encoders if name not in built.indexes),
        *(f"text_index/{name}" for name in text_encoders if name not in built.text_indexes),
    ]


def published_versions_of_segments(home: Home) -> dict[str, str]:
    """{segment: version} of the current snapshot; empty before the first, or when it can't be read."""
    try:
        snapshot = current_snapshot(home)
    except CorruptArtifact:
        return {}
    return snapshot.segment_versions if snapshot else {}
