"""Makes the index of a segment: the first kind, from the cheapest on, that finds what exact search finds."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from etsy_assets.search.codebook import Codebook, open_codebook, suitable_codebook, train_codebook
from etsy_assets.search.faiss_index import fill_index, first_id, read_index
from etsy_assets.search.index_policy import MORE_EXACT, IndexKind, IndexPolicy
from etsy_assets.search.manifests import CodebookManifest, IndexManifest, PassedOver
from etsy_assets.search.matrix import Matrix
from etsy_assets.search.tuning import Truth, Tuned, exact_neighbours, tune
from etsy_assets.storage import Home

_WITHIN_REACH = 0.2
"""Recall that a codebook of the segment's own may gain over a shared one. If more is lacking with all lists probed, it
is the codes that are too coarse, and training would only take its minute."""


@dataclass(frozen=True, slots=True)
class EarlierIndex:
    """An index over the first rows of the same matrix, which can be extended. path: of its sound FAISS file."""

    manifest: IndexManifest
    path: Path


@dataclass(frozen=True, slots=True)
class BuiltIndex:
    """index: a faiss.Index, filled. The rest as in IndexManifest."""

    index: Any
    kind: IndexKind
    codebook: CodebookManifest | None
    tuned: Tuned
    passed_over: tuple[PassedOver, ...]


@dataclass
class IndexBuilder:
    """name: the encoder's, with `text_` before it for its texts. fingerprint: of the model that made the vectors."""

    home: Home
    name: str
    segment: str
    fingerprint: str
    matrix: Matrix
    policy: IndexPolicy

    def build(self, earlier: EarlierIndex | None) -> BuiltIndex:
        """Tries kinds from the policy's first to exact search, which always serves.

        What `earlier` holds is extended when it is of the kind and codebook that are chosen now. A kind that was far
        too coarse for it is not tried again until there are twice as many rows.
        """
        passed_over: dict[IndexKind, float] = {}
        too_coarse = self._too_coarse_for(earlier)
        for kind, codebook in self._choices(passed_over, too_coarse):
            start = self._start(earlier, kind, codebook)
            index = fill_index(kind, self.matrix, codebook, self.segment, start)
            tuned = self._tune(kind, index, codebook, earlier.manifest.effort if earlier and start is not None else 1)
            if tuned.recall >= self.policy.target_recall:
                return BuiltIndex(
                    index,
                    kind,
                    codebook.manifest if codebook else None,
                    tuned,
                    tuple(PassedOver(kind=name, recall=recall) for name, recall in passed_over.items()),
                )
            passed_over[kind] = max(tuned.recall, passed_over.get(kind, 0.0))
        raise AssertionError("Exact search finds everything.")

    def _too_coarse_for(self, earlier: EarlierIndex | None) -> dict[IndexKind, float]:
        """The kinds that were passed over with a recall out of reach of the target, and that recall."""
        if earlier is None or 2 * earlier.manifest.rows < self.matrix.shape[0]:
            return {}
        return {
            IndexKind(passed.kind): passed.recall
            for passed in earlier.manifest.passed_over
            if not self._within_reach(passed.recall)
        }

    def _within_reach(self, recall: float) -> bool:
        return recall >= self.policy.target_recall - _WITHIN_REACH

    def _choices(
        self, passed_over: dict[IndexKind, float], too_coarse: Mapping[IndexKind, float]
    ) -> Iterator[tuple[IndexKind, Codebook | None]]:
        """Kinds with codebooks: the shared one first, then one that is trained on this very segment.

        passed_over: by kind, the best recall of what was tried so far. too_coarse: what goes into it untried.
        """
        kind: IndexKind | None = self.policy.first_kind(*self.matrix.shape)
        while kind is not None:
            if kind in too_coarse:
                passed_over[kind] = too_coarse[kind]
            elif kind.has_codebook:
                shared = suitable_codebook(self.home, self.name, kind, self.fingerprint, self.matrix.shape[0])
                if shared is not None:
                    yield kind, open_codebook(self.home, shared)
                if shared is None or self._within_reach(passed_over[kind]):
                    own = train_codebook(self.home, self.name, kind, self.fingerprint, self.matrix)
                    if shared is None or own.stamp != shared.stamp:
                        yield kind, open_codebook(self.home, own)
            else:
                yield kind, None
            kind = MORE_EXACT.get(kind)

    def _start(self, earlier: EarlierIndex | None, kind: IndexKind, codebook: Codebook | None) -> Any | None:
        of = codebook.manifest if codebook else None
        if earlier is None or (earlier.manifest.kind, earlier.manifest.codebook) != (kind, of):
            return None
        return read_index(earlier.path)

    def _tune(self, kind: IndexKind, index: Any, codebook: Codebook | None, least: int) -> Tuned:
        if kind is IndexKind.FLAT:
            return Tuned(0, 1.0)
        first = first_id(self.segment) if codebook else 0
        return tune(kind, index, codebook, self._truth, self.policy.target_recall, first, least)

    @cached_property
    def _truth(self) -> Truth:
        return exact_neighbours(self.matrix)
