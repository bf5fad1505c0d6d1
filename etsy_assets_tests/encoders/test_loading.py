"""Loading from a local folder, through the libraries' own loading code."""

import dataclasses
import json
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import open_clip
import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoImageProcessor, AutoModel

from etsy_assets.encoders.base import TextEncoder
from etsy_assets.encoders.loading import load_encoder, load_text_encoder
from etsy_assets.encoders.registry import find_encoder
from etsy_assets.errors import ConfigurationError
from etsy_assets_tests.encoders.checkpoints import dinov3_vit, save_transformers, square_bit_processor
from etsy_assets_tests.encoders.pictures import picture

SHAPES = [(150, 120), (300, 100), (97, 260), (96, 96)]


@pytest.fixture
def images():
    return [picture(seed, size) for seed, size in enumerate(SHAPES)]


@pytest.fixture
def own_root(weights_root, tmp_path) -> Path:
    """A copy of the small checkpoints that a test may damage."""
    return shutil.copytree(weights_root, tmp_path / "weights")


def load(name: str, root: Path, **options):
    return load_encoder(find_encoder(name), "cpu", weights_root=root, **options)


def test_clip_preprocessing_is_open_clips_own_transform(encoders, weights_root, images):
    _, _, transform = open_clip.create_model_and_transforms(f"local-dir:{weights_root / 'demo_clip_a'}")
    for image in images:
        assert torch.equal(encoders["demo_clip_a"].preprocess(image), transform(image))


@pytest.mark.parametrize("name", ["demo_dinov2_a", "demo_dinov3"])
def test_transformers_preprocessing_is_the_librarys_own_processor(encoders, weights_root, images, name):
    processor = AutoImageProcessor.from_pretrained(weights_root / name)
    for image in images:
        expected = processor(images=[image], return_tensors="pt")["pixel_values"][0]
        assert torch.equal(encoders[name].preprocess(image), expected)


def test_clip_vectors_are_those_of_open_clip_normalised(encoders, weights_root, images):
    model, _, transform = open_clip.create_model_and_transforms(f"local-dir:{weights_root / 'demo_clip_a'}")
    with torch.no_grad():
        expected = model.eval().encode_image(torch.stack([transform(image) for image in images]), normalize=True)
    np.testing.assert_allclose(encoders["demo_clip_a"].embed_images(images), expected.numpy(), atol=1e-5)


@pytest.mark.parametrize("name", ["demo_dinov2_a", "demo_dinov3"])
def test_backbone_vectors_are_the_pooled_tokens_of_transformers_normalised(encoders, weights_root, images, name):
    model = AutoModel.from_pretrained(weights_root / name, dtype=torch.float32).eval()
    inputs = torch.stack([encoders[name].preprocess(image) for image in images])
    with torch.no_grad():
        output = model(pixel_values=inputs)
    pooled = output.pooler_output if name == "demo_dinov3" else output.last_hidden_state[:, 1:].mean(1)
    expected = torch.nn.functional.normalize(pooled, dim=-1).numpy()
    np.testing.assert_allclose(encoders[name].embed_images(images), expected, atol=1e-5)


def test_cls_pooling_of_dinov2_is_its_published_pooler_output(weights_root, images):
    spec = dataclasses.replace(find_encoder("demo_dinov2_a"), pooling="cls")
    encoder = load_encoder(spec, "cpu", weights_root=weights_root)
    pooler = load_encoder(dataclasses.replace(spec, pooling="pooler"), "cpu", weights_root=weights_root)
    np.testing.assert_array_equal(encoder.embed_images(images), pooler.embed_images(images))


def test_patch_mean_leaves_out_the_class_token_and_the_registers(tmp_path, images):
    save_transformers(tmp_path / "demo_dinov2_a", dinov3_vit(image_size=96, patch_size=16), square_bit_processor(96))
    spec = dataclasses.replace(find_encoder("demo_dinov2_a"), image_size=96)
    encoder = load_encoder(spec, "cpu", weights_root=tmp_path)
    model = AutoModel.from_pretrained(tmp_path / "demo_dinov2_a", dtype=torch.float32).eval()
    with torch.no_grad():
        tokens = model(torch.stack([encoder.preprocess(image) for image in images])).last_hidden_state
    assert tokens.shape[1] == 1 + 4 + 36
    expected = torch.nn.functional.normalize(tokens[:, 5:].mean(1), dim=-1).numpy()
    np.testing.assert_allclose(encoder.embed_images(images), expected, atol=1e-5)


