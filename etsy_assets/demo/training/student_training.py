"""Trains the demo's three transformers backbones as students of its first CLIP image tower.

Vision transformers this small hardly learn from photos alone; told which listings a teacher finds alike, they do.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from etsy_assets.demo.furniture import Furniture
from etsy_assets.demo.training.attributes import build_attribute_heads
from etsy_assets.demo.training.clip_training import (
    CLIP_MEAN,
    CLIP_STD,
    LISTINGS_A_STEP,
    parameter_groups,
    two_photos,
)
from etsy_assets.demo.training.clock import Budget
from etsy_assets.demo.training.cutouts import Mixture, normalise, plain_cutouts, training_pictures
from etsy_assets.demo.training.losses import pair_loss, soft_cross_entropy
from etsy_assets.demo.training.mask_network import IMAGENET_MEAN, IMAGENET_STD
from etsy_assets.demo.training.renders import Renders

if TYPE_CHECKING:
    from torch import Tensor, nn

# How sharply the teacher's likeness counts: cosines times this, then softmax.
TEACHER_SHARPNESS = 25.0
AVERAGED_OVER_STEPS = 300


@dataclass(frozen=True, slots=True)
class StudentRecipe:
    """What sets one backbone apart. image_side in px; `grey` is the share of pictures that lose their colour."""

    name: str
    image_side: int
    hidden: int
    grey: float
    seed: int
    config: Callable[[], Any]
    pool: Callable[[Any], "Tensor"]


def dinov2_config(hidden: int, layers: int, heads: int, mlp_ratio: int) -> Callable[[], Any]:
    def build() -> Any:
        from transformers import Dinov2Config

        return Dinov2Config(
            hidden_size=hidden,
            num_hidden_layers=layers,
            num_attention_heads=heads,
            mlp_ratio=mlp_ratio,
            image_size=98,
            patch_size=14,
            initializer_range=0.06,
        )

    return build


def dinov3_convnext_config() -> Any:
    from transformers import DINOv3ConvNextConfig

    return DINOv3ConvNextConfig(
        hidden_sizes=[24, 48, 96, 128],
        depths=[1, 1, 2, 1],
        image_size=96,
        initializer_range=0.05,
        layer_scale_init_value=0.5,
    )


def mean_of_patches(output: Any) -> "Tensor":
    """The mean of a Dinov2Model's patch tokens: its first token stands for the class and is left out."""
    tokens: Tensor = output.last_hidden_state[:, 1:]
    return tokens.mean(1)


def pooler(output: Any) -> "Tensor":
    pooled: Tensor = output.pooler_output
    return pooled


STUDENTS = (
    StudentRecipe("demo_dinov2_a", 98, 128, 0.0, 3, dinov2_config(128, 5, 4, 4), mean_of_patches),
    StudentRecipe("demo_dinov2_b", 98, 96, 0.2, 4, dinov2_config(96, 6, 3, 3), mean_of_patches),
    StudentRecipe("demo_dinov3", 96, 128, 0.0, 5, dinov3_convnext_config, pooler),
)


def teacher_prototypes(folders: Sequence[Path], renders: Renders) -> "Tensor":
    """Each listing as the teachers see it: the mean embedding of its photos' true cutouts, unit rows (listings, d)."""
    import open_clip
    import torch
    from torch.nn import functional

    columns = []
    for folder in folders:
        model, _, _ = open_clip.create_model_and_transforms(f"local-dir:{folder}")
        model.eval()
        side = model.visual.image_size
        side = side[0] if isinstance(side, tuple) else side
        parts = []
        with torch.inference_mode():
            for start in range(0, len(renders.photos), 128):
                part = slice(start, start + 128)
                cutouts = plain_cutouts(np.array(renders.photos[part]), np.array(renders.masks[part]), side)
                parts.append(functional.normalize(model.encode_image(normalise(cutouts, CLIP_MEAN, CLIP_STD)), dim=-1))
        embeddings = torch.cat(parts)
        columns.append(embeddings.view(-1, renders.photos_per_listing, embeddings.shape[1]).mean(1))
    return functional.normalize(torch.cat([functional.normalize(column, dim=-1) for column in columns], 1), dim=-1)


