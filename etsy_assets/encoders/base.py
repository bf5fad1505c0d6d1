"""What every encoder does: an image, or a text, becomes one unit vector."""

import hashlib
import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from PIL import Image

from etsy_assets.encoders.devices import Device, torch_dtype
from etsy_assets.encoders.registry import EncoderSpec, Precision
from etsy_assets.errors import ConfigurationError

if TYPE_CHECKING:
    import torch

FloatRows = npt.NDArray[np.float32]


# A picture decoded at half or a quarter of its size, but 1.5 times as large as a model sees it, moves no vector by more
# than a cosine of 0.9998. Rounded up to whole 64 pixels, as then encoders of like sizes need the same picture.
_MARGIN, _STEP = 1.5, 64


@dataclass(frozen=True, slots=True)
class Preprocessing:
    """A library's own transform of an image into a model's input.

    apply: an RGB image of any size to float32 (3, s, s) on the CPU; called from several threads. key: equal for
    transforms that do the same. side: pixels of the shorter side after its resize and before its crop, None if it has
    no resize.
    """

    apply: "Callable[[Image.Image], torch.Tensor]"
    key: str
    side: int | None

    @property
    def enough(self) -> int | None:
        """Pixels of a picture's shorter side of which the transform makes nearly the same as of the whole picture."""
        return None if self.side is None else math.ceil(_MARGIN * self.side / _STEP) * _STEP


class Encoder(ABC):
    """One loaded embedding model. `preprocess` may be called from several threads, the rest from one at a time."""

    def __init__(
        self,
        spec: EncoderSpec,
        device: Device,
        precision: Precision,
        weights_digest: str,
        preprocessing: Preprocessing,
    ) -> None:
        """weights_digest: what tells this checkpoint from another of the same name (weights.checkpoint_digest)."""
        self.spec = spec
        self.device = device
        self.precision = precision
        self.weights_digest = weights_digest
        self.preprocessing = preprocessing

    @property
    def name(self) -> str:
        return self.spec.name

    @property
    def dimension(self) -> int:
        return self.spec.dimension

    @property
    def fingerprint(self) -> str:
        """The spec's fingerprint together with the weights that were really loaded: vectors of two encoders may be
        compared only if these are equal.
        """
        return hashlib.sha256(f"{self.spec.fingerprint}:{self.weights_digest}".encode()).hexdigest()[:16]

    def preprocess(self, image: Image.Image) -> "torch.Tensor":
        """An RGB image of any size as the model's input by its library's own transform: float32 (3, s, s), CPU."""
        return self.preprocessing.apply(image)

    @abstractmethod
    def _image_features(self, batch: "torch.Tensor") -> "torch.Tensor":
        """Inputs (n, 3, s, s) on the device, in the model's precision, to features (n, d), not normalised."""

    def embed_tensors(self, batch: "torch.Tensor") -> FloatRows:
        """Unit vectors float32 (n, d) of stacked `preprocess` outputs (n, 3, s, s).

        Raises ConfigurationError if any value is not finite.
        """
        import torch

        if len(batch) == 0:
            return np.empty((0, self.dimension), np.float32)
        with torch.inference_mode():
            return self._unit_rows(self._image_features(self._on_device(batch)))

    def embed_images(self, images: Sequence[Image.Image], batch_size: int = 32) -> FloatRows:
        """Unit vectors float32 (n, d) of RGB images."""
        import torch

        rows = [np.empty((0, self.dimension), np.float32)]
        for start in range(0, len(images), batch_size):
            batch = torch.stack([self.preprocess(image) for image in images[start : start + batch_size]])
            rows.append(self.embed_tensors(batch))
        return np.concatenate(rows)

    def _on_device(self, batch: "torch.Tensor") -> "torch.Tensor":
        """Inputs in the model's precision. To a GPU from pinned memory, so that the CPU need not wait for the copy."""
        if self.device == "cuda":
            batch = batch.pin_memory()
        return batch.to(self.device, non_blocking=True).to(torch_dtype(self.precision))

    def _unit_rows(self, features: "torch.Tensor") -> FloatRows:
        """Features (n, d) scaled to length 1 in float32. Length 0 has no direction and counts as not finite."""
        import torch

        if features.ndim != 2 or features.shape[1] != self.dimension:
            raise ConfigurationError(
                f"The encoder {self.name} gave features of shape {tuple(features.shape)} where (n, {self.dimension}) "
                "was expected: its pooling or its dimension in the registry does not fit the model."
            )
        features = features.float()
        unit = features / torch.linalg.vector_norm(features, dim=1, keepdim=True)
        bad = int((~torch.isfinite(unit).all(dim=1)).sum())
        if bad:
            raise ConfigurationError(
                f"The encoder {self.name} gave values that are not finite for {bad} of {len(unit)} inputs in "
                f"{self.precision} on {self.device}: its weights are damaged (put good ones in their place), or the "
                "precision is too low for them (set it to float32)."
            )
        rows: FloatRows = unit.cpu().numpy()
        return rows


class TextEncoder(Encoder):
    """An encoder that puts texts into the same space as images."""

    @abstractmethod
    def embed_texts(self, texts: Sequence[str], batch_size: int = 64) -> FloatRows:
        """Unit vectors float32 (n, d). A text longer than the model's context is cut at its end."""
