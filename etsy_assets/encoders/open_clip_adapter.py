"""CLIP models by open_clip: image and text towers in one space."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from etsy_assets.encoders.base import FloatRows, Preprocessing, TextEncoder
from etsy_assets.encoders.devices import Device, torch_dtype
from etsy_assets.encoders.registry import EncoderSpec, OpenClipTag, Precision
from etsy_assets.encoders.weights import checkpoint_digest, fetch, local_folder, named_wrong_files, require_file
from etsy_assets.errors import ConfigurationError

if TYPE_CHECKING:
    import torch

CONFIG = "open_clip_config.json"
CHECKPOINTS = (
    "open_clip_model.safetensors",
    "open_clip_pytorch_model.safetensors",
    "open_clip_pytorch_model.bin",
)
PREPROCESSING = ("mean", "std", "interpolation", "resize_mode")


class OpenClipEncoder(TextEncoder):
    """An open_clip model, its own transform and its own tokenizer."""

    def __init__(
        self,
        spec: EncoderSpec,
        device: Device,
        precision: Precision,
        weights_digest: str,
        model: Any,
        preprocessing: Preprocessing,
        tokenizer: Callable[[list[str]], "torch.Tensor"],
    ) -> None:
        super().__init__(spec, device, precision, weights_digest, preprocessing)
        self._model = model
        self._tokenizer = tokenizer

    def _image_features(self, batch: "torch.Tensor") -> "torch.Tensor":
        features: torch.Tensor = self._model.encode_image(batch)
        return features

    def embed_texts(self, texts: Sequence[str], batch_size: int = 64) -> FloatRows:
        import torch

        rows = [np.empty((0, self.dimension), np.float32)]
        with torch.inference_mode():
            for start in range(0, len(texts), batch_size):
                tokens = self._tokenizer(list(texts[start : start + batch_size])).to(self.device)
                rows.append(self._unit_rows(self._model.encode_text(tokens)))
        return np.concatenate(rows)


def load_open_clip(
    spec: EncoderSpec, device: Device, precision: Precision, weights_root: Path | None
) -> OpenClipEncoder:
    """Loads from a local folder (open_clip_config.json and a checkpoint) or by the spec's architecture and tag.

    Raises ConfigurationError when weights are missing, don't fit the model, or have another dimension.
    """
    import open_clip
    from open_clip.transform import PreprocessCfg, image_transform_v2

    folder = local_folder(spec, weights_root)
    tag_preprocessing, repository = _published(spec)
    if folder is not None:
        model_name = f"local-dir:{folder.absolute()}"
        checkpoint = require_file(spec, folder, CHECKPOINTS)
        preprocessing = {**tag_preprocessing, **_local_preprocessing(spec, folder)}
    elif isinstance(spec.source, OpenClipTag):
        model_name = spec.source.architecture
        checkpoint = fetch(spec, repository, CHECKPOINTS)
        preprocessing = tag_preprocessing
    else:
        raise ConfigurationError(f"The encoder {spec.name} can't be loaded by open_clip from {spec.source}.")
    with named_wrong_files(spec, checkpoint.parent):
        # A local-dir model takes the folder's checkpoint, by the same order of names, and ignores `pretrained`.
        # require_pretrained: without it open_clip returns random weights and a log line.
        model = open_clip.create_model(
            model_name,
            pretrained=None if folder is not None else str(checkpoint),
            require_pretrained=True,
            force_preprocess_cfg=preprocessing,
        )
        tokenizer = open_clip.get_tokenizer(model_name, **_tokenizer_options(folder))
    if model.visual.output_dim != spec.dimension:
        raise ConfigurationError(
            f"The checkpoint {checkpoint} gives vectors of {model.visual.output_dim} numbers and {spec.name} is "
            f"registered with {spec.dimension}: put the files of {spec.home_page} there, or correct the registry."
        )
    if tokenizer.vocab_size != model.vocab_size:
        raise ConfigurationError(
            f"The tokenizer of {spec.name} has {tokenizer.vocab_size} words and its text tower {model.vocab_size}: put "
            f"the vocabulary that it was trained with (bpe_*.txt.gz) beside {checkpoint}."
        )
    model.requires_grad_(False).eval().to(device=device, dtype=torch_dtype(precision))
    config = PreprocessCfg(**model.visual.preprocess_cfg)
    sides = config.size if isinstance(config.size, tuple | list) else (config.size,)
    transform = Preprocessing(image_transform_v2(config, is_train=False), repr(config), max(sides))
    return OpenClipEncoder(spec, device, precision, checkpoint_digest(checkpoint), model, transform, tokenizer)


def _published(spec: EncoderSpec) -> tuple[dict[str, Any], str]:
    """The preprocessing and the hub repository that open_clip has on file for the spec's tag; empty without a tag.

    Not every published ViT takes OpenAI's mean and deviation: ViT-L-14 laion2b_s32b_b82k was trained with 0.5 for both.
    """
    import open_clip

    if not isinstance(spec.source, OpenClipTag):
        return {}, ""
    known = open_clip.get_pretrained_cfg(spec.source.architecture, spec.source.tag)
    if not known or not known.get("hf_hub"):
        raise ConfigurationError(
            f"The installed open_clip {open_clip.__version__} does not know {spec.source.architecture} "
            f"'{spec.source.tag}', which {spec.name} is: install open_clip_torch 3.0 or later."
        )
    return {key: known[key] for key in PREPROCESSING if known.get(key) is not None}, str(known["hf_hub"]).strip("/")


def _local_preprocessing(spec: EncoderSpec, folder: Path) -> dict[str, Any]:
    path = require_file(spec, folder, [CONFIG])
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
        return {key: value for key, value in config.get("preprocess_cfg", {}).items() if value is not None}
    except (ValueError, AttributeError) as error:
        raise ConfigurationError(f"{path} is not an open_clip configuration: put a good copy in its place.") from error


def _tokenizer_options(folder: Path | None) -> dict[str, str]:
    """A vocabulary beside the checkpoint, by absolute path: open_clip resolves one named in the configuration against
    the current folder of the process.
    """
    vocabularies = sorted(folder.glob("bpe_*.txt.gz")) if folder is not None else []
    return {"bpe_path": str(vocabularies[0].absolute())} if vocabularies else {}
