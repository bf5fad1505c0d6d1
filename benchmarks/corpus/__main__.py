"""`python -m benchmarks.corpus [--rows N] [--json FILE] [--folder DIR] [--sets easy,hard]`: the search corpus at scale.

Builds and publishes synthetic corpora of N rows in five encoders of the real dimensions, and measures what issue 3
asks of them: latency and recall of the whole ensemble against exact search, memory of serving, the cost of publishing,
many threads, deletes, and queries while snapshots are replaced. Every ratio is of one run; wrong answers fail it.

A million rows of one set take about 20 GB of disk and the time to build five indexes. With --folder, embeddings,
indexes and exact answers stay for the next run.
"""

import tempfile
import time
from collections import defaultdict
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path

import click

from benchmarks.corpus.against_exact import RECALL_BARS
from benchmarks.corpus.bench import bench_of, row_alignment
from benchmarks.corpus.building import Layout, build_corpus, forget_build
from benchmarks.corpus.measures import EVERY_SET, MEASURES
from benchmarks.corpus.vectors import BATCH_ROWS, Shop
from benchmarks.report import Report, machine, progress
from etsy_assets.search.snapshots import Snapshot
from etsy_assets.storage import Home

SEGMENT_BATCHES = 50
"""As in the full profile. A smaller corpus has smaller segments, as publishing is measured beside a quarter of them."""


def _names(known: Sequence[str]) -> click.ParamType:
    """A comma-separated list of some of these names, kept in their own order."""

    class Names(click.ParamType):
        name = ",".join(known)

        def convert(
            self, value: str | Sequence[str], parameter: click.Parameter | None, context: click.Context | None
        ) -> Sequence[str]:
            chosen = value.split(",") if isinstance(value, str) else value
            if unknown := [name for name in chosen if name not in known]:
                self.fail(f"There is no {unknown[0]!r}: choose from {', '.join(known)}.", parameter, context)
            return [name for name in known if name in chosen]

    return Names()


def _index_kinds(snapshot: Snapshot) -> str:
    """How many indexes of each kind, and the recall that their builders recorded."""
    recalls: dict[str, list[float | None]] = defaultdict(list)
    for segment in snapshot.segments:
        for manifest in segment.indexes.values():
            recalls[str(manifest.kind)].append(getattr(manifest, "recall", None))
    told = []
    for kind, found in recalls.items():
        known = [recall for recall in found if recall is not None]
        spread = f"recorded recall {min(known):.4f} to {max(known):.4f}" if known else "no recall recorded"
        told.append(f"{len(found)} {kind} ({spread})")
    return ", ".join(told)


def measure_set(
    kind: str, rows: int, folder: Path, only: Sequence[str], report: Report, rebuild: bool, keep: bool, queries: int
) -> None:
    segment_batches = min(SEGMENT_BATCHES, max(rows // BATCH_ROWS // 4, 2))
    layout = Layout(Home(folder / f"{kind}-{rows}"), Shop(kind, rows), segment_batches)
    layout.home.root.mkdir(parents=True, exist_ok=True)
    if rebuild:
        forget_build(layout.home)
    built = build_corpus(layout, keep)
    report.note(
        f"{kind}: {rows:,} rows in {len(built.versions)} segments of {segment_batches} batches; "
        f"indexes: {_index_kinds(built.snapshot)}; built in {built.seconds:.1f} s"
        + (f", {built.reused} segments of them in an earlier run" if built.reused else "")
    )
    bench = bench_of(layout, built, report, queries, timed=min(30, queries))
    row_alignment(bench)
    for name in only:
        started = time.perf_counter()
        MEASURES[name](bench)
        progress(f"{kind} {name}: {time.perf_counter() - started:.0f} s")


@click.command(help=__doc__)
@click.option("--rows", type=click.IntRange(min=8000), default=1_000_000, show_default=True)
@click.option("--json", "path", type=click.Path(path_type=Path, dir_okay=False), help="Write the table here.")
@click.option("--folder", type=click.Path(path_type=Path, file_okay=False), help="Keep the corpora here.")
@click.option("--sets", type=_names(list(RECALL_BARS)), default="easy,hard", show_default=True)
@click.option("--only", type=_names(list(MEASURES)), default=",".join(MEASURES), help="What to measure.")
@click.option("--rebuild", is_flag=True, help="Build the indexes anew from the embeddings in --folder.")
@click.option("--drop-embeddings", is_flag=True, help="Remove each segment's embeddings once it is built: 8 GB less.")
@click.option("--queries", type=click.IntRange(min=10), default=200, show_default=True)
def main(
    rows: int,
    path: Path | None,
    folder: Path | None,
    sets: Sequence[str],
    only: Sequence[str],
    rebuild: bool,
    drop_embeddings: bool,
    queries: int,
) -> None:
    rows -= rows % BATCH_ROWS
    report = Report()
    report.note(f"{rows:,} rows, {machine('faiss-cpu')}")
    with nullcontext(str(folder)) if folder else tempfile.TemporaryDirectory() as place:
        for number, kind in enumerate(sets):
            chosen = [name for name in only if number == 0 or name in EVERY_SET]
            measure_set(kind, rows, Path(place), chosen, report, rebuild, not drop_embeddings, queries)
            if path is not None:
                report.write_json(path)
    report.end(path)


if __name__ == "__main__":
    main()
