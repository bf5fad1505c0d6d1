"""Vision backbones by transformers (DINOv2, DINOv3): an image becomes tokens, and the tokens one vector."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from PIL import Image

from etsy_assets.encoders.base import Encoder, Preprocessing
from etsy_assets.encoders.devices import Device, torch_dtype
from etsy_assets.encoders.registry import EncoderSpec, HubRepository, Precision
from etsy_assets.encoders.weights import checkpoint_digest, fetch, local_folder, named_wrong_files, require_file
from etsy_assets.errors import ConfigurationError

if TYPE_CHECKING:
    import torch

# The checkpoint first: where it can't be had, its sentence is the one worth reading.
CHECKPOINT = "model.safetensors"
FILES = (CHECKPOINT, "config.json", "preprocessor_config.json")


class TransformersEncoder(Encoder):
    """A transformers vision backbone and its own image processor."""

    def __init__(
        self,
        spec: EncoderSpec,
        device: Device,
        precision: Precision,
        weights_digest: str,
        model: Any,
        preprocessing: Preprocessing,
    ) -> None:
        super().__init__(spec, device, precision, weights_digest, preprocessing)
        self._model = model

    def _image_features(self, batch: "torch.Tensor") -> "torch.Tensor":
        output = self._model(pixel_values=batch)
        tokens: torch.Tensor = output.last_hidden_state
        if self.spec.pooling == "cls":
            return tokens[:, 0]
        if self.spec.pooling == "patch_mean":
            # One class token, then the registers (DINOv3 has 4, DINOv2 none), then the patches.
            return tokens[:, 1 + getattr(self._model.config, "num_register_tokens", 0) :].mean(dim=1)
        pooled: torch.Tensor = output.pooler_output
        return pooled


def load_transformers(
    spec: EncoderSpec, device: Device, precision: Precision, weights_root: Path | None
) -> TransformersEncoder:
    """Loads from a folder as `save_pretrained` writes it, local or fetched from the hub.

    Raises ConfigurationError when weights are missing or incomplete, or have another dimension.
    """
    import torch
    from transformers import AutoImageProcessor, AutoModel
    from transformers.utils import logging as transformers_logging

    # Its bars would write over the log of a run.
    transformers_logging.disable_progress_bar()
    folder = local_folder(spec, weights_root)
    if folder is not None:
        checkpoint, *_ = (require_file(spec, folder, [name]) for name in FILES)
    elif isinstance(spec.source, HubRepository):
        checkpoint, *_ = (fetch(spec, spec.source.repository, [name]) for name in FILES)
    else:
        raise ConfigurationError(f"The encoder {spec.name} can't be loaded by transformers from {spec.source}.")
    with named_wrong_files(spec, checkpoint.parent):
        # dtype: without it transformers 5 keeps a checkpoint's float16. use_safetensors: never a pickle.
        model, report = AutoModel.from_pretrained(
            checkpoint.parent,
            dtype=torch.float32,
            local_files_only=True,
            use_safetensors=True,
            output_loading_info=True,
        )
        processor = AutoImageProcessor.from_pretrained(checkpoint.parent, local_files_only=True)
    _require_all_weights(spec, checkpoint, report)
    _require_dimension(spec, checkpoint, model.config)
    model.requires_grad_(False).eval()
    _convert(model, device, precision)
    return TransformersEncoder(spec, device, precision, checkpoint_digest(checkpoint), model, _preprocessing(processor))


def _preprocessing(processor: Any) -> Preprocessing:
    def apply(image: Image.Image) -> "torch.Tensor":
        inputs: torch.Tensor = processor(images=image, return_tensors="pt")["pixel_values"]
        return inputs[0]

    # By height and width, or by the shortest edge alone; what is not given is None.
    sides = [side for side in dict(processor.size).values() if isinstance(side, int)]
    return Preprocessing(apply, processor.to_json_string(), max(sides) if processor.do_resize and sides else None)


def _require_all_weights(spec: EncoderSpec, checkpoint: Path, report: dict[str, Any]) -> None:
    """transformers fills weights that a checkpoint lacks with random numbers and logs a warning."""
    lacking = sorted(map(str, [*report.get("missing_keys", ()), *report.get("mismatched_keys", ())]))
    if lacking:
        raise ConfigurationError(
            f"The checkpoint {checkpoint} lacks {len(lacking)} weights of {spec.name} (the first is {lacking[0]}): "
            f"put the files of {spec.home_page} in its place."
        )


def _require_dimension(spec: EncoderSpec, checkpoint: Path, config: Any) -> None:
    dimension = config.hidden_sizes[-1] if hasattr(config, "hidden_sizes") else config.hidden_size
    if dimension != spec.dimension:
        raise ConfigurationError(
            f"The checkpoint {checkpoint} gives vectors of {dimension} numbers and {spec.name} is registered with "
            f"{spec.dimension}: put the files of {spec.home_page} in its place, or correct the registry."
        )


def _convert(model: Any, device: Device, precision: Precision) -> None:
    """Weights to the device and precision. Buffers outside the checkpoint stay as computed: DINOv3's rotary frequencies
    are constants that cost nothing in float32.
    """
    stored = set(model.state_dict())
    computed = {name: buffer.clone() for name, buffer in model.named_buffers() if name not in stored}
    model.to(device=device, dtype=torch_dtype(precision))
    for name, buffer in computed.items():
        owner, _, attribute = name.rpartition(".")
        model.get_submodule(owner).register_buffer(attribute, buffer.to(device), persistent=False)
