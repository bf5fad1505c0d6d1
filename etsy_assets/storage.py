"""Where every artifact lies under the home folder, and how one is written: whole or not at all."""

import errno
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from etsy_assets.errors import ConfigurationError


@dataclass(frozen=True, slots=True)
class Home:
    """The layout of the home folder. Paths only: nothing is created here."""

    root: Path

    @property
    def catalog_url(self) -> str:
        return f"sqlite:///{self.root / 'catalog.db'}"

    def images(self, batch: str) -> Path:
        """The tar of a batch's images; its parquet index lies beside it."""
        return self.root / "images" / f"{batch}.tar"

    def cutouts(self, batch: str) -> Path:
        return self.root / "cutouts" / f"{batch}.tar"

    def embeddings(self, encoder: str, batch: str) -> Path:
        return self.root / "embeddings" / encoder / f"{batch}.safetensors"

    def text_embeddings(self, encoder: str, batch: str) -> Path:
        return self.root / "text_embeddings" / encoder / f"{batch}.safetensors"

    def segment(self, segment: str, version: str) -> Path:
        return self.root / "segments" / segment / version

    @property
    def segments(self) -> Path:
        return self.root / "segments"

    def codebooks(self, name: str) -> Path:
        """name: the encoder's, with `text_` before it for those of its text indexes."""
        return self.root / "codebooks" / name

    @property
    def snapshots(self) -> Path:
        return self.root / "snapshots"

    def query(self, run_id: str) -> Path:
        return self.root / "queries" / run_id


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """A temporary path beside `path`; on success it is flushed to disk and renamed to `path`, on any error removed.

    Raises ConfigurationError when the disk is full or not writable.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    with named_disk_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            yield temporary
            fsync(temporary)
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
        fsync(path.parent)


@contextmanager
def named_disk_errors(path: Path) -> Iterator[None]:
    """Turns a full or read-only disk under `path` into a ConfigurationError that names it."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise ConfigurationError(
                f"No disk space is left to write {path}: free some, or set ETSY_ASSETS_HOME to a larger disk."
            ) from error
        if error.errno in (errno.EROFS, errno.EACCES, errno.EPERM):
            raise ConfigurationError(
                f"{path} can't be written ({error.strerror}): make its folder writable, or set ETSY_ASSETS_HOME."
            ) from error
        raise


def fsync(path: Path) -> None:
    """Flushes a file or a folder to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_text(path: Path, text: str) -> None:
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def sha256_file(path: Path) -> str:
    """The SHA-256 of a file, as 64 hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