def train_student(
    recipe: StudentRecipe,
    renders: Renders,
    predicted: np.ndarray,
    listings: Sequence[Furniture],
    prototypes: "Tensor",
    folder: Path,
    minutes: float,
) -> None:
    """Trains for so many minutes and saves a folder that `from_pretrained` reads, weights in float16.

    A model that lies in the folder already is trained further.

    prototypes: float32 (listings, d) from teacher_prototypes.
    """
    import torch
    from torch import nn
    from torch.nn import functional
    from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
    from transformers import AutoModel

    torch.manual_seed(recipe.seed)
    generator, rng = torch.Generator().manual_seed(recipe.seed), np.random.default_rng(recipe.seed)
    known = (folder / "config.json").exists()
    model = AutoModel.from_pretrained(folder, dtype=torch.float32) if known else AutoModel.from_config(recipe.config())
    model.train()
    average = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(1 - 1 / AVERAGED_OVER_STEPS), use_buffers=True)
    heads = build_attribute_heads(recipe.hidden, listings)
    to_teacher = nn.Linear(recipe.hidden, prototypes.shape[1])
    scale = nn.Parameter(torch.tensor(math.log(12.0)))
    others = [scale, *heads.parameters(), *to_teacher.parameters()]
    optimizer = torch.optim.AdamW(parameter_groups(model, others), betas=(0.9, 0.98))
    budget = Budget(minutes, peak_rate=1.5e-3)
    while budget.share < 1:
        rate = budget.next_rate()
        for group in optimizer.param_groups:
            group["lr"] = rate
        chosen = rng.choice(len(listings), LISTINGS_A_STEP, replace=False)
        rows = two_photos(chosen, renders.photos_per_listing, rng)
        mixture = Mixture(predicted=0.35 + 0.2 * budget.share, true=0.65 - 0.4 * budget.share, grey=recipe.grey)
        pictures = training_pictures(renders, predicted, rows, recipe.image_side, mixture, generator)
        raw = recipe.pool(model(pixel_values=normalise(pictures, IMAGENET_MEAN, IMAGENET_STD)))
        attribute_loss = heads(raw, torch.from_numpy(np.tile(chosen, 2)))
        first, second = functional.normalize(raw, dim=-1).chunk(2)
        image_loss = pair_loss(first, second, scale.exp().clamp(max=40))
        wanted = (TEACHER_SHARPNESS * prototypes[chosen] @ prototypes.T).softmax(1)
        guesses = functional.normalize(to_teacher(raw), dim=-1)
        teacher_loss = soft_cross_entropy(TEACHER_SHARPNESS * guesses @ prototypes.T, wanted.repeat(2, 1))
        optimizer.zero_grad()
        (0.5 * image_loss + teacher_loss + 0.5 * attribute_loss).backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        average.update_parameters(model)
        losses = {"image": image_loss, "teacher": teacher_loss, "attributes": attribute_loss}
        budget.report(recipe.name, **{name: float(loss.detach()) for name, loss in losses.items()})
    save_student(average.module, recipe.image_side, folder)


def save_student(model: "nn.Module", side: int, folder: Path) -> None:
    """Writes model and image processor as transformers does; the processor squashes, so that nothing is cut off."""
    from transformers import BitImageProcessor, Dinov2Model, DINOv3ViTImageProcessor

    model.half().save_pretrained(folder)  # type: ignore[operator]
    size = {"height": side, "width": side}
    if isinstance(model, Dinov2Model):
        # Exact height and width: the shortest edge and a centre crop would cut the ends off a wide sofa.
        processor = BitImageProcessor(
            size=size, do_center_crop=False, resample=3, image_mean=list(IMAGENET_MEAN), image_std=list(IMAGENET_STD)
        )
    else:
        processor = DINOv3ViTImageProcessor(size=size)
    processor.save_pretrained(folder)
