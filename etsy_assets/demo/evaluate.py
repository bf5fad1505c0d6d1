"""`python -m etsy_assets.demo.evaluate --json FILE`: measures the shipped models on listings they never saw."""

import json
import logging
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import numpy as np
from rich.console import Console
from rich.table import Table

from etsy_assets.demo.evaluation import (
    Photos,
    Similarities,
    cut_out_photos,
    ensemble,
    recall_at,
    reciprocal_ranks,
    render_photos,
    self_similarities,
    text_recall,
)
from etsy_assets.demo.training.renders import HELD_OUT_SEEDS
from etsy_assets.encoders.base import Encoder, TextEncoder
from etsy_assets.encoders.loading import load_encoder
from etsy_assets.encoders.registry import DEMO_ENCODERS
from etsy_assets.resources.ensemble_search import default_weights
from etsy_assets.resources.imaging import shared_remover

# (figure, what it must reach); those of the ensemble are compared with the best single encoder.
BARS = {
    "mask_iou_mean": 0.85,
    "mask_iou_studio": 0.90,
    "mask_iou_white": 0.90,
    "best_single_recall_at_1": 0.55,
    "best_single_recall_at_10": 0.88,
    "text_recall_at_10": 0.85,
}
TRUE_CUTOUT_BAR = 0.80


@dataclass(frozen=True, slots=True)
class Evaluation:
    """recall: by encoder, {k: share} on the shipped network's cutouts; true_recall: on cutouts by the true masks."""

    mask_iou: dict[str, float]
    recall: dict[str, dict[int, float]]
    true_recall: dict[str, dict[int, float]]
    ensemble: dict[int, float]
    ensemble_by_rrf: dict[int, float]
    text_recall_at_10: float

    @property
    def best_single(self) -> str:
        return max(self.recall, key=lambda name: self.recall[name][1])

    def figures(self) -> dict[str, Any]:
        """What --json writes."""
        best = self.recall[self.best_single]
        return {
            "mask_iou_mean": self.mask_iou["mean"],
            "mask_iou_studio": self.mask_iou["studio"],
            "mask_iou_white": self.mask_iou["white"],
            "best_single": self.best_single,
            **{f"best_single_recall_at_{k}": best[k] for k in (1, 5, 10)},
            **{f"ensemble_recall_at_{k}": self.ensemble[k] for k in (1, 5, 10)},
            **{f"ensemble_by_rrf_recall_at_{k}": self.ensemble_by_rrf[k] for k in (1, 5, 10)},
            "text_recall_at_10": self.text_recall_at_10,
            "mask_iou": self.mask_iou,
            "encoders": {
                name: {
                    **{f"recall_at_{k}": recall[k] for k in (1, 5, 10)},
                    **{f"recall_at_{k}_true_cutout": self.true_recall[name][k] for k in (1, 5, 10)},
                }
                for name, recall in self.recall.items()
            },
        }


def evaluate(photos: Photos) -> Evaluation:
    """Cuts out, embeds and compares all photos with each other."""
    cutouts = cut_out_photos(photos, shared_remover("demo"))
    backgrounds = np.array(photos.backgrounds)
    encoders = {spec.name: load_encoder(spec) for spec in DEMO_ENCODERS}
    similarities = {name: self_similarities(encoder, cutouts.predicted) for name, encoder in encoders.items()}
    true = {name: self_similarities(encoder, cutouts.true) for name, encoder in encoders.items()}
    together = ensemble(similarities, default_weights("demo"))
    return Evaluation(
        mask_iou={
            "mean": float(cutouts.iou.mean()),
            **{name: float(cutouts.iou[backgrounds == name].mean()) for name in sorted(set(photos.backgrounds))},
        },
        recall={name: recall_at(scores, photos.listings) for name, scores in similarities.items()},
        true_recall={name: recall_at(scores, photos.listings) for name, scores in true.items()},
        ensemble=recall_at(together, photos.listings),
        ensemble_by_rrf=recall_at(reciprocal_ranks(similarities, default_weights("demo")), photos.listings),
        text_recall_at_10=text_recall(
            ensemble(text_similarities(encoders, photos, cutouts.predicted), default_weights("demo")),
            photos.captions,
            photos.listings,
        ),
    )


def text_similarities(encoders: dict[str, Encoder], photos: Photos, cutouts: list[Any]) -> dict[str, Similarities]:
    """(captions, photos), by the encoders that read."""
    return {
        name: encoder.embed_texts(photos.captions) @ encoder.embed_images(cutouts).T
        for name, encoder in encoders.items()
        if isinstance(encoder, TextEncoder)
    }


def missed_bars(figures: dict[str, Any]) -> list[str]:
    """One line for each figure that is not good enough."""
    missed = [f"{name} is {figures[name]:.3f}, below {bar}" for name, bar in BARS.items() if figures[name] < bar]
    if figures["ensemble_recall_at_1"] <= figures["best_single_recall_at_1"]:
        missed.append("the ensemble's recall@1 is not above the best single encoder's")
    for k in (5, 10):
        if figures[f"ensemble_recall_at_{k}"] < figures[f"best_single_recall_at_{k}"]:
            missed.append(f"the ensemble's recall@{k} is below the best single encoder's")
    for name, encoder in figures["encoders"].items():
        if encoder["recall_at_10_true_cutout"] < TRUE_CUTOUT_BAR:
            missed.append(f"{name} has recall@10 {encoder['recall_at_10_true_cutout']:.3f} on true cutouts")
    return missed


def show(console: Console, evaluation: Evaluation) -> None:
    """The tables that docs/demo-models.md shows."""
    masks = Table(title="Mask IoU through rembg")
    retrieval = Table(title="Photo to photo of the same listing, recall at 1 / 5 / 10")
    for name in evaluation.mask_iou:
        masks.add_column(name, justify="right")
    masks.add_row(*(f"{value:.3f}" for value in evaluation.mask_iou.values()))
    for heading in ("", "shipped cutouts", "true cutouts"):
        retrieval.add_column(heading)
    for name, recall in evaluation.recall.items():
        retrieval.add_row(name, shown(recall), shown(evaluation.true_recall[name]))
    retrieval.add_row("ensemble", shown(evaluation.ensemble), "")
    retrieval.add_row("ensemble by rrf instead", shown(evaluation.ensemble_by_rrf), "")
    console.print(masks)
    console.print(retrieval)
    console.print(f"Text to photo, recall@10: {evaluation.text_recall_at_10:.3f}")


def shown(recall: dict[int, float]) -> str:
    return " / ".join(f"{value:.3f}" for value in recall.values())


@click.command(help=__doc__)
@click.option("--json", "path", type=click.Path(path_type=Path, dir_okay=False), help="Write the figures here.")
@click.option("--listings", default=len(HELD_OUT_SEEDS), show_default=True, help="Held-out listings, 4 photos each.")
@click.option("--workers", default=os.cpu_count() or 1, show_default=True, help="Processes that render.")
def main(path: Path | None, listings: int, workers: int) -> None:
    logging.basicConfig(level=logging.WARNING)
    console = Console()
    with console.status("Rendering, cutting out and embedding: a few minutes."):
        evaluation = evaluate(render_photos(HELD_OUT_SEEDS[:listings], workers))
    figures = evaluation.figures()
    show(console, evaluation)
    missed = missed_bars(figures)
    for line in missed:
        console.print(f"[red]Missed:[/red] {line}")
    if path is not None:
        path.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    sys.exit(1 if missed else 0)


if __name__ == "__main__":
    main()
