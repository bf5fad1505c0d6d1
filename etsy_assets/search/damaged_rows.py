"""Where a damaged matrix differs from the embeddings that it was built from: which picture the damage has reached."""

from pathlib import Path

import numpy as np
import numpy.typing as npt

from etsy_assets.encoders.embeddings import read_embeddings, read_text_embeddings
from etsy_assets.errors import CorruptArtifact
from etsy_assets.search.manifests import IndexManifest
from etsy_assets.search.matrix import Matrix, open_matrix
from etsy_assets.search.rows import read_rows
from etsy_assets.search.segments import Segment
from etsy_assets.storage import Home

Vector = npt.NDArray[np.float16]


def damaged_row(home: Home, segment: Segment, path: Path) -> int | None:
    """The first row of a matrix of the segment that is not as it was embedded; None when that can't be told.

    It can't for other files than matrices, for one of the wrong size, and where the embeddings are gone or newer.
    """
    for name, index in segment.indexes.items():
        if index.matrix == path.name:
            return _first_other(_opened(path, index), _image_vectors(home, segment, name, index.fingerprint))
    for name, index in segment.text_indexes.items():
        if index.matrix == path.name:
            return _first_other(_opened(path, index), _text_vectors(home, segment, name, index.fingerprint))
    return None


def _opened(path: Path, index: IndexManifest) -> Matrix | None:
    whole = path.is_file() and path.stat().st_size == index.rows * index.dimension * np.dtype(np.float16).itemsize
    return open_matrix(path, index.rows, index.dimension) if whole else None


def _first_other(matrix: Matrix | None, vectors: dict[int, Vector]) -> int | None:
    if matrix is None:
        return None
    return next((row for row, vector in sorted(vectors.items()) if matrix[row].tobytes() != vector.tobytes()), None)


def _image_vectors(home: Home, segment: Segment, encoder: str, fingerprint: str) -> dict[int, Vector]:
    """By row, the stored vectors that the same model made from the same cutout."""
    vectors: dict[int, Vector] = {}
    try:
        rows = read_rows(home, segment.rows)
        place = {
            (int(listing_id), int(image_id), sha256): row
            for row, (listing_id, image_id, sha256) in enumerate(
                zip(rows.listing_ids, rows.image_ids, rows.cutout_sha256, strict=True)
            )
        }
        for batch in segment.rows.batches:
            found = read_embeddings(home.embeddings(encoder, batch))
            if found.fingerprint != fingerprint:
                continue
            keys = zip(found.listing_ids.tolist(), found.image_ids.tolist(), found.source_sha256, strict=True)
            for (listing_id, image_id, digest), vector in zip(keys, found.vectors, strict=True):
                row = place.get((listing_id, image_id, digest.tobytes().hex()))
                if row is not None:
                    vectors[row] = vector
    except (FileNotFoundError, CorruptArtifact):
        return {}
    return vectors


def _text_vectors(home: Home, segment: Segment, encoder: str, fingerprint: str) -> dict[int, Vector]:
    """By row, the stored vectors that the same model made from a listing's text."""
    vectors: dict[int, Vector] = {}
    try:
        place = {int(listing_id): row for row, listing_id in enumerate(read_rows(home, segment.rows).listings)}
        for batch in segment.rows.batches:
            found = read_text_embeddings(home.text_embeddings(encoder, batch))
            if found.fingerprint == fingerprint:
                keyed = zip(found.listing_ids.tolist(), found.vectors, strict=True)
                vectors |= {place[listing_id]: vector for listing_id, vector in keyed if listing_id in place}
    except (FileNotFoundError, CorruptArtifact):
        return {}
    return vectors
