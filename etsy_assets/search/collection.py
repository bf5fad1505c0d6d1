"""Deletes the search files that nothing needs any more: `etsy-assets corpus collect`.

A file is needed while a kept snapshot names it, or while its segment version is one that can be published: one that a
kept snapshot or the segment's LATEST names, with all that its manifests name. Nothing that can't be read counts as
naming nothing: a damaged snapshot among the kept ends the collection before it began, a version with a damaged manifest
stays whole, and so does a segment with a damaged LATEST.

What works at the same time, and why it loses nothing:

* Publishing and rolling back hold the lock that is held here from the first look to the last deletion. So what they
  have found in place is named by a snapshot, which is kept, before anything is deleted.
* Building holds no lock. It writes rows before LATEST names their version, and indexes before their manifest names
  them: to this module they look like rubbish. So only files that were written more than a day ago are deleted, and
  versions in which all are that old; a build that finds an old file as it needs it touches it. Between the last look
  at a file's age and its deletion lies an instant. A build that takes the file up just then ends with a manifest that
  names a missing file: publishing refuses that by name, and the build's next run mends it.
* Readers open the current snapshot, which is always kept. A file that is open, or mapped, stays readable after its name
  is gone (POSIX unlink). A reader that was handed a version and opens it after ten newer ones were published may find
  it gone, as one refusal that names the file; its next look at CURRENT is right.
* A collection that is killed has deleted snapshots before the files that only they named, and `rows.json` before the
  rest of its version. So nothing that is left names a file that is gone, and the next one deletes the rest.

The archives' and embeddings' journals are no leftovers but unfinished work, and lie elsewhere.
"""

import logging
import re
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from itertools import groupby
from pathlib import Path

from etsy_assets.errors import ConfigurationError, CorruptArtifact
from etsy_assets.processes import is_alive
from etsy_assets.search.named_files import snapshot_files
from etsy_assets.search.publish_lock import publishing
from etsy_assets.search.segments import built_segment
from etsy_assets.search.snapshots import Snapshot, current_snapshot, published_versions, read_snapshot
from etsy_assets.storage import Home, fsync

log = logging.getLogger(__name__)

KEPT_SNAPSHOTS = 10
BUILDING = timedelta(hours=24)
"""A file that was written less long ago may belong to a build that is under way."""
WRITING = timedelta(hours=1)
"""A temporary file that was written to less long ago may still be written."""

_TEMPORARY = re.compile(r"^\..+\.(\d+)\.tmp$")
_PARTIAL = re.compile(r"^\..+\.partial$")


@dataclass(frozen=True, slots=True)
class Rubbish:
    """What is not needed, in the order in which it is deleted. bytes: of all of it."""

    snapshots: tuple[Path, ...]
    files: tuple[Path, ...]
    bytes: int


def collect(home: Home, keep: int = KEPT_SNAPSHOTS, *, dry_run: bool = False) -> Rubbish:
    """Deletes what neither the newest `keep` snapshots nor the current one nor a build needs. Returns what it was.

    dry_run: only say what it would be. Raises ConfigurationError for keep < 1, CorruptArtifact when a snapshot that is
    kept can't be read, PassingFault when somebody else publishes or collects for too long. Then nothing is deleted.
    """
    if keep < 1:
        raise ConfigurationError(f"{keep} snapshots can't be kept: keep 1 or more, the current one always stays.")
    with publishing(home):
        rubbish = find_rubbish(home, keep)
        if not dry_run:
            _delete(home, rubbish)
    return rubbish


def find_rubbish(home: Home, keep: int) -> Rubbish:
    """As collect, and deletes nothing. Only for whoever is inside `publishing`, or what it finds may be needed soon."""
    listed = published_versions(home)  # once: one that comes later is no old one
    current = current_snapshot(home)
    versions = {*listed[-keep:], *([current.version] if current else [])}
    kept = [read_snapshot(home, version) for version in sorted(versions)]
    snapshots = tuple(home.snapshots / f"{old}.json" for old in listed if old not in versions)
    files = (*_leftovers(home), *_unneeded(home, kept))
    return Rubbish(snapshots, files, sum(_size(path) for path in (*snapshots, *files)))


