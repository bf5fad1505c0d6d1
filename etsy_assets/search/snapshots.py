"""Publishes the search corpus: an immutable snapshot file, and CURRENT, which names the one to search.

A snapshot is written whole before CURRENT is replaced, so whoever reads at any moment sees the old corpus or the new
one, and never a mixture.
"""

import hashlib
import logging
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from etsy_assets.catalog.records import Tombstones
from etsy_assets.errors import ConfigurationError, CorruptArtifact
from etsy_assets.search.counts import Counts
from etsy_assets.search.coverage import EncoderInfo, covering_encoders, refuse_shared_batches
from etsy_assets.search.manifests import Manifest
from etsy_assets.search.publish_lock import publishing
from etsy_assets.search.segments import Segment, built_segment
from etsy_assets.search.soundness import refuse_damage
from etsy_assets.search.tombstones import bury
from etsy_assets.storage import Home, write_text

log = logging.getLogger(__name__)

_REMEDY = "materialize search_snapshot to publish it again"


class Snapshot(Manifest):
    """One published version of the search corpus. `version` sorts by time and ends in a hash of the content.

    tombstones: the mark of those in the catalog when it was published.
    """

    version: str
    created_at: datetime
    counts: Counts
    encoders: dict[str, EncoderInfo]
    text_encoders: dict[str, EncoderInfo]
    segments: tuple[Segment, ...]
    tombstones: str = ""

    @property
    def batches(self) -> frozenset[str]:
        """The batch keys that the corpus covers."""
        return frozenset(batch for segment in self.segments for batch in segment.rows.batches)

    @property
    def segment_versions(self) -> dict[str, str]:
        return {segment.name: segment.rows.version for segment in self.segments}

    def place_of(self, row: int) -> tuple[Segment, int]:
        """The segment that a row of the corpus lies in, and its row there. Raises IndexError beyond the last row."""
        for segment in self.segments:
            if row < segment.rows.rows:
                return segment, row
            row -= segment.rows.rows
        raise IndexError(row)

    @property
    def dead_shares(self) -> dict[str, float]:
        """How much of each segment is no longer to be had, 0 to 1."""
        return {segment.name: segment.dead_share for segment in self.segments}

    @property
    def content_hash(self) -> str:
        """12 hexadecimal digits that say which corpus this is, whenever it was published."""
        # Without defaults, so that what a later version of this code adds leaves the hash of older snapshots as it was.
        content = self.model_dump_json(exclude={"version", "created_at"}, exclude_defaults=True)
        return hashlib.sha256(content.encode()).hexdigest()[:12]


@dataclass(frozen=True, slots=True)
class Published:
    """What came of publishing. previous: the snapshot before, which is `snapshot` itself where nothing was new.

    left_out: channels that are still being added, with what they lack. unread: one sentence for each segment of which
    the dead rows are as they were, because its rows can't be read.
    """

    snapshot: Snapshot
    previous: Snapshot | None
    left_out: Mapping[str, str]
    unread: tuple[str, ...]


def current_snapshot(home: Home) -> Snapshot | None:
    """The published snapshot, or None before the first. Raises CorruptArtifact naming the file that can't be read."""
    pointer = _pointer(home)
    if not pointer.exists():
        return None
    version = pointer.read_text(encoding="utf-8", errors="replace").strip()
    if not version or not _path(home, version).is_file():
        raise CorruptArtifact(f"{pointer} names the snapshot {version!r}, which does not exist: {_REMEDY}.")
    return read_snapshot(home, version)


def read_snapshot(home: Home, version: str) -> Snapshot:
    """Raises CorruptArtifact naming the file when it is missing, is no snapshot, or its content was changed."""
    path = _path(home, version)
    snapshot = Snapshot.read(path, _REMEDY)
    if snapshot.version != version or not version.endswith(f"-{snapshot.content_hash}"):
        raise CorruptArtifact(f"{path} is damaged (its content does not match its version): {_REMEDY}.")
    return snapshot


def published_versions(home: Home) -> tuple[str, ...]:
    """Every snapshot that is kept, oldest first."""
    return tuple(sorted(path.stem for path in home.snapshots.glob("*.json")))