def test_vectors_are_float32_and_of_length_one_for_any_number_of_images(encoders, images):
    for encoder in encoders.values():
        for count in (0, 1, 4):
            rows = encoder.embed_images(images[:count], batch_size=3)
            assert (rows.shape, rows.dtype) == ((count, encoder.dimension), np.float32)
            np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-6)


def test_a_float16_checkpoint_computes_in_float32(encoders):
    for encoder in encoders.values():
        assert encoder.precision == "float32"
        assert {parameter.dtype for parameter in encoder._model.parameters()} == {torch.float32}


def test_bfloat16_weights_give_nearly_the_same_vectors(encoders, weights_root, images):
    for name, encoder in encoders.items():
        low = load(name, weights_root, precision="bfloat16")
        assert {parameter.dtype for parameter in low._model.parameters()} == {torch.bfloat16}
        cosine = (low.embed_images(images) * encoder.embed_images(images)).sum(1)
        assert cosine.min() > 0.999
        assert low.fingerprint == encoder.fingerprint


def test_preprocessing_in_several_threads_gives_the_same_inputs(encoders):
    images = [picture(seed, SHAPES[seed % len(SHAPES)]) for seed in range(24)]
    for encoder in encoders.values():
        expected = [encoder.preprocess(image) for image in images]
        with ThreadPoolExecutor(4) as pool:
            assert all(map(torch.equal, pool.map(encoder.preprocess, images), expected))


def test_text_and_image_share_a_space_and_the_tokenizer_is_the_vocabulary_beside_the_weights(weights_root):
    encoder = load_text_encoder(find_encoder("demo_clip_a"), "cpu", weights_root=weights_root)
    rows = encoder.embed_texts(
        ["a walnut chair", "a walnut chair", "a green sofa " * 40, "日本の椅子", ""], batch_size=2
    )
    assert rows.shape == (5, encoder.dimension)
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-6)
    np.testing.assert_allclose(rows[0], rows[1], atol=1e-6)
    assert rows[0] @ rows[2] < 0.9999


def test_the_tokenizer_does_not_depend_on_the_current_folder(weights_root, tmp_path, monkeypatch):
    monkeypatch.chdir(weights_root)
    here = load_encoder(find_encoder("demo_clip_a"), "cpu", weights_root=Path())
    monkeypatch.chdir(tmp_path)
    assert isinstance(here, TextEncoder)
    assert here.embed_texts(["a chair"]).shape == (1, 128)


def test_an_encoder_without_a_text_tower_is_refused_for_text():
    with pytest.raises(ConfigurationError, match="demo_dinov3 has no text tower"):
        load_text_encoder(find_encoder("demo_dinov3"))


def test_the_environment_variable_names_the_weights_folder(weights_root, monkeypatch):
    monkeypatch.setenv("ETSY_ASSETS_WEIGHTS", str(weights_root))
    assert load_encoder(find_encoder("demo_dinov3"), "cpu").name == "demo_dinov3"


def test_other_weights_under_the_same_name_have_another_fingerprint(encoders, own_root):
    checkpoint = own_root / "demo_dinov3" / "model.safetensors"
    weights = load_file(checkpoint)
    save_file({key: value * 0.99 for key, value in weights.items()}, checkpoint, metadata={"format": "pt"})
    assert load("demo_dinov3", own_root).fingerprint != encoders["demo_dinov3"].fingerprint


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("demo_clip_a", "open_clip_model.safetensors"),
        ("demo_clip_a", "open_clip_config.json"),
        ("demo_dinov2_a", "model.safetensors"),
        ("demo_dinov2_a", "config.json"),
        ("demo_dinov2_a", "preprocessor_config.json"),
    ],
)
def test_a_file_missing_from_a_local_folder_is_named_with_where_to_get_it(own_root, name, file):
    (own_root / name / file).unlink()
    with pytest.raises(ConfigurationError) as caught:
        load(name, own_root)
    assert all(part in str(caught.value) for part in (file, str(own_root / name), name, "copy it there"))


@pytest.mark.parametrize("name", ["demo_clip_a", "demo_dinov2_a", "demo_dinov3"])
def test_a_truncated_checkpoint_is_refused(own_root, name):
    checkpoint = next((own_root / name).glob("*.safetensors"))
    checkpoint.write_bytes(checkpoint.read_bytes()[:-1000])
    with pytest.raises(ConfigurationError, match=f"damaged or not those of {name}"):
        load(name, own_root)


