"""Which face each pixel of the photo shows, and how near it is."""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from etsy_assets.demo.furniture.arrays import Labels, Pixels, Vector
from etsy_assets.demo.furniture.camera import Camera
from etsy_assets.demo.furniture.face_table import FaceTable
from etsy_assets.demo.furniture.rasteriser import rasterise
from etsy_assets.demo.furniture.scene import Scene

_NEAR_PLANE = 0.05
_EDGE_ON = 1e-6


def visible_faces(scene: Scene, width: int, height: int) -> tuple[Pixels, Labels]:
    """Two buffers (height, width): the nearness, 1 / metres along the view, and the number of the face, -1 for none."""
    faces, camera = scene.faces, scene.camera
    nearness = np.zeros((height, width), np.float32)
    labels = np.full((height, width), -1, np.int32)
    # The plane of a face in the camera's frame is n . P = d; it is seen from behind if d is not negative.
    plane_distances = ((faces.origins - camera.position) * faces.normals).sum(1)
    divisors = np.where(np.abs(plane_distances) < _EDGE_ON, _EDGE_ON, plane_distances)
    across, down, ahead = (faces.normals @ camera.axes.T).T
    focal_length = camera.focal_length
    a = across / focal_length / divisors
    b = down / focal_length / divisors
    c = (ahead - across * camera.centre_x / focal_length - down * camera.centre_y / focal_length) / divisors
    planes = np.stack([a, b, c], 1).astype(np.float32)
    facing = np.flatnonzero(plane_distances < -_EDGE_ON)
    rasterise(_outlines(faces, facing, camera), planes, nearness, labels)
    return nearness, labels


def _outlines(faces: FaceTable, numbers: npt.NDArray[np.intp], camera: Camera) -> Iterator[tuple[int, Vector]]:
    for number, corners in faces.corners_of(numbers, camera.look_at(faces.vertices)):
        clipped = corners if corners[:, 2].min() > _NEAR_PLANE else _clip_near(corners)
        if len(clipped) >= 3:
            yield number, camera.project(clipped)


def _clip_near(corners: Vector) -> Vector:
    """The part (m, 3) of a polygon (n, 3) in the camera's frame that lies beyond the near plane; m may be 0."""
    kept = []
    for here, there in zip(corners, np.roll(corners, -1, 0), strict=True):
        if here[2] > _NEAR_PLANE:
            kept.append(here)
        if (here[2] > _NEAR_PLANE) != (there[2] > _NEAR_PLANE):
            kept.append(here + (there - here) * ((_NEAR_PLANE - here[2]) / (there[2] - here[2])))
    return np.array(kept)