def publish(
    home: Home,
    segments: Mapping[str, str],
    *,
    encoders: Collection[str] | None = None,
    text_encoders: Collection[str] | None = None,
    leave_out_incomplete: bool = False,
    dead: Tombstones | None = None,
) -> Snapshot:
    """Makes the given segment versions the corpus that is searched. Publishing the current content changes nothing.

    segments: {segment: version of its rows}. encoders, text_encoders: those to publish, by default all that were built
    for any of the segments. One that does not cover every segment is left out while it was never published, or if
    leave_out_incomplete; else it is refused with ConfigurationError. dead: what is no longer to be had, None = as the
    current snapshot has it. Raises CorruptArtifact when a file that is new to the corpus is damaged.
    """
    with publishing(home):
        return publish_alone(
            home,
            segments,
            encoders=encoders,
            text_encoders=text_encoders,
            leave_out_incomplete=leave_out_incomplete,
            dead=dead,
        ).snapshot


def publish_alone(
    home: Home,
    segments: Mapping[str, str],
    *,
    encoders: Collection[str] | None = None,
    text_encoders: Collection[str] | None = None,
    leave_out_incomplete: bool = False,
    dead: Tombstones | None = None,
) -> Published:
    """As publish, for whoever is inside `publishing` already."""
    built = [built_segment(home, name, version) for name, version in sorted(segments.items())]
    if not built:
        raise ConfigurationError("There is no segment to publish: materialize segment_rows and the indexes first.")
    refuse_shared_batches(built)
    current = readable_current(home)
    kept, kept_texts = (current.encoders, current.text_encoders) if current else (None, None)
    if leave_out_incomplete:
        kept, kept_texts = {}, {}
    images = covering_encoders({each.name: each.indexes for each in built}, "", encoders, required=kept)
    texts = covering_encoders(
        {each.name: each.text_indexes for each in built}, "text_", text_encoders, required=kept_texts
    )
    if not images.encoders:
        raise ConfigurationError(
            "No encoder covers every segment: materialize index/<encoder> for every segment first."
        )
    whole = [
        Segment(
            rows=segment.rows,
            indexes={name: segment.indexes[name] for name in images.encoders},
            text_indexes={name: segment.text_indexes[name] for name in texts.encoders},
        )
        for segment in built
    ]
    content, unread = bury(home, whole, current.segments if current else (), dead)
    refuse_damage(home, content, current.segments if current else ())
    draft = Snapshot(
        version="",
        created_at=_later_than(current),
        counts=Counts.of(content),
        encoders=dict(images.encoders),
        text_encoders=dict(texts.encoders),
        segments=content,
        tombstones=dead.mark if dead else current.tombstones if current else "",
    )
    left_out = {**images.left_out, **texts.left_out}
    if current is not None and current.content_hash == draft.content_hash:
        return Published(current, current, left_out, unread)
    stamp = draft.created_at.strftime("%Y%m%dT%H%M%S.%fZ")
    snapshot = draft.model_copy(update={"version": f"{stamp}-{draft.content_hash}"})
    write_snapshot(home, snapshot)
    make_current(home, snapshot.version)
    return Published(snapshot, current, left_out, unread)


def write_snapshot(home: Home, snapshot: Snapshot) -> None:
    """Writes the snapshot file. Nothing searches it until make_current."""
    snapshot.write(_path(home, snapshot.version))


def make_current(home: Home, version: str) -> None:
    """Searches that start from now on use this snapshot. Raises CorruptArtifact when it can't be read."""
    read_snapshot(home, version)
    write_text(_pointer(home), version + "\n")


def _pointer(home: Home) -> Path:
    return home.snapshots / "CURRENT"


def _path(home: Home, version: str) -> Path:
    return home.snapshots / f"{version}.json"


def readable_current(home: Home) -> Snapshot | None:
    """The published snapshot, or None when there is none or it is damaged."""
    try:
        return current_snapshot(home)
    except CorruptArtifact as error:
        # Publishing is the remedy for a damaged snapshot, so it must not be stopped by one.
        log.warning("%s It counts as not published.", error)
        return None


def _later_than(current: Snapshot | None) -> datetime:
    """Now, or just after the current snapshot when the clock was set back: versions must sort by time."""
    now = datetime.now(UTC)
    return now if current is None else max(now, current.created_at + timedelta(microseconds=1))
