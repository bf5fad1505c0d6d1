"""Surface materials, and those that a listing's body, fabric and metal parts are made of."""

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from etsy_assets.demo.furniture.palette import RGB
from etsy_assets.demo.furniture.sampling import Furniture

_WOOD_TEXTURE_SHARE = 0.6
_FABRIC_TEXTURES = {
    "fabric": ("fabric", 0.08, 2.0),
    "velvet": ("velvet", 0.07, 1.2),
    "leather": ("leather", 0.07, 2.0),
    "linen": ("linen", 0.08, 1.6),
    "boucle": ("boucle", 0.14, 2.2),
}
_FABRIC_GLOSS = {"leather": 0.35, "velvet": 0.12}


@dataclass(frozen=True, slots=True)
class Material:
    """How a surface takes light.

    rgb: 0 to 255. texture: a name of textures.TEXTURE_NAMES. scale: repeats of the texture a metre. amplitude: weight
    of the texture in the colour. gloss: weight of the highlight. offset: where the texture starts, in repeats. glow:
    light given off, as a share of the colour.
    """

    rgb: RGB
    texture: str = "plain"
    scale: float = 1.0
    amplitude: float = 0.06
    gloss: float = 0.0
    offset: tuple[float, float] = (0.0, 0.0)
    glow: float = 0.0


def as_rgb(values: npt.ArrayLike) -> RGB:
    """Three numbers of any array type as a plain tuple, so that materials stay hashable."""
    red, green, blue = np.asarray(values, float).tolist()
    return red, green, blue


def body_material(furniture: Furniture) -> Material:
    """The wood or the paint of the frame."""
    if furniture.body_type == "painted":
        return Material(furniture.body_rgb, "plain", 1, 0.03, 0.2, furniture.texture_offset)
    grain = "wood" if furniture.shape_genes[23] < _WOOD_TEXTURE_SHARE else "wood2"
    return Material(furniture.body_rgb, grain, 1.2 * furniture.texture_scale, 0.10, 0.12, furniture.texture_offset)


def fabric_material(furniture: Furniture) -> Material:
    """The upholstery, shade or bedding."""
    if furniture.pattern == "striped":
        texture, amplitude, scale = "stripe", 0.12, 3.0 * furniture.texture_scale
    elif furniture.pattern == "checked":
        texture, amplitude, scale = "check", 0.09, 3.0 * furniture.texture_scale
    else:
        texture, amplitude, scale = _FABRIC_TEXTURES[furniture.fabric]
    gloss = _FABRIC_GLOSS.get(furniture.fabric, 0)
    return Material(furniture.fabric_rgb, texture, scale, amplitude, gloss, furniture.texture_offset)


def metal_material(furniture: Furniture) -> Material:
    """Metal legs, poles and handles."""
    return Material(furniture.metal_rgb, "metal", 1.5, 0.06, 0.6, furniture.texture_offset)


def shaded(material: Material, factor: float) -> Material:
    """The same material, darker (factor below 1) or lighter."""
    return replace(material, rgb=as_rgb(np.array(material.rgb) * factor))
