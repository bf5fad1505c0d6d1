"""The published architectures at their true size, with random weights, through the path that real weights take."""

import numpy as np
import open_clip
import torch
from huggingface_hub import constants
from open_clip.model import CLIP
from open_clip.transform import PreprocessCfg, image_transform_v2
from safetensors import safe_open
from safetensors.torch import save_file
from transformers import BitImageProcessor, DINOv3ViTImageProcessor

from etsy_assets.encoders.loading import load_encoder
from etsy_assets.encoders.registry import find_encoder
from etsy_assets_tests.encoders.checkpoints import (
    OPENAI_MEAN,
    dinov2,
    dinov3_vit,
    halved,
    quickly_filled,
    save_open_clip,
    save_transformers,
)
from etsy_assets_tests.encoders.pictures import picture

BASE = {"hidden_size": 768, "num_hidden_layers": 12, "num_attention_heads": 12}
IMAGENET = {"image_mean": [0.485, 0.456, 0.406], "image_std": [0.229, 0.224, 0.225]}
IMAGES = [picture(seed, size) for seed, size in enumerate([(400, 300), (200, 500)])]


def published_dinov2_processor() -> BitImageProcessor:
    """As the preprocessor_config.json of facebook/dinov2-base: 256 px on the shorter side, then the middle 224."""
    return BitImageProcessor(size={"shortest_edge": 256}, crop_size={"height": 224, "width": 224}, **IMAGENET)


def assert_sound(encoder, dimension: int) -> None:
    rows = encoder.embed_images(IMAGES)
    assert rows.shape == (2, dimension)
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-5)
    assert rows[0] @ rows[1] < 0.99999


def test_clip_vitb32_loads_from_the_hubs_cache_by_architecture_and_tag_with_text_and_image(tmp_path, monkeypatch):
    spec = find_encoder("clip_vitb32")
    repository = tmp_path / "models--laion--CLIP-ViT-B-32-laion2B-s34B-b79K"
    snapshot = repository / "snapshots" / spec.revision
    snapshot.mkdir(parents=True)
    model = quickly_filled(lambda: CLIP(**open_clip.get_model_config("ViT-B-32")))
    save_file(halved(model), snapshot / "open_clip_model.safetensors")
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    encoder = load_encoder(spec, "cpu", "float32")
    assert_sound(encoder, 512)
    transform = image_transform_v2(PreprocessCfg(**OPENAI_MEAN), is_train=False)
    assert all(torch.equal(encoder.preprocess(image), transform(image)) for image in IMAGES)
    assert encoder.embed_texts(["oak table, oak", "velvet sofa"]).shape == (2, 512)


def test_clip_vitl14_of_true_width_takes_the_mean_and_deviation_that_it_was_trained_with(tmp_path):
    config = open_clip.get_model_config("ViT-L-14")
    config["vision_cfg"]["layers"] = config["text_cfg"]["layers"] = 1
    save_open_clip(tmp_path / "clip_vitl14", config, {})
    encoder = load_encoder(find_encoder("clip_vitl14"), "cpu", weights_root=tmp_path)
    assert_sound(encoder, 768)
    half = PreprocessCfg(mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5))
    assert torch.equal(encoder.preprocess(IMAGES[0]), image_transform_v2(half, is_train=False)(IMAGES[0]))


def test_dinov2_base(tmp_path):
    folder = tmp_path / "dinov2_base"
    model = quickly_filled(lambda: dinov2(**BASE, mlp_ratio=4, image_size=518))
    save_transformers(folder, model, published_dinov2_processor())
    encoder = load_encoder(find_encoder("dinov2_base"), "cpu", weights_root=tmp_path)
    assert_sound(encoder, 768)
    assert encoder.preprocess(IMAGES[0]).shape == (3, 224, 224)


def test_dinov2_large_of_true_width(tmp_path):
    large = dinov2(hidden_size=1024, num_hidden_layers=1, num_attention_heads=16, mlp_ratio=4, image_size=518)
    save_transformers(tmp_path / "dinov2_large", large, published_dinov2_processor())
    assert_sound(load_encoder(find_encoder("dinov2_large"), "cpu", weights_root=tmp_path), 1024)


def test_dinov3_base_in_the_layout_of_the_published_file(tmp_path):
    model = quickly_filled(lambda: dinov3_vit(**BASE, intermediate_size=3072, patch_size=16, image_size=224))
    save_transformers(tmp_path / "dinov3_base", model, DINOv3ViTImageProcessor())
    with safe_open(tmp_path / "dinov3_base" / "model.safetensors", "np") as file:
        names = set(file.keys())
    # The published checkpoint has 211 entries, named so.
    assert len(names) == 211
    assert "layer.0.attention.k_proj.weight" in names
    encoder = load_encoder(find_encoder("dinov3_base"), "cpu", "bfloat16", weights_root=tmp_path)
    assert_sound(encoder, 768)
    # The rotary frequencies are constants beside the weights: in bfloat16 they would bend every position.
    assert encoder._model.rope_embeddings.inv_freq.dtype == torch.float32
