"""The whole training, in order: renders, the segmentation network, two CLIP models, three students."""

import logging
import shutil
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from etsy_assets.demo.furniture import Furniture, sample_furniture
from etsy_assets.demo.training.clip_training import CLIP_A, CLIP_B, ClipRecipe, train_clip
from etsy_assets.demo.training.mask_training import predict_masks, train_mask_network
from etsy_assets.demo.training.renders import TRAINING_SEEDS, Renders, render_listings
from etsy_assets.demo.training.student_training import STUDENTS, StudentRecipe, teacher_prototypes, train_student
from etsy_assets.errors import ConfigurationError

log = logging.getLogger(__name__)

RENDER_SIDE = 160
MASK_FILE = "furniture_mask.onnx"


@dataclass(frozen=True, slots=True)
class Minutes:
    """How long each network learns, on one core."""

    mask: float = 60
    clip: float = 30
    student: float = 15

    def scaled(self, factor: float) -> "Minutes":
        return Minutes(self.mask * factor, self.clip * factor, self.student * factor)


@dataclass(frozen=True, slots=True)
class Workplace:
    """A folder for what training makes; `weights` is the part that ships."""

    folder: Path

    @property
    def weights(self) -> Path:
        return self.folder / "weights"

    @property
    def predicted_masks(self) -> Path:
        return self.folder / "predicted_masks.npy"

    def renders(self, workers: int = 1) -> Renders:
        return render_listings(self.folder / "renders", TRAINING_SEEDS, RENDER_SIDE, workers)


def one_thread() -> None:
    """Each process gets one thread: on a busy machine two that wait for each other at every layer are slower."""
    import torch

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    torch.set_num_threads(1)


def train_masks(place: Workplace, minutes: float) -> None:
    renders = place.renders()
    network = train_mask_network(renders, place.folder / MASK_FILE, minutes)
    folder = place.weights / "demo_mask"
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy(place.folder / MASK_FILE, folder / MASK_FILE)
    predict_masks(network, renders, place.predicted_masks)


def train_one_clip(place: Workplace, recipe: ClipRecipe, minutes: float) -> None:
    train_clip(recipe, place.renders(), predicted(place), training_listings(), place.weights / recipe.name, minutes)


def train_one_student(place: Workplace, recipe: StudentRecipe, minutes: float) -> None:
    renders = place.renders()
    prototypes = teacher_prototypes([place.weights / CLIP_A.name], renders)
    folder = place.weights / recipe.name
    train_student(recipe, renders, predicted(place), training_listings(), prototypes, folder, minutes)


def predicted(place: Workplace) -> np.ndarray:
    masks: np.ndarray = np.load(place.predicted_masks, mmap_mode="r")
    return masks


def training_listings() -> list[Furniture]:
    return [sample_furniture(seed) for seed in TRAINING_SEEDS]


def train_all(place: Workplace, minutes: Minutes, workers: int) -> None:
    """Trains every network into `place.weights`; what is there already is left as it is."""
    place.renders(workers)
    with ProcessPoolExecutor(workers, initializer=one_thread) as pool:
        if not place.predicted_masks.exists():
            pool.submit(train_masks, place, minutes.mask).result()
        clips = [
            pool.submit(train_one_clip, place, recipe, minutes.clip)
            for recipe in (CLIP_A, CLIP_B)
            if not (place.weights / recipe.name).exists()
        ]
        for future in clips:
            future.result()
        students = [
            pool.submit(train_one_student, place, recipe, minutes.student)
            for recipe in STUDENTS
            if not (place.weights / recipe.name).exists()
        ]
        for future in students:
            future.result()


def train_further(place: Workplace, name: str, minutes: Minutes) -> None:
    """Goes on training one model of `place.weights`. Raises ConfigurationError when there is none of that name."""
    clips = {recipe.name: recipe for recipe in (CLIP_A, CLIP_B)}
    students = {recipe.name: recipe for recipe in STUDENTS}
    if not (place.weights / name).exists() or name not in {**clips, **students}:
        raise ConfigurationError(
            f"{place.weights} has no {name} to train further: name one of its CLIP models or backbones."
        )
    if name in clips:
        train_one_clip(place, clips[name], minutes.clip)
    else:
        train_one_student(place, students[name], minutes.student)
