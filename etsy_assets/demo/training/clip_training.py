"""Trains the demo's two open_clip models: small ModifiedResNet image towers with small text towers."""

import json
import logging
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from etsy_assets.demo.furniture import Furniture, caption
from etsy_assets.demo.training.attributes import build_attribute_heads
from etsy_assets.demo.training.clock import Budget
from etsy_assets.demo.training.cutouts import Mixture, normalise, training_pictures
from etsy_assets.demo.training.losses import equal_texts, pair_loss, soft_pair_loss
from etsy_assets.demo.training.renders import Renders
from etsy_assets.demo.training.tokenizer import write_short_vocabulary

if TYPE_CHECKING:
    from torch import Tensor, nn

log = logging.getLogger(__name__)

EMBEDDING_DIMENSION = 128
TEXT_CONTEXT = 32
LISTINGS_A_STEP = 80
WEIGHTS_FILE = "open_clip_model.safetensors"
AVERAGED_OVER_STEPS = 300
CLIP_MEAN = (0.48145466, 0.4578275, 0.40821073)
CLIP_STD = (0.26862954, 0.26130258, 0.27577711)


@dataclass(frozen=True, slots=True)
class ClipRecipe:
    """What sets one demo CLIP model apart; `grey` makes a model look at shape more than colour."""

    name: str
    width: int
    image_side: int
    grey: float
    seed: int

    def model_config(self, vocabulary: int) -> dict[str, Any]:
        """open_clip's `model_cfg`."""
        return {
            "embed_dim": EMBEDDING_DIMENSION,
            "vision_cfg": {
                "image_size": self.image_side,
                "layers": [1, 1, 1, 1],
                "width": self.width,
                "patch_size": None,
            },
            "text_cfg": {
                "context_length": TEXT_CONTEXT,
                "vocab_size": vocabulary,
                "width": 64,
                "heads": 4,
                "layers": 2,
            },
        }


CLIP_A = ClipRecipe("demo_clip_a", width=16, image_side=96, grey=0.0, seed=1)
CLIP_B = ClipRecipe("demo_clip_b", width=12, image_side=96, grey=0.1, seed=2)


def train_clip(
    recipe: ClipRecipe,
    renders: Renders,
    predicted: np.ndarray,
    listings: Sequence[Furniture],
    folder: Path,
    minutes: float,
) -> None:
    """Trains for so many minutes and writes an open_clip `local-dir:` folder, weights in float16.

    A model that lies in the folder already is trained further.
    """
    import open_clip
    import torch
    from safetensors.torch import load_file
    from torch.nn import functional
    from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

    folder.mkdir(parents=True, exist_ok=True)
    vocabulary = folder / "bpe_furniture.txt.gz"
    config = recipe.model_config(write_short_vocabulary(vocabulary))
    tokenize = open_clip.SimpleTokenizer(bpe_path=str(vocabulary), context_length=TEXT_CONTEXT)
    torch.manual_seed(recipe.seed)
    generator, rng = torch.Generator().manual_seed(recipe.seed), np.random.default_rng(recipe.seed)
    model = open_clip.CLIP(**config)
    if (folder / WEIGHTS_FILE).exists():
        model.load_state_dict(load_file(folder / WEIGHTS_FILE), strict=False)
    average = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(1 - 1 / AVERAGED_OVER_STEPS), use_buffers=True)
    heads = build_attribute_heads(EMBEDDING_DIMENSION, listings)
    scale = torch.nn.Parameter(torch.tensor(math.log(12.0)))
    with torch.no_grad():
        model.logit_scale.fill_(math.log(12.0))
    optimizer = torch.optim.AdamW(parameter_groups(model, [scale, *heads.parameters()]), betas=(0.9, 0.98))
    full_captions = np.array([caption(furniture) for furniture in listings])
    budget = Budget(minutes, peak_rate=2e-3)
    while budget.share < 1:
        rate = budget.next_rate()
        for group in optimizer.param_groups:
            group["lr"] = rate
        chosen = rng.choice(len(listings), LISTINGS_A_STEP, replace=False)
        rows = two_photos(chosen, renders.photos_per_listing, rng)
        mixture = Mixture(predicted=0.35 + 0.2 * budget.share, true=0.65 - 0.4 * budget.share, grey=recipe.grey)
        pictures = training_pictures(renders, predicted, rows, recipe.image_side, mixture, generator)
        texts = [caption(listings[listing], rng) for listing in chosen]
        with torch.autocast("cpu", torch.bfloat16):
            raw = model.encode_image(normalise(pictures, CLIP_MEAN, CLIP_STD))
            text = functional.normalize(model.encode_text(tokenize(texts)).float(), dim=-1)
        attribute_loss = heads(raw, torch.from_numpy(np.tile(chosen, 2)))
        first, second = functional.normalize(raw.float(), dim=-1).chunk(2)
        same = torch.maximum(equal_texts(list(full_captions[chosen])), equal_texts(texts))
        text_scale = model.logit_scale.exp().clamp(max=60)
        text_loss = 0.5 * sum(soft_pair_loss(image, text, text_scale, same) for image in (first, second))
        image_loss = pair_loss(first, second, scale.exp().clamp(max=40))
        optimizer.zero_grad()
        (text_loss + image_loss + attribute_loss).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        average.update_parameters(model)
        losses = {"text": text_loss, "image": image_loss, "attributes": attribute_loss}
        budget.report(recipe.name, **{name: float(loss.detach()) for name, loss in losses.items()})
    save_clip(average.module, config, folder)


def two_photos(listings: np.ndarray, photos_per_listing: int, rng: np.random.Generator) -> np.ndarray:
    """Rows of two different photos of each listing: all the first ones, then all the second ones."""
    order = rng.permuted(np.tile(np.arange(photos_per_listing), (len(listings), 1)), axis=1)[:, :2]
    rows: np.ndarray = (listings[:, None] * photos_per_listing + order).T.ravel()
    return rows


def parameter_groups(model: "nn.Module", others: Sequence["Tensor"]) -> list[dict[str, Any]]:
    """Weight decay on matrices and kernels alone."""
    named = list(model.named_parameters())
    decayed = [p for name, p in named if p.ndim >= 2 and "embedding" not in name]
    rest = [p for name, p in named if p.ndim < 2 or "embedding" in name]
    return [{"params": decayed, "weight_decay": 0.05}, {"params": [*rest, *others], "weight_decay": 0.0}]


def save_clip(model: "nn.Module", config: dict[str, Any], folder: Path) -> None:
    """Writes what `open_clip.create_model_and_transforms("local-dir:<folder>")` reads."""
    from safetensors.torch import save_file

    preprocessing = {
        "mean": CLIP_MEAN,
        "std": CLIP_STD,
        "interpolation": "bicubic",
        # A centre crop would cut the ends off a wide sofa.
        "resize_mode": "squash",
        "size": config["vision_cfg"]["image_size"],
    }
    document = {"model_cfg": config, "preprocess_cfg": preprocessing}
    (folder / "open_clip_config.json").write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    weights = {
        name: value.half() if value.is_floating_point() else value
        for name, value in model.state_dict().items()
        if name != "attn_mask"
    }
    save_file({name: value.contiguous() for name, value in weights.items()}, folder / WEIGHTS_FILE)
