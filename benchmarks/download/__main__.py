"""`python -m benchmarks.download [--quick] [--json FILE]`: 2,000 JPEGs of about 165 kB into one batch's archive.

From a server on this machine that answers at once, or after 30 ms. Our side validates each image in full, takes its
checksum and size, and writes journal and archive. Against

* the script that a user would write: `requests.get` in 8 threads, each file decoded in full by Pillow, and written;
* img2dataset without re-encoding.

The start of all three is left out.

Every image must be there, byte for byte, and the most memory must not grow with their number.
"""

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

import click

from benchmarks.download.server import image_server
from benchmarks.download.sides import measured, tar_of
from benchmarks.photos import CDN_SIZE, rendered_jpegs
from benchmarks.report import Report, at_least, flat_memory, machine
from benchmarks.rounds import medians
from etsy_assets.imaging.archive import ImageArchive

QUALITY = 92
"""Of the renderer's photos of 794 x 1000, which then have about 165 kB, as Etsy's have."""
DISTINCT = 24
DELAY = 0.03


def check_archive(report: Report, tar: Path, jpegs: Sequence[bytes], count: int) -> None:
    with ImageArchive.open(tar) as archive:
        entries = archive.ok_entries()
        wrong = [entry.image_id for entry in entries if archive.read(entry) != jpegs[entry.image_id % len(jpegs)]]
        sizes = {(entry.width, entry.height) for entry in entries}
    report.check(len(entries) == count, f"{len(entries)} images of {count} are in the archive")
    report.check(not wrong, f"{len(wrong)} images are not those that were served, such as {wrong[:3]}")
    report.check(sizes == {CDN_SIZE}, f"sizes {sizes} were recorded")


def speed(report: Report, servers: dict[str, str], jpegs: Sequence[bytes], count: int, rounds: int) -> None:
    def seconds(side: str, server: str, images: int) -> float:
        with TemporaryDirectory() as folder:
            cost = measured(side, servers[server], images, Path(folder))
            if side == "ours":
                check_archive(report, tar_of(Path(folder)), jpegs, images)
        return cost.seconds

    few = count // 10

    def img2dataset() -> float:
        more = seconds("img2dataset", "near", count) - seconds("img2dataset", "near", few)
        return more * count / (count - few)

    taken = medians(
        {
            "ours, near": lambda: seconds("ours", "near", count),
            "script, near": lambda: seconds("script", "near", count),
            "ours, far": lambda: seconds("ours", "far", count),
            "script, far": lambda: seconds("script", "far", count),
            "img2dataset": img2dataset,
        },
        rounds,
    )
    for name, theirs, own, bar, baseline in (
        ("no server delay", "script, near", "ours, near", 1.5, "requests.get in 8 threads, decoded, written"),
        ("30 ms server delay", "script, far", "ours, far", 2.5, "requests.get in 8 threads, decoded, written"),
        ("no server delay", "img2dataset", "ours, near", 2.5, "img2dataset without re-encoding"),
    ):
        told = f"{count / taken[own]:.0f} images a second for {count / taken[theirs]:.0f}"
        report.add(at_least(f"downloads, {name}", baseline, taken[theirs] / taken[own], bar, told))


def memory(report: Report, server: str, few: int, many: int) -> None:
    peaks = {}
    for count in (few, many):
        with TemporaryDirectory() as folder:
            peaks[count] = measured("ours", server, count, Path(folder)).peak_mb
    report.add(flat_memory("downloads", peaks))


@click.command(help=__doc__)
@click.option("--quick", is_flag=True, help="A fifth of the images, and one round.")
@click.option("--json", "path", type=click.Path(path_type=Path, dir_okay=False), help="Write the table here.")
def main(quick: bool, path: Path | None) -> None:
    report = Report()
    report.note(machine("requests", "urllib3", "Pillow"))
    count, rounds = (400, 1) if quick else (2000, 5)
    jpegs = rendered_jpegs(DISTINCT, CDN_SIZE, QUALITY)
    report.note(f"{count:,} images of {sum(map(len, jpegs)) / len(jpegs) / 1e3:.0f} kB")
    with TemporaryDirectory() as folder, ExitStack() as stack:
        for number, jpeg in enumerate(jpegs):
            (Path(folder) / f"{number:04d}.jpg").write_bytes(jpeg)
        delays = {"near": 0.0, "far": DELAY}
        servers = {name: stack.enter_context(image_server(Path(folder), delay)) for name, delay in delays.items()}
        memory(report, servers["near"], 200, 2000)
        speed(report, servers, jpegs, count, rounds)
    report.end(path)


if __name__ == "__main__":
    main()
