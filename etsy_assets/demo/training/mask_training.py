"""Trains the segmentation network and predicts its masks on the training renders."""

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from etsy_assets.demo.training.augmentation import random_blur, random_crop, random_light
from etsy_assets.demo.training.clock import Budget
from etsy_assets.demo.training.mask_network import (
    IMAGENET_MEAN,
    IMAGENET_STD,
    INNER_PIXELS,
    build_mask_network,
    export_mask_network,
)
from etsy_assets.demo.training.renders import Renders

if TYPE_CHECKING:
    from torch import Tensor, nn

log = logging.getLogger(__name__)

PICTURES_A_STEP = 32
AVERAGED_OVER_STEPS = 300
# The first part of the time goes three times as far at a smaller size; thin legs and poles are learnt in the rest.
COARSE_PIXELS = 96
COARSE_SHARE = 0.4
STEPS_A_CHECKPOINT = 200


def normalise_like_rembg(pictures: "Tensor") -> "Tensor":
    """Each picture (values 0..1) by its own maximum, then ImageNet's mean and deviation, as rembg's sessions do."""
    import torch

    brightest = pictures.amax((1, 2, 3), keepdim=True).clamp(min=1e-6)
    mean, std = (torch.tensor(values).view(1, 3, 1, 1) for values in (IMAGENET_MEAN, IMAGENET_STD))
    return (pictures / brightest - mean) / std


def train_mask_network(renders: Renders, output: Path, minutes: float, seed: int = 0) -> "nn.Module":
    """Trains for so many minutes, writes the network as ONNX to `output`, and returns it.

    A run that was cut off goes on from its last checkpoint, beside `output`, at full size.
    """
    import torch
    from torch.nn import functional
    from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    network = build_mask_network().to(memory_format=torch.channels_last)
    average = AveragedModel(network, multi_avg_fn=get_ema_multi_avg_fn(1 - 1 / AVERAGED_OVER_STEPS), use_buffers=True)
    optimizer = torch.optim.AdamW(network.parameters(), weight_decay=1e-3)
    budget = Budget(minutes, peak_rate=3e-3)
    checkpoint = output.with_suffix(".checkpoint.pt")
    resumed = checkpoint.exists()
    state: dict[str, Any] = {"network": network, "average": average, "optimizer": optimizer}
    if resumed:
        for name, values in torch.load(checkpoint, weights_only=True).items():
            state[name].load_state_dict(values)
    while budget.share < 1:
        optimizer.param_groups[0]["lr"] = budget.next_rate()
        rows = torch.randint(len(renders.photos), (PICTURES_A_STEP,), generator=generator).sort().values.numpy()
        photos = torch.from_numpy(renders.photos[rows]).permute(0, 3, 1, 2).float() / 255
        masks = torch.from_numpy(renders.masks[rows])[:, None].float() / 255
        side = COARSE_PIXELS if budget.share < COARSE_SHARE and not resumed else INNER_PIXELS
        both = random_crop(torch.cat([photos, masks], 1), side, (0.6, 1.15), 0.08, 0.5, generator)
        photos, masks = random_blur(both[:, :3], 0.6, generator), both[:, 3:]
        inputs = normalise_like_rembg(random_light(photos, 0.25, 0.05, generator))
        with torch.autocast("cpu", torch.bfloat16):
            logits = network(inputs.contiguous(memory_format=torch.channels_last))
        logits = logits.float()
        crossentropy = functional.binary_cross_entropy_with_logits(logits, masks)
        dice = dice_loss(logits.sigmoid(), masks)
        optimizer.zero_grad()
        (crossentropy + dice).backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        average.update_parameters(network)
        if budget.steps % STEPS_A_CHECKPOINT == 0:
            torch.save({name: part.state_dict() for name, part in state.items()}, checkpoint)
        budget.report("mask network", crossentropy=float(crossentropy.detach()), dice=float(dice.detach()))
    trained: nn.Module = average.module.eval()
    export_mask_network(trained, output)
    return trained


def dice_loss(predicted: "Tensor", wanted: "Tensor") -> "Tensor":
    """1 - Dice coefficient (Milletari et al. 2016, arXiv 1606.04797), mean over masks (n, 1, h, w) in 0..1."""
    overlap = (predicted * wanted).sum((1, 2, 3))
    total = predicted.sum((1, 2, 3)) + wanted.sum((1, 2, 3))
    return 1 - ((2 * overlap + 1) / (total + 1)).mean()


def predict_masks(network: "nn.Module", renders: Renders, path: Path) -> np.ndarray:
    """The network's own masks of every render, uint8 (n, 160, 160), kept at `path`.

    The encoders learn on cutouts with these masks' faults, because those are what they meet later.
    """
    import torch

    if not path.exists():
        partial = path.with_suffix(".partial.npy")
        masks = np.lib.format.open_memmap(partial, "w+", np.uint8, renders.masks.shape)
        with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16):
            for start in range(0, len(masks), 64):
                photos = (
                    torch.from_numpy(np.array(renders.photos[start : start + 64])).permute(0, 3, 1, 2).float() / 255
                )
                logits = network(normalise_like_rembg(photos).contiguous(memory_format=torch.channels_last))
                predicted = stretch_like_rembg(logits.float().sigmoid())
                masks[start : start + 64] = (predicted[:, 0] * 255).byte().numpy()
        masks.flush()
        partial.rename(path)
    masks_kept: np.ndarray = np.load(path, mmap_mode="r")
    return masks_kept


def stretch_like_rembg(masks: "Tensor") -> "Tensor":
    """Each mask (n, 1, h, w) stretched to 0..1 by its own minimum and maximum."""
    low, high = masks.amin((1, 2, 3), keepdim=True), masks.amax((1, 2, 3), keepdim=True)
    return (masks - low) / (high - low).clamp(min=1e-6)
