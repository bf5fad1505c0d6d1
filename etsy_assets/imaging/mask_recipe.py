"""What a rembg session does around its network, learned from the session itself and done with less waste.

rembg computes in float64, and gives the mask at the picture's size only. A session that has more to it than this recipe
says is found out when it is opened, and runs as rembg has it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Numbers = NDArray[np.float32]

_SEED = 7
_CLOSE = 1e-4
"""Between two float32 inputs of a network, whose values lie between -3 and 3."""


@dataclass(frozen=True, slots=True)
class MaskRecipe:
    """size: (width, height) of the network's input. slope, offset: of each channel, of a picture from 0 to 1.

    logits: whether the network's output becomes a probability by the logistic function.
    """

    size: tuple[int, int]
    slope: tuple[float, float, float]
    offset: tuple[float, float, float]
    logits: bool

    def inputs(self, image: Image.Image) -> Numbers:
        """An RGB picture as the network's input: float32 (1, 3, h, w)."""
        small = np.asarray(image.resize(self.size, Image.Resampling.LANCZOS))
        brightest = max(int(small.max()), 1)
        slope = np.array(self.slope, np.float32) / np.float32(brightest)
        pixels = small * slope + np.array(self.offset, np.float32)
        return np.ascontiguousarray(pixels.transpose(2, 0, 1)[np.newaxis], dtype=np.float32)

    def probability(self, output: Numbers) -> Numbers:
        """The network's first output (1, c, h, w) as foreground probability (h, w)."""
        raw: Numbers = np.asarray(output[0, 0], dtype=np.float32)
        return np.float32(1) / (np.float32(1) + np.exp(-raw)) if self.logits else raw


def small_mask(probability: Numbers) -> Image.Image:
    """The probability (h, w) stretched over 0 to 255, as rembg stretches it; undefined for a constant one."""
    low, high = probability.min(), probability.max()
    with np.errstate(divide="ignore", invalid="ignore"):
        stretched = (probability - low) / (high - low) * 255
        return Image.fromarray(stretched.astype(np.uint8))


def full_mask(small: Image.Image, size: tuple[int, int]) -> Image.Image:
    """A small mask at the picture's size (width, height)."""
    return small.resize(size, Image.Resampling.LANCZOS)


def learn_recipe(session: Any) -> MaskRecipe | None:
    """The recipe of a rembg session, or None where it has another. The network itself is not run."""
    asked = _Asked(session)
    try:
        black, white = (asked.inputs(Image.new("RGB", (64, 48), colour)) for colour in ("black", "white"))
        height, width = black.shape[2:]
        offset, slope = black[0, :, 0, 0], (white - black)[0, :, 0, 0]
        for logits in (False, True):
            recipe = MaskRecipe((width, height), (*map(float, slope),), (*map(float, offset),), logits)  # type: ignore[arg-type]
            if _is_followed(asked, recipe):
                return recipe
    except Exception:  # Whatever rembg's own code does with a network that is none.
        return None
    return None


def _is_followed(asked: "_Asked", recipe: MaskRecipe) -> bool:
    random = np.random.default_rng(_SEED)
    photo = Image.fromarray(random.integers(0, 200, (90, 120, 3), np.uint8))
    output = random.uniform(0.05, 0.95, (1, 1, recipe.size[1], recipe.size[0])).astype(np.float32)
    inputs, mask = asked.run(photo, output)
    ours = full_mask(small_mask(recipe.probability(output)), photo.size)
    # rembg stretches in float64 or float32, so a number may be rounded down on one side only.
    apart = np.abs(np.asarray(mask, np.int16) - np.asarray(ours, np.int16)).max()
    return bool(np.allclose(recipe.inputs(photo), inputs, atol=_CLOSE) and apart <= 1)


class _Asked:
    """A rembg session whose network is replaced by a stand-in while it is asked."""

    def __init__(self, session: Any) -> None:
        self._session = session

    def inputs(self, image: Image.Image) -> Numbers:
        return self.run(image, None)[0]

    def run(self, image: Image.Image, output: Numbers | None) -> tuple[Numbers, Image.Image]:
        """(what the network was given, the mask that was made of `output`)."""
        network = self._session.inner_session
        given: list[Numbers] = []

        def run(_names: object, feed: dict[str, Numbers], *_: object) -> list[Numbers]:
            (inputs,) = feed.values()
            given.append(inputs)
            return [
                np.linspace(0, 1, inputs[0, :1].size, dtype=np.float32).reshape(1, 1, *inputs.shape[2:])
                if output is None
                else output
            ]

        self._session.inner_session = _StandIn(network, run)
        try:
            mask = self._session.predict(image)[0]
        finally:
            self._session.inner_session = network
        return np.asarray(given[0], np.float32), mask


class _StandIn:
    def __init__(self, network: Any, run: Callable[..., list[Numbers]]) -> None:
        self._network = network
        self.run = run

    def __getattr__(self, name: str) -> Any:
        return getattr(self._network, name)
