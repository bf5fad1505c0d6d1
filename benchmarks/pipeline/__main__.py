"""`python -m benchmarks.pipeline [--quick] [--json FILE]`: what Dagster costs, and what a run of many batches saves.

On the simulated shop, with the demo's segmentation network and its five encoders:

* one batch of 1,000 images through the ingest job, against the same stages called one after the other by a script
  without Dagster; each in a process of its own, from its start to its end;
* ten small batches in one run, as a backfill makes it, against ten runs in processes of their own;
* the most memory that a run takes, for a batch of 2,000 images against one of 200.

What either side has made must be the same, byte for byte.
"""

import statistics
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

import click

from benchmarks.pipeline.deployments import artifacts, deployment
from benchmarks.pipeline.photo_shop import PhotoShop
from benchmarks.pipeline.plain import Options
from benchmarks.pipeline.sides import Figures, dagster_side, plain_side
from benchmarks.report import MOST_GROWTH, Report, at_least, at_most, machine
from benchmarks.rounds import medians
from etsy_assets.demo.running import serve
from etsy_assets.resources.deployment import deployment_resources
from etsy_assets.resources.imaging import BackgroundRemoval, ImageDownloads
from etsy_assets.settings import Settings

MOST_OVERHEAD, ALLOWED_SECONDS = 0.10, 15.0
LEAST_SAVED = 1.5
SMALL_BATCHES = 10


@dataclass(slots=True)
class Bench:
    """rounds: of each side, at least. stages: what each side's stages took, one figure a round."""

    folder: Path
    shop: PhotoShop
    shop_url: str
    options: Options
    rounds: int
    report: Report
    stages: dict[str, dict[str, list[float]]] = field(default_factory=lambda: defaultdict(lambda: defaultdict(list)))

    def note_stages(self, side: str, figures: Figures) -> None:
        for stage, seconds in figures.stages.items():
            self.stages[side][stage].append(seconds)

    def told(self, side: str) -> str:
        return ", ".join(f"{stage} {statistics.median(found):.2f}" for stage, found in self.stages[side].items())

    def check_same(self, made: Mapping[str, bytes], other: Mapping[str, bytes], files: int, where: str) -> None:
        different = sorted(name for name in made.keys() | other.keys() if made.get(name) != other.get(name))
        self.report.check(not different, f"{where}: {len(different)} files differ, such as {different[:3]}")
        self.report.check(len(made) == files, f"{where}: {len(made)} files where {files} belong")


def files_of(batches: int) -> int:
    """Two archives of two files each, five encoders' vectors and two encoders' texts."""
    return batches * (2 * 2 + 5 + 2)


def overhead(bench: Bench, listings: int) -> None:
    """One batch from end to end."""
    made: dict[str, dict[str, bytes]] = {}

    def with_dagster() -> float:
        with deployment(bench.folder, bench.shop, listings, listings) as (root, batches):
            figures = dagster_side(root, bench.shop_url, batches)
            made["dagster"] = artifacts(root)
        bench.note_stages("ingest", figures)
        return figures.wall

    def without() -> float:
        with deployment(bench.folder, bench.shop, listings, listings) as (root, batches):
            figures = plain_side(root, bench.shop_url, batches[0], bench.options)
            made["plain"] = artifacts(root)
        bench.note_stages("plain", figures)
        return figures.wall

    seconds = medians({"plain": without, "dagster": with_dagster}, bench.rounds)
    bench.check_same(made["dagster"], made["plain"], files_of(1), "one batch")
    images = sum(len(stocked.photos) for stocked in bench.shop.listings()[:listings])
    bar = 1 + max(MOST_OVERHEAD, ALLOWED_SECONDS / seconds["plain"])
    more = seconds["dagster"] - seconds["plain"]
    bench.report.add(
        at_most(
            f"one batch of {images:,} images through Dagster",
            "the same stages without Dagster",
            seconds["dagster"] / seconds["plain"],
            round(bar, 4),
            f"{seconds['dagster']:.1f} s against {seconds['plain']:.1f}: {more:.1f} s "
            f"or {more / seconds['plain']:.1%} more, where 10 % or 15 s are allowed",
        )
    )
    bench.report.note(f"seconds of the stages with Dagster: {bench.told('ingest')}")
    bench.report.note(f"seconds of the stages without: {bench.told('plain')}")


