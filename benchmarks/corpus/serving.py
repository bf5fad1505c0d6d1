"""The product at work: an answer, its latency, and many at a time."""

import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from benchmarks.corpus.exact import DEPTH
from benchmarks.corpus.vectors import ENCODERS, Shop, Single
from etsy_assets.search.corpus import Corpus
from etsy_assets.search.fusion import FusionMethod
from etsy_assets.search.ranking import ensemble_matches
from etsy_assets.search.results import Match
from etsy_assets.search.retrieval import gather

TOP = 10

Vectors = Mapping[str, Single]
"""By encoder, one query's unit vector."""
Seconds = npt.NDArray[np.float64]


def query_vectors(shop: Shop, count: int) -> list[Vectors]:
    by_encoder = {encoder: shop.queries(encoder, count) for encoder in ENCODERS}
    return [{encoder: by_encoder[encoder][number] for encoder in ENCODERS} for number in range(count)]


def stacked(queries: Sequence[Vectors]) -> Mapping[str, Single]:
    """By encoder, (queries, d)."""
    return {encoder: np.stack([query[encoder] for query in queries]) for encoder in ENCODERS}


def answer(corpus: Corpus, vectors: Vectors) -> tuple[Match, ...]:
    """The whole ensemble: five searches, the union scored in all five, fused, the best image of each listing."""
    return ensemble_matches(gather(corpus, vectors, {}, DEPTH), FusionMethod.zscore, None, TOP)


def timed_answers(corpus: Corpus, queries: Sequence[Vectors]) -> tuple[Seconds, list[tuple[Match, ...]]]:
    seconds, answers = [], []
    for vectors in queries:
        started = time.perf_counter()
        answers.append(answer(corpus, vectors))
        seconds.append(time.perf_counter() - started)
    return np.array(seconds), answers


@dataclass(frozen=True, slots=True)
class Load:
    """queries_per_second: of all threads together. seconds: of every single query."""

    queries_per_second: float
    seconds: Seconds


def under_load(corpus: Corpus, queries: Sequence[Vectors], threads: int, duration: float) -> Load:
    """Every thread asks one query after another for so many seconds."""
    begin = threading.Barrier(threads + 1)
    stop = threading.Event()
    latencies: list[list[float]] = [[] for _ in range(threads)]
    faults: list[BaseException] = []

    def ask(number: int) -> None:
        begin.wait()
        position = number * 37
        try:
            while not stop.is_set():
                started = time.perf_counter()
                answer(corpus, queries[position % len(queries)])
                latencies[number].append(time.perf_counter() - started)
                position += 1
        except BaseException as error:
            faults.append(error)

    asking = [threading.Thread(target=ask, args=(number,)) for number in range(threads)]
    for thread in asking:
        thread.start()
    begin.wait()
    started = time.perf_counter()
    stop.wait(duration)
    stop.set()
    for thread in asking:
        thread.join()
    elapsed = time.perf_counter() - started
    if faults:
        raise faults[0]
    seconds = np.concatenate([np.array(own) for own in latencies])
    return Load(len(seconds) / elapsed, seconds)


def recall(found: Sequence[Sequence[Match]], exact: Sequence[Sequence[Match]]) -> float:
    """The mean share of the exact ensemble's top 10 listings that were found."""
    shares = [
        len({match.listing_id for match in got} & {match.listing_id for match in right}) / len(right)
        for got, right in zip(found, exact, strict=True)
    ]
    return float(np.mean(shares))
