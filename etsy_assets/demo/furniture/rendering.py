"""Photos of furniture, with the mask of what is furniture in them."""

from dataclasses import dataclass

import numpy as np
from PIL import Image

from etsy_assets.demo.furniture.backdrop import build_backdrop
from etsy_assets.demo.furniture.building import build_mesh
from etsy_assets.demo.furniture.camera import place_camera
from etsy_assets.demo.furniture.exposure import expose, shrink
from etsy_assets.demo.furniture.lighting import cast_shadows, sample_light
from etsy_assets.demo.furniture.palette import BACKGROUNDS
from etsy_assets.demo.furniture.sampling import Furniture
from etsy_assets.demo.furniture.scene import Scene
from etsy_assets.demo.furniture.shading import shade
from etsy_assets.demo.furniture.surfaces import seen_surfaces
from etsy_assets.demo.furniture.visibility import visible_faces

_STREAM = 99
_BACKGROUND_DRAWS = ("white", "studio", "room", "room", "clutter", "outdoor")
_LARGE_FROM = 256
_SHADOW_TEXELS_LARGE, _SHADOW_TEXELS_SMALL = 224, 128


@dataclass(frozen=True, slots=True, eq=False)
class Photo:
    """image is RGB; mask, mode L, is 255 where the furniture is (between at its rim if supersampled), 0 elsewhere.

    background is a word of palette.BACKGROUNDS; azimuth, 0 in front, and elevation of the camera are in radians.
    """

    image: Image.Image
    mask: Image.Image
    background: str
    azimuth: float
    elevation: float


def render(
    furniture: Furniture,
    view: int,
    width: int = 512,
    height: int = 512,
    supersample: int = 1,
    background: str | None = None,
    azimuth: float | None = None,
) -> Photo:
    """Photo number `view` of a piece, width x height pixels; the whole piece is in the frame.

    The same arguments give the same photo. Background, viewpoint, light and exposure are drawn from the piece's seed
    and the view; background and azimuth (radians, 0 in front, growing to the right) can be given instead. supersample:
    samples a pixel along each axis; 2 smooths the edges and takes four times as long.

    Raises ValueError on an unknown background, a negative view, or a size or supersample below 1.
    """
    if background is not None and background not in BACKGROUNDS:
        raise ValueError(f"Unknown background {background!r}; choose one of {', '.join(BACKGROUNDS)}.")
    if min(width, height, supersample) < 1:
        raise ValueError(f"Width, height and supersample must be 1 or more, not {width}, {height}, {supersample}.")
    rng = np.random.default_rng([_STREAM, furniture.seed, view])
    piece = build_mesh(furniture)
    if background is None:
        background = str(rng.choice(_BACKGROUND_DRAWS))
    fine_width, fine_height = width * supersample, height * supersample
    camera = place_camera(rng, piece.lower, piece.upper, fine_width, fine_height, azimuth)
    scene = Scene.of(piece, build_backdrop(rng, background, piece, camera.azimuth), camera)
    nearness, labels = visible_faces(scene, fine_width, fine_height)
    shadow_texels = _SHADOW_TEXELS_LARGE if max(width, height) >= _LARGE_FROM else _SHADOW_TEXELS_SMALL
    shadows = cast_shadows(scene, sample_light(rng, camera), shadow_texels)
    light = shade(scene, seen_surfaces(scene, nearness, labels), shadows, fine_width, fine_height)
    image = expose(rng, light, supersample)
    mask = shrink(scene.is_piece(labels).astype(np.float32), supersample)
    return Photo(
        image=Image.fromarray((image * 255).astype(np.uint8)),
        mask=Image.fromarray((mask * 255).astype(np.uint8)),
        background=background,
        azimuth=camera.azimuth,
        elevation=camera.elevation,
    )
