"""From visible surfaces and light to a picture: Lambert's law, Blinn's highlights and shadows, one value a pixel."""

import numpy as np

from etsy_assets.demo.furniture.arrays import Pixels
from etsy_assets.demo.furniture.backdrop import Sweep
from etsy_assets.demo.furniture.lighting import Light, ShadowMap
from etsy_assets.demo.furniture.scene import Scene
from etsy_assets.demo.furniture.surfaces import Surfaces

_SHININESS = 24


def shade(scene: Scene, surfaces: Surfaces, shadows: ShadowMap, width: int, height: int) -> Pixels:
    """The lit picture of a scene, float32 (height, width, 3), about 0 to 1."""
    piece, backdrop, light = scene.piece, scene.backdrop, shadows.light
    sun = light.direction.astype(np.float32)
    numbers = surfaces.face_numbers
    sine = np.clip(surfaces.normals @ sun, 0, 1)
    points = surfaces.points + (scene.camera.position - piece.middle).astype(np.float32)
    lit = shadows.lit_share(points, sine)
    luminance = _luminance(surfaces.normals, sine, lit, light)
    if backdrop.sweep:
        sweep_luminance = _sweep_luminance(backdrop.sweep, points, lit, piece.diagonal)
        luminance = np.where(scene.is_sweep(numbers), sweep_luminance, luminance)
    # Surfaces near the floor are darker, because the floor hides half of the sky.
    above_floor = points[:, 2].astype(np.float64) + piece.middle[2]
    luminance *= np.where(scene.is_piece(numbers), 0.88 + 0.12 * np.clip(above_floor / 0.25, 0, 1), 1)
    highlights = _highlights(surfaces, scene.faces.glosses[numbers], sun, lit)
    colours = surfaces.colours * (luminance + scene.faces.glows[numbers])[:, None] + highlights[:, None]
    image = np.empty((height, width, 3), np.float32)
    image[:] = (backdrop.sky * np.linspace(1.0, 0.96, height)[:, None])[:, None, :]
    image[surfaces.rows, surfaces.columns] = colours
    return image


def _luminance(normals: Pixels, sine: Pixels, lit: Pixels, light: Light) -> Pixels:
    ambient = light.ambient * (0.85 + 0.15 * normals[:, 2])
    fill = 0.18 * np.clip(normals @ light.fill, 0, 1)
    luminance: Pixels = ambient + fill + (1.02 - light.ambient) * sine * (0.25 + 0.75 * lit) * light.sun
    return luminance


def _sweep_luminance(sweep: Sweep, points: Pixels, lit: Pixels, diagonal: float) -> Pixels:
    luminance: Pixels = sweep.shaded + sweep.lit * (lit * 0.8 + 0.2)
    if not sweep.vignette:
        return luminance
    distance = np.linalg.norm(points[:, :2], axis=1).astype(np.float64)
    darkened: Pixels = luminance * (1 - sweep.vignette * np.clip(distance / (diagonal * 2), 0, 1))
    return darkened


def _highlights(surfaces: Surfaces, gloss: Pixels, sun: Pixels, lit: Pixels) -> Pixels:
    """The sun's reflection (Blinn 1977: by the half vector between sun and viewer) and a faint one of the sky."""
    to_viewer = -surfaces.points / np.linalg.norm(surfaces.points, axis=1, keepdims=True)
    half_vector = to_viewer + sun
    half_vector /= np.linalg.norm(half_vector, axis=1, keepdims=True)
    cosine = np.clip(np.einsum("ij,ij->i", surfaces.normals, half_vector), 0, 1)
    sky = np.clip(surfaces.normals[:, 2] * 0.5 + 0.5, 0, 1)
    highlights: Pixels = gloss * cosine**_SHININESS * lit * 0.8 + gloss * 0.12 * sky
    return highlights
