"""Looking through every file for listings that must not be there. It believes no catalog and no manifest."""

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow.compute as pc
import pyarrow.parquet as pq

from etsy_assets.storage import Home


@dataclass(frozen=True, slots=True)
class Trace:
    """A file that still holds something of a listing that was purged."""

    place: str
    path: Path
    listing_ids: frozenset[int]


def traces(home: Home, listing_ids: Collection[int]) -> Iterator[Trace]:
    """Every archive, file of vectors, segment version and report that names one of the listings.

    place: images, cutouts, embeddings, text_embeddings, segments or queries. Reads ids only, no pictures and vectors.
    """
    unwanted = frozenset(listing_ids)
    if not unwanted:
        return
    for place in ("images", "cutouts"):
        for path in sorted((home.root / place).glob("*.parquet")):
            yield from _trace(place, path, _parquet_ids(path), unwanted)
    for place in ("embeddings", "text_embeddings"):
        for path in sorted((home.root / place).glob("*/*.safetensors")):
            yield from _trace(place, path, _safetensors_ids(path), unwanted)
    for path in sorted(home.segments.glob("*/*/rows.parquet")):
        yield from _trace("segments", path, _parquet_ids(path), unwanted)
    for path in sorted((home.root / "queries").glob("*/results.json")):
        yield from _trace("queries", path, _report_ids(path), unwanted)


def _trace(place: str, path: Path, found: set[int], unwanted: frozenset[int]) -> Iterator[Trace]:
    if found & unwanted:
        yield Trace(place, path, frozenset(found & unwanted))


def _parquet_ids(path: Path) -> set[int]:
    return set(pc.unique(pq.read_table(path, columns=["listing_id"])["listing_id"]).to_pylist())


def _safetensors_ids(path: Path) -> set[int]:
    from safetensors import safe_open

    with safe_open(path, framework="numpy") as file:
        return set(file.get_tensor("listing_id").tolist())


def _report_ids(path: Path) -> set[int]:
    """Every number in a search's report: a listing may be a match, or what was searched for."""
    return {int(number) for number in re.findall(r"\b\d+\b", path.read_text(encoding="utf-8"))}
