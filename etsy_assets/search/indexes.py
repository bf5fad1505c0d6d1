"""Builds the index of one encoder over the rows of one segment, by id lookup and never by position.

The embeddings of a batch may hold more images than the rows ask for. What they may not do is lack one, or have been
made from other bytes than the cutout that the row names: then nothing is written.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from etsy_assets.encoders.embeddings import Embeddings, TextEmbeddings, read_embeddings, read_text_embeddings
from etsy_assets.errors import CorruptArtifact
from etsy_assets.search.faiss_index import write_index
from etsy_assets.search.index_building import EarlierIndex, IndexBuilder
from etsy_assets.search.index_policy import DEFAULT_POLICY, IndexPolicy
from etsy_assets.search.manifests import (
    IndexManifest,
    RowsManifest,
    index_manifest_path,
    read_index_manifest,
    read_rows_manifest,
)
from etsy_assets.search.matrix import Matrix, open_matrix
from etsy_assets.search.rows import SegmentRows, read_rows
from etsy_assets.search.stored_files import StoredFile, store_by_content
from etsy_assets.storage import Home

Vectors = npt.NDArray[np.float16]


@dataclass(frozen=True, slots=True)
class _Block:
    """The vectors of one batch in row order, and which model made them."""

    source: str
    fingerprint: str
    vectors: Vectors


def build_index(
    home: Home, segment: str, version: str, encoder: str, policy: IndexPolicy = DEFAULT_POLICY
) -> IndexManifest:
    """Writes <encoder>.<hash>.f16, <encoder>.<hash>.faiss and <encoder>.json beside the segment's rows.

    An earlier version's index over the same first rows is extended: what a new batch costs is not what a segment does.

    Reads the stored embeddings of the segment's batches. The same embeddings again: nothing is rewritten, and what was
    damaged is mended. Raises CorruptArtifact, naming the encoder, the image, the batch and what to materialize, when a
    row has no embedding, when one was made from another cutout, or when batches were embedded by different models.
    """
    manifest = read_rows_manifest(home, segment, version)
    blocks = _image_blocks(home, read_rows(home, manifest), encoder)
    return _build(home, manifest, encoder, encoder, manifest.rows, blocks, policy)


def build_text_index(
    home: Home, segment: str, version: str, encoder: str, policy: IndexPolicy = DEFAULT_POLICY
) -> IndexManifest:
    """As build_index, over the segment's listings and their text embeddings: text_<encoder>.*."""
    manifest = read_rows_manifest(home, segment, version)
    blocks = _text_blocks(home, read_rows(home, manifest), encoder)
    return _build(home, manifest, encoder, f"text_{encoder}", manifest.listings, blocks, policy)


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
        wanted = list(zip(rows.listing_ids[members].tolist(), rows.image_ids[members].tolist(), strict=True))
        if missing := [key for key in wanted if key not in place]:
            listing_id, image_id = missing[0]
            raise CorruptArtifact(
                f"embeddings/{encoder} of {batch} lacks image {image_id} of listing {listing_id} "
                f"({len(missing)} of {len(wanted)} are missing): {remedy} again."
            )
        taken = [place[key] for key in wanted]
        stored = bytes.fromhex("".join(rows.cutout_sha256[row] for row in members))
        made_from = found.source_sha256[taken]
        other = (made_from != np.frombuffer(stored, dtype=np.uint8).reshape(made_from.shape)).any(axis=1)
        if other.any():
            listing_id, image_id = wanted[int(np.argmax(other))]
            raise CorruptArtifact(
                f"embeddings/{encoder} of {batch} has image {image_id} of listing {listing_id} from another cutout "
                f"than the one stored now: {remedy} again."
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
    home: Home,
    rows: RowsManifest,
    encoder: str,
    name: str,
    count: int,
    blocks: Iterator[_Block],
    policy: IndexPolicy,
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

    matrix = store_by_content(folder, name, "f16", write_matrix)
    ((fingerprint, dimension),) = models
    previous = _previous(home, rows, name)
    if previous and _same_vectors(previous, fingerprint, matrix) and _sound(home, folder, previous, policy):
        return previous
    vectors = open_matrix(matrix.path, count, dimension)
    builder = IndexBuilder(home, name, rows.segment, fingerprint, vectors, policy)
    built = builder.build(_earlier(home, rows, name, fingerprint, vectors))
    index = store_by_content(folder, name, "faiss", lambda path: write_index(built.index, path))
    manifest = IndexManifest(
        encoder=encoder,
        fingerprint=fingerprint,
        rows_version=rows.version,
        rows=count,
        dimension=dimension,
        kind=built.kind,
        effort=built.tuned.effort,
        recall=built.tuned.recall,
        passed_over=built.passed_over,
        codebook=built.codebook,
        matrix=matrix.path.name,
        index=index.path.name,
        files={stored.path.name: stored.stamp for stored in (matrix, index)},
    )
    if manifest != previous:
        manifest.write(index_manifest_path(home, rows.segment, rows.version, name))
    return manifest


def _previous(home: Home, rows: RowsManifest, name: str) -> IndexManifest | None:
    try:
        return read_index_manifest(home, rows.segment, rows.version, name)
    except CorruptArtifact:
        return None


def _same_vectors(manifest: IndexManifest, fingerprint: str, matrix: StoredFile) -> bool:
    return (manifest.fingerprint, manifest.files.get(matrix.path.name)) == (fingerprint, matrix.stamp)


def _sound(home: Home, folder: Path, manifest: IndexManifest, policy: IndexPolicy) -> bool:
    """Whether an index of the same vectors serves as it is: undamaged, and of a kind that the policy would choose."""
    first = policy.first_kind(manifest.rows, manifest.dimension)
    kinds = {manifest.kind, *(passed.kind for passed in manifest.passed_over)}
    return (
        first in kinds
        and manifest.recall >= policy.target_recall
        and all(stamp.problem(folder / name) is None for name, stamp in manifest.files.items())
        and (manifest.codebook is None or manifest.codebook.stamp.problem(home.root / manifest.codebook.file) is None)
    )


def _earlier(home: Home, rows: RowsManifest, name: str, fingerprint: str, matrix: Matrix) -> EarlierIndex | None:
    """The sound index of another version of the segment over the longest run of the first rows of this very matrix."""
    found = []
    for path in (home.segments / rows.segment).glob(f"*/{name}.json"):
        try:
            manifest = IndexManifest.read(path, "it is not needed here")
        except CorruptArtifact:
            continue
        if (manifest.fingerprint, manifest.dimension) == (fingerprint, matrix.shape[1]) and manifest.rows <= len(
            matrix
        ):
            found.append((manifest.rows, path.parent, manifest))
    for count, folder, manifest in sorted(found, key=lambda item: item[0], reverse=True):
        index, vectors = folder / manifest.index, folder / manifest.matrix
        if manifest.files[index.name].problem(index) or manifest.files[vectors.name].problem(vectors, checksum=False):
            continue
        if np.array_equal(open_matrix(vectors, count, manifest.dimension), matrix[:count]):
            return EarlierIndex(manifest, index)
    return None