def amortisation(bench: Bench, a_batch: int) -> None:
    """Ten small batches, once: the difference is many times the noise."""
    listings = SMALL_BATCHES * a_batch
    seconds, made = {}, {}
    for side in ("ten", "one"):
        with deployment(bench.folder, bench.shop, listings, a_batch) as (root, batches):
            runs = [batches] if side == "one" else [[batch] for batch in batches]
            seconds[side] = sum(dagster_side(root, bench.shop_url, run).wall for run in runs)
            made[side] = artifacts(root)
    bench.check_same(made["one"], made["ten"], files_of(SMALL_BATCHES), "ten batches")
    images = sum(len(stocked.photos) for stocked in bench.shop.listings()[:listings])
    saved = (seconds["ten"] - seconds["one"]) / (SMALL_BATCHES - 1)
    bench.report.add(
        at_least(
            f"one run over {SMALL_BATCHES} batches of {images // SMALL_BATCHES} images",
            f"{SMALL_BATCHES} runs in processes of their own",
            seconds["ten"] / seconds["one"],
            LEAST_SAVED,
            f"{seconds['one']:.1f} s against {seconds['ten']:.1f}: {saved:.1f} s saved a batch but the first",
        )
    )


def memory(bench: Bench, few: int, many: int) -> None:
    """The whole process of the step, imports and models in it."""
    peaks = {}
    for listings in (few, many):
        with deployment(bench.folder, bench.shop, listings, listings) as (root, batches):
            peaks[listings] = dagster_side(root, bench.shop_url, batches).peak_mb
    images = {n: sum(len(stocked.photos) for stocked in bench.shop.listings()[:n]) for n in peaks}
    bench.report.add(
        at_most(
            f"peak memory of a run of {images[many]:,} images",
            f"of one of {images[few]:,}",
            peaks[many] / peaks[few],
            MOST_GROWTH,
            f"{peaks[many]:.0f} MB against {peaks[few]:.0f}",
        )
    )


def deployed_options() -> Options:
    """What the demo's deployment passes to the stages."""
    resources = deployment_resources(Settings.from_environment({}))
    downloads, removal = resources["image_downloads"], resources["background_removal"]
    assert isinstance(downloads, ImageDownloads)
    assert isinstance(removal, BackgroundRemoval)
    remover = removal.remover()
    return Options(
        size=downloads.options.size,
        concurrency=downloads.options.concurrency,
        mask_session=remover.session_name,
        mask_network=str(remover.model_path),
    )


MEASURES: dict[str, Callable[[Bench, int], None]] = {
    "overhead": lambda bench, images: overhead(bench, bench.shop.listings_with(images)),
    "amortisation": lambda bench, images: amortisation(bench, bench.shop.listings_with(images // 20)),
    "memory": lambda bench, images: memory(
        bench, bench.shop.listings_with(images // 5), bench.shop.listings_with(2 * images)
    ),
}


@click.command(help=__doc__)
@click.option("--quick", is_flag=True, help="A tenth of the images, and one round.")
@click.option("--json", "path", type=click.Path(path_type=Path, dir_okay=False), help="Write the table here.")
@click.option("--only", type=click.Choice(list(MEASURES)), multiple=True, help="What to measure; all if not given.")
@click.option("--rounds", type=click.IntRange(1), help="Of one batch with and without Dagster.  [default: 5]")
def main(quick: bool, path: Path | None, only: Sequence[str], rounds: int | None) -> None:
    report = Report()
    report.note(f"demo profile, {machine('dagster', 'torch', 'onnxruntime')}")
    images = 100 if quick else 1000
    with TemporaryDirectory() as name:
        folder = Path(name)
        shop = PhotoShop(2 * images)
        with serve(shop) as running:
            bench = Bench(folder, shop, running.url, deployed_options(), rounds or (1 if quick else 5), report)
            for measure in only or MEASURES:
                MEASURES[measure](bench, images)
                if path is not None:
                    report.write_json(path)
    report.end(path)


if __name__ == "__main__":
    main()
