"""Making a batch archive: what is already there, what is left to do, and publishing all of it at once."""

import logging
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO, Self

from etsy_assets.errors import CorruptArtifact
from etsy_assets.imaging import tar_members
from etsy_assets.imaging.archive import next_path
from etsy_assets.imaging.archive_index import ArchiveEntry, ArchiveIndex, in_order, index_path, write_index
from etsy_assets.imaging.batch_lock import batch_lock
from etsy_assets.imaging.finished import Finished, load_finished
from etsy_assets.imaging.progress import Progress
from etsy_assets.imaging.reasons import is_passing
from etsy_assets.storage import fsync, named_disk_errors

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class WantedImage:
    """One image that the archive shall have a row for. A picture made from another source_key is made again."""

    listing_id: int
    image_id: int
    is_primary: bool
    source_key: str

    @property
    def key(self) -> tuple[int, int]:
        return self.listing_id, self.image_id


class ArchiveWriter:
    """Use as a context manager: it holds the batch's lock. Any thread may add, one calls the rest.

    Leaving without publish() keeps what was added, and the next writer of the batch goes on from there.
    """

    def __init__(self, tar_path: Path, wanted: Iterable[WantedImage], lock_wait_seconds: float = 10.0) -> None:
        self.tar_path = tar_path
        self._wanted = {image.key: image for image in wanted}
        self._lock_wait_seconds = lock_wait_seconds
        self._resources = ExitStack()
        self._progress: Progress
        self._finished: Finished

    def __enter__(self) -> Self:
        """Raises PassingFault when another process writes this batch, ConfigurationError for an unwritable disk."""
        with ExitStack() as resources:
            resources.enter_context(batch_lock(self.tar_path, self._lock_wait_seconds))
            self._finished = load_finished(self.tar_path)
            resources.callback(self._finished.close)
            self._progress = Progress(self.tar_path)
            resources.callback(self._progress.close)
            self._resources = resources.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._resources.close()

    def to_do(self) -> list[WantedImage]:
        """The images still to be made, in order.

        A failure in a finished archive is tried once more in every run. One in the journal belongs to the run that was
        cut short, so it is tried again only if its reason may have passed.
        """
        return [self._wanted[key] for key in sorted(self._wanted) if not self._is_settled(self._wanted[key])]

    def add(self, entry: ArchiveEntry, data: bytes | None, mask: bytes | None = None) -> None:
        """Keeps one finished image: from here on no kill of this process loses it. mask: if the entry tells of one."""
        self._progress.append(entry, data, mask)

    def publish(self) -> list[ArchiveEntry]:
        """Writes tar and parquet, or nothing if they would be the same; returns the entries in order.

        Every wanted image must have been added or be there from before (KeyError otherwise).
        The tar is renamed first. Should the process die between the two renames, readers and the next writer find the
        parquet under its `.next` name, and its content id tells that it belongs to the new tar.
        """
        known = [self._known(image) for image in self._wanted.values()]
        if any(entry is None for entry in known):
            raise KeyError(f"{self.tar_path}: an image was neither added nor there before")
        sources = in_order([entry for entry in known if entry is not None])
        index = _lay_out(sources)
        if index != self._finished.index:
            with named_disk_errors(self.tar_path):
                self._write(sources, index)
        self._progress.discard()
        return list(index.entries)

    def _known(self, image: WantedImage) -> ArchiveEntry | None:
        """The newest entry of this image that was made from the same source, wherever its bytes lie."""
        for entries in (self._progress.entries, self._finished.entries):
            entry = entries.get(image.key)
            if entry is not None and entry.source_key == image.source_key:
                return replace(entry, is_primary=image.is_primary)
        return None

    def _is_settled(self, image: WantedImage) -> bool:
        entry = self._known(image)
        if entry is None or entry.has_picture:
            return entry is not None
        return image.key in self._progress.entries and not is_passing(entry.reason)

    def _write(self, sources: Sequence[ArchiveEntry], index: ArchiveIndex) -> None:
        published = index_path(self.tar_path)
        new_tar, new_index = next_path(self.tar_path), next_path(published)
        old = self._finished.index
        same_tar = old is not None and (old.content_id, old.tar_bytes) == (index.content_id, index.tar_bytes)
        try:
            if not same_tar:
                self._write_tar(new_tar, sources, index)
            write_index(new_index, index)
            fsync(new_index)
        except BaseException:  # A full disk must not be kept full by what did not fit on it.
            new_tar.unlink(missing_ok=True)
            new_index.unlink(missing_ok=True)
            raise
        fsync(published.parent)
        if not same_tar:
            new_tar.replace(self.tar_path)
        new_index.replace(published)
        fsync(published.parent)

    def _write_tar(self, path: Path, sources: Sequence[ArchiveEntry], index: ArchiveIndex) -> None:
        with path.open("wb") as tar:
            tar.write(tar_members.archive_header(index.content_id))
            for source in sources:
                if source.has_picture:
                    self._write_members(tar, source)
            tar.write(tar_members.end_of_archive(tar.tell()))
        fsync(path)

    def _write_members(self, tar: BinaryIO, source: ArchiveEntry) -> None:
        in_progress = self._progress.entries.get(source.key)
        if in_progress is not None and in_progress.source_key == source.source_key:
            tar.write(self._progress.members(source))
            return
        read = self._finished.read(source)
        if read is None:
            raise CorruptArtifact(
                f"{source.member} of {self.tar_path} changed on the disk: materialize its batch again."
            )
        data, mask = read
        tar.write(tar_members.member(source.member, data))
        if mask is not None:
            tar.write(tar_members.member(source.mask_member, mask))


def _lay_out(sources: Sequence[ArchiveEntry]) -> ArchiveIndex:
    """The index of the tar that holds these entries' pictures in this order."""
    content = tar_members.content_id(member for source in sources if source.has_picture for member in _members(source))
    position = len(tar_members.archive_header(content))
    entries = []
    for source in sources:
        if source.has_picture:
            entries.append(replace(source, offset=position + tar_members.BLOCK))
            position = entries[-1].end
        else:
            entries.append(source)
    return ArchiveIndex(tuple(entries), content, position + len(tar_members.end_of_archive(position)))


def _members(source: ArchiveEntry) -> Iterator[tuple[str, int, str]]:
    """(name, size, SHA-256) of a picture, and of its mask if it has one."""
    yield source.member, *source.located[1:]
    if source.located_mask is not None:
        yield source.mask_member, *source.located_mask[1:]
