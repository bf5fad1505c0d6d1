"""The parquet beside a batch's tar: one row per image that was asked for, with or without a picture.

Its key-value metadata says which tar it belongs to: `content_id` (over the name, size and SHA-256 of every member, and
written in the tar's own header too) and `tar_bytes`. A hash of the whole tar would add nothing: every read of a picture
is checked against that picture's SHA-256.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from etsy_assets.catalog.records import OutcomeStatus
from etsy_assets.errors import CorruptArtifact
from etsy_assets.imaging.tar_members import BLOCK, mask_name, member_name, padded

FORMAT = "etsy_assets.image_archive/1"


@dataclass(frozen=True, slots=True)
class ArchiveEntry:
    """What became of one image. A column added later gets a default here, and older files read as that default.

    status: "ok", "fallback" (a cutout that is the uncut picture) or "failed" (no picture; offset to format are None).
    reason: a stable snake_case code, None when ok; detail: one line more for a person.
    offset, size: of the picture's bytes in the tar. sha256: of those bytes, 64 hexadecimal digits.
    width, height: pixels, upright. format: that of the original file, before it was made a JPEG.
    source_key: what the picture was made from; an entry is made again when it differs.
    mask_coverage: share of the pixels that a cutout keeps, 0 to 1.
    mask_size, mask_sha256: of the PNG of the cutout's small mask, the tar's next member; None without one.
    """

    listing_id: int
    image_id: int
    is_primary: bool
    status: OutcomeStatus
    reason: str | None
    detail: str | None
    source_key: str
    offset: int | None = None
    size: int | None = None
    sha256: str | None = None
    width: int | None = None
    height: int | None = None
    format: str | None = None
    mask_coverage: float | None = None
    mask_size: int | None = None
    mask_sha256: str | None = None

    @property
    def key(self) -> tuple[int, int]:
        return self.listing_id, self.image_id

    @property
    def member(self) -> str:
        return member_name(self.listing_id, self.image_id)

    @property
    def mask_member(self) -> str:
        return mask_name(self.listing_id, self.image_id)

    @property
    def has_picture(self) -> bool:
        return self.status != "failed"

    @property
    def located(self) -> tuple[int, int, str]:
        """(offset, size, sha256) of the picture's bytes. Raises ValueError for an entry without one."""
        if self.offset is None or self.size is None or self.sha256 is None:
            raise ValueError(f"image {self.member} has no picture in this archive: {self.reason}")
        return self.offset, self.size, self.sha256

    @property
    def located_mask(self) -> tuple[int, int, str] | None:
        """(offset, size, sha256) of the mask's bytes; None for an entry without one."""
        if self.mask_size is None or self.mask_sha256 is None:
            return None
        offset, size, _ = self.located
        return offset + padded(size) + BLOCK, self.mask_size, self.mask_sha256

    @property
    def end(self) -> int:
        """Where the next picture's member begins: past this one's bytes, its mask's, and the zeros after them."""
        offset, size, _ = self.located_mask or self.located
        return offset + padded(size)


_SCHEMA = pa.schema(
    [
        pa.field("listing_id", pa.int64(), nullable=False),
        pa.field("image_id", pa.int64(), nullable=False),
        pa.field("is_primary", pa.bool_(), nullable=False),
        pa.field("status", pa.string(), nullable=False),
        pa.field("reason", pa.string()),
        pa.field("detail", pa.string()),
        pa.field("source_key", pa.string(), nullable=False),
        pa.field("offset", pa.int64()),
        pa.field("size", pa.int64()),
        pa.field("sha256", pa.string()),
        pa.field("width", pa.int32()),
        pa.field("height", pa.int32()),
        pa.field("format", pa.string()),
        pa.field("mask_coverage", pa.float64()),
        pa.field("mask_size", pa.int64()),
        pa.field("mask_sha256", pa.string()),
    ]
)


@dataclass(frozen=True, slots=True)
class ArchiveIndex:
    """The whole parquet: entries in (listing_id, image_id) order, and the tar that they describe."""

    entries: tuple[ArchiveEntry, ...]
    content_id: str
    tar_bytes: int


def index_path(tar_path: Path) -> Path:
    return tar_path.with_name(f"{tar_path.stem}.parquet")


def write_index(path: Path, index: ArchiveIndex) -> None:
    """Writes the parquet: no time, no host, so the same index is the same bytes."""
    metadata = {"format": FORMAT, "content_id": index.content_id, "tar_bytes": str(index.tar_bytes)}
    table = pa.Table.from_pylist([asdict(entry) for entry in index.entries], schema=_SCHEMA.with_metadata(metadata))
    pq.write_table(table, path, compression="zstd")


def read_index(path: Path) -> ArchiveIndex:
    """Raises FileNotFoundError, or CorruptArtifact when the file is no such index."""
    with path.open("rb") as file:
        try:
            table = pq.ParquetFile(file).read(use_threads=False)
            metadata = {key.decode(): value.decode() for key, value in (table.schema.metadata or {}).items()}
            known = [field.name for field in fields(ArchiveEntry) if field.name in table.column_names]
            entries = tuple(ArchiveEntry(**row) for row in table.select(known).to_pylist())
            stored_format, content, tar_bytes = metadata["format"], metadata["content_id"], int(metadata["tar_bytes"])
        except (pa.ArrowException, OSError, KeyError, ValueError, TypeError) as error:
            raise CorruptArtifact(f"{path} is not a readable image index; materialize its batch again.") from error
    if stored_format != FORMAT:
        raise CorruptArtifact(f"{path} has the format {stored_format!r}, this version reads {FORMAT!r}.")
    return ArchiveIndex(entries, content, tar_bytes)


def in_order(entries: Sequence[ArchiveEntry]) -> list[ArchiveEntry]:
    return sorted(entries, key=lambda entry: entry.key)
