"""Which files a snapshot is made of: what must be there for it to be searched, and must not be deleted."""

from collections.abc import Iterator
from pathlib import Path

from etsy_assets.search.segments import NamedFile
from etsy_assets.search.snapshots import Snapshot
from etsy_assets.storage import Home


def named_files(home: Home, snapshot: Snapshot) -> Iterator[NamedFile]:
    """Every file that a snapshot names, each once, in the order of its segments."""
    seen: set[Path] = set()
    for segment in snapshot.segments:
        for file in segment.named_files(home):
            if file.path not in seen:
                seen.add(file.path)
                yield file


def snapshot_files(home: Home, snapshot: Snapshot) -> set[Path]:
    """The path of every file that a snapshot names."""
    return {file.path for file in named_files(home, snapshot)}
