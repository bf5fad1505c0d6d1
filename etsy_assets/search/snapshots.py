"""Publishes the search corpus: an immutable snapshot file, and CURRENT, which names the one to search.

A snapshot is written whole before CURRENT is replaced, so whoever reads at any moment sees the old corpus or the new
one, and never a mixture.
"""

import hashlib
import logging
from collections.abc import Collection, Mapping
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from etsy_assets.errors import ConfigurationError, CorruptArtifact
from etsy_assets.file_lock import file_lock
from etsy_assets.search.coverage import EncoderInfo, covering_encoders, refuse_shared_batches
from etsy_assets.search.manifests import Manifest
from etsy_assets.search.segments import Segment, built_segment
from etsy_assets.storage import Home, write_text

log = logging.getLogger(__name__)

PUBLISH_WAIT_SECONDS = 600
_REMEDY = "materialize search_snapshot to publish it again"


class Counts(Manifest):
    """How much the corpus holds."""

    segments: int
    batches: int
    listings: int
    images: int


class Snapshot(Manifest):
    """One published version of the search corpus. `version` sorts by time and ends in a hash of the content."""

    version: str
    created_at: datetime
    counts: Counts
    encoders: dict[str, EncoderInfo]
    text_encoders: dict[str, EncoderInfo]
    segments: tuple[Segment, ...]

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
    def content_hash(self) -> str:
        """12 hexadecimal digits that say which corpus this is, whenever it was published."""
        content = self.model_dump_json(exclude={"version", "created_at"})
        return hashlib.sha256(content.encode()).hexdigest()[:12]


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


def publishing(home: Home) -> AbstractContextManager[None]:
    """One publisher at a time: what it reads in order to decide what to publish stays true until it has published.

    Raises PassingFault when another one takes longer than PUBLISH_WAIT_SECONDS.
    """
    busy = f"Another process is publishing to {home.snapshots}: wait for its run to end, or stop it, and try again."
    return file_lock(home.snapshots / ".publish.lock", PUBLISH_WAIT_SECONDS, busy)


def publish(
    home: Home,
    segments: Mapping[str, str],
    *,
    encoders: Collection[str] | None = None,
    text_encoders: Collection[str] | None = None,
    leave_out_incomplete: bool = False,
) -> Snapshot:
    """Makes the given segment versions the corpus that is searched. Publishing the current content changes nothing.

    segments: {segment: version of its rows}. encoders, text_encoders: those to publish, by default all that were built
    for any of the segments. One that does not cover every segment is refused with ConfigurationError, or left out if
    leave_out_incomplete. Raises CorruptArtifact when a file that is new to the corpus is damaged.
    """
    built = [built_segment(home, name, version) for name, version in sorted(segments.items())]
    if not built:
        raise ConfigurationError("There is no segment to publish: materialize segment_rows and the indexes first.")
    refuse_shared_batches(built)
    chosen = covering_encoders(
        {segment.name: segment.indexes for segment in built}, "", encoders, leave_out_incomplete=leave_out_incomplete
    )
    chosen_text = covering_encoders(
        {segment.name: segment.text_indexes for segment in built},
        "text_",
        text_encoders,
        leave_out_incomplete=leave_out_incomplete,
    )
    if not chosen:
        raise ConfigurationError(
            "No encoder covers every segment: materialize index/<encoder> for every segment first."
        )
    content = tuple(
        Segment(
            rows=segment.rows,
            indexes={name: segment.indexes[name] for name in chosen},
            text_indexes={name: segment.text_indexes[name] for name in chosen_text},
        )
        for segment in built
    )
    current = _readable_current(home)
    _refuse_unsound(home, content, current)
    draft = Snapshot(
        version="",
        created_at=_later_than(current),
        counts=Counts(
            segments=len(content),
            batches=sum(len(segment.rows.batches) for segment in content),
            listings=sum(segment.rows.listings for segment in content),
            images=sum(segment.rows.rows for segment in content),
        ),
        encoders=chosen,
        text_encoders=chosen_text,
        segments=content,
    )
    if current is not None and current.content_hash == draft.content_hash:
        return current
    stamp = draft.created_at.strftime("%Y%m%dT%H%M%S.%fZ")
    snapshot = draft.model_copy(update={"version": f"{stamp}-{draft.content_hash}"})
    write_snapshot(home, snapshot)
    make_current(home, snapshot.version)
    return snapshot


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


def _readable_current(home: Home) -> Snapshot | None:
    try:
        return current_snapshot(home)
    except CorruptArtifact as error:
        # Publishing is the remedy for a damaged snapshot, so it must not be stopped by one.
        log.warning("%s It is replaced now.", error)
        return None


def _later_than(current: Snapshot | None) -> datetime:
    """Now, or just after the current snapshot when the clock was set back: versions must sort by time."""
    now = datetime.now(UTC)
    return now if current is None else max(now, current.created_at + timedelta(microseconds=1))


def _refuse_unsound(home: Home, segments: Collection[Segment], current: Snapshot | None) -> None:
    """Reads the bytes of new segments only, or the cost of publishing would grow with the corpus."""
    known = set() if current is None else {segment.key for segment in current.segments}
    for segment in segments:
        problems = (*segment.uneven(), *segment.problems(home, checksum=segment.key not in known))
        if problems:
            raise CorruptArtifact(problems[0])
