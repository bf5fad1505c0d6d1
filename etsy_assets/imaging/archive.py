"""Reading a batch archive: a tar of pictures with its parquet index, by byte offset."""

import hashlib
import os
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Self

from etsy_assets.errors import CorruptArtifact
from etsy_assets.imaging import tar_members
from etsy_assets.imaging.archive_index import ArchiveEntry, ArchiveIndex, index_path, read_index

__all__ = ["ArchiveEntry", "ImageArchive", "next_path"]


def next_path(path: Path) -> Path:
    """Where the next version of a file lies while it is being published."""
    return path.with_name(f"{path.name}.next")


class ImageArchive:
    """One finished batch archive, held open: a batch that is written anew meanwhile does not disturb its readers.

    Reading is safe from several threads.
    """

    def __init__(self, path: Path, descriptor: int, index: ArchiveIndex) -> None:
        self.path = path
        self.entries: list[ArchiveEntry] = list(index.entries)
        self.content_id = index.content_id
        self.tar_bytes = index.tar_bytes
        self._descriptor = descriptor
        self._by_key = {entry.key: entry for entry in self.entries}
        self._close = weakref.finalize(self, os.close, descriptor)

    @classmethod
    def open(cls, path: Path) -> Self:
        """Opens the archive whose tar is at `path`.

        Raises FileNotFoundError when the batch has no finished archive, CorruptArtifact when tar and parquet disagree.
        """
        for _ in range(5):  # A writer may rename both files between our opening the one and the other.
            try:
                descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
            except FileNotFoundError as error:
                raise FileNotFoundError(f"There is no image archive {path}: materialize its batch first.") from error
            try:
                index = _index_of(path, descriptor)
            except BaseException:
                os.close(descriptor)
                raise
            if index is not None:
                return cls(path, descriptor, index)
            os.close(descriptor)
        if not index_path(path).exists():
            raise FileNotFoundError(f"The image archive {path} has no {index_path(path).name}: materialize its batch.")
        raise CorruptArtifact(
            f"{path} is not the tar that {index_path(path).name} describes: it was cut short or replaced. "
            "Materialize its batch again."
        )

    def ok_entries(self) -> list[ArchiveEntry]:
        """The entries with a picture (fallbacks to the uncut one included), in (listing_id, image_id) order."""
        return [entry for entry in self.entries if entry.has_picture]

    def entry(self, listing_id: int, image_id: int) -> ArchiveEntry | None:
        return self._by_key.get((listing_id, image_id))

    def read(self, entry: ArchiveEntry) -> bytes:
        """The bytes of one picture. Raises CorruptArtifact when they are not those that were stored."""
        data = read_member(self._descriptor, entry)
        if data is None:
            raise CorruptArtifact(
                f"{self.path} is damaged at {entry.member} (byte {entry.offset}): its SHA-256 differs from the one "
                "recorded. Materialize its batch again."
            )
        return data

    def read_mask(self, entry: ArchiveEntry) -> bytes | None:
        """The PNG of the small mask that a cutout was made with; None where none was kept.

        Raises CorruptArtifact when it is not the one that was stored.
        """
        if entry.located_mask is None:
            return None
        data = _read(self._descriptor, *entry.located_mask)
        if data is None:
            raise CorruptArtifact(f"{self.path} is damaged at {entry.mask_member}. Materialize its batch again.")
        return data

    def pictures(self) -> Iterator[tuple[ArchiveEntry, bytes]]:
        for entry in self.ok_entries():
            yield entry, self.read(entry)

    def verify(self) -> int:
        """Reads every picture; returns how many. Raises CorruptArtifact naming the first that is not as stored."""
        count = 0
        for entry, _ in self.pictures():
            self.read_mask(entry)
            header = os.pread(self._descriptor, tar_members.BLOCK, entry.located[0] - tar_members.BLOCK)
            if header != tar_members.member_header(entry.member, entry.located[1]):
                raise CorruptArtifact(f"{self.path} has no tar header for {entry.member} where its index says.")
            count += 1
        return count

    def close(self) -> None:
        self._close()

    def __len__(self) -> int:
        return len(self.entries)

    def __iter__(self) -> Iterator[ArchiveEntry]:
        return iter(self.entries)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def read_member(descriptor: int, entry: ArchiveEntry) -> bytes | None:
    """The picture's bytes at the entry's offset; None when they are not those whose SHA-256 was recorded."""
    return _read(descriptor, *entry.located)


def read_members(descriptor: int, entry: ArchiveEntry) -> tuple[bytes, bytes | None] | None:
    """The picture's bytes and its mask's; None when either are not those whose SHA-256 was recorded."""
    data = read_member(descriptor, entry)
    mask = None if entry.located_mask is None else _read(descriptor, *entry.located_mask)
    if data is None or (entry.located_mask is not None and mask is None):
        return None
    return data, mask


def _read(descriptor: int, offset: int, size: int, sha256: str) -> bytes | None:
    data = os.pread(descriptor, size, offset)
    return data if hashlib.sha256(data).hexdigest() == sha256 else None


def _index_of(path: Path, descriptor: int) -> ArchiveIndex | None:
    """The index that describes this very tar: the published one, or the one whose publication was cut short."""
    content = tar_members.read_content_id(os.pread(descriptor, tar_members.ARCHIVE_HEADER_SIZE, 0))
    size = os.fstat(descriptor).st_size
    for candidate in (index_path(path), next_path(index_path(path))):
        try:
            index = read_index(candidate)
        except FileNotFoundError:
            continue
        if index.content_id == content and index.tar_bytes == size:
            return index
    return None