def _unneeded(home: Home, kept: list[Snapshot]) -> Iterator[Path]:
    """The files of segments and codebooks that are not needed and not young, version by version, rows.json first."""
    named = set[Path]().union(*(snapshot_files(home, snapshot) for snapshot in kept))
    publishable = {segment.folder(home) for snapshot in kept for segment in snapshot.segments}
    publishable |= {folder for segment in _folders(home.segments) for folder in _latest(segment)}
    by_manifests = {folder: _named_by_manifests(home, folder) for folder in sorted(publishable) if folder.is_dir()}
    for segment in _folders(home.segments):
        for folder in _folders(segment):
            files = sorted(_files(folder), key=lambda path: path.name != "rows.json")
            if folder not in by_manifests:
                if all(_age(path) > BUILDING for path in files):
                    yield from files
            elif (needed := by_manifests[folder]) is not None:
                spare = (path for path in files if path not in named and path not in needed)
                yield from (path for path in spare if _age(path) > BUILDING)
    if None not in by_manifests.values():
        yield from _unneeded_codebooks(home, named.union(*filter(None, by_manifests.values())))


def _unneeded_codebooks(home: Home, needed: set[Path]) -> Iterator[Path]:
    """Each with its manifest, which goes first: a build looks for a codebook there, and touches the one it takes."""
    for folder in _folders(home.root / "codebooks"):
        for path in sorted(path for path in _files(folder) if path.suffix == ".faiss"):
            pair = (path.with_suffix(".json"), path)
            if path not in needed and all(_age(file) > BUILDING for file in pair if file.exists()):
                yield from (file for file in pair if file.exists())


def _named_by_manifests(home: Home, folder: Path) -> set[Path] | None:
    """The manifests of a version and what they name; None when one of them can't be read."""
    try:
        segment = built_segment(home, folder.parent.name, folder.name)
    except CorruptArtifact as error:
        log.warning("%s Until then nothing that it may need is deleted.", error)
        return None
    return {file.path for file in segment.named_files(home)} | set(folder.glob("*.json"))


def _leftovers(home: Home) -> Iterator[Path]:
    """What processes that were killed have left of files that they were writing."""
    for folder in (home.snapshots, home.segments, home.root / "codebooks"):
        for path in sorted(folder.rglob(".*")) if folder.is_dir() else ():
            temporary = _TEMPORARY.match(path.name)
            abandoned = not is_alive(int(temporary[1])) if temporary else _PARTIAL.match(path.name) is not None
            if abandoned and path.is_file() and _age(path) > WRITING:
                yield path


def _delete(home: Home, rubbish: Rubbish) -> None:
    for path in rubbish.snapshots:
        path.unlink(missing_ok=True)
    if rubbish.snapshots:
        # Before a file goes: after a power cut no snapshot may be back that names one.
        fsync(home.snapshots)
    for folder, files in groupby(rubbish.files, key=lambda path: path.parent):
        unneeded = list(files)
        if all(_age(path) > WRITING for path in unneeded):  # still: a build may have taken them up meanwhile
            for path in unneeded:
                path.unlink(missing_ok=True)
            with suppress(OSError):  # it is not empty
                folder.rmdir()


def _latest(segment: Path) -> list[Path]:
    """The folder of the rows that were built last; every one of the segment when LATEST does not name one of them."""
    pointer = segment / "LATEST"
    if not pointer.exists():
        return []
    latest = pointer.read_text(encoding="utf-8", errors="replace").strip()
    folders = _folders(segment)
    return [folder for folder in folders if folder.name == latest] or folders


def _folders(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.is_dir()) if folder.is_dir() else []


def _files(folder: Path) -> Iterator[Path]:
    """The finished files of a version."""
    return (path for path in folder.iterdir() if path.is_file() and not path.name.startswith("."))


def _age(path: Path) -> timedelta:
    """Since it was written; none at all for a file that is gone meanwhile."""
    with suppress(FileNotFoundError):
        return timedelta(seconds=time.time() - path.stat().st_mtime)
    return timedelta(0)


def _size(path: Path) -> int:
    with suppress(FileNotFoundError):
        return path.stat().st_size
    return 0
