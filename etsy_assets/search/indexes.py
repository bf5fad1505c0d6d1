"""Builds the index of one encoder over the rows of one segment, by id lookup and never by position.

The embeddings of a batch may hold more images than the rows ask for. What they may not do is lack one, or have been
made from other bytes than the cutout that the row names: then nothing is written.
"""

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from etsy_assets.encoders.embeddings import Embeddings, TextEmbeddings, read_embeddings, read_text_embeddings
from etsy_assets.errors import CorruptArtifact
from etsy_assets.search.faiss_index import choose_kind, open_matrix, write_index
from etsy_assets.search.manifests import (
    FileStamp,
    IndexManifest,
    RowsManifest,
    index_manifest_path,
    read_index_manifest,
    read_rows_manifest,
)
from etsy_assets.search.rows import SegmentRows, read_rows
from etsy_assets.storage import Home, atomic_path, fsync, sha256_file

Vectors = npt.NDArray[np.float16]


@dataclass(frozen=True, slots=True)
class _Block:
    """The vectors of one batch in row order, and which model made them."""

    source: str
    fingerprint: str
    vectors: Vectors


def build_index(home: Home, segment: str, version: str, encoder: str) -> IndexManifest:
    """Writes <encoder>.<hash>.f16, <encoder>.<hash>.faiss and <encoder>.json beside the segment's rows.

    Reads the stored embeddings of the segment's batches. The same embeddings again: nothing is rewritten, and what was
    damaged is mended. Raises CorruptArtifact, naming the encoder, the image, the batch and what to materialize, when a
    row has no embedding, when one was made from another cutout, or when batches were embedded by different models.
    """
    manifest = read_rows_manifest(home, segment, version)
    blocks = _image_blocks(home, read_rows(home, manifest), encoder)
    return _build(home, manifest, encoder, encoder, manifest.rows, blocks)


def build_text_index(home: Home, segment: str, version: str, encoder: str) -> IndexManifest:
    """As build_index, over the segment's listings and their text embeddings: text_<encoder>.*."""
    manifest = read_rows_manifest(home, segment, version)
    blocks = _text_blocks(home, read_rows(home, manifest), encoder)
    return _build(home, manifest, encoder, f"text_{encoder}", manifest.listings, blocks)


def _image_blocks(home: Home, rows: SegmentRows, encoder: str) -> Iterator[_Block]:
    for batch, members in _by_batch(rows.covered, rows.batches).items():
        path, remedy = home.embeddings(encoder, batch), f"materialize embeddings/{encoder} for {batch}"
        if not path.is_file():
            if members:
                raise CorruptArtifact(f"{batch} has no embeddings/{encoder} ({path} is missing): {remedy}.")
            continue
        found = read_embeddings(path)
        keys = list(zip(found.listing_ids.tolist(), found.image_ids.tolist(), strict=True))
        place = {key: number for number, key in enumerate(keys)}
        wanted = [(int(rows.listing_ids[row]), int(rows.image_ids[row])) for row in members]
        if missing := [key for key in wanted if key not in place]:
            listing_id, image_id = missing[0]
            raise CorruptArtifact(
                f"embeddings/{encoder} of {batch} lacks image {image_id} of listing {listing_id} "
                f"({len(missing)} of {len(wanted)} are missing): {remedy} again."
            )
        taken = [place[key] for key in wanted]
        for row, number in zip(members, taken, strict=True):
            if found.source_sha256[number].tobytes().hex() != rows.cutout_sha256[row]:
                raise CorruptArtifact(
                    f"embeddings/{encoder} of {batch} has image {rows.image_ids[row]} of listing "
                    f"{rows.listing_ids[row]} from another cutout than the one stored now: {remedy} again."
                )
        yield _block(found, encoder, batch, path, taken)


