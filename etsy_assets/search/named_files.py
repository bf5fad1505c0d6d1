"""Which files a snapshot is made of: what must be there for it to be searched, and must not be deleted."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from etsy_assets.search.manifests import FileStamp
from etsy_assets.search.segments import Segment
from etsy_assets.search.snapshots import Snapshot
from etsy_assets.storage import Home


@dataclass(frozen=True, slots=True)
class NamedFile:
    """A file that a segment is made of, and what to do when it is damaged."""

    path: Path
    stamp: FileStamp
    segment: str
    remedy: str


def segment_files(home: Home, segment: Segment) -> Iterator[NamedFile]:
    """Every file that a segment needs, also one outside its folder that it shares with others."""
    for name, stamp, asset in segment.files():
        remedy = f"materialize {asset} for {segment.name} to build it again"
        yield NamedFile(segment.folder(home) / name, stamp, segment.name, remedy)


def named_files(home: Home, snapshot: Snapshot) -> Iterator[NamedFile]:
    """Every file that a snapshot names, each once, in the order of its segments."""
    seen: set[Path] = set()
    for segment in snapshot.segments:
        for file in segment_files(home, segment):
            if file.path not in seen:
                seen.add(file.path)
                yield file


def snapshot_files(home: Home, snapshot: Snapshot) -> set[Path]:
    """The path of every file that a snapshot names."""
    return {file.path for file in named_files(home, snapshot)}
