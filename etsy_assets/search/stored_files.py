"""Files that are named by their content, so that a name never comes to mean other bytes."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from etsy_assets.search.manifests import FileStamp
from etsy_assets.storage import atomic_path, fsync, sha256_file


@dataclass(frozen=True, slots=True)
class StoredFile:
    path: Path
    stamp: FileStamp


def store_by_content(folder: Path, name: str, suffix: str, write: Callable[[Path], None]) -> StoredFile:
    """Writes `<name>.<hash>.<suffix>`. A sound file of that name stays, a damaged one is replaced. name: may be empty.

    Raises ConfigurationError when the disk is full.
    """
    # With the process in its name, for two runs may build the same index at once.
    partial = folder / f".{name}.{suffix}.{os.getpid()}.partial"
    with atomic_path(partial) as temporary:
        write(temporary)
    stamp = FileStamp.of(partial)
    path = folder / ".".join(part for part in (name, stamp.sha256[:12], suffix) if part)
    if path.is_file() and sha256_file(path) == stamp.sha256:
        partial.unlink()
        path.touch()  # Or it would look abandoned to a collection until something names it.
    else:
        partial.replace(path)
        fsync(folder)
    return StoredFile(path, stamp)
