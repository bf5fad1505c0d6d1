"""The attributes of a simulated listing's furniture, drawn from its seed."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from etsy_assets.demo.furniture.palette import (
    FABRIC_COLOURS,
    FABRICS,
    KINDS,
    METALS,
    PAINTS,
    PATTERNS,
    RGB,
    STYLES,
    WOODS,
)

GENE_COUNT = 24

_STREAM = 1234
_WOODEN_SHARE = 0.72
_PATTERN_SHARES = (0.8, 0.1, 0.1)


@dataclass(frozen=True, slots=True)
class Furniture:
    """One piece of furniture, before any geometry: equal and hashable by value.

    kind, style, body (a wood or a paint, told apart by body_type "wood" or "painted"), fabric, fabric_colour, pattern
    and metal are words of palette.py. The *_rgb are 0 to 255; those of body and fabric vary around the palette's.
    texture_offset and texture_scale vary the grain. shape_genes are GENE_COUNT numbers in [0, 1): what each one decides
    is up to the builder of the kind. Whether fabric or metal is used at all is known once it is built (Traits).
    """

    seed: int
    kind: str
    style: str
    body: str
    body_type: str
    body_rgb: RGB
    fabric_colour: str
    fabric: str
    fabric_rgb: RGB
    pattern: str
    metal: str
    metal_rgb: RGB
    texture_offset: tuple[float, float]
    texture_scale: float
    shape_genes: tuple[float, ...]


def sample_furniture(seed: int) -> Furniture:
    """The furniture of a seed, which is 0 or more; the same on every call and machine.

    Raises ValueError on a negative seed.
    """
    # The order of the draws is what gives a seed its meaning: trained encoders have seen these listings.
    rng = np.random.default_rng([_STREAM, seed])
    kind = _pick(rng, KINDS)
    style = _pick(rng, STYLES)
    body_type, bodies = ("wood", WOODS) if rng.random() < _WOODEN_SHARE else ("painted", PAINTS)
    body = _pick(rng, tuple(bodies))
    body_rgb = _jittered(rng, bodies[body])
    fabric_colour = _pick(rng, tuple(FABRIC_COLOURS))
    fabric = _pick(rng, FABRICS)
    fabric_rgb = _jittered(rng, FABRIC_COLOURS[fabric_colour])
    pattern = str(rng.choice(PATTERNS, p=_PATTERN_SHARES))
    metal = _pick(rng, tuple(METALS))
    offset_u, offset_v = rng.uniform(0, 1, 2)
    return Furniture(
        seed=int(seed),
        kind=kind,
        style=style,
        body=body,
        body_type=body_type,
        body_rgb=body_rgb,
        fabric_colour=fabric_colour,
        fabric=fabric,
        fabric_rgb=fabric_rgb,
        pattern=pattern,
        metal=metal,
        metal_rgb=METALS[metal],
        texture_offset=(float(offset_u), float(offset_v)),
        texture_scale=float(rng.uniform(0.7, 1.5)),
        shape_genes=tuple(float(gene) for gene in rng.uniform(0, 1, GENE_COUNT)),
    )


def _pick(rng: np.random.Generator, words: Sequence[str]) -> str:
    return words[int(rng.integers(len(words)))]


def _jittered(rng: np.random.Generator, rgb: RGB) -> RGB:
    red, green, blue = np.clip(np.array(rgb) * rng.uniform(0.9, 1.1) + rng.normal(0, 5, 3), 12, 250)
    return float(red), float(green), float(blue)
