"""The exact ensemble: a flat index of all rows for each encoder, and its answers, fused by the product's own code.

One encoder at a time is in memory, as five flat indexes of a million rows are 15 GB. The answers are computed from the
generator and kept in the folder; the times are measured in every run, interleaved with those of the product.
"""

import os
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import faiss
import numpy as np
import numpy.typing as npt

from benchmarks.corpus.vectors import BATCH_ROWS, DIMENSIONS, ENCODERS, Ids, Shop, Single, image_ids, listing_ids
from benchmarks.report import progress
from etsy_assets.search.candidates import ImageCandidates
from etsy_assets.search.corpus import Corpus

DEPTH = 100
"""Images that each encoder contributes: the default of a search."""
SPARE = 100
"""Found beyond DEPTH, so that DEPTH remain when the dead ones among them are struck out."""


@dataclass(frozen=True, slots=True)
class Truth:
    """nearest: by encoder, (queries, DEPTH + SPARE) rows, best first. scores: (queries, encoders, rows asked for).

    The rows asked for are `rows[query]`: the union of all encoders' nearest, scored in every encoder.
    """

    nearest: Mapping[str, Ids]
    rows: tuple[Ids, ...]
    scores: tuple[npt.NDArray[np.float32], ...]

    def candidates(self, query: int, vectors: Mapping[str, Single], corpus: Corpus, dead: Ids) -> ImageCandidates:
        """What a faultless `gather` gives: the DEPTH nearest live rows of each encoder, all scored in all.

        What similarities are standardised with is part of the fusion's definition and comes from the corpus.
        """
        own = {}
        for encoder in ENCODERS:
            live = self.nearest[encoder][query]
            live = live[~np.isin(live, dead)]
            if len(live) < DEPTH:
                raise ValueError(f"Only {len(live)} of the nearest {DEPTH + SPARE} rows are alive: raise SPARE.")
            own[encoder] = live[:DEPTH]
        rows = np.unique(np.concatenate(list(own.values())))
        scores = self.scores[query][:, np.searchsorted(self.rows[query], rows)]
        return ImageCandidates(
            channels=ENCODERS,
            depth=DEPTH,
            listing_ids=listing_ids(rows),
            image_ids=image_ids(rows),
            similarities=np.round(scores, 6).T.astype(np.float64),
            found=np.stack([np.isin(rows, own[encoder]) for encoder in ENCODERS], axis=1),
            backgrounds=tuple(corpus.indexes[encoder].background(vectors[encoder]) for encoder in ENCODERS),
        )


@dataclass(frozen=True, slots=True)
class FlatTimes:
    """One encoder's flat index. seconds: of each query that was timed. nearest: (queries, DEPTH + SPARE)."""

    encoder: str
    seconds: npt.NDArray[np.float64]
    nearest: Ids


def flat_searches(
    shop: Shop, queries: Mapping[str, Single], timed: int, known: Mapping[str, Ids] | None
) -> Iterator[FlatTimes]:
    """Builds each encoder's flat index, times `timed` single queries on all cores, and drops it again.

    known: the nearest rows of an earlier run, compared with what the timed queries find now.
    """
    faiss_threads = faiss.omp_get_max_threads()
    for encoder in ENCODERS:
        started = time.perf_counter()
        index = faiss.IndexFlatIP(DIMENSIONS[encoder])
        for batch in range(shop.rows // BATCH_ROWS):
            index.add(shop.vectors(encoder, batch).astype(np.float32))
        depth = min(DEPTH + SPARE, shop.rows)
        faiss.omp_set_num_threads(len(os.sched_getaffinity(0)))
        index.search(queries[encoder][:1], DEPTH)
        seconds, found = [], []
        for vector in queries[encoder][:timed]:
            begun = time.perf_counter()
            found.append(index.search(vector[np.newaxis], DEPTH)[1][0])
            seconds.append(time.perf_counter() - begun)
        nearest = index.search(queries[encoder], depth)[1] if known is None else known[encoder]
        faiss.omp_set_num_threads(faiss_threads)
        same = np.mean([len(np.intersect1d(now, then[:DEPTH])) for now, then in zip(found, nearest, strict=False)])
        if same < DEPTH - 1:
            raise ValueError(f"The exact answers for {encoder} in the folder are those of another corpus: remove it.")
        del index
        progress(
            f"exact {shop.kind} {encoder}: p50 {np.median(seconds) * 1000:.1f} ms "
            f"({time.perf_counter() - started:.0f} s with building)"
        )
        yield FlatTimes(encoder, np.array(seconds), nearest)


def score_union(shop: Shop, queries: Mapping[str, Single], nearest: Mapping[str, Ids]) -> Truth:
    """Scores the union of all encoders' nearest rows in every encoder, from the generator."""
    started = time.perf_counter()
    count = len(queries[ENCODERS[0]])
    rows = tuple(np.unique(np.concatenate([nearest[encoder][query] for encoder in ENCODERS])) for query in range(count))
    scores = tuple(np.empty((len(ENCODERS), len(own)), dtype=np.float32) for own in rows)
    asked = np.concatenate(rows)
    query_of = np.repeat(np.arange(count), [len(own) for own in rows])
    place = np.concatenate([np.arange(len(own)) for own in rows])
    for number, encoder in enumerate(ENCODERS):
        for batch in np.unique(asked // BATCH_ROWS):
            mine = np.flatnonzero(asked // BATCH_ROWS == batch)
            vectors = shop.vectors(encoder, int(batch))[asked[mine] % BATCH_ROWS].astype(np.float32)
            values = np.einsum("nd,nd->n", vectors, queries[encoder][query_of[mine]])
            for query, position, value in zip(query_of[mine], place[mine], values, strict=True):
                scores[query][number, position] = value
    progress(
        f"exact {shop.kind}: the union of {len(np.unique(asked))} rows scored, {time.perf_counter() - started:.0f} s"
    )
    return Truth(nearest, rows, scores)


def save_truth(path: Path, truth: Truth) -> None:
    arrays = {f"nearest_{encoder}": truth.nearest[encoder] for encoder in ENCODERS}
    lengths = np.array([len(own) for own in truth.rows])
    np.savez(path, **arrays, lengths=lengths, rows=np.concatenate(truth.rows), scores=np.concatenate(truth.scores, 1))


def load_truth(path: Path) -> Truth | None:
    """None when there is none yet."""
    if not path.exists():
        return None
    with np.load(path, allow_pickle=False) as stored:
        cuts = np.cumsum(stored["lengths"])[:-1]
        return Truth(
            nearest={encoder: stored[f"nearest_{encoder}"] for encoder in ENCODERS},
            rows=tuple(np.split(stored["rows"], cuts)),
            scores=tuple(np.split(stored["scores"], cuts, axis=1)),
        )