@pytest.mark.parametrize(("name", "config"), [("demo_clip_a", "open_clip_config.json"), ("demo_dinov3", "config.json")])
def test_a_configuration_that_is_no_json_is_refused(own_root, name, config):
    (own_root / name / config).write_text("{")
    with pytest.raises(ConfigurationError, match=name):
        load(name, own_root)


def test_a_checkpoint_that_lacks_weights_is_refused_instead_of_filled_with_random_ones(own_root):
    checkpoint = own_root / "demo_dinov2_a" / "model.safetensors"
    weights = load_file(checkpoint)
    del weights["layernorm.weight"]
    save_file(weights, checkpoint, metadata={"format": "pt"})
    with pytest.raises(ConfigurationError, match=r"lacks 1 weights of demo_dinov2_a \(the first is layernorm.weight\)"):
        load("demo_dinov2_a", own_root)


def test_a_clip_checkpoint_that_lacks_weights_is_refused(own_root):
    checkpoint = own_root / "demo_clip_a" / "open_clip_model.safetensors"
    weights = load_file(checkpoint)
    del weights["ln_final.weight"]
    save_file(weights, checkpoint)
    with pytest.raises(ConfigurationError, match="damaged or not those of demo_clip_a"):
        load("demo_clip_a", own_root)


@pytest.mark.parametrize("name", ["demo_clip_a", "demo_dinov2_a", "demo_dinov3"])
def test_a_model_of_another_dimension_is_refused(weights_root, name):
    spec = dataclasses.replace(find_encoder(name), dimension=512)
    with pytest.raises(ConfigurationError, match=f"vectors of 128 numbers and {name} is registered with 512"):
        load_encoder(spec, "cpu", weights_root=weights_root)


def test_a_preprocessing_of_another_size_is_refused(weights_root):
    spec = dataclasses.replace(find_encoder("demo_dinov3"), image_size=224)
    with pytest.raises(ConfigurationError, match=r"gives \(3, 96, 96\) where \(3, 224, 224\) is registered"):
        load_encoder(spec, "cpu", weights_root=weights_root)


def test_a_preprocessing_that_does_not_make_squares_is_refused(own_root):
    config = own_root / "demo_dinov2_a" / "preprocessor_config.json"
    options = json.loads(config.read_text())
    config.write_text(json.dumps({**options, "size": {"shortest_edge": 98}, "do_center_crop": False}))
    with pytest.raises(ConfigurationError, match="preprocessing of demo_dinov2_a gives"):
        load("demo_dinov2_a", own_root)


def test_a_text_tower_without_its_own_vocabulary_is_refused(own_root):
    (own_root / "demo_clip_a" / "bpe_small.txt.gz").unlink()
    with pytest.raises(ConfigurationError, match="49408 words and its text tower 614"):
        load("demo_clip_a", own_root)


def test_packaged_weights_that_are_not_there_end_in_one_sentence(monkeypatch, tmp_path):
    monkeypatch.setattr("etsy_assets.encoders.registry.PACKAGED_WEIGHTS", tmp_path)
    with pytest.raises(ConfigurationError, match=r"demo_clip_a are missing from the package.*ETSY_ASSETS_WEIGHTS"):
        load_encoder(find_encoder("demo_clip_a"))


def test_values_that_are_not_finite_are_refused_naming_the_encoder(own_root, images):
    checkpoint = own_root / "demo_dinov3" / "model.safetensors"
    weights = load_file(checkpoint)
    weights["layer_norm.bias"][3] = float("nan")
    save_file(weights, checkpoint, metadata={"format": "pt"})
    encoder = load("demo_dinov3", own_root)
    with pytest.raises(ConfigurationError, match="demo_dinov3 gave values that are not finite for 4 of 4 inputs"):
        encoder.embed_images(images)


def test_a_vector_of_length_zero_is_refused_too(own_root, images):
    checkpoint = own_root / "demo_dinov3" / "model.safetensors"
    weights = load_file(checkpoint)
    weights["layer_norm.weight"].zero_()
    weights["layer_norm.bias"].zero_()
    save_file(weights, checkpoint, metadata={"format": "pt"})
    with pytest.raises(ConfigurationError, match="demo_dinov3 gave values that are not finite"):
        load("demo_dinov3", own_root).embed_images(images[:1])
