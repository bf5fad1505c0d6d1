"""The training script in a few seconds: not that it learns well, but that what it writes is what the pipeline loads."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from etsy_assets.demo.furniture import sample_furniture
from etsy_assets.demo.training.clip_training import CLIP_A, train_clip
from etsy_assets.demo.training.mask_training import predict_masks, train_mask_network
from etsy_assets.demo.training.renders import PHOTOS_PER_LISTING, Renders, render_listings
from etsy_assets.demo.training.student_training import STUDENTS, StudentRecipe, teacher_prototypes, train_student
from etsy_assets.encoders.base import TextEncoder
from etsy_assets.encoders.loading import load_encoder
from etsy_assets.encoders.registry import find_encoder
from etsy_assets.imaging.background import BackgroundRemover

# As many listings as one step of training takes.
SEEDS = range(80)
A_MOMENT = 0.001


@pytest.fixture(scope="module")
def renders(tmp_path_factory: pytest.TempPathFactory) -> Renders:
    return render_listings(tmp_path_factory.mktemp("renders"), SEEDS, 160, workers=2)


@pytest.fixture(scope="module")
def teacher(renders: Renders, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("weights") / CLIP_A.name
    train_clip(CLIP_A, renders, renders.masks, [sample_furniture(seed) for seed in SEEDS], folder, A_MOMENT)
    return folder


def test_renders_are_the_same_however_many_processes_make_them(renders: Renders, tmp_path: Path):
    again = render_listings(tmp_path, SEEDS[:3], 160, workers=1)
    np.testing.assert_array_equal(again.photos, renders.photos[: 3 * PHOTOS_PER_LISTING])
    np.testing.assert_array_equal(again.masks, renders.masks[: 3 * PHOTOS_PER_LISTING])


def test_the_trained_segmentation_network_is_one_that_rembg_runs(renders: Renders, tmp_path: Path):
    path = tmp_path / "mask.onnx"
    network = train_mask_network(renders, path, A_MOMENT)
    mask = BackgroundRemover("u2net_custom", model_path=path).cut_out(Image.fromarray(renders.photos[0])).mask
    assert mask.size == (160, 160)
    few = Renders(renders.photos[:4], renders.masks[:4], renders.backgrounds[:4])
    assert predict_masks(network, few, tmp_path / "masks.npy").shape == (4, 160, 160)


def test_a_trained_clip_model_loads_as_the_encoder_of_its_name(teacher: Path):
    encoder = load_encoder(find_encoder(CLIP_A.name), weights_root=teacher.parent)
    assert isinstance(encoder, TextEncoder)
    assert encoder.embed_images([Image.new("RGB", (300, 200), "tan")]).shape == (1, 128)
    assert encoder.embed_texts(["walnut chair", "an unheard-of davenport"]).shape == (2, 128)


@pytest.mark.parametrize("recipe", STUDENTS, ids=lambda recipe: recipe.name)
def test_a_trained_student_loads_as_the_encoder_of_its_name(
    recipe: StudentRecipe, renders: Renders, teacher: Path, tmp_path: Path
):
    listings = [sample_furniture(seed) for seed in SEEDS]
    prototypes = teacher_prototypes([teacher], renders)
    train_student(recipe, renders, renders.masks, listings, prototypes, tmp_path / recipe.name, A_MOMENT)
    encoder = load_encoder(find_encoder(recipe.name), weights_root=tmp_path)
    assert encoder.embed_images([Image.new("RGB", (300, 200), "tan")]).shape == (1, recipe.hidden)
