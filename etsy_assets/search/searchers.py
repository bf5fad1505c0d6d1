"""Finding candidates: one segment's index by itself, or the lists of many segments searched as one.

Only the order of candidates comes from here, with the similarity that the codes make of them. What they are worth is
computed from the float16 matrix afterwards.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from etsy_assets.search.codebook import Codebook
from etsy_assets.search.faiss_index import split_ids
from etsy_assets.search.index_policy import IndexKind
from etsy_assets.search.matrix import Matrix

Ids = npt.NDArray[np.int64]
Vector = npt.NDArray[np.float32]

_QUERY_BITS = 4
"""Of a query's numbers when they are compared with RaBitQ codes, as its authors advise: as good as float32 once the
candidates are re-scored, and 40 times faster."""
_OVERSAMPLED, _FEWEST = 2, 200
"""Candidates taken from codes for each row that is wanted, and at least: the right ones stand among them in a wrong
order, and among a million rows there are more to be wrong about than in the one segment that was tuned."""


@dataclass(frozen=True, slots=True)
class IndexPart:
    """One segment's files, opened. index: a faiss.Index; matrix: (rows, dimension).

    first_id: the id of row 0 in the index, where segments share a codebook. effort: as in IndexManifest.
    dead: rows that are not to be found any more, ascending.
    """

    index: Any
    matrix: Matrix
    kind: IndexKind = IndexKind.FLAT
    effort: int = 0
    codebook: Codebook | None = None
    first_id: int = 0
    dead: Ids | None = None


def candidates(k: int) -> int:
    """How many rows are re-scored to find the k nearest."""
    return max(_OVERSAMPLED * k, _FEWEST)


class Searcher(Protocol):
    def search(self, vector: Vector, k: int) -> tuple[Ids, Vector]:
        """The rows that look nearest to a vector, numbered through the encoder's segments, and how near they look."""
        ...


def make_searchers(parts: Sequence[IndexPart], starts: Sequence[int], codes_in_memory: bool) -> list[Searcher]:
    """One for each codebook and one for each part that has none. starts: the number of each part's first row.

    codes_in_memory: as for Corpus.open.

    The effort that a segment needs is measured by a sample, and scatters. So segments that share a codebook share the
    mean of theirs: as more effort gains ever less, their mean recall is then no lower than with each one's own. One
    that needs more than twice the mean is really another kind of segment, and is searched by itself.
    """
    alone: list[Searcher] = []
    sharing: dict[str, list[tuple[IndexPart, int]]] = {}
    for part, start in zip(parts, starts, strict=True):
        if part.codebook is not None:
            sharing.setdefault(part.codebook.manifest.file, []).append((part, start))
        elif part.matrix.shape[0]:
            alone.append(OnePart(part, start))
    for group in sharing.values():
        bound = 2 * mean_effort(group)
        usual = [(part, start) for part, start in group if part.effort <= bound]
        # A quarter of the vectors themselves: gigabytes, to save little of a search through that much.
        small = group[0][0].kind is not IndexKind.IVF_SQ8
        alone.append(StackedLists(usual, codes_in_memory and small))
        alone += [StackedLists([one], False) for one in group if one[0].effort > bound]
    return alone


def mean_effort(parts: Sequence[tuple[IndexPart, int]]) -> int:
    """By rows, rounded up."""
    rows = [int(part.matrix.shape[0]) for part, _ in parts]
    total = sum(count * part.effort for count, (part, _) in zip(rows, parts, strict=True))
    return math.ceil(total / max(sum(rows), 1))


class OnePart:
    """A flat or HNSW index."""

    def __init__(self, part: IndexPart, start: int) -> None:
        self._part, self._start = part, start
        self._live = part.matrix.shape[0] - (0 if part.dead is None else len(part.dead))
        self._parameters = search_parameters(part.kind, part.effort, without(part.dead))

    def search(self, vector: Vector, k: int) -> tuple[Ids, Vector]:
        wanted = min(k if self._part.kind is IndexKind.FLAT else candidates(k), self._live)
        if not wanted:
            return np.empty(0, dtype=np.int64), np.empty(0, dtype=np.float32)
        near, rows = self._part.index.search(vector[np.newaxis, :], wanted, params=self._parameters)
        there = rows[0] >= 0
        return rows[0][there] + self._start, near[0][there]


