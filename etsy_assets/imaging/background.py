"""Removing the background of one picture, and telling when the mask can't be trusted."""

import threading
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from etsy_assets.imaging.colour import WHITE
from etsy_assets.imaging.mask_session import MaskSession, open_session, require_weights
from etsy_assets.imaging.providers import MaskProvider
from etsy_assets.storage import sha256_file


@dataclass(frozen=True, slots=True)
class MaskThresholds:
    """When a mask is unusable, so that the uncut picture is kept instead.

    rembg stretches every mask to the full range, so a picture in which the network saw nothing still gets a mask: an
    all-black photo came out as 55 % foreground (measured with a network of this kind). Hence the first two look at
    the unstretched foreground probability, the others at rembg's mask.

    min_confidence: the highest probability of any pixel; a half is where the network itself decides for foreground.
    min_contrast: highest less lowest probability; below it the stretch magnifies noise fiftyfold.
    min_coverage, max_coverage: share of pixels that are foreground (mask at a half or over). Furniture fills more than
        1.5 % of its photo; a mask of over 97 % removes nothing.
    """

    min_confidence: float = 0.5
    min_contrast: float = 0.02
    min_coverage: float = 0.015
    max_coverage: float = 0.97


@dataclass(frozen=True, slots=True)
class Cutout:
    """image: RGB on white, or the picture uncut when fallback_reason is set. mask: "L", of the same size.

    small_mask: what it was enlarged from; None for a fallback, and where the session makes its mask in another way.

    coverage: share of the pixels that the mask keeps, 0 to 1. fallback_reason: None, or broken_mask (not finite),
    flat_mask, empty_mask or full_mask.
    """

    image: Image.Image
    mask: Image.Image
    small_mask: Image.Image | None
    coverage: float
    fallback_reason: str | None


class BackgroundRemover:
    """One rembg session with weights, opened when it is first needed. Safe to use from several threads."""

    def __init__(
        self,
        session_name: str,
        model_path: Path | None = None,
        thresholds: MaskThresholds | None = None,
        provider: MaskProvider = "auto",
        threads: int | None = None,
        download: bool = True,
    ) -> None:
        """session_name: rembg's ("u2net", "birefnet-general", ...; "u2net_custom" with `model_path`, an ONNX file).

        provider: what runs the network; "auto" is rembg's choice. threads: of one inference by onnxruntime, None for
        all cores. download: let rembg fetch the weights of a named session that this machine does not have.
        """
        self.session_name = session_name
        self.model_path = model_path
        self.thresholds = thresholds or MaskThresholds()
        self._provider = provider
        self._threads = threads
        self._download = download
        self._lock = threading.Lock()
        self._session: MaskSession | None = None
        self._fingerprint: str | None = None

    @property
    def fingerprint(self) -> str:
        """What decides the result besides the picture: session, weights (SHA-256) and thresholds, as one line."""
        with self._lock:
            if self._fingerprint is None:
                require_weights(self.model_path)
                weights = f":{sha256_file(self.model_path)[:16]}" if self.model_path else ""
                limits = self.thresholds
                numbers = (limits.min_confidence, limits.min_contrast, limits.min_coverage, limits.max_coverage)
                self._fingerprint = f"{self.session_name}{weights}:" + ",".join(f"{number:g}" for number in numbers)
            return self._fingerprint

    def cut_out(self, image: Image.Image) -> Cutout:
        """Removes the background of an upright RGB picture. Raises ConfigurationError when the weights are missing."""
        with self._lock:
            session = self._loaded()
        found = session.predict(image)
        mask, reason = found.mask, self._distrust(found.probability)
        if reason in ("broken_mask", "flat_mask"):
            mask = Image.new("L", image.size)  # What rembg made of it is undefined.
        coverage = foreground_share(mask)
        if reason is None and coverage < self.thresholds.min_coverage:
            reason = "empty_mask"
        if reason is None and coverage > self.thresholds.max_coverage:
            reason = "full_mask"
        if reason is not None:
            return Cutout(image, mask, None, coverage, reason)
        return Cutout(on_background(image, mask), mask, found.small, coverage, None)

    def _loaded(self) -> MaskSession:
        if self._session is None:
            self._session = open_session(
                self.session_name, self.model_path, self._provider, self._threads, self._download
            )
        return self._session

    def _distrust(self, probability: NDArray[np.float32]) -> str | None:
        low, high = float(probability.min()), float(probability.max())
        if not np.isfinite(probability).all():
            return "broken_mask"
        if high - low < self.thresholds.min_contrast:
            return "flat_mask"
        return "empty_mask" if high < self.thresholds.min_confidence else None


def on_background(image: Image.Image, mask: Image.Image, colour: tuple[int, int, int] = WHITE) -> Image.Image:
    """What the mask keeps of an RGB picture, on a plain colour. mask: "L", of the picture's size."""
    return Image.composite(image, Image.new("RGB", image.size, colour), mask)


def foreground_share(mask: Image.Image) -> float:
    """Share of the pixels of an "L" mask that are at a half or over."""
    histogram = mask.histogram()
    return sum(histogram[128:]) / max(1, sum(histogram))
