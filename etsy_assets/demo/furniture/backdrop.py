"""What is around the furniture in a photo, for each of the backgrounds of palette.BACKGROUNDS."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from etsy_assets.demo.furniture import rotation
from etsy_assets.demo.furniture.arrays import Vector
from etsy_assets.demo.furniture.building import FurnitureMesh
from etsy_assets.demo.furniture.clutter import add_clutter
from etsy_assets.demo.furniture.face_table import FaceTable
from etsy_assets.demo.furniture.materials import Material, as_rgb
from etsy_assets.demo.furniture.mesh import Mesh
from etsy_assets.demo.furniture.palette import GROUND_COLOURS, WALL_COLOURS
from etsy_assets.demo.furniture.room import add_ground, add_room, side_behind

_DAYLIGHT_SKY = (0.72, 0.82, 0.95)
_GROUNDS = ("boucle", "carpet", "brick", "plank")
_BLOCKS = ("boucle", "brick", "plain")


@dataclass(frozen=True, slots=True)
class Sweep:
    """A seamless paper sweep, which a photographer lights by itself.

    shaded is its brightness in full shadow, lit what full light adds, vignette how much it darkens far from the piece.
    """

    shaded: float
    lit: float
    vignette: float


_WHITE_SWEEP = Sweep(shaded=0.62, lit=0.38, vignette=0.0)
_STUDIO_SWEEP = Sweep(shaded=0.55, lit=0.45, vignette=0.18)


@dataclass(frozen=True, slots=True, eq=False)
class Backdrop:
    """All that is around the piece.

    sky (3,), 0 to 1: the colour where there is no face. casts_shadow: whether the things around throw shadows, as the
    piece does. sweep: set if the last face is a seamless sweep.
    """

    faces: FaceTable
    sky: npt.NDArray[np.floating]
    casts_shadow: bool = False
    sweep: Sweep | None = None


def build_backdrop(rng: np.random.Generator, background: str, piece: FurnitureMesh, azimuth: float) -> Backdrop:
    """The surroundings of a piece that is seen from the given azimuth, in radians."""
    wall = np.array(WALL_COLOURS[rng.integers(len(WALL_COLOURS))], float) + rng.normal(0, 6, 3)
    if background == "outdoor":
        return _outdoor(rng, side_behind(azimuth))
    if background in ("white", "studio"):
        return _seamless(rng, background)
    mesh = Mesh()
    wall_y = add_room(rng, mesh, piece, azimuth, wall)
    if background == "clutter":
        add_clutter(rng, mesh, piece, wall_y)
    return Backdrop(FaceTable.of(mesh.faces), wall / 255, casts_shadow=background == "clutter")


def _outdoor(rng: np.random.Generator, behind: int) -> Backdrop:
    """Open ground with a few hedges and walls in the distance, on the side along y that behind (1 or -1) gives."""
    mesh = Mesh()
    ground = as_rgb(np.array(GROUND_COLOURS[rng.integers(len(GROUND_COLOURS))]) * rng.uniform(0.8, 1.1))
    add_ground(mesh, 40, Material(ground, str(rng.choice(_GROUNDS)), rng.uniform(0.4, 1.0), 0.12))
    distance = behind * rng.uniform(2, 5)
    for _ in range(rng.integers(2, 7)):
        x, height = rng.uniform(-5, 5), rng.uniform(0.8, 4)
        centre = (x, distance + behind * rng.uniform(0, 2), height / 2)
        size = (rng.uniform(0.6, 3), 0.4, height)
        rgb = as_rgb(rng.uniform(50, 200, 3) * [0.8, 1, 0.7])
        material = Material(rgb, str(rng.choice(_BLOCKS)), rng.uniform(0.2, 0.6), 0.15)
        mesh.add_box(centre, size, material, rotation.about_z(rng.uniform(-0.3, 0.3)))
    return Backdrop(FaceTable.of(mesh.faces), np.array(_DAYLIGHT_SKY))


def _seamless(rng: np.random.Generator, background: str) -> Backdrop:
    """White or tinted paper without a horizon."""
    is_white = background == "white"
    brightness = rng.uniform(0.86, 1.0) if is_white else rng.uniform(0.35, 0.95)
    tint: Vector = rng.normal(0, 0.02 if is_white else 0.07, 3)
    mesh = Mesh()
    add_ground(mesh, 30, Material(as_rgb(np.clip((brightness + tint) * 255, 0, 255)), "plain", 0.3, 0.0))
    faces = FaceTable.of(mesh.faces)
    return Backdrop(
        faces,
        faces.colours[-1] * (1.0 if is_white else 0.86),
        sweep=_WHITE_SWEEP if is_white else _STUDIO_SWEEP,
    )
