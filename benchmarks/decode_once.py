"""`python -m benchmarks.decode_once [--quick] [--json FILE]`: five encoders fed by one decode, against one by one.

Both sides embed the same photos with the demo's five encoders through `embed_batch`; the baseline calls it once for
each encoder, as five separate scripts would, so every photo is read, decoded and converted five times. Rounds
alternate, the ratio is that of the medians, and the vectors of both sides must be equal.
"""

import hashlib
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from io import BytesIO
from pathlib import Path

import click
import numpy as np
from rich.console import Console
from rich.table import Table

from etsy_assets.demo.furniture import render, sample_furniture
from etsy_assets.encoders.base import Encoder
from etsy_assets.encoders.batch import embed_batch
from etsy_assets.encoders.embeddings import read_embeddings
from etsy_assets.encoders.loading import load_encoder
from etsy_assets.encoders.registry import DEMO_ENCODERS

FIRST_SEED = 300_000
BAR = 1.3


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table: how many times as fast as the baseline, and whether that is enough."""

    name: str
    baseline: str
    ratio: float
    bar: float
    holds: bool


@dataclass(frozen=True, slots=True)
class MemoryEntry:
    listing_id: int
    image_id: int
    sha256: str
    data: bytes


@dataclass(frozen=True, slots=True)
class MemoryArchive:
    """Photos in memory, so that the disk has no part in the measurement."""

    entries: list[MemoryEntry]

    def ok_entries(self) -> list[MemoryEntry]:
        return self.entries

    def read(self, entry: MemoryEntry) -> bytes:
        return entry.data


def rendered_photos(count: int, width: int, height: int) -> MemoryArchive:
    """JPEGs of so many listings."""
    entries = []
    for number in range(1, count + 1):
        file = BytesIO()
        render(sample_furniture(FIRST_SEED + number), 0, width, height).image.save(file, "JPEG", quality=90)
        data = file.getvalue()
        entries.append(MemoryEntry(number, number, hashlib.sha256(data).hexdigest(), data))
    return MemoryArchive(entries)


def embed(archive: MemoryArchive, encoders: Mapping[str, Encoder], folder: Path, together: bool) -> float:
    """Seconds to embed the archive into `folder`, with one call for all encoders or one for each."""
    groups = [dict(encoders)] if together else [{name: encoder} for name, encoder in encoders.items()]
    started = time.perf_counter()
    for group in groups:
        embed_batch(archive, group, {name: folder / f"{name}.safetensors" for name in group})
    return time.perf_counter() - started


def measure(archive: MemoryArchive, encoders: Mapping[str, Encoder], rounds: int) -> Row:
    """Raises AssertionError when the two sides give different vectors."""
    seconds: dict[bool, list[float]] = {True: [], False: []}
    with tempfile.TemporaryDirectory() as folder:
        for number in range(rounds):
            for together in (True, False):
                place = Path(folder) / f"{number}-{together}"
                place.mkdir()
                seconds[together].append(embed(archive, encoders, place, together))
            for name in encoders:
                one, five = (
                    read_embeddings(Path(folder) / f"{number}-{side}" / f"{name}.safetensors") for side in (True, False)
                )
                np.testing.assert_array_equal(one.vectors, five.vectors)
    ratio = statistics.median(seconds[False]) / statistics.median(seconds[True])
    return Row("five encoders, one decode", "one encoder after another", round(ratio, 2), BAR, ratio >= BAR)


@click.command(help=__doc__)
@click.option("--quick", is_flag=True, help="A smaller run.")
@click.option("--json", "path", type=click.Path(path_type=Path, dir_okay=False), help="Write the table here.")
def main(quick: bool, path: Path | None) -> None:
    count, rounds = (16, 3) if quick else (64, 5)
    encoders = {spec.name: load_encoder(spec) for spec in DEMO_ENCODERS}
    row = measure(rendered_photos(count, 1500, 1200), encoders, rounds)
    table = Table(title=f"{count} photos of 1500 x 1200, median of {rounds} rounds")
    for heading in ("name", "against", "times as fast", "bar", "holds"):
        table.add_column(heading)
    table.add_row(row.name, row.baseline, f"{row.ratio:.2f}", f"{row.bar}", str(row.holds))
    Console().print(table)
    if path is not None:
        path.write_text(json.dumps({"rows": [asdict(row)]}, indent=2) + "\n", encoding="utf-8")
    sys.exit(0 if row.holds else 1)


if __name__ == "__main__":
    main()
