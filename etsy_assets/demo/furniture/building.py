"""From a listing's furniture to its mesh, measured and ready to be rendered."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from etsy_assets.demo.furniture.arrays import Vector
from etsy_assets.demo.furniture.beds import build_bed
from etsy_assets.demo.furniture.face_table import FaceTable
from etsy_assets.demo.furniture.lamps import build_lamp
from etsy_assets.demo.furniture.sampling import Furniture
from etsy_assets.demo.furniture.seating import build_bench, build_chair, build_stool
from etsy_assets.demo.furniture.sofas import build_sofa
from etsy_assets.demo.furniture.storage import build_cabinet, build_shelf
from etsy_assets.demo.furniture.tables import build_desk, build_table
from etsy_assets.demo.furniture.workpiece import Traits, Workpiece

_BUILDERS: dict[str, Callable[[Workpiece], None]] = {
    "chair": build_chair,
    "stool": build_stool,
    "table": build_table,
    "desk": build_desk,
    "shelf": build_shelf,
    "cabinet": build_cabinet,
    "sofa": build_sofa,
    "lamp": build_lamp,
    "bed": build_bed,
    "bench": build_bench,
}

# A mesh takes about 150 kB. The photos of a listing are rendered one after the other, so a few are enough.
_MESHES_KEPT = 64
_TRAITS_KEPT = 65_536


@dataclass(frozen=True, slots=True, eq=False)
class FurnitureMesh:
    """The built furniture: its faces, what it turned out to use, and its bounding box.

    lower and upper are the corners of the bounding box (3,) in metres, the floor at z = 0.
    """

    faces: FaceTable
    traits: Traits
    lower: Vector
    upper: Vector

    @property
    def extent(self) -> Vector:
        """Width, depth and height (3,) in metres."""
        return self.upper - self.lower

    @property
    def middle(self) -> Vector:
        """The middle (3,) of the bounding box."""
        return (self.lower + self.upper) / 2

    @property
    def diagonal(self) -> float:
        """Metres from one corner of the bounding box to the opposite one."""
        return float(np.linalg.norm(self.extent))

    @property
    def width(self) -> float:
        """Metres from side to side."""
        return float(self.extent[0])

    @property
    def depth(self) -> float:
        """Metres from front to back."""
        return float(self.extent[1])

    @property
    def height(self) -> float:
        """Metres from the floor to the top."""
        return float(self.extent[2])


@lru_cache(maxsize=_MESHES_KEPT)
def build_mesh(furniture: Furniture) -> FurnitureMesh:
    """The mesh of a piece; the last few are kept, because several photos show the same piece."""
    piece = assemble(furniture)
    faces = FaceTable.of(piece.mesh.faces)
    return FurnitureMesh(faces, piece.traits(), faces.vertices.min(0), faces.vertices.max(0))


@lru_cache(maxsize=_TRAITS_KEPT)
def furniture_traits(furniture: Furniture) -> Traits:
    """What the built piece shows; kept for many more pieces than meshes are, because captions ask for nothing else."""
    return build_mesh(furniture).traits


def assemble(furniture: Furniture) -> Workpiece:
    """The piece put together by the builder of its kind."""
    piece = Workpiece(furniture)
    _BUILDERS[furniture.kind](piece)
    return piece


def dimensions(furniture: Furniture) -> tuple[int, int, int]:
    """Width, depth and height of the built piece in whole centimetres."""
    mesh = build_mesh(furniture)
    return round(mesh.width * 100), round(mesh.depth * 100), round(mesh.height * 100)