class StackedLists:
    """The inverted lists of segments that share a codebook, as if they were one index.

    A query is compared with the centroids once, however many segments there are. It reads each list from all segments'
    files and copies it together, or finds it copied in memory.
    """

    def __init__(self, parts: Sequence[tuple[IndexPart, int]], in_memory: bool) -> None:
        import faiss

        first = parts[0][0]
        assert first.codebook is not None
        self._codebook, self._parts = first.codebook, [part for part, _ in parts]
        order = np.argsort([part.first_id for part in self._parts])
        self._first_ids = np.array([self._parts[number].first_id for number in order], dtype=np.int64)
        self._starts = np.array([parts[number][1] for number in order], dtype=np.int64)
        lists = faiss.InvertedListsPtrVector()
        for part in self._parts:
            lists.push_back(part.index.invlists)
        stacked: Any = faiss.HStackInvertedLists(lists.size(), lists.data())
        # FAISS keeps pointers only: what they point to must live as long as this object.
        self._lists = (lists, stacked) if not in_memory else (_copied(stacked),)
        self._index = faiss.clone_index(first.codebook.template)
        self._index.replace_invlists(self._lists[-1], False)
        self._index.ntotal = sum(part.matrix.shape[0] for part in self._parts)
        dead = [part.dead + part.first_id for part in self._parts if part.dead is not None and len(part.dead)]
        self._parameters = search_parameters(
            first.kind, mean_effort(parts), without(np.concatenate(dead) if dead else None)
        )

    def search(self, vector: Vector, k: int) -> tuple[Ids, Vector]:
        query = self._codebook.rotated_query(vector)[np.newaxis, :]
        near, ids = self._index.search(query, candidates(k), params=self._parameters)
        there = ids[0] >= 0
        first_ids, rows = split_ids(ids[0][there])
        return rows + self._starts[np.searchsorted(self._first_ids, first_ids)], near[0][there]


def _copied(lists: Any) -> Any:
    """A faiss.InvertedLists as one in memory."""
    import faiss

    copy = faiss.ArrayInvertedLists(lists.nlist, lists.code_size)
    lists.copy_subset_to(copy, faiss.InvertedLists.SUBSET_TYPE_ID_RANGE, 0, np.iinfo(np.int64).max)
    return copy


def search_parameters(kind: IndexKind, effort: int, selector: Any | None = None) -> Any:
    """What FAISS is told of a search. effort: as in IndexManifest. selector: of the ids that may be found."""
    import faiss

    match kind:
        case IndexKind.IVF_RABITQ:
            parameters = faiss.IVFRaBitQSearchParameters()
            parameters.nprobe, parameters.qb = effort, _QUERY_BITS
        case IndexKind.IVF_SQ8:
            parameters = faiss.SearchParametersIVF()
            parameters.nprobe = effort
        case IndexKind.IVF_PQ:
            parameters = faiss.IVFPQSearchParameters()
            parameters.nprobe = effort
        case IndexKind.HNSW:
            parameters = faiss.SearchParametersHNSW()
            parameters.efSearch = effort
        case IndexKind.FLAT:
            parameters = faiss.SearchParameters()
    if selector is not None:
        parameters.sel = selector
        parameters.selector = selector
    return parameters


def without(ids: Ids | None) -> Any | None:
    """A selector of everything but these ids; None when there are none."""
    import faiss

    if ids is None or not len(ids):
        return None
    excluded = faiss.IDSelectorBatch(np.ascontiguousarray(ids))
    selector = faiss.IDSelectorNot(excluded)
    selector.excluded = excluded
    return selector
