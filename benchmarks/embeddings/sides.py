"""The ways of embedding photos that are compared: ours, the obvious script, and the forward passes alone."""

import hashlib
import io
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import open_clip
import torch
from PIL import Image
from transformers import AutoImageProcessor, AutoModel

from etsy_assets.encoders.base import Encoder
from etsy_assets.encoders.batch import batch_size_on, embed_batch
from etsy_assets.encoders.embeddings import read_embeddings
from etsy_assets.encoders.registry import EncoderSpec

SCRIPT_BATCH = 32
Rows = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Photo:
    listing_id: int
    image_id: int
    sha256: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Photos:
    """A cutout archive in memory, so that the disk has no part in the measurement."""

    photos: Sequence[Photo]

    @classmethod
    def of(cls, jpegs: Sequence[bytes]) -> "Photos":
        # Each counts as another picture, though a benchmark shows some of them more than once.
        digests = (hashlib.sha256(b"%d " % n + data).hexdigest() for n, data in enumerate(jpegs, start=1))
        return cls([Photo(n, n, digest, data) for n, (digest, data) in enumerate(zip(digests, jpegs, strict=True), 1)])

    def ok_entries(self) -> Sequence[Photo]:
        return self.photos

    def read(self, photo: Photo) -> bytes:
        return photo.data


def embed(photos: Photos, encoders: Mapping[str, Encoder]) -> dict[str, Rows]:
    """As the pipeline does it, files and journals included."""
    with tempfile.TemporaryDirectory() as folder:
        paths = {name: Path(folder) / f"{name}.safetensors" for name in encoders}
        embed_batch(photos, encoders, paths)
        return {name: read_embeddings(path).vectors.astype(np.float32) for name, path in paths.items()}


def forward_passes(inputs: Mapping[str, torch.Tensor], encoders: Mapping[str, Encoder]) -> None:
    """Nothing but the models, on tensors that are ready; in batches of the same size as the pipeline's."""
    for name, encoder in encoders.items():
        for chunk in inputs[name].split(batch_size_on(encoder.device)):
            encoder.embed_tensors(chunk)


@dataclass(frozen=True, slots=True)
class LibraryModel:
    """A model as its library loads it, in float32, with the library's own transform."""

    transform: Callable[[Image.Image], torch.Tensor]
    features: Callable[[torch.Tensor], torch.Tensor]

    def embed(self, jpegs: Sequence[bytes]) -> Rows:
        """The obvious script: each photo decoded for this model, in batches of 32."""
        rows = []
        for start in range(0, len(jpegs), SCRIPT_BATCH):
            images = [Image.open(io.BytesIO(data)).convert("RGB") for data in jpegs[start : start + SCRIPT_BATCH]]
            with torch.inference_mode():
                features = self.features(torch.stack([self.transform(image) for image in images]))
                rows.append(torch.nn.functional.normalize(features, dim=-1).cpu().numpy())
        return np.concatenate(rows)


def library_model(spec: EncoderSpec, folder: Path, device: str = "cpu") -> LibraryModel:
    if spec.adapter == "open_clip":
        model, _, transform = open_clip.create_model_and_transforms(f"local-dir:{folder}")
        model = model.eval().to(device)
        return LibraryModel(transform, lambda batch: model.encode_image(batch.to(device)))
    backbone = AutoModel.from_pretrained(folder, dtype=torch.float32).eval().to(device)
    processor = AutoImageProcessor.from_pretrained(folder)

    def features(batch: torch.Tensor) -> torch.Tensor:
        output = backbone(pixel_values=batch.to(device))
        return output.pooler_output if spec.pooling == "pooler" else output.last_hidden_state[:, 0]

    return LibraryModel(lambda image: processor(images=image, return_tensors="pt")["pixel_values"][0], features)
