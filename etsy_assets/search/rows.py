"""The order of the images of a segment, fixed once: row N is the same image in every encoder's index.

A corpus whose rows had silently shifted against its identities is the worst failure known in this field (high scores,
wrong pictures). So the order is an artifact of its own, and every index is built from it by id.
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from etsy_assets.errors import CorruptArtifact
from etsy_assets.search.manifests import FileStamp, RowsManifest, read_rows_manifest, rows_manifest_path
from etsy_assets.storage import Home, atomic_path, write_text

Ids = npt.NDArray[np.int64]
CutoutKey = tuple[int, int, str]
"""(listing_id, image_id, sha256 of the stored cutout)."""

_ROWS, _LISTINGS, _LATEST = "rows.parquet", "listings.parquet", "LATEST"


@dataclass(frozen=True, slots=True)
class SegmentRows:
    """One segment's images in row order, and its listings in the row order of the text indexes.

    listing_ids, image_ids: (rows,); batches: the batch of each row; listings: (listings,) with their batches.
    covered: every batch of the segment, those without a single usable image too.
    """

    segment: str
    covered: tuple[str, ...]
    listing_ids: Ids
    image_ids: Ids
    batches: tuple[str, ...]
    cutout_sha256: tuple[str, ...]
    listings: Ids
    listing_batches: tuple[str, ...]

    @property
    def version(self) -> str:
        """12 hexadecimal digits of a hash of the rows: the same rows have the same version."""
        digest = hashlib.sha256(repr((self.segment, self.covered)).encode())
        for row in zip(self.batches, self.listing_ids, self.image_ids, self.cutout_sha256, strict=True):
            digest.update("|".join(map(str, row)).encode() + b"\n")
        return digest.hexdigest()[:12]


def order_rows(segment: str, images: Mapping[str, Iterable[CutoutKey]]) -> SegmentRows:
    """Orders by (batch, listing_id, image_id), whatever the order of the input.

    images: for each batch key its usable cutouts. Raises CorruptArtifact when a listing stands in two batches or an
    image twice in one: published, it would be found twice.
    """
    ordered = [(batch, *image) for batch in sorted(images) for image in sorted(images[batch])]
    batch_of: dict[int, str] = {}
    for position, (batch, listing_id, image_id, _) in enumerate(ordered):
        if batch_of.setdefault(listing_id, batch) != batch:
            raise CorruptArtifact(
                f"Listing {listing_id} stands in two batches, {batch_of[listing_id]} and {batch}: a listing belongs to "
                f"one; retire one of the two batches in the catalog, and materialize segment_rows for {segment} again."
            )
        if position and ordered[position - 1][:3] == (batch, listing_id, image_id):
            raise CorruptArtifact(
                f"Image {image_id} of listing {listing_id} stands twice among the cutouts of {batch}: materialize "
                f"cutouts for {batch} again."
            )
    return SegmentRows(
        segment=segment,
        covered=tuple(sorted(images)),
        listing_ids=np.array([row[1] for row in ordered], dtype=np.int64),
        image_ids=np.array([row[2] for row in ordered], dtype=np.int64),
        batches=tuple(row[0] for row in ordered),
        cutout_sha256=tuple(row[3] for row in ordered),
        listings=np.array(list(batch_of), dtype=np.int64),
        listing_batches=tuple(batch_of.values()),
    )


def build_segment_rows(home: Home, segment: str, images: Mapping[str, Iterable[CutoutKey]]) -> RowsManifest:
    """Writes rows.parquet, listings.parquet and rows.json under segments/<segment>/<version>/; undamaged files stay.

    images: for each batch key of the segment its usable cutouts (status ok or fallback); an empty batch is kept, so
    that it counts as covered. Raises ConfigurationError when the disk is full.
    """
    rows = order_rows(segment, images)
    version = rows.version
    folder = home.segment(segment, version)
    manifest = _undamaged(home, segment, version)
    if manifest is None:
        _write_table(
            folder / _ROWS,
            {
                "row": pa.array(np.arange(len(rows.image_ids), dtype=np.int64)),
                "listing_id": pa.array(rows.listing_ids),
                "image_id": pa.array(rows.image_ids),
                "batch": pa.array(rows.batches, type=pa.string()),
                "cutout_sha256": pa.array(rows.cutout_sha256, type=pa.string()),
            },
        )
        _write_table(
            folder / _LISTINGS,
            {
                "row": pa.array(np.arange(len(rows.listings), dtype=np.int64)),
                "listing_id": pa.array(rows.listings),
                "batch": pa.array(rows.listing_batches, type=pa.string()),
            },
        )
        manifest = RowsManifest(
            segment=segment,
            version=version,
            rows=len(rows.image_ids),
            listings=len(rows.listings),
            batches=rows.covered,
            files={name: FileStamp.of(folder / name) for name in (_ROWS, _LISTINGS)},
        )
        manifest.write(rows_manifest_path(home, segment, version))
    else:
        # Or it would look abandoned to a collection until LATEST names it.
        rows_manifest_path(home, segment, version).touch()
    write_text(home.segments / segment / _LATEST, version + "\n")
    return manifest


def latest_rows(home: Home, segment: str) -> RowsManifest | None:
    """The rows that were built last for a segment, or None when none ever were."""
    pointer = home.segments / segment / _LATEST
    if not pointer.exists():
        return None
    return read_rows_manifest(home, segment, pointer.read_text(encoding="utf-8").strip())


def read_rows(home: Home, manifest: RowsManifest) -> SegmentRows:
    """The rows as they were written. Raises CorruptArtifact when a file is missing or is not that of this version."""
    folder = home.segment(manifest.segment, manifest.version)
    for name, stamp in manifest.files.items():
        if problem := stamp.problem(folder / name):
            raise CorruptArtifact(f"{problem}: materialize segment_rows for {manifest.segment} to write it again.")
    images, listings = pq.read_table(folder / _ROWS), pq.read_table(folder / _LISTINGS)
    return SegmentRows(
        segment=manifest.segment,
        covered=manifest.batches,
        listing_ids=images["listing_id"].to_numpy(),
        image_ids=images["image_id"].to_numpy(),
        batches=tuple(images["batch"].to_pylist()),
        cutout_sha256=tuple(images["cutout_sha256"].to_pylist()),
        listings=listings["listing_id"].to_numpy(),
        listing_batches=tuple(listings["batch"].to_pylist()),
    )


def _undamaged(home: Home, segment: str, version: str) -> RowsManifest | None:
    try:
        manifest = read_rows_manifest(home, segment, version)
        read_rows(home, manifest)
    except CorruptArtifact:
        return None
    return manifest


def _write_table(path: Path, columns: Mapping[str, pa.Array]) -> None:
    with atomic_path(path) as temporary:
        pq.write_table(pa.table(dict(columns)), temporary, compression="zstd")
