"""Bars 1, 2 and 7: how much faster than exact search, how nearly the same answers, and the same after deletes."""

from collections.abc import Sequence

import numpy as np

from benchmarks.corpus.bench import Bench
from benchmarks.corpus.building import publish_with_dead
from benchmarks.corpus.exact import flat_searches, save_truth, score_union
from benchmarks.corpus.serving import TOP, Vectors, answer, recall, stacked, timed_answers
from benchmarks.corpus.vectors import BATCH_ROWS, ENCODERS, IMAGES, listing_ids, rows_of
from benchmarks.report import at_least, at_most
from etsy_assets.search.corpus import Corpus
from etsy_assets.search.results import Match

RECALL_BARS = {"easy": 0.99, "hard": 0.95}


def speed_and_recall(bench: Bench) -> None:
    """Bars 1 and 2. A fifth of the queries follows on each encoder's flat index, so that both meet the same machine."""
    kind, report, corpus = bench.kind, bench.report, bench.corpus
    truth = bench.truth
    by_encoder = stacked(bench.queries)
    timed_answers(corpus, bench.queries[:20])
    exact_seconds = np.zeros(min(bench.timed, len(bench.queries)))
    nearest, seconds, answers = {}, [], []
    blocks = np.array_split(np.arange(len(bench.queries)), len(ENCODERS))
    flats = flat_searches(bench.layout.shop, by_encoder, bench.timed, truth and truth.nearest)
    for flat, block in zip(flats, blocks, strict=True):
        nearest[flat.encoder] = flat.nearest
        exact_seconds += flat.seconds
        own_seconds, own_answers = timed_answers(corpus, [bench.queries[number] for number in block])
        seconds.append(own_seconds)
        answers += own_answers
    if truth is None:
        truth = score_union(bench.layout.shop, by_encoder, nearest)
        save_truth(bench.truth_path, truth)
    bench.truth = truth
    ours = np.concatenate(seconds)
    for name, share, bar in (("p50", 50, 60.0), ("p95", 95, 30.0)):
        slow, fast = np.percentile(exact_seconds, share) * 1000, np.percentile(ours, share) * 1000
        row = at_least(
            f"{kind}: ensemble query, {name}", "five flat indexes", slow / fast, bar, f"{fast:.1f} ms for {slow:.1f} ms"
        )
        report.add(row)
    exact = bench.exact_answers(corpus, truth)
    found = recall(answers, exact)
    first = np.mean([got[0].listing_id == right[0].listing_id for got, right in zip(answers, exact, strict=True)])
    report.add(
        at_least(
            f"{kind}: fused top {TOP}",
            "the exact ensemble's",
            found,
            RECALL_BARS[kind],
            f"{len(exact)} queries, the same first match in {first:.1%}",
        )
    )
    report.check(not _wrong_scores(answers, exact), f"{kind}: {_wrong_scores(answers, exact)}")


def deletes(bench: Bench) -> None:
    """Bar 7: every twentieth listing, drawn at random, is dead."""
    name, truth = f"{bench.kind}: recall with 5 % deleted", bench.truth
    if truth is None:
        raise ValueError("Deletes are compared with exact answers, which are not there yet: measure speed too.")
    rows = bench.layout.shop.rows
    drawn = np.random.default_rng(5).choice(rows // IMAGES, rows // IMAGES // 20, replace=False)
    dead = np.sort((drawn[:, np.newaxis] * IMAGES + np.arange(IMAGES)).ravel())
    starts = {segment: int(rows_of(batches[0])[0]) for segment, batches in bench.layout.sealed.items()}
    sizes = {segment: len(batches) * BATCH_ROWS for segment, batches in bench.layout.sealed.items()}
    by_segment = {
        segment: dead[(dead >= start) & (dead < start + sizes[segment])] - start for segment, start in starts.items()
    }
    snapshot = publish_with_dead(bench.layout.home, bench.built.versions, by_segment)
    corpus = Corpus.open(bench.layout.home, snapshot, previous=bench.corpus, codes_in_memory=True)
    answers = [answer(corpus, vectors) for vectors in bench.queries]
    after = recall(answers, bench.exact_answers(corpus, truth, dead))
    before = recall(
        [answer(bench.corpus, vectors) for vectors in bench.queries], bench.exact_answers(bench.corpus, truth)
    )
    answers += [answer(corpus, _of_row(bench, int(row))) for row in dead[:: max(len(dead) // 100, 1)]]
    gone = set(listing_ids(dead).tolist())
    returned = sum(match.listing_id in gone for matches in answers for match in matches)
    short = sum(len(matches) < TOP for matches in answers)
    publish_with_dead(bench.layout.home, bench.built.versions, {})
    bench.report.add(
        at_most(name, "recall before", abs(after - before), 0.005, f"{after:.4f} for {before:.4f}"),
        at_most(f"{bench.kind}: deleted listings returned", "-", returned, 0, f"{len(dead)} rows dead"),
    )
    bench.report.check(not short, f"{bench.kind}: {short} answers have fewer than {TOP} matches after deletes")


def _of_row(bench: Bench, row: int) -> Vectors:
    shop, (batch, place) = bench.layout.shop, divmod(row, BATCH_ROWS)
    return {encoder: shop.vectors(encoder, batch)[place].astype(np.float32) for encoder in ENCODERS}


def _wrong_scores(answers: Sequence[tuple[Match, ...]], exact: Sequence[tuple[Match, ...]]) -> str | None:
    """A listing that both found with another similarity: the re-scoring is not exact."""
    for got, right in zip(answers, exact, strict=True):
        known = {match.listing_id: match for match in right}
        for match in got:
            other = known.get(match.listing_id)
            if other and any(abs(match.similarities[name] - other.similarities[name]) > 1e-4 for name in ENCODERS):
                return f"listing {match.listing_id} has similarities {match.similarities}, exactly {other.similarities}"
    return None
