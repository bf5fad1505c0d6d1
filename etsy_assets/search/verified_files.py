"""Files whose bytes were compared with their checksums before, and that nobody has written to since.

So a machine reads all bytes of a corpus once (8 GB for a million images) and not in every process that opens it. What
rots on the disk without being written to, `etsy-assets corpus verify` finds.
"""

import json
import logging
from collections.abc import Iterable
from contextlib import suppress

from etsy_assets.errors import ConfigurationError
from etsy_assets.search.segments import FileKey, NamedFile
from etsy_assets.storage import Home, write_text

log = logging.getLogger(__name__)

_Sight = list[str | int]
"""SHA-256, bytes, inode, and when the file was last written to or renamed: st_ctime_ns, which no program can set."""


class VerifiedFiles:
    """Kept in `<home>/verified_files.json`. If that is missing or damaged, files are only read once more."""

    def __init__(self, home: Home) -> None:
        self._root = home.root
        self._path = home.root / "verified_files.json"
        self._verified: dict[str, _Sight] = {}
        self._sighted: dict[str, _Sight] = {}
        with suppress(OSError, ValueError):
            kept = json.loads(self._path.read_text(encoding="utf-8"))
            self._verified = kept if isinstance(kept, dict) else {}

    def untouched(self, files: Iterable[NamedFile]) -> set[FileKey]:
        """Those that need not be read again. Ask before reading: what is written meanwhile must not count as read."""
        found = set()
        for file in files:
            with suppress(OSError):
                status = file.path.stat()
                sight: _Sight = [file.stamp.sha256, status.st_size, status.st_ino, status.st_ctime_ns]
                name = str(file.path.relative_to(self._root))
                self._sighted[name] = sight
                if self._verified.get(name) == sight:
                    found.add(file.key)
        return found

    def confirm(self) -> None:
        """All files that were asked about are sound: the others of them were read."""
        if self._sighted.items() <= self._verified.items():
            return
        there = {name: sight for name, sight in self._verified.items() if (self._root / name).exists()}
        self._verified = {**there, **self._sighted}
        try:
            write_text(self._path, json.dumps(self._verified))
        except (OSError, ConfigurationError) as error:
            log.info("The next process reads every file of the corpus again: %s", error)
