"""Everything that a photo shows, and from where."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from etsy_assets.demo.furniture.arrays import Flags
from etsy_assets.demo.furniture.backdrop import Backdrop
from etsy_assets.demo.furniture.building import FurnitureMesh
from etsy_assets.demo.furniture.camera import Camera
from etsy_assets.demo.furniture.face_table import FaceTable


@dataclass(frozen=True, slots=True, eq=False)
class Scene:
    """A piece before a backdrop; faces holds those of the piece and then those of the backdrop."""

    piece: FurnitureMesh
    backdrop: Backdrop
    camera: Camera
    faces: FaceTable

    @classmethod
    def of(cls, piece: FurnitureMesh, backdrop: Backdrop, camera: Camera) -> "Scene":
        """The scene with the faces of both joined."""
        return cls(piece, backdrop, camera, piece.faces.joined(backdrop.faces))

    def is_piece(self, face_numbers: npt.NDArray[np.signedinteger]) -> Flags:
        """Which of some face numbers, of any shape, are the piece's; -1 is none."""
        is_piece: Flags = (face_numbers >= 0) & (face_numbers < len(self.piece.faces))
        return is_piece

    def is_sweep(self, face_numbers: npt.NDArray[np.signedinteger]) -> Flags:
        """Which of some face numbers, of any shape, are a seamless sweep."""
        is_sweep: Flags = (face_numbers == len(self.faces) - 1) & (self.backdrop.sweep is not None)
        return is_sweep
