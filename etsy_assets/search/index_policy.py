"""Which kind of index a segment gets: by its size, a budget of memory, and the recall that must be reached."""

from dataclasses import dataclass
from enum import StrEnum

_MEGABYTE = 1 << 20
_ID_BYTES = 8
"""Inverted lists keep the id of each vector."""


class IndexKind(StrEnum):
    """How candidates are found. Whatever the kind, their scores come from the float16 matrix."""

    FLAT = "flat"
    IVF_SQ8 = "ivf_sq8"
    IVF_RABITQ = "ivf_rabitq"
    IVF_PQ = "ivf_pq"
    HNSW = "hnsw"

    @property
    def has_codebook(self) -> bool:
        """Whether its vectors are sorted into lists around centroids that are trained beforehand."""
        return self in (IndexKind.IVF_SQ8, IndexKind.IVF_RABITQ, IndexKind.IVF_PQ)


MORE_EXACT = {
    IndexKind.IVF_PQ: IndexKind.IVF_SQ8,
    IndexKind.IVF_RABITQ: IndexKind.IVF_SQ8,
    IndexKind.IVF_SQ8: IndexKind.FLAT,
    IndexKind.HNSW: IndexKind.FLAT,
}
"""What a segment falls back to when a kind does not reach the recall asked for."""


@dataclass(frozen=True, slots=True)
class IndexPolicy:
    """kind: that of every segment, None = the most exact one that fits into the budget.

    memory_mb: for the codes of one encoder and segment, in MiB. target_recall: the share of the true ten nearest that
    must be found, after re-scoring; a kind that can't is passed over for a more exact one, whatever the budget.
    """

    kind: IndexKind | None = None
    memory_mb: float = 8.0
    target_recall: float = 0.99

    def first_kind(self, rows: int, dimension: int) -> IndexKind:
        """The kind that is tried first for a segment of (rows, dimension)."""
        if self.kind is not None:
            return self.kind if rows else IndexKind.FLAT
        for kind in (IndexKind.FLAT, IndexKind.IVF_SQ8):
            if rows * bytes_per_row(kind, dimension) <= self.memory_mb * _MEGABYTE:
                return kind
        return IndexKind.IVF_RABITQ


DEFAULT_POLICY = IndexPolicy()


def bytes_per_row(kind: IndexKind, dimension: int) -> int:
    """What one vector takes in memory, ids included."""
    match kind:
        case IndexKind.FLAT:
            return 4 * dimension
        case IndexKind.IVF_SQ8:
            return dimension + _ID_BYTES
        case IndexKind.IVF_RABITQ:
            # One bit a dimension, and two factors that correct the estimate.
            return -(-dimension // 8) + 8 + _ID_BYTES
        case IndexKind.IVF_PQ:
            return -(-dimension // 8) + _ID_BYTES
        case IndexKind.HNSW:
            # One byte a dimension, and the links of 32 neighbours on the lowest level.
            return dimension + 2 * 32 * 4
