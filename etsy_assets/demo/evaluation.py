"""How well the demo's models find furniture: masks against the truth, and photos of a listing against all others."""

from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image

from etsy_assets.demo.furniture import Photo, caption, render, sample_furniture
from etsy_assets.encoders.base import Encoder
from etsy_assets.imaging.background import BackgroundRemover
from etsy_assets.search.background import Background
from etsy_assets.search.fusion import RRF_K, standardise

Similarities = npt.NDArray[np.floating]
PHOTO_SIDE = 320
"""Pixels of a held-out photo: as wide as the segmentation network's input, so nothing is enlarged for it."""
PHOTOS_PER_LISTING = 4


@dataclass(frozen=True, slots=True)
class Photos:
    """Photos of held-out listings, `PHOTOS_PER_LISTING` of each, with true masks and backgrounds; all in one order."""

    images: list[Image.Image]
    masks: list[Image.Image]
    backgrounds: list[str]
    listings: npt.NDArray[np.int64]
    captions: list[str]


def render_photos(seeds: Sequence[int], workers: int) -> Photos:
    """captions: one a listing."""
    with ProcessPoolExecutor(workers) as pool:
        listings = list(pool.map(render_listing, seeds, chunksize=10))
    photos = [photo for of_listing in listings for photo in of_listing]
    return Photos(
        images=[photo.image for photo in photos],
        masks=[photo.mask for photo in photos],
        backgrounds=[photo.background for photo in photos],
        listings=np.repeat(np.arange(len(seeds)), PHOTOS_PER_LISTING),
        captions=[caption(sample_furniture(seed)) for seed in seeds],
    )


def render_listing(seed: int) -> list[Photo]:
    furniture = sample_furniture(seed)
    return [render(furniture, view, PHOTO_SIDE, PHOTO_SIDE) for view in range(PHOTOS_PER_LISTING)]


def mask_iou(found: Image.Image, true: Image.Image) -> float:
    """Intersection over union of two masks cut at one half; 1 when both are empty."""
    one, other = np.asarray(found) > 127, np.asarray(true) > 127
    union = np.count_nonzero(one | other)
    return float(np.count_nonzero(one & other) / union) if union else 1.0


def recall_at(
    similarities: Similarities, listings: npt.NDArray[np.int64], ks: Sequence[int] = (1, 5, 10)
) -> dict[int, float]:
    """Every photo asks for the others: the share of photos with another photo of their listing among the first k.

    similarities: (n, n), higher is more alike. listings: (n,).
    """
    scores = np.array(similarities, dtype=np.float64)
    np.fill_diagonal(scores, -np.inf)
    best = np.argsort(-scores, axis=1, kind="stable")[:, : max(ks)]
    hits = listings[best] == listings[:, None]
    return {k: float(hits[:, :k].any(1).mean()) for k in ks}


def mean_average_precision(similarities: Similarities, listings: npt.NDArray[np.int64]) -> float:
    """Of the other photos of a listing, over the whole ranking: what the fusion weights are fitted to."""
    scores = np.array(similarities, dtype=np.float64)
    np.fill_diagonal(scores, -np.inf)
    order = np.argsort(-scores, axis=1, kind="stable")[:, :-1]
    hits = listings[order] == listings[:, None]
    precision = np.cumsum(hits, 1) / np.arange(1, hits.shape[1] + 1)
    return float(((precision * hits).sum(1) / hits.sum(1)).mean())


def standardised(similarities: Similarities) -> npt.NDArray[np.float64]:
    """Each row as the search engine's zscore has it: in deviations above that query's mean over the gallery."""
    return np.stack(
        [standardise(row, Background(float(row.mean()), float(row.std()))) for row in similarities.astype(np.float64)]
    )


def ensemble(similarities: Mapping[str, Similarities], weights: Mapping[str, float]) -> npt.NDArray[np.float64]:
    """The weighted mean of the encoders' standardised similarities; an encoder without a weight counts 1."""
    shares = {name: weights.get(name, 1.0) for name in similarities}
    total = sum(shares.values())
    parts = [standardised(scores) * (shares[name] / total) for name, scores in similarities.items()]
    together: npt.NDArray[np.float64] = np.sum(parts, axis=0)
    return together


def reciprocal_ranks(similarities: Mapping[str, Similarities], weights: Mapping[str, float]) -> npt.NDArray[np.float64]:
    """The weighted mean of 1 / (60 + rank), as the search engine's rrf has it, with every photo ranked."""
    shares = {name: weights.get(name, 1.0) for name in similarities}
    total = sum(shares.values())
    fused = np.zeros(next(iter(similarities.values())).shape)
    for name, scores in similarities.items():
        own = np.array(scores, dtype=np.float64)
        np.fill_diagonal(own, -np.inf)
        ranks = np.argsort(np.argsort(-own, axis=1, kind="stable"), axis=1) + 1
        fused += shares[name] / total / (RRF_K + ranks)
    return fused


def text_recall(
    similarities: Similarities, captions: Sequence[str], listings: npt.NDArray[np.int64], k: int = 10
) -> float:
    """The share of captions with a photo of their listing, or of one described in the same words, among the first k.

    similarities: (captions, photos).
    """
    numbers = np.unique(np.array(captions), return_inverse=True)[1]
    best = np.argsort(-similarities, axis=1, kind="stable")[:, :k]
    return float((numbers[listings[best]] == numbers[:, None]).any(1).mean())


@dataclass(frozen=True, slots=True)
class Cutouts:
    """What an encoder sees of the photos, by the shipped network and by the true masks, and how good the masks are."""

    predicted: list[Image.Image]
    true: list[Image.Image]
    iou: npt.NDArray[np.float64]


def cut_out_photos(photos: Photos, remover: BackgroundRemover) -> Cutouts:
    """Through rembg, as the pipeline does it: a photo without a usable mask stays whole."""
    found = [remover.cut_out(image) for image in photos.images]
    return Cutouts(
        predicted=[cutout.image for cutout in found],
        true=[on_white(image, mask) for image, mask in zip(photos.images, photos.masks, strict=True)],
        iou=np.array([mask_iou(cutout.mask, mask) for cutout, mask in zip(found, photos.masks, strict=True)]),
    )


def on_white(image: Image.Image, mask: Image.Image) -> Image.Image:
    return Image.composite(image, Image.new("RGB", image.size, "white"), mask)


def self_similarities(encoder: Encoder, images: Sequence[Image.Image]) -> Similarities:
    """(n, n) cosines."""
    vectors = encoder.embed_images(images)
    return vectors @ vectors.T
