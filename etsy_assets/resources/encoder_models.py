"""The profile's encoders, loaded when a step first uses them and kept for the whole process."""

from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path

import dagster as dg

from etsy_assets.encoders.base import Encoder
from etsy_assets.encoders.loading import load_encoder
from etsy_assets.encoders.registry import EncoderSpec, find_encoder, profile_encoders


class EncoderModels(dg.ConfigurableResource):
    """Which encoders there are; device: auto, cuda, mps or cpu; precision: auto, float32 or bfloat16."""

    profile: str
    device: str = "auto"
    precision: str = "auto"
    weights_root: str | None = None

    @property
    def specs(self) -> tuple[EncoderSpec, ...]:
        return profile_encoders(self.profile)

    def load(self, name: str) -> Encoder:
        """Raises ConfigurationError when the encoder is unknown or its weights are missing."""
        return shared_encoder(find_encoder(name, self.specs), self.device, self.precision, self.weights_root)

    def load_all(self, names: Iterable[str]) -> dict[str, Encoder]:
        return {name: self.load(name) for name in names}


@lru_cache(maxsize=8)
def shared_encoder(spec: EncoderSpec, device: str, precision: str, weights_root: str | None) -> Encoder:
    return load_encoder(spec, device, precision, Path(weights_root) if weights_root else None)
