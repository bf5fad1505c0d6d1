"""From a spec to a working encoder."""

import logging
from pathlib import Path

from PIL import Image

from etsy_assets.encoders.base import Encoder, TextEncoder
from etsy_assets.encoders.devices import choose_device, choose_precision
from etsy_assets.encoders.open_clip_adapter import load_open_clip
from etsy_assets.encoders.registry import EncoderSpec
from etsy_assets.encoders.transformers_adapter import load_transformers
from etsy_assets.errors import ConfigurationError

log = logging.getLogger(__name__)


def load_encoder(
    spec: EncoderSpec, device: str = "auto", precision: str = "auto", weights_root: Path | None = None
) -> Encoder:
    """Loads an encoder's weights, tokenizer and preprocessing.

    weights_root: a folder whose subfolder <encoder name> comes before the published weights
    (default $ETSY_ASSETS_WEIGHTS). Raises ConfigurationError, in one sentence that says what to do, when the weights
    are missing or wrong or the device is not there; PassingFault when the hub is busy.
    """
    chosen_device = choose_device(device)
    chosen_precision = choose_precision(precision, chosen_device, spec.precision)
    load = load_open_clip if spec.adapter == "open_clip" else load_transformers
    encoder: Encoder = load(spec, chosen_device, chosen_precision, weights_root)
    _require_image_size(encoder)
    log.info("Loaded %s on %s in %s", spec.name, chosen_device, chosen_precision)
    return encoder


def load_text_encoder(
    spec: EncoderSpec, device: str = "auto", precision: str = "auto", weights_root: Path | None = None
) -> TextEncoder:
    """As load_encoder, for an encoder that embeds texts too. Raises ConfigurationError for one that does not."""
    if not spec.has_text:
        raise ConfigurationError(f"The encoder {spec.name} has no text tower: use one of the CLIP encoders for text.")
    encoder = load_encoder(spec, device, precision, weights_root)
    assert isinstance(encoder, TextEncoder)
    return encoder


def _require_image_size(encoder: Encoder) -> None:
    """A picture that is not square must come out as the square that the spec names, or images could not be stacked."""
    size = encoder.spec.image_size
    shape = tuple(encoder.preprocess(Image.new("RGB", (2 * size, size), "white")).shape)
    if shape != (3, size, size):
        raise ConfigurationError(
            f"The preprocessing of {encoder.name} gives {shape} where (3, {size}, {size}) is registered: put the "
            f"configuration files of {encoder.spec.home_page} in their place, or correct the registry."
        )
