"""Bars 3 to 6 and 8: memory, the cost of publishing, many threads, and queries while snapshots are replaced."""

import statistics
from collections.abc import Callable, Mapping

import numpy as np

from benchmarks.corpus.against_exact import deletes, speed_and_recall
from benchmarks.corpus.bench import Bench
from benchmarks.corpus.building import NEW_BATCHES, OPEN_SEGMENT, build_segment, discard_open_segment, store_embeddings
from benchmarks.corpus.processes import publish_in_process, serving_memory
from benchmarks.corpus.serving import under_load
from benchmarks.corpus.swaps import SWAPS, query_during_swaps
from benchmarks.corpus.vectors import ALL_DIMENSIONS, BATCH_ROWS
from benchmarks.report import at_least, at_most, progress
from etsy_assets.search.snapshots import publish

REPEATS = 3
LOAD_SECONDS = 4.0


def resident_memory(bench: Bench) -> None:
    """Bar 3."""
    memory = serving_memory(bench.layout.home, bench.corpus.version, bench.queries[:50])
    flat = bench.layout.shop.rows * ALL_DIMENSIONS * 4
    bench.report.add(
        at_most(
            f"{bench.kind}: resident memory of serving",
            "five flat indexes",
            memory.difference / flat,
            0.1,
            f"{memory.difference / 2**20:.0f} MiB ({memory.serving / 2**20:.0f} with "
            f"{memory.imported / 2**20:.0f} of imports) for {flat / 2**20:.0f}",
        )
    )


def publishing(bench: Bench) -> None:
    """Bars 4 and 5: one batch into an open segment that it fills, beside a quarter, a half and all of the corpus."""
    layout, home = bench.layout, bench.layout.home
    sealed = list(bench.built.versions.items())
    store_embeddings(layout, [*layout.almost_full, *(NEW_BATCHES + number for number in range(3 * REPEATS))])
    publish(home, bench.built.versions)
    discard_open_segment(home)
    almost_full = build_segment(home, OPEN_SEGMENT, layout.almost_full)
    sizes = [dict(sealed[: max(len(sealed) * share // 4, 1)]) for share in (1, 2, 4)]
    seconds: list[list[float]] = [[] for _ in sizes]
    peaks = []
    for repeat in range(REPEATS):
        for number, versions in enumerate(sizes):
            publish(home, {**versions, OPEN_SEGMENT: almost_full})
            discard_open_segment(home, keep=almost_full)
            new = NEW_BATCHES + repeat * len(sizes) + number
            done = publish_in_process(home, versions, [*layout.almost_full, new])
            seconds[number].append(done.seconds)
            peaks.append(done.peak)
            progress(f"publish beside {len(versions)} segments: {done.seconds:.2f} s, peak {done.peak / 2**20:.0f} MiB")
    publish(home, bench.built.versions)
    discard_open_segment(home, keep=almost_full)
    medians = [statistics.median(own) for own in seconds]
    rows = [sum(len(layout.sealed[segment]) for segment in versions) * BATCH_ROWS for versions in sizes]
    bench.report.add(
        at_most(
            f"{bench.kind}: publish 1,000 new images",
            "building the corpus",
            medians[-1] / bench.built.seconds,
            1 / 50,
            f"{medians[-1]:.2f} s for {bench.built.seconds:.1f} s",
        ),
        at_most(
            f"{bench.kind}: peak memory of that publish", "2 GiB", max(peaks) / 2**31, 1.0, f"{max(peaks) >> 20} MiB"
        ),
        at_most(
            f"{bench.kind}: cost of a publish by corpus size",
            "the cheapest of the three",
            max(medians) / min(medians),
            1.5,
            ", ".join(f"{cost:.2f} s at {size:,}" for cost, size in zip(medians, rows, strict=True)),
        ),
    )


def many_threads(bench: Bench) -> None:
    """Bar 6. Rounds alternate; the figures are medians over them."""
    one, eight = [], []
    for _ in range(REPEATS):
        one.append(under_load(bench.corpus, bench.queries, 1, LOAD_SECONDS))
        eight.append(under_load(bench.corpus, bench.queries, 8, LOAD_SECONDS))
    single, together = (statistics.median(load.queries_per_second for load in loads) for loads in (one, eight))
    middle, slow = (
        statistics.median(float(np.percentile(load.seconds, share)) * 1000 for load in eight) for share in (50, 99)
    )
    bench.report.add(
        at_least(
            f"{bench.kind}: throughput of 8 threads",
            "one thread",
            together / single,
            1.6,
            f"{together:.0f} queries a second for {single:.0f}",
        ),
        at_most(
            f"{bench.kind}: p99 under 8 threads",
            "their p50",
            slow / middle,
            5.0,
            f"{slow:.1f} ms for {middle:.1f} ms",
        ),
    )


def swaps(bench: Bench) -> None:
    """Bar 8."""
    answers = query_during_swaps(bench.layout, bench.built.versions)
    publish(bench.layout.home, bench.built.versions)
    total = sum(answers.by_version.values())
    bench.report.add(
        at_most(
            f"{bench.kind}: failed or mixed answers in {SWAPS} publishes and rollbacks",
            "-",
            len(answers.faults),
            0,
            f"{total} answers from {len(answers.by_version)} snapshots",
        )
    )
    for fault in answers.faults[:3]:
        progress(f"swaps: {fault}")


MEASURES: Mapping[str, Callable[[Bench], None]] = {
    "speed": speed_and_recall,
    "memory": resident_memory,
    "publish": publishing,
    "threads": many_threads,
    "deletes": deletes,
    "swaps": swaps,
}
EVERY_SET = ("speed", "memory")
"""Measured on each set; the others on the first one only, as they do not depend on how vectors lie."""
