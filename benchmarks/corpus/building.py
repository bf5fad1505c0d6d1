"""Writes the synthetic shop into a home folder, and builds and publishes its segments: what a publish costs."""

import json
import shutil
import time
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.corpus.vectors import (
    BATCH_ROWS,
    ENCODERS,
    Ids,
    Shop,
    batch_key,
    cutout_digest,
    image_ids,
    listing_ids,
    rows_of,
)
from benchmarks.report import progress
from etsy_assets.catalog.records import Tombstones
from etsy_assets.encoders.embeddings import Embeddings, write_embeddings
from etsy_assets.search.indexes import build_index
from etsy_assets.search.manifests import read_rows_manifest
from etsy_assets.search.rows import build_segment_rows, read_rows
from etsy_assets.search.snapshots import Snapshot, publish, published_versions, read_snapshot
from etsy_assets.storage import Home

FINGERPRINT = "synthetic-1"
OPEN_SEGMENT = "segment-9999"
OPEN_BATCHES = 900_000
"""The first batch of the open segment, which is no part of the sealed corpus."""
NEW_BATCHES = 910_000
"""Batches to publish into it; each is used once, as publishing the same again costs nothing."""


@dataclass(frozen=True, slots=True)
class Layout:
    """A home folder and the shop in it. segment_batches: batches of a full segment."""

    home: Home
    shop: Shop
    segment_batches: int

    @property
    def sealed(self) -> dict[str, list[int]]:
        """The batches of each full segment."""
        batches = range(self.shop.rows // BATCH_ROWS)
        return {
            f"segment-{start // self.segment_batches:04d}": list(batches[start : start + self.segment_batches])
            for start in range(0, len(batches), self.segment_batches)
        }

    @property
    def almost_full(self) -> list[int]:
        """The batches of an open segment that has room for one more."""
        return list(range(OPEN_BATCHES, OPEN_BATCHES + self.segment_batches - 1))

    @property
    def record(self) -> Path:
        return self.home.root / "build_seconds.json"


def store_embeddings(layout: Layout, batches: Iterable[int]) -> None:
    """Writes the embeddings that are not there yet. One encoder after another: the generator keeps one's centres."""
    home, wanted = layout.home, list(batches)
    for encoder in ENCODERS:
        for batch in wanted:
            path = home.embeddings(encoder, batch_key(batch))
            if path.exists():
                continue
            images = image_ids(rows_of(batch))
            digests = b"".join(cutout_digest(image) for image in images.tolist())
            write_embeddings(
                path,
                Embeddings(
                    encoder=encoder,
                    fingerprint=FINGERPRINT,
                    batch=batch_key(batch),
                    listing_ids=listing_ids(rows_of(batch)),
                    image_ids=images,
                    vectors=layout.shop.vectors(encoder, batch),
                    source_sha256=np.frombuffer(digests, dtype=np.uint8).reshape(-1, 32),
                ),
            )


def build_segment(home: Home, segment: str, batches: Sequence[int]) -> str:
    """Rows and five indexes over stored embeddings; returns the version."""
    images = {
        batch_key(batch): [
            (listing, image, cutout_digest(image).hex())
            for listing, image in zip(
                listing_ids(rows_of(batch)).tolist(), image_ids(rows_of(batch)).tolist(), strict=True
            )
        ]
        for batch in batches
    }
    version = build_segment_rows(home, segment, images).version
    for encoder in ENCODERS:
        build_index(home, segment, version, encoder)
    return version


def publish_with_dead(home: Home, segments: Mapping[str, str], dead_rows: Mapping[str, Ids]) -> Snapshot:
    """Publishes with tombstones. dead_rows: by segment, row numbers within the segment."""
    images: dict[str, set[tuple[int, int]]] = defaultdict(set)
    for segment, dead in dead_rows.items():
        held = read_rows(home, read_rows_manifest(home, segment, segments[segment]))
        for row in dead.tolist():
            images[held.batches[row]].add((int(held.listing_ids[row]), int(held.image_ids[row])))
    tombstones = Tombstones("deleted at random", {batch: frozenset(found) for batch, found in images.items()})
    return publish(home, segments, dead=tombstones)


@dataclass(frozen=True, slots=True)
class Built:
    """The published corpus of sealed segments, and how long it took to build from stored embeddings.

    reused: segments that an earlier run built; their seconds are those of that run.
    """

    snapshot: Snapshot
    versions: Mapping[str, str]
    seconds: float
    reused: int


def build_corpus(layout: Layout, keep_embeddings: bool) -> Built:
    """Builds and publishes the sealed segments; those that an earlier run finished are taken over with their times."""
    record = _read(layout.record)
    reused = 0
    for segment, batches in layout.sealed.items():
        if segment in record:
            reused += 1
            continue
        started = time.perf_counter()
        store_embeddings(layout, batches)
        stored = time.perf_counter()
        version = build_segment(layout.home, segment, batches)
        built = time.perf_counter()
        progress(f"{segment}: embeddings {stored - started:.1f} s, rows and five indexes {built - stored:.1f} s")
        record[segment] = {"version": version, "seconds": built - stored}
        _write(layout.record, record)
        if not keep_embeddings:
            for encoder in ENCODERS:
                for batch in batches:
                    layout.home.embeddings(encoder, batch_key(batch)).unlink()
    versions = {segment: str(record[segment]["version"]) for segment in layout.sealed}
    started = time.perf_counter()
    snapshot = publish(layout.home, versions)
    # A later run finds it published already, which takes no time; the figure of the first is the true one.
    published = record.setdefault("publish", {"seconds": time.perf_counter() - started})
    _write(layout.record, record)
    seconds = sum(float(record[segment]["seconds"]) for segment in layout.sealed) + float(published["seconds"])
    return Built(snapshot, versions, seconds, reused)


def discard_open_segment(home: Home, keep: str | None = None) -> None:
    """Removes all versions of the open segment but one, with the snapshots that name them; CURRENT must not.

    What is there already costs nothing to publish, and measurements would fill the disk.
    """
    for name in published_versions(home):
        if read_snapshot(home, name).segment_versions.get(OPEN_SEGMENT, keep) != keep:
            (home.snapshots / f"{name}.json").unlink()
    for folder in (home.segments / OPEN_SEGMENT).glob("*/"):
        if folder.name != keep:
            shutil.rmtree(folder)


def forget_build(home: Home) -> None:
    """Removes segments, codebooks and snapshots, and keeps the embeddings."""
    for folder in (home.segments, home.root / "codebooks", home.snapshots):
        shutil.rmtree(folder, ignore_errors=True)
    (home.root / "build_seconds.json").unlink(missing_ok=True)


def _read(path: Path) -> dict[str, dict[str, str | float]]:
    return json.loads(path.read_text("utf-8")) if path.exists() else {}


def _write(path: Path, record: Mapping[str, Mapping[str, str | float]]) -> None:
    path.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
