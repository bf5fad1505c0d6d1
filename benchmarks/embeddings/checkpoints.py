"""The five published architectures at full size with random weights, in the files that real ones come in."""

import json
from pathlib import Path

import open_clip
from open_clip.model import CLIP
from safetensors.torch import save_file
from transformers import BitImageProcessor, DINOv3ViTImageProcessor

from etsy_assets_tests.encoders.checkpoints import OPENAI_MEAN, dinov2, dinov3_vit, halved, save_transformers

CLIP_CHECKPOINT = "open_clip_model.safetensors"
_IMAGENET = {"image_mean": [0.485, 0.456, 0.406], "image_std": [0.229, 0.224, 0.225]}
_BASE = {"hidden_size": 768, "num_hidden_layers": 12, "num_attention_heads": 12, "initializer_range": 0.02}
_LARGE = {"hidden_size": 1024, "num_hidden_layers": 24, "num_attention_heads": 16, "initializer_range": 0.02}


def save_checkpoints(root: Path) -> None:
    """By encoder name, as `weights_root` of load_encoder takes them. 2.2 GB."""
    _save_clip(root / "clip_vitb32", "ViT-B-32", OPENAI_MEAN)
    _save_clip(root / "clip_vitl14", "ViT-L-14", {"mean": [0.5] * 3, "std": [0.5] * 3})
    # As the preprocessor_config.json of facebook/dinov2-base: 256 px on the shorter side, then the middle 224.
    processor = BitImageProcessor(size={"shortest_edge": 256}, crop_size={"height": 224, "width": 224}, **_IMAGENET)
    published = {"mlp_ratio": 4, "image_size": 518}
    save_transformers(root / "dinov2_base", dinov2(**_BASE, **published), processor)
    save_transformers(root / "dinov2_large", dinov2(**_LARGE, **published), processor)
    dinov3 = dinov3_vit(**_BASE, intermediate_size=3072, patch_size=16, image_size=224)
    save_transformers(root / "dinov3_base", dinov3, DINOv3ViTImageProcessor())


def _save_clip(folder: Path, architecture: str, preprocessing: dict[str, list[float]]) -> None:
    config = open_clip.get_model_config(architecture)
    folder.mkdir(parents=True)
    document = {"model_cfg": config, "preprocess_cfg": preprocessing}
    (folder / "open_clip_config.json").write_text(json.dumps(document), encoding="utf-8")
    save_file(halved(CLIP(**config)), folder / CLIP_CHECKPOINT)
