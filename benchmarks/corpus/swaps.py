"""Queries while the snapshot is replaced: every answer must be that of one snapshot, the one it names."""

import random
import threading
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from benchmarks.corpus.building import NEW_BATCHES, Layout, build_segment, store_embeddings
from benchmarks.corpus.serving import Vectors, answer
from benchmarks.corpus.vectors import ENCODERS, batch_key, batch_of_listing, listing_ids, rows_of
from etsy_assets.search.corpus import Corpus
from etsy_assets.search.engine import SearchEngine
from etsy_assets.search.query_embedding import QueryEncoder
from etsy_assets.search.snapshots import make_current, publish

SWAPS = 20
SWAP_SEGMENT = "segment-9998"
_FIRST = NEW_BATCHES + 1000


@dataclass(slots=True)
class Answers:
    """by_version: how many answers each snapshot gave. faults: what was wrong with the others."""

    by_version: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)


def query_during_swaps(layout: Layout, versions: Mapping[str, str]) -> Answers:
    """20 publishes, each of another small segment beside the sealed ones, and a rollback after each.

    One thread asks with the corpus that the engine has, one refreshes before each query, and a third replaces
    snapshots. The queries are images of the segments that come and go: found where their snapshot holds them, and only
    there.
    """
    home = layout.home
    store_embeddings(layout, range(_FIRST, _FIRST + SWAPS))
    small = [build_segment(home, SWAP_SEGMENT, [_FIRST + number]) for number in range(SWAPS)]
    before = publish(home, {**versions, SWAP_SEGMENT: small[-1]}).version
    engine = SearchEngine(home, _no_encoder, codes_in_memory=True)
    engine.refresh()
    answers, stop = Answers(), threading.Event()
    asked = [_first_image(layout, _FIRST + number) for number in range(SWAPS)]

    def ask(seed: int, refresh: bool) -> None:
        chance = random.Random(seed)
        while not stop.is_set():
            number = chance.randrange(SWAPS)
            try:
                corpus = engine.refresh() if refresh else engine.corpus
                fault = _fault(corpus, asked[number], _FIRST + number)
                answers.by_version[corpus.version] += 1
            except Exception as error:
                fault = f"{type(error).__name__}: {error}"
            if fault is not None:
                answers.faults.append(fault)

    asking = [threading.Thread(target=ask, args=(seed, bool(seed)), daemon=True) for seed in range(2)]
    for thread in asking:
        thread.start()
    try:
        for version in small:
            published = publish(home, {**versions, SWAP_SEGMENT: version}).version
            _wait_for(answers, published)
            asked_before = answers.by_version[before]
            make_current(home, before)
            _wait_for(answers, before, asked_before)
            before = published
    finally:
        stop.set()
        for thread in asking:
            thread.join()
    return answers


def _fault(corpus: Corpus, vectors: Vectors, batch: int) -> str | None:
    """What is wrong with the answer to the first image of a batch, None if nothing is."""
    matches = answer(corpus, vectors)
    held = corpus.snapshot.batches
    if strangers := [match.listing_id for match in matches if batch_of_listing(match.listing_id) not in held]:
        return f"an answer of {corpus.version} holds listing {strangers[0]}, which that snapshot does not"
    if batch_key(batch) in held and matches[0].listing_id != listing_ids(rows_of(batch))[0]:
        return f"an answer of {corpus.version} lacks the image of {batch_key(batch)} that was asked with"
    return None


def _first_image(layout: Layout, batch: int) -> Vectors:
    vectors = {encoder: layout.shop.vectors(encoder, batch)[0].astype(np.float32) for encoder in ENCODERS}
    return {encoder: vector / np.linalg.norm(vector) for encoder, vector in vectors.items()}


def _wait_for(answers: Answers, version: str, count: int = 0, timeout: float = 60.0) -> None:
    deadline = time.monotonic() + timeout
    while answers.by_version[version] <= count:
        if time.monotonic() > deadline:
            answers.faults.append(f"no query was answered from {version} within {timeout:.0f} s")
            return
        time.sleep(0.005)


def _no_encoder(name: str) -> QueryEncoder:
    raise AssertionError(f"{name} was loaded, and the queries are vectors already")
