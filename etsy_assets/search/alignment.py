"""Proof that a row is the image it says: stored cutouts are embedded again and compared with their rows' vectors."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from io import BytesIO
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
from PIL import Image

from etsy_assets.errors import CorruptArtifact
from etsy_assets.imaging.archive import ImageArchive
from etsy_assets.search.corpus import Corpus
from etsy_assets.storage import Home

ALIGNED = 0.99
"""A vector rounded to float16, computed with other neighbours in its batch, keeps a cosine far above this; that of
another image falls far below."""

_DECODED_AT_ONCE = 256
"""Cutouts held in memory; one of 794 pixels takes 2 MB."""


@dataclass(frozen=True, slots=True)
class Misaligned:
    """A row whose vector is not that of its image."""

    encoder: str
    row: int
    listing_id: int
    image_id: int
    cosine: float


def check_alignment(
    corpus: Corpus,
    embed: Mapping[str, Callable[[list[Image.Image]], np.ndarray]],
    read_cutout: Callable[[int], Image.Image | None],
    sample: int,
    seed: int = 0,
) -> tuple[dict[str, float], list[Misaligned]]:
    """Compares `sample` random rows in every encoder; dead ones are left out, for their cutouts may be gone.

    embed: by encoder, images -> float32 unit rows (n, d). read_cutout: row -> its stored cutout, None to leave the
    row out. Returns the lowest cosine by encoder (1.0 when no row was compared), and every row below ALIGNED.
    """
    living = np.flatnonzero(~corpus.dead)
    rows = np.sort(np.random.default_rng(seed).choice(living, min(sample, len(living)), replace=False))
    lowest, wrong = dict.fromkeys(embed, 1.0), []
    for start in range(0, len(rows), _DECODED_AT_ONCE):
        chunk = rows[start : start + _DECODED_AT_ONCE].tolist()
        cutouts = {row: cutout for row in chunk if (cutout := read_cutout(row)) is not None}
        for encoder, embed_images in embed.items():
            if not cutouts:
                continue
            stored = np.stack([corpus.indexes[encoder].vector(row) for row in cutouts])
            cosines = (stored * embed_images(list(cutouts.values()))).sum(1)
            lowest[encoder] = min(lowest[encoder], float(cosines.min()))
            wrong += [
                Misaligned(encoder, row, *corpus.identify(row), float(cosine))
                for row, cosine in zip(cutouts, cosines, strict=True)
                if not cosine >= ALIGNED
            ]
    return lowest, wrong


def stored_cutout(home: Home, corpus: Corpus, row: int) -> Image.Image | None:
    """The cutout that a row was embedded from; None when its batch has been cut out anew since, or lacks it now.

    Then the row is still that of its image, and the next build of the segment replaces it. Raises CorruptArtifact when
    the archive is missing or damaged.
    """
    listing_id, image_id = corpus.identify(row)
    batch = corpus.batch_of(row)
    try:
        archive = ImageArchive.open(home.cutouts(batch))
    except FileNotFoundError as error:
        raise CorruptArtifact(f"{home.cutouts(batch)} is missing: materialize cutouts for {batch} again.") from error
    with archive:
        entry = archive.entry(listing_id, image_id)
        if entry is None or not entry.has_picture or entry.sha256 != _cutout_sha256(home, corpus, row):
            return None
        return Image.open(BytesIO(archive.read(entry))).convert("RGB")


def _cutout_sha256(home: Home, corpus: Corpus, row: int) -> str:
    segment, place = corpus.snapshot.place_of(row)
    return _cutout_sha256s(segment.folder(home) / "rows.parquet")[place]


@lru_cache(maxsize=1)
def _cutout_sha256s(path: Path) -> tuple[str, ...]:
    """Kept for the next row of the same segment. The file never changes: its folder is named by its content."""
    return tuple(pq.read_table(path, columns=["cutout_sha256"])["cutout_sha256"].to_pylist())