def _text_blocks(home: Home, rows: SegmentRows, encoder: str) -> Iterator[_Block]:
    for batch, members in _by_batch(rows.covered, rows.listing_batches).items():
        path = home.text_embeddings(encoder, batch)
        remedy = f"materialize text_embeddings/{encoder} for {batch}"
        if not path.is_file():
            if members:
                raise CorruptArtifact(f"{batch} has no text_embeddings/{encoder} ({path} is missing): {remedy}.")
            continue
        found = read_text_embeddings(path)
        place = {listing_id: number for number, listing_id in enumerate(found.listing_ids.tolist())}
        wanted = [int(rows.listings[row]) for row in members]
        if missing := [listing_id for listing_id in wanted if listing_id not in place]:
            raise CorruptArtifact(
                f"text_embeddings/{encoder} of {batch} lacks listing {missing[0]} "
                f"({len(missing)} of {len(wanted)} are missing): {remedy} again."
            )
        yield _block(found, encoder, batch, path, [place[listing_id] for listing_id in wanted])


def _by_batch(covered: tuple[str, ...], batches: tuple[str, ...]) -> Mapping[str, list[int]]:
    """For each batch of the segment its row numbers; rows are ordered by batch, so these follow on each other."""
    members: dict[str, list[int]] = {batch: [] for batch in covered}
    for row, batch in enumerate(batches):
        members[batch].append(row)
    return members


def _block(found: Embeddings | TextEmbeddings, encoder: str, batch: str, path: Path, taken: list[int]) -> _Block:
    if (found.encoder, found.batch) != (encoder, batch):
        raise CorruptArtifact(
            f"{path} holds vectors of {found.encoder} for {found.batch}, where {encoder} for {batch} belongs: "
            "materialize both again."
        )
    return _Block(source=str(path), fingerprint=found.fingerprint, vectors=found.vectors[taken])


def _build(
    home: Home, rows: RowsManifest, encoder: str, name: str, count: int, blocks: Iterator[_Block]
) -> IndexManifest:
    folder = home.segment(rows.segment, rows.version)
    models: dict[tuple[str, int], str] = {}

    def write_matrix(path: Path) -> None:
        with path.open("wb") as file:
            for block in blocks:
                models.setdefault((block.fingerprint, block.vectors.shape[1]), block.source)
                if len(models) > 1:
                    raise CorruptArtifact(
                        f"{' and '.join(models.values())} were made by different models of the name {encoder}, so "
                        "their vectors can't be compared: materialize the older one again."
                    )
                file.write(np.ascontiguousarray(block.vectors).tobytes())
        if not models:
            raise CorruptArtifact(f"{rows.segment} has no embeddings of {encoder}: materialize those of its batches.")

    matrix = _store(folder, name, "f16", write_matrix)
    ((fingerprint, dimension),) = models
    kind = choose_kind(count)
    previous = _previous(home, rows, name)
    if previous and (previous.matrix, previous.kind) == (matrix.name, kind) and _sound(folder, previous):
        index = folder / previous.index
    else:
        vectors = open_matrix(matrix, count, dimension)
        index = _store(folder, name, "faiss", lambda path: write_index(kind, vectors, path))
    manifest = IndexManifest(
        encoder=encoder,
        fingerprint=fingerprint,
        rows_version=rows.version,
        rows=count,
        dimension=dimension,
        kind=kind,
        matrix=matrix.name,
        index=index.name,
        files={path.name: FileStamp.of(path) for path in (matrix, index)},
    )
    if manifest != previous:
        manifest.write(index_manifest_path(home, rows.segment, rows.version, name))
    return manifest


def _store(folder: Path, name: str, suffix: str, write: Callable[[Path], None]) -> Path:
    """Writes a file and names it by its content. A sound file of that name stays, a damaged one is replaced."""
    # With the process in its name, for two runs may build the same index at once.
    partial = folder / f".{name}.{suffix}.{os.getpid()}.partial"
    with atomic_path(partial) as temporary:
        write(temporary)
    digest = sha256_file(partial)
    path = folder / f"{name}.{digest[:12]}.{suffix}"
    if path.is_file() and sha256_file(path) == digest:
        partial.unlink()
    else:
        partial.replace(path)
        fsync(folder)
    return path


def _previous(home: Home, rows: RowsManifest, name: str) -> IndexManifest | None:
    try:
        return read_index_manifest(home, rows.segment, rows.version, name)
    except CorruptArtifact:
        return None


def _sound(folder: Path, manifest: IndexManifest) -> bool:
    return all(stamp.problem(folder / name) is None for name, stamp in manifest.files.items())
