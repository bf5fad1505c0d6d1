"""Every encoder the platform knows, by profile: what it is, where its weights come from and under which licence.

Revisions are commits of the model's repository, so that the same name means the same vectors on every machine.
"""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from etsy_assets.errors import ConfigurationError

Profile = Literal["demo", "full"]
Adapter = Literal["open_clip", "transformers"]
Pooling = Literal["cls", "pooler", "patch_mean"]
Precision = Literal["float32", "bfloat16"]

PACKAGED_WEIGHTS = Path(__file__).parents[1] / "demo" / "weights"


@dataclass(frozen=True, slots=True)
class OpenClipTag:
    """Published weights that open_clip knows by architecture and tag, e.g. ("ViT-B-32", "laion2b_s34b_b79k")."""

    architecture: str
    tag: str


@dataclass(frozen=True, slots=True)
class HubRepository:
    """A model repository of the Hugging Face hub, e.g. "facebook/dinov2-base"."""

    repository: str


@dataclass(frozen=True, slots=True)
class PackagedFolder:
    """A folder of weights that ships inside this package, by its name under demo/weights."""

    folder: str

    @property
    def path(self) -> Path:
        return PACKAGED_WEIGHTS / self.folder


Source = OpenClipTag | HubRepository | PackagedFolder


@dataclass(frozen=True, slots=True)
class EncoderSpec:
    """One embedding model.

    dimension: length of its vectors. image_size: side of its square input, pixels; loading checks both.
    pooling: how a transformers backbone's tokens become one vector (None for open_clip, which has its own head).
    precision: pinned where another gains nothing (None = as the device does it best).
    """

    name: str
    adapter: Adapter
    source: Source
    revision: str
    dimension: int
    image_size: int
    licence: str
    home_page: str
    has_text: bool = False
    pooling: Pooling | None = None
    gated: bool = False
    precision: Precision | None = None

    @property
    def fingerprint(self) -> str:
        """16 hexadecimal digits that change with anything that changes the vectors: the model, its revision, its input
        or pooling. Precision and device are left out: they move a vector by less than its storage does.
        """
        parts = [
            self.name,
            self.adapter,
            type(self.source).__name__,
            repr(self.source),
            self.revision,
            self.dimension,
            self.image_size,
            self.pooling,
        ]
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]


FULL_ENCODERS: tuple[EncoderSpec, ...] = (
    EncoderSpec(
        name="clip_vitb32",
        adapter="open_clip",
        source=OpenClipTag("ViT-B-32", "laion2b_s34b_b79k"),
        revision="1a25a446712ba5ee05982a381eed697ef9b435cf",
        dimension=512,
        image_size=224,
        licence="MIT",
        home_page="https://huggingface.co/laion/CLIP-ViT-B-32-laion2B-s34B-b79K",
        has_text=True,
    ),
    EncoderSpec(
        name="clip_vitl14",
        adapter="open_clip",
        source=OpenClipTag("ViT-L-14", "laion2b_s32b_b82k"),
        revision="1627032197142fbe2a7cfec626f4ced3ae60d07a",
        dimension=768,
        image_size=224,
        licence="MIT",
        home_page="https://huggingface.co/laion/CLIP-ViT-L-14-laion2B-s32B-b82K",
        has_text=True,
    ),
    EncoderSpec(
        name="dinov2_base",
        adapter="transformers",
        source=HubRepository("facebook/dinov2-base"),
        revision="f9e44c814b77203eaa57a6bdbbd535f21ede1415",
        dimension=768,
        image_size=224,
        licence="Apache-2.0",
        home_page="https://huggingface.co/facebook/dinov2-base",
        pooling="cls",
    ),
    EncoderSpec(
        name="dinov2_large",
        adapter="transformers",
        source=HubRepository("facebook/dinov2-large"),
        revision="47b73eefe95e8d44ec3623f8890bd894b6ea2d6c",
        dimension=1024,
        image_size=224,
        licence="Apache-2.0",
        home_page="https://huggingface.co/facebook/dinov2-large",
        pooling="cls",
    ),
    EncoderSpec(
        name="dinov3_base",
        adapter="transformers",
        source=HubRepository("facebook/dinov3-vitb16-pretrain-lvd1689m"),
        revision="5931719e67bbdb9737e363e781fb0c67687896bc",
        dimension=768,
        image_size=224,
        licence="DINOv3 License",
        home_page="https://huggingface.co/facebook/dinov3-vitb16-pretrain-lvd1689m",
        pooling="pooler",
        gated=True,
    ),
)


def _demo_encoder(
    name: str, adapter: Adapter, dimension: int, image_size: int, pooling: Pooling | None = None
) -> EncoderSpec:
    """A small model trained on rendered furniture. float32: bfloat16 gains nothing on a network of this size."""
    return EncoderSpec(
        name=name,
        adapter=adapter,
        source=PackagedFolder(name),
        revision="1",
        dimension=dimension,
        image_size=image_size,
        licence="as this repository",
        home_page="docs/demo-models.md",
        has_text=adapter == "open_clip",
        pooling=pooling,
        precision="float32",
    )


DEMO_ENCODERS: tuple[EncoderSpec, ...] = (
    _demo_encoder("demo_clip_a", "open_clip", dimension=128, image_size=96),
    _demo_encoder("demo_clip_b", "open_clip", dimension=128, image_size=96),
    _demo_encoder("demo_dinov2_a", "transformers", dimension=128, image_size=98, pooling="patch_mean"),
    _demo_encoder("demo_dinov2_b", "transformers", dimension=96, image_size=98, pooling="patch_mean"),
    _demo_encoder("demo_dinov3", "transformers", dimension=128, image_size=96, pooling="pooler"),
)

_ENCODERS_OF: dict[str, tuple[EncoderSpec, ...]] = {"demo": DEMO_ENCODERS, "full": FULL_ENCODERS}


def profile_encoders(profile: str) -> tuple[EncoderSpec, ...]:
    """The encoders of a profile, in their fixed order. Raises ConfigurationError for an unknown profile."""
    if profile not in _ENCODERS_OF:
        raise ConfigurationError(f"There is no profile '{profile}': choose one of {', '.join(_ENCODERS_OF)}.")
    return _ENCODERS_OF[profile]


def find_encoder(name: str, encoders: Iterable[EncoderSpec] = DEMO_ENCODERS + FULL_ENCODERS) -> EncoderSpec:
    """The spec with this name. Raises ConfigurationError that lists the names there are."""
    known = {spec.name: spec for spec in encoders}
    if name not in known:
        raise ConfigurationError(f"There is no encoder '{name}': choose from {', '.join(known)}.")
    return known[name]
