"""One sun with a shadow map, ambient light from above, and a weak fill light from the camera's side."""

import math
from dataclasses import dataclass

import numpy as np

from etsy_assets.demo.furniture.arrays import Flags, Pixels, Vector
from etsy_assets.demo.furniture.camera import Camera
from etsy_assets.demo.furniture.rasteriser import rasterise
from etsy_assets.demo.furniture.scene import Scene

_SAMPLES = ((-0.5, -0.5), (0.5, -0.5), (-0.5, 0.5), (0.5, 0.5), (0, 0))
_EDGE_ON = 1e-4
_LOWEST = -1e3
_LARGEST_CASTER = 6
_GRAZING = 1e-3


@dataclass(frozen=True, slots=True, eq=False)
class Light:
    """The light of one photo.

    direction (3,) points to the sun; right and up (3,) span the plane across it. softness: the half width of a shadow's
    edge, in texels of the shadow map. ambient and sun are strengths; fill (3,), float32, points to the fill light.
    """

    direction: Vector
    right: Vector
    up: Vector
    softness: float
    ambient: float
    sun: float
    fill: Pixels


def sample_light(rng: np.random.Generator, camera: Camera) -> Light:
    """Light from somewhere on the side of the piece that the camera sees."""
    from_front = math.cos(camera.azimuth) > 0
    azimuth = rng.uniform(-2.2, 2.2) if from_front else math.pi + rng.uniform(-1.4, 1.4)
    elevation = math.radians(rng.uniform(35, 72))
    direction = np.array(
        [
            math.sin(azimuth) * math.cos(elevation),
            -math.cos(azimuth) * math.cos(elevation),
            math.sin(elevation),
        ]
    )
    right = np.cross(direction, [0, 0, 1.0])
    right /= np.linalg.norm(right)
    softness = rng.uniform(0.8, 2.2)
    ambient = rng.uniform(0.42, 0.62)
    view_right, _, view_forward = camera.axes
    fill = -view_right * rng.choice([-1, 1]) - view_forward
    fill = (fill / np.linalg.norm(fill)).astype(np.float32)
    return Light(direction, right, np.cross(right, direction), softness, ambient, rng.uniform(0.9, 1.15), fill)


@dataclass(frozen=True, slots=True, eq=False)
class ShadowMap:
    """heights (s, s): how far towards the sun the highest thing is, in metres from the middle of the piece."""

    light: Light
    heights: Pixels
    texels_per_metre: float

    def lit_share(self, points: Pixels, sine: Pixels) -> Pixels:
        """How much of the sun reaches each point, 0 to 1 (n,).

        points (n, 3), in metres from the middle of the piece; sine (n,) of the sun's height over the surface.
        """
        size = len(self.heights)
        # In float64, because the texel that a point falls into is decided by its last bits.
        x = (points @ self.light.right.astype(np.float32)).astype(np.float64) * self.texels_per_metre + size / 2
        y = (points @ self.light.up.astype(np.float32)).astype(np.float64) * self.texels_per_metre + size / 2
        height = points @ self.light.direction.astype(np.float32)
        bias = 0.02 + 0.03 * (1 - sine)
        share = np.zeros(len(points), np.float32)
        for shift_x, shift_y in _SAMPLES:
            column = np.clip(x + shift_x * 2 * self.light.softness, 0, size - 1).astype(np.int32)
            row = np.clip(y + shift_y * 2 * self.light.softness, 0, size - 1).astype(np.int32)
            share += self.heights[row, column] < height + bias
        share /= len(_SAMPLES)
        return share


def cast_shadows(scene: Scene, light: Light, size: int) -> ShadowMap:
    """The shadow map, size x size texels around the piece."""
    faces, middle = scene.faces, scene.piece.middle
    texels_per_metre = size / 2 / (scene.piece.diagonal * 0.5 * 1.05 + 0.02)
    across, along, towards = faces.normals @ light.right, faces.normals @ light.up, faces.normals @ light.direction
    plane_distances = ((faces.origins - middle) * faces.normals).sum(1)
    divisors = np.where(np.abs(towards) < _EDGE_ON, _EDGE_ON, towards)
    a = -across / divisors / texels_per_metre
    b = -along / divisors / texels_per_metre
    c = plane_distances / divisors + (across + along) * (size / 2 / texels_per_metre) / divisors
    planes = np.stack([a, b, c], 1).astype(np.float32)
    x = (faces.vertices - middle) @ light.right * texels_per_metre + size / 2
    y = (faces.vertices - middle) @ light.up * texels_per_metre + size / 2
    heights = np.full((size, size), _LOWEST, np.float32)
    casters = np.flatnonzero(_casts_shadow(scene) & (towards > _GRAZING))
    rasterise(faces.corners_of(casters, np.stack([x, y], 1)), planes, heights)
    return ShadowMap(light, heights, texels_per_metre)


def _casts_shadow(scene: Scene) -> Flags:
    """Which faces may throw a shadow: the piece's, and those of things around it, but not floors and walls."""
    numbers = np.arange(len(scene.faces))
    casts = scene.is_piece(numbers)
    if scene.backdrop.casts_shadow:
        corners = scene.faces.corners_of(numbers, np.abs(scene.faces.vertices))
        casts |= np.array([reach.max() < _LARGEST_CASTER for _, reach in corners])
    return casts
