"""Randomly initialised checkpoints of the real model classes, in the files that real ones come in."""

import gzip
import json
from collections.abc import Callable
from pathlib import Path

import open_clip
import torch
from open_clip.tokenizer import SimpleTokenizer, default_bpe
from safetensors.torch import save_file
from transformers import (
    BitImageProcessor,
    Dinov2Config,
    Dinov2Model,
    DINOv3ConvNextConfig,
    DINOv3ConvNextModel,
    DINOv3ViTConfig,
    DINOv3ViTImageProcessor,
    DINOv3ViTModel,
)

SMALL_CLIP = {
    "embed_dim": 128,
    "vision_cfg": {"image_size": 96, "layers": [1, 1, 1, 1], "width": 8, "patch_size": None},
    "text_cfg": {"context_length": 32, "vocab_size": 614, "width": 32, "heads": 2, "layers": 1},
}
OPENAI_MEAN = {"mean": [0.48145466, 0.4578275, 0.40821073], "std": [0.26862954, 0.26130258, 0.27577711]}
SQUASH = {**OPENAI_MEAN, "interpolation": "bicubic", "resize_mode": "squash"}


def save_open_clip(folder: Path, model_config: dict, preprocessing: dict) -> None:
    """open_clip_config.json and a float16 checkpoint. The model is made from the configuration as open_clip does."""
    folder.mkdir(parents=True)
    config = {"model_cfg": model_config, "preprocess_cfg": preprocessing}
    (folder / "open_clip_config.json").write_text(json.dumps(config))
    torch.manual_seed(7)
    model = open_clip.create_model(f"local-dir:{folder}", load_weights=False)
    save_file(halved(model), folder / "open_clip_model.safetensors")


def save_vocabulary(folder: Path, words: int) -> None:
    """The first merges of CLIP's vocabulary, so that it has `words` words: two 256-byte alphabets, merges, 2 marks."""
    lines = gzip.decompress(Path(default_bpe()).read_bytes()).decode().split("\n")
    with gzip.open(folder / "bpe_small.txt.gz", "wt") as file:
        file.write("\n".join(lines[: 1 + words - 514]))
    assert SimpleTokenizer(bpe_path=str(folder / "bpe_small.txt.gz")).vocab_size == words


def save_transformers(folder: Path, model: torch.nn.Module, processor) -> None:
    """As the demo's: float16 weights and the processor beside them."""
    model.half().save_pretrained(folder)
    processor.save_pretrained(folder)


def quickly_filled(make: Callable[[], torch.nn.Module]) -> torch.nn.Module:
    """A model of full size with one stretch of random numbers over and over: drawing 100 million takes seconds."""
    with torch.device("meta"):
        model = make()
    model.to_empty(device="cpu")
    numbers = torch.randn(1_000_003, generator=torch.Generator().manual_seed(7)) * 0.03
    with torch.no_grad():
        for parameter in model.parameters():
            copies = -(-parameter.numel() // len(numbers))
            parameter.copy_(numbers.repeat(copies)[: parameter.numel()].view(parameter.shape))
            if parameter.ndim == 1:
                parameter += 1
    return model.eval()


def halved(model: torch.nn.Module) -> dict[str, torch.Tensor]:
    return {key: value.half().contiguous() for key, value in model.state_dict().items()}


def square_bit_processor(side: int) -> BitImageProcessor:
    size = {"height": side, "width": side}
    return BitImageProcessor(size=size, crop_size=size, do_center_crop=False)


def dinov2(seed: int = 7, **overrides) -> Dinov2Model:
    torch.manual_seed(seed)
    small = {"hidden_size": 128, "num_hidden_layers": 2, "num_attention_heads": 4, "mlp_ratio": 2, "image_size": 98}
    return Dinov2Model(Dinov2Config(**{**small, "patch_size": 14, "initializer_range": 0.06, **overrides})).eval()


def dinov3_vit(**overrides) -> DINOv3ViTModel:
    torch.manual_seed(7)
    small = {"hidden_size": 128, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 256}
    return DINOv3ViTModel(DINOv3ViTConfig(**{**small, "num_register_tokens": 4, **overrides})).eval()


def dinov3_convnext() -> DINOv3ConvNextModel:
    torch.manual_seed(7)
    config = DINOv3ConvNextConfig(hidden_sizes=[16, 32, 64, 128], depths=[1, 1, 1, 1], layer_scale_init_value=0.5)
    return DINOv3ConvNextModel(config).eval()


def save_small_checkpoints(root: Path) -> None:
    save_open_clip(root / "demo_clip_a", SMALL_CLIP, SQUASH)
    save_vocabulary(root / "demo_clip_a", SMALL_CLIP["text_cfg"]["vocab_size"])
    save_transformers(root / "demo_dinov2_a", dinov2(), square_bit_processor(98))
    side = {"height": 96, "width": 96}
    save_transformers(root / "demo_dinov3", dinov3_convnext(), DINOv3ViTImageProcessor(size=side))
