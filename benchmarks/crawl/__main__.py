"""`python -m benchmarks.crawl [--listings N] [--json FILE]`: a planned crawl of N listings, 600,000 if not given.

The jobs plan_crawl and crawl_slice as the sensor launches them, against a server that has Etsy's ceiling of the offset.
With every call, listings are put up, renewed and taken away. Against the least calls that could read as many listings:
100 a call. Every listing that was up from the first call to the last must have been found.
"""

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import click
import dagster as dg

from benchmarks.report import Report, Row, at_most, machine, progress
from etsy_assets.automation.instance_state import newest_events
from etsy_assets_tests.assets.deployment import Deployment, deployment
from etsy_assets_tests.etsy.market import Churn, Market, open_market

# 535,000 listings that are renewed every four months, read with 5,000 calls a day: 0.9 a call.
CHURN = Churn(added=0.6, renewed=0.9, removed=0.5)
PAGE = 100
MOST_CALLS = 1.15


@contextmanager
def deployed(folder: Path, url: str) -> Iterator[Deployment]:
    blank = folder / "blank"
    blank.mkdir()
    (blank / "dagster.yaml").write_text("telemetry:\n  enabled: false\n", "utf-8")
    with deployment(folder, blank, url) as made:
        yield made


def crawl(made: Deployment) -> int:
    """The number of slices that were read."""
    if not made.run("plan_crawl").success:
        raise RuntimeError("the crawl could not be planned")
    slices = 0
    while requests := made.tick("crawl_sensor").run_requests:
        for request in requests:
            if not made.run("crawl_slice", request.partition_key).success:
                raise RuntimeError(f"the slice {request.partition_key} could not be read")
            slices += 1
        if slices % 20 == 0:
            progress(f"{slices} slices")
    assert len(newest_events(made.instance, dg.AssetKey("discovered_listings"))) == slices
    return slices


@click.command(help=__doc__)
@click.option("--listings", type=click.IntRange(1), default=600_000, show_default=True)
@click.option("--json", "path", type=click.Path(path_type=Path, dir_okay=False), help="Write the table here.")
def main(listings: int, path: Path | None) -> None:
    report = Report()
    report.note(machine("dagster", "requests"))
    market = Market(listings, churn=CHURN)
    before = market.ids_up()
    with TemporaryDirectory() as name, open_market(market) as url, deployed(Path(name), url) as made:
        started = time.perf_counter()
        slices = crawl(made)
        seconds = time.perf_counter() - started
        with made.catalog() as catalog:
            stayed = before & market.ids_up()
            found = len(catalog.is_known(sorted(stayed)))
    ideal = math.ceil(len(stayed) / PAGE)
    report.add(
        Row(
            "coverage",
            "the listings that stayed up",
            found / len(stayed),
            "= 1",
            found == len(stayed),
            f"{found:,} of {len(stayed):,} found, {len(before) - len(stayed):,} were taken away meanwhile",
        ),
        at_most(
            "calls_over_ideal",
            "100 listings a call",
            market.calls / ideal,
            MOST_CALLS,
            f"{market.calls:,} calls for {ideal:,}",
        ),
        Row("slices", "-", slices, "-", True, f"{seconds:.0f} s"),
    )
    report.end(path)


if __name__ == "__main__":
    main()
