"""Proof that a row is the image it says: stored cutouts are embedded again and compared with their rows' vectors."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from PIL import Image

from etsy_assets.search.corpus import Corpus

ALIGNED = 0.99
"""A vector rounded to float16, computed with other neighbours in its batch, keeps a cosine far above this; that of
another image falls far below."""


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
    read_cutout: Callable[[int], Image.Image],
    sample: int,
    seed: int = 0,
) -> tuple[dict[str, float], list[Misaligned]]:
    """Compares `sample` random rows in every encoder; dead ones are left out, for their cutouts may be gone.

    embed: by encoder, images -> float32 unit rows (n, d). read_cutout: row -> its stored cutout. Returns the lowest
    cosine by encoder (1.0 for an empty corpus), and every row below ALIGNED.
    """
    living = np.flatnonzero(~corpus.dead)
    rows = np.sort(np.random.default_rng(seed).choice(living, min(sample, len(living)), replace=False))
    cutouts = [read_cutout(int(row)) for row in rows]
    lowest, wrong = dict.fromkeys(embed, 1.0), []
    for encoder, embed_images in embed.items():
        if not cutouts:
            continue
        stored = np.stack([corpus.indexes[encoder].vector(int(row)) for row in rows])
        cosines = (stored * embed_images(cutouts)).sum(1)
        lowest[encoder] = float(cosines.min())
        wrong += [
            Misaligned(encoder, int(row), *corpus.identify(int(row)), float(cosine))
            for row, cosine in zip(rows, cosines, strict=True)
            if not cosine >= ALIGNED
        ]
    return lowest, wrong
