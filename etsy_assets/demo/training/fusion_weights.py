"""Fits how much each demo encoder counts in the ensemble, on listings that no model saw and no report uses."""

import json
from pathlib import Path

import numpy as np

from etsy_assets.demo.evaluation import (
    cut_out_photos,
    ensemble,
    mean_average_precision,
    render_photos,
    self_similarities,
)
from etsy_assets.demo.training.renders import WEIGHT_FITTING_SEEDS
from etsy_assets.encoders.loading import load_encoder
from etsy_assets.encoders.registry import DEMO_ENCODERS
from etsy_assets.resources.imaging import shared_remover

CANDIDATES = 200


def fit_fusion_weights(path: Path, workers: int) -> dict[str, float]:
    """The best of equal weights and random ones, by mean average precision; written as JSON. Weights sum to 1."""
    photos = render_photos(WEIGHT_FITTING_SEEDS, workers)
    cutouts = cut_out_photos(photos, shared_remover("demo")).predicted
    similarities = {spec.name: self_similarities(load_encoder(spec), cutouts) for spec in DEMO_ENCODERS}
    names = list(similarities)
    rng = np.random.default_rng(0)
    draws = np.concatenate([np.full((1, len(names)), 1 / len(names)), rng.dirichlet(np.ones(len(names)), CANDIDATES)])
    precision = [
        mean_average_precision(ensemble(similarities, dict(zip(names, draw, strict=True))), photos.listings)
        for draw in draws
    ]
    best = draws[int(np.argmax(precision))]
    weights = {name: round(float(weight), 3) for name, weight in zip(names, best, strict=True)}
    path.write_text(json.dumps(weights, indent=2) + "\n", encoding="utf-8")
    return weights
