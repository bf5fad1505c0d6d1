"""The faces of a scene as arrays: what the rasteriser and the shading read."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields

import numpy as np
import numpy.typing as npt

from etsy_assets.demo.furniture.arrays import Flags, Pixels, Vector
from etsy_assets.demo.furniture.mesh import Face
from etsy_assets.demo.furniture.textures import TEXTURE_INDEX, TEXTURE_SIZE


@dataclass(frozen=True, slots=True, eq=False)
class FaceTable:
    """f faces with v corners in all; geometry in metres.

    vertices (v, 3) and corner_counts (f,) list the corners, one face after the other. origins, normals, u_axes,
    v_axes (f, 3) and u_shifts (f,) are as in mesh.Face. colours (f, 3) are 0 to 1; textures (f,) index the texture
    stack; texture_scales (f,) are in texels a metre, texture_offsets (f, 2) in texels; amplitudes, glosses and glows
    (f,) are as in materials.Material. smooth (f,) marks facets of round parts; centres (f, 3) and half_widths (f,),
    measured along v, mean something for these only.
    """

    vertices: Vector
    corner_counts: npt.NDArray[np.intp]
    origins: Vector
    normals: Vector
    u_axes: Vector
    v_axes: Vector
    u_shifts: Vector
    colours: Pixels
    textures: npt.NDArray[np.intp]
    texture_scales: Pixels
    texture_offsets: Pixels
    amplitudes: Pixels
    glosses: Pixels
    glows: Pixels
    smooth: Flags
    centres: Vector
    half_widths: Pixels

    def __len__(self) -> int:
        return len(self.corner_counts)

    @classmethod
    def of(cls, faces: Sequence[Face]) -> "FaceTable":
        """The table of one or more faces, in their order."""
        materials = [face.material for face in faces]
        centres = [face.vertices.mean(0) if face.smooth else face.vertices[0] for face in faces]
        return cls(
            vertices=np.concatenate([face.vertices for face in faces]),
            corner_counts=np.array([len(face.vertices) for face in faces]),
            origins=np.stack([face.vertices[0] for face in faces]),
            normals=np.stack([face.normal for face in faces]),
            u_axes=np.stack([face.u_axis for face in faces]),
            v_axes=np.stack([face.v_axis for face in faces]),
            u_shifts=np.array([face.u_shift for face in faces]),
            colours=np.array([material.rgb for material in materials], np.float32) / np.float32(255),
            textures=np.array([TEXTURE_INDEX[material.texture] for material in materials]),
            texture_scales=np.array([material.scale for material in materials], np.float32) * TEXTURE_SIZE,
            texture_offsets=np.array([material.offset for material in materials], np.float32) * TEXTURE_SIZE,
            amplitudes=np.array([material.amplitude for material in materials], np.float32),
            glosses=np.array([material.gloss for material in materials], np.float32),
            glows=np.array([material.glow for material in materials], np.float32),
            smooth=np.array([face.smooth for face in faces]),
            centres=np.stack(centres),
            half_widths=np.array(
                [_half_width(face, centre) for face, centre in zip(faces, centres, strict=True)], np.float32
            ),
        )

    def corners_of(self, numbers: npt.NDArray[np.intp], points: Vector) -> Iterator[tuple[int, Vector]]:
        """The given faces' rows (n, ...) of an array that has one row for each vertex, with the faces' numbers."""
        ends = np.cumsum(self.corner_counts)
        starts = ends - self.corner_counts
        for number in numbers.tolist():
            yield number, points[starts[number] : ends[number]]

    def joined(self, other: "FaceTable") -> "FaceTable":
        """The faces of this table and then those of another."""
        columns = (field.name for field in fields(self))
        return FaceTable(*(np.concatenate([getattr(self, name), getattr(other, name)]) for name in columns))


def _half_width(face: Face, centre: Vector) -> float:
    if not face.smooth:
        return 1.0
    return max(float(np.abs((face.vertices - centre) @ face.v_axis).max()), 1e-6)
