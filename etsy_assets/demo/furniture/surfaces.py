"""What each visible pixel shows: where it is, and the colour and normal of the surface there."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from etsy_assets.demo.furniture.arrays import Labels, Pixels
from etsy_assets.demo.furniture.face_table import FaceTable
from etsy_assets.demo.furniture.scene import Scene
from etsy_assets.demo.furniture.textures import TEXTURE_SIZE, texture_stack

# How far the normal leans at the edge of a round part's facet, against its middle.
_ROUNDING = 0.28


@dataclass(frozen=True, slots=True, eq=False)
class Surfaces:
    """One row for each of the n pixels that show a face.

    rows, columns and face_numbers (n,); points (n, 3) in metres from the camera, along the scene's axes; colours
    (n, 3), 0 to 1 before any light; normals (n, 3).
    """

    rows: npt.NDArray[np.intp]
    columns: npt.NDArray[np.intp]
    face_numbers: Labels
    points: Pixels
    colours: Pixels
    normals: Pixels


def seen_surfaces(scene: Scene, nearness: Pixels, labels: Labels) -> Surfaces:
    """The surfaces behind the pixels of the two buffers (height, width) of visibility.visible_faces."""
    faces, camera = scene.faces, scene.camera
    rows, columns = np.nonzero(labels >= 0)
    numbers = labels[rows, columns]
    distance = 1.0 / np.maximum(nearness[rows, columns], 1e-6)
    right = (columns + 0.5 - camera.centre_x) / camera.focal_length
    down = (rows + 0.5 - camera.centre_y) / camera.focal_length
    axes = camera.axes.astype(np.float32)
    rays = (right[:, None] * axes[0] + down[:, None] * axes[1] + axes[2]).astype(np.float32)
    points = rays * distance[:, None].astype(np.float32)

    u_axes, v_axes = faces.u_axes.astype(np.float32), faces.v_axes.astype(np.float32)
    origins = faces.origins - camera.position
    v_starts = (-(origins * v_axes).sum(1)).astype(np.float32)
    u_starts = (-(origins * u_axes).sum(1) + faces.u_shifts).astype(np.float32)
    v_axes_here = v_axes[numbers]
    u = np.einsum("ij,ij->i", points, u_axes[numbers]) + u_starts[numbers]
    v = np.einsum("ij,ij->i", points, v_axes_here) + v_starts[numbers]
    colours = _textured(faces, numbers, u, v)

    normals = faces.normals.astype(np.float32)[numbers]
    if faces.smooth.any():
        v_centres = ((faces.centres - camera.position) * v_axes).sum(1).astype(np.float32)
        from_middle = (v - v_starts[numbers] - v_centres[numbers]) / faces.half_widths[numbers]
        lean = np.clip(from_middle, -1, 1) * _ROUNDING * faces.smooth.astype(np.float32)[numbers]
        normals = normals + v_axes_here * lean[:, None]
        normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    return Surfaces(rows, columns, numbers, points, colours, normals)


def _textured(faces: FaceTable, numbers: Labels, u: Pixels, v: Pixels) -> Pixels:
    """The colours (n, 3) at texture coordinates u and v (n,), in metres."""
    scales, offsets = faces.texture_scales[numbers], faces.texture_offsets[numbers]
    column = (u * scales + offsets[:, 0]).astype(np.int32) & (TEXTURE_SIZE - 1)
    row = (v * scales + offsets[:, 1]).astype(np.int32) & (TEXTURE_SIZE - 1)
    texture = texture_stack()[faces.textures[numbers], row, column]
    coloured: Pixels = faces.colours[numbers] * (1 + faces.amplitudes[numbers] * texture)[:, None]
    return coloured
