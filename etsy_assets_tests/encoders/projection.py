"""An encoder that needs nothing but torch, for what runs in a process of its own."""

import torch
from PIL import Image

from etsy_assets.encoders.base import Encoder, Preprocessing
from etsy_assets.encoders.registry import EncoderSpec, HubRepository

SPEC = EncoderSpec(
    name="projection",
    adapter="transformers",
    source=HubRepository("some/projection"),
    revision="1",
    dimension=16,
    image_size=24,
    licence="none",
    home_page="nowhere",
    precision="float32",
)


def scaled(image: Image.Image) -> torch.Tensor:
    small = image.resize((SPEC.image_size, SPEC.image_size))
    return torch.frombuffer(bytearray(small.tobytes()), dtype=torch.uint8).view(3, 24, 24) / 255


class ProjectionEncoder(Encoder):
    """Pixels times a fixed random matrix."""

    def __init__(self) -> None:
        super().__init__(SPEC, "cpu", "float32", "fixed", Preprocessing(scaled, "projection", None))
        generator = torch.Generator().manual_seed(1)
        self._matrix = torch.randn(3 * SPEC.image_size**2, SPEC.dimension, generator=generator)

    def _image_features(self, batch: torch.Tensor) -> torch.Tensor:
        return batch.flatten(1) @ self._matrix
