"""Codebooks: the centroids that vectors are sorted around, trained once and shared by the segments of one encoder.

Because segments share it, their inverted lists can be searched as one (see searchers.py): the cost of a query grows
with the rows that are looked at and not with the number of segments. And a new segment needs no training.
A codebook that suits a segment badly shows in that segment's measured recall; then it trains its own.
"""

import os
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from etsy_assets.errors import CorruptArtifact
from etsy_assets.search.index_policy import IndexKind
from etsy_assets.search.manifests import CodebookManifest, codebook_remedy
from etsy_assets.search.matrix import Matrix, as_float32, inner_products
from etsy_assets.search.stored_files import store_by_content
from etsy_assets.storage import Home

Vectors = npt.NDArray[np.float32]

_ROWS_PER_LIST = 20
"""Half of what FAISS calls for. On 1M vectors in segments of 50,000, twice the lists find as much by looking at fewer
rows, though each centroid is known less well."""
_MAX_LISTS = 4096
_MAX_TRAINING_ROWS = 200_000
_ITERATIONS = 10
_ROTATION_SEED = 967
"""Codes of one bit a dimension are good only when no dimension stands out, so vectors are rotated at random first
(Gao and Long, "RaBitQ", 2024). Measured on 500k vectors with uneven dimensions: recall@10 before re-scoring 0.50
without the rotation, 0.76 with it."""


@dataclass(frozen=True, slots=True)
class Codebook:
    """A trained, empty index. template: a faiss.IndexIVF; rotation: (dimension, dimension); owner: keeps both alive."""

    manifest: CodebookManifest
    template: Any
    rotation: Vectors
    owner: Any

    def rotated(self, vectors: Vectors) -> Vectors:
        """(n, dimension) vectors as the template takes them."""
        return np.ascontiguousarray(vectors @ self.rotation.T)

    def rotated_query(self, vector: Vectors) -> Vectors:
        """The same for one vector (dimension,)."""
        return inner_products(vector, self.rotation)


def affordable_lists(rows: int) -> int:
    """The number of lists, a power of two, that can be trained on so many rows."""
    lists = max(rows // _ROWS_PER_LIST, 1)
    return int(min(1 << (lists.bit_length() - 1), _MAX_LISTS))


def suitable_codebook(home: Home, name: str, kind: IndexKind, fingerprint: str, rows: int) -> CodebookManifest | None:
    """The largest codebook of this model that is no coarser than one trained on `rows` rows would be; the newest of
    equal ones. None when there is no such codebook. name: the encoder's, with `text_` before it for its texts.
    """
    found = []
    for path in home.codebooks(name).glob("*.json"):
        manifest = CodebookManifest.read(path, f"delete it, and materialize the index of {name} again")
        if (manifest.kind, manifest.fingerprint) == (kind, fingerprint) and manifest.lists >= affordable_lists(rows):
            found.append(manifest)
    chosen = max(found, key=lambda manifest: (manifest.lists, manifest.number, manifest.file), default=None)
    if chosen is not None:
        # Or it would look abandoned to a collection until the index that is built with it names it.
        for path in (home.root / chosen.file, (home.root / chosen.file).with_suffix(".json")):
            with suppress(FileNotFoundError):
                os.utime(path)
    return chosen


def train_codebook(home: Home, name: str, kind: IndexKind, fingerprint: str, matrix: Matrix) -> CodebookManifest:
    """Trains on evenly spaced rows of a segment's matrix, and stores what was learnt as codebooks/<name>/<hash>.*."""
    import faiss

    from etsy_assets.search.faiss_index import write_index

    rows, dimension = matrix.shape
    taken = np.linspace(0, rows - 1, min(rows, _MAX_TRAINING_ROWS)).round().astype(np.int64)
    rotation = faiss.RandomRotationMatrix(dimension, dimension)
    rotation.init(_ROTATION_SEED)
    template = _empty_index(kind, dimension, affordable_lists(rows))
    template.cp.niter = _ITERATIONS
    # The number of lists was chosen for these rows; a sentence on stderr would say nothing new.
    template.cp.min_points_per_centroid = 1
    template.train(rotation.apply(as_float32(matrix[taken])))
    whole = faiss.IndexPreTransform(rotation, template)
    folder = home.codebooks(name)
    stored = store_by_content(folder, "", "faiss", lambda path: write_index(whole, path))
    manifest = CodebookManifest(
        name=name,
        number=1 + len(list(folder.glob("*.json"))),
        kind=kind,
        fingerprint=fingerprint,
        dimension=dimension,
        lists=template.nlist,
        trained_rows=len(taken),
        file=f"codebooks/{name}/{stored.path.name}",
        stamp=stored.stamp,
    )
    manifest.write(stored.path.with_suffix(".json"))
    return manifest


def open_codebook(home: Home, manifest: CodebookManifest) -> Codebook:
    """Reads a codebook. Raises CorruptArtifact, naming the file, when it is missing or not the one that was stored."""
    import faiss

    path = home.root / manifest.file
    if problem := manifest.stamp.problem(path):
        raise CorruptArtifact(f"{problem}: {codebook_remedy(manifest)}.")
    whole = faiss.read_index(str(path))
    rotation = faiss.downcast_VectorTransform(whole.chain.at(0))
    matrix = faiss.vector_to_array(rotation.A).reshape(manifest.dimension, manifest.dimension)
    return Codebook(manifest, faiss.downcast_index(whole.index), matrix, whole)


class OpenCodebooks:
    """Reads each codebook once, however many segments share it."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self._opened: dict[str, Codebook] = {}

    def open(self, manifest: CodebookManifest) -> Codebook:
        """Raises CorruptArtifact as open_codebook does."""
        if manifest.file not in self._opened:
            self._opened[manifest.file] = open_codebook(self._home, manifest)
        return self._opened[manifest.file]


def _empty_index(kind: IndexKind, dimension: int, lists: int) -> Any:
    import faiss

    centroids = faiss.IndexFlatIP(dimension)
    match kind:
        case IndexKind.IVF_RABITQ:
            index = faiss.IndexIVFRaBitQ(centroids, dimension, lists, faiss.METRIC_INNER_PRODUCT)
        case IndexKind.IVF_SQ8:
            index = faiss.IndexIVFScalarQuantizer(
                centroids, dimension, lists, faiss.ScalarQuantizer.QT_8bit, faiss.METRIC_INNER_PRODUCT
            )
        case IndexKind.IVF_PQ:
            index = faiss.IndexIVFPQ(centroids, dimension, lists, _subvectors(dimension), 8, faiss.METRIC_INNER_PRODUCT)
            index.pq.cp.min_points_per_centroid = 1
        case _:
            raise ValueError(f"An index of kind {kind} has no codebook.")
    return index


def _subvectors(dimension: int) -> int:
    """The largest number of equal parts of at least 8 dimensions each."""
    return max(parts for parts in range(1, max(dimension // 8, 1) + 1) if dimension % parts == 0)
