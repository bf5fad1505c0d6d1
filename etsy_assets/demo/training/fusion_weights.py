"""Fits how much each demo encoder counts in the ensemble, on listings that no model saw and no report uses."""

import json
from collections.abc import Callable, Iterator
from itertools import permutations
from pathlib import Path

import numpy as np

from etsy_assets.demo.evaluation import (
    cut_out_photos,
    mean_average_precision,
    render_photos,
    self_similarities,
    standardised,
)
from etsy_assets.demo.training.renders import WEIGHT_FITTING_SEEDS
from etsy_assets.encoders.loading import load_encoder
from etsy_assets.encoders.registry import DEMO_ENCODERS
from etsy_assets.resources.imaging import shared_remover

# No encoder is silenced: what several of them agree on is the point of an ensemble, and 200 listings are few to fit on.
LEAST_SHARE = 0.05
# Shares that are moved from one encoder to another, the coarse ones first.
STEPS = (0.2, 0.1, 0.05, 0.025)


def fit_fusion_weights(path: Path, workers: int) -> dict[str, float]:
    """The weights of the highest mean average precision that climbing finds; written as JSON. They sum to 1."""
    photos = render_photos(WEIGHT_FITTING_SEEDS, workers)
    cutouts = cut_out_photos(photos, shared_remover("demo")).predicted
    similarities = {spec.name: self_similarities(load_encoder(spec), cutouts) for spec in DEMO_ENCODERS}
    standard = np.stack([standardised(scores) for scores in similarities.values()])

    def precision(shares: np.ndarray) -> float:
        return mean_average_precision(np.tensordot(shares, standard, axes=1), photos.listings)

    best = climb(precision, len(standard))
    weights = {name: round(float(share), 3) for name, share in zip(similarities, best, strict=True)}
    path.write_text(json.dumps(weights, indent=2) + "\n", encoding="utf-8")
    return weights


def climb(score: Callable[[np.ndarray], float], count: int) -> np.ndarray:
    """Shares (count,) that sum to 1, each at least LEAST_SHARE: from the best single encoder, or equal shares, uphill.

    Each move takes a share from one and gives it to another; the best move is made until none is uphill.
    """
    most = 1 - LEAST_SHARE * count
    starts = [*(LEAST_SHARE + most * np.eye(count)), np.full(count, 1 / count)]
    shares: np.ndarray = max(starts, key=score)
    height = score(shares)
    for step in STEPS:
        while True:
            best = max(moves_of(shares, step), key=score)
            if score(best) <= height:
                break
            height, shares = score(best), best
    return shares


def moves_of(shares: np.ndarray, step: float) -> Iterator[np.ndarray]:
    """Every way to take `step`, or what is left of it, from one share and give it to another."""
    for giver, taker in permutations(range(len(shares)), 2):
        given = min(step, shares[giver] - LEAST_SHARE)
        if given > 0:
            moved = shares.copy()
            moved[giver] -= given
            moved[taker] += given
            yield moved
