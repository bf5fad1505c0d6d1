"""One set under measurement: the corpus as it was built, its queries, and what the exact answers to them are."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.corpus.building import Built, Layout
from benchmarks.corpus.exact import Truth, load_truth
from benchmarks.corpus.serving import TOP, Vectors, query_vectors
from benchmarks.corpus.vectors import BATCH_ROWS, ENCODERS, Ids, listing_ids
from benchmarks.report import Report
from etsy_assets.search.corpus import Corpus
from etsy_assets.search.fusion import FusionMethod
from etsy_assets.search.ranking import ensemble_matches
from etsy_assets.search.results import Match

NOBODY = np.empty(0, dtype=np.int64)
"""No row is dead."""


@dataclass(slots=True)
class Bench:
    """One set under measurement. queries: held-out pictures. truth: None until `speed_and_recall` has run here."""

    layout: Layout
    built: Built
    corpus: Corpus
    report: Report
    queries: list[Vectors]
    timed: int
    truth: Truth | None

    @property
    def kind(self) -> str:
        return self.layout.shop.kind

    @property
    def truth_path(self) -> Path:
        return self.layout.home.root / f"truth-{len(self.queries)}.npz"

    def exact_answers(self, corpus: Corpus, truth: Truth, dead: Ids = NOBODY) -> list[tuple[Match, ...]]:
        return [
            ensemble_matches(truth.candidates(number, vectors, corpus, dead), FusionMethod.zscore, None, TOP)
            for number, vectors in enumerate(self.queries)
        ]


def bench_of(layout: Layout, built: Built, report: Report, queries: int, timed: int) -> Bench:
    """Opens the corpus, which reads every file once, and so warms the page cache."""
    corpus = Corpus.open(layout.home, built.snapshot, codes_in_memory=True)
    bench = Bench(layout, built, corpus, report, query_vectors(layout.shop, queries), timed, truth=None)
    bench.truth = load_truth(bench.truth_path)
    return bench


def row_alignment(bench: Bench) -> None:
    """Correctness: identities in order, and a row of every batch with the vector that the generator gives it."""
    shop, corpus = bench.layout.shop, bench.corpus
    everything = np.arange(shop.rows)
    aligned = np.array_equal(corpus.listing_ids, listing_ids(everything))
    bench.report.check(aligned, f"{bench.kind}: the corpus's listing_ids are not those that were indexed")
    chance = np.random.default_rng(0)
    for encoder in ENCODERS:
        for batch in range(0, shop.rows // BATCH_ROWS, max(shop.rows // BATCH_ROWS // 50, 1)):
            place = int(chance.integers(BATCH_ROWS))
            vector = shop.vectors(encoder, batch)[place].astype(np.float32)
            cosine = float(corpus.indexes[encoder].vector(batch * BATCH_ROWS + place) @ vector)
            bench.report.check(cosine > 0.999, f"{bench.kind} {encoder}: row {batch * BATCH_ROWS + place} is another")
