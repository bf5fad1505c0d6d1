"""What an unfinished batch has done so far: `<batch>.tar.partial` holds pictures, `<batch>.journal` says which.

A picture is written whole before its line is, each in one system call order that the kernel keeps when the process is
killed. So after SIGKILL every line has its picture; only the items in hand are lost, and may leave gaps. After a power
cut the two may disagree: resuming checks each SHA-256 and keeps what comes before the first that fails.
"""

import errno
import json
import logging
import os
import threading
from dataclasses import fields, replace
from pathlib import Path

from etsy_assets.imaging import tar_members
from etsy_assets.imaging.archive import read_members
from etsy_assets.imaging.archive_index import ArchiveEntry
from etsy_assets.storage import named_disk_errors

logger = logging.getLogger(__name__)

_FIELDS = [field.name for field in fields(ArchiveEntry)]
_FIRST_LINE = b'{"journal": 1}\n'


def journal_path(tar_path: Path) -> Path:
    return tar_path.with_name(f"{tar_path.stem}.journal")


def partial_path(tar_path: Path) -> Path:
    return tar_path.with_name(f"{tar_path.name}.partial")


class Progress:
    """The open partial tar and journal of one batch. The batch's lock must be held; any of its threads may append."""

    def __init__(self, tar_path: Path) -> None:
        """Opens what an earlier run left, cut back to its last whole item, or starts empty."""
        self._tar_path = tar_path
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC
        with named_disk_errors(tar_path):
            self._partial = os.open(partial_path(tar_path), flags, 0o644)
            try:
                # Appending, each line in one call: threads need no lock, which all of them would queue for.
                self._journal = os.open(journal_path(tar_path), flags | os.O_APPEND, 0o644)
            except BaseException:
                os.close(self._partial)
                raise
        self.entries: dict[tuple[int, int], ArchiveEntry] = {}
        self._lock = threading.Lock()
        self._end = 0
        try:
            self._resume()
        except BaseException:
            self.close()
            raise

    def append(self, entry: ArchiveEntry, data: bytes | None, mask: bytes | None) -> ArchiveEntry:
        """Records one finished image, with its bytes unless it failed; returns the entry with its offset here.

        mask: the bytes of the entry's mask, if it has one.

        Raises ConfigurationError when the disk is full; what was recorded before stays.
        """
        with named_disk_errors(partial_path(self._tar_path)):
            if data is not None:
                members = tar_members.member(entry.member, data)
                if mask is not None:
                    members += tar_members.member(entry.mask_member, mask)
                with self._lock:
                    position, self._end = self._end, self._end + len(members)
                # Outside the lock: of many threads, none waits for another's bytes.
                _write_all(self._partial, members, position)
                entry = replace(entry, offset=position + tar_members.BLOCK)
            line = json.dumps({name: getattr(entry, name) for name in _FIELDS}).encode() + b"\n"
            _append(self._journal, line)
        self.entries[entry.key] = entry
        return entry

    def members(self, entry: ArchiveEntry) -> bytes:
        """The tar members of a picture recorded here, and of its mask. They were checked when this was opened."""
        start = entry.located[0] - tar_members.BLOCK
        return os.pread(self._partial, entry.end - start, start)

    def discard(self) -> None:
        """Forgets everything: the batch is published."""
        self.close()
        journal_path(self._tar_path).unlink(missing_ok=True)
        partial_path(self._tar_path).unlink(missing_ok=True)

    def close(self) -> None:
        for descriptor in (self._partial, self._journal):
            if descriptor >= 0:
                os.close(descriptor)
        self._partial = self._journal = -1

    def _resume(self) -> None:
        content = os.pread(self._journal, os.fstat(self._journal).st_size, 0)
        journal_end = 0
        if content.startswith(_FIRST_LINE):
            journal_end = len(_FIRST_LINE)
            for line in content[len(_FIRST_LINE) :].splitlines(keepends=True):
                entry = self._sound_entry(line)
                if entry is None:
                    break
                self.entries[entry.key] = entry
                journal_end += len(line)
                if entry.has_picture:
                    self._end = max(self._end, entry.end)
            logger.info("resuming %s: %d images are done already", self._tar_path.name, len(self.entries))
        with named_disk_errors(self._tar_path):
            os.ftruncate(self._partial, self._end)
            os.ftruncate(self._journal, journal_end)
            if not journal_end:
                _append(self._journal, _FIRST_LINE)

    def _sound_entry(self, line: bytes) -> ArchiveEntry | None:
        """The entry of one journal line; None when the line is torn or its picture is not on the disk."""
        if not line.endswith(b"\n"):
            return None
        try:
            entry = ArchiveEntry(**json.loads(line))
            sound = not entry.has_picture or read_members(self._partial, entry) is not None
            return entry if sound else None
        except (ValueError, TypeError):
            return None


def _append(descriptor: int, line: bytes) -> None:
    if os.write(descriptor, line) != len(line):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def _write_all(descriptor: int, data: bytes, position: int) -> None:
    view = memoryview(data)
    while view:
        written = os.pwrite(descriptor, view, position)
        view, position = view[written:], position + written
