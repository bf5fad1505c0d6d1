"""What the pixels of a photo show."""

import numpy as np

from etsy_assets.demo.furniture import FurnitureMesh, Traits
from etsy_assets.demo.furniture.backdrop import build_backdrop
from etsy_assets.demo.furniture.camera import place_camera
from etsy_assets.demo.furniture.face_table import FaceTable
from etsy_assets.demo.furniture.materials import Material
from etsy_assets.demo.furniture.mesh import Mesh
from etsy_assets.demo.furniture.scene import Scene
from etsy_assets.demo.furniture.surfaces import seen_surfaces
from etsy_assets.demo.furniture.visibility import visible_faces

SIZE = 90
RADIUS = 0.3


def surfaces_of_a_column():
    """The surfaces that show an upright column of twelve sides, with their points in the scene's coordinates."""
    mesh = Mesh()
    mesh.add_frustum((0, 0, 0), (0, 0, 1), RADIUS, RADIUS, Material((120, 90, 60)), sides=12)
    faces = FaceTable.of(mesh.faces)
    column = FurnitureMesh(faces, Traits(False, False, "", None), faces.vertices.min(0), faces.vertices.max(0))
    rng = np.random.default_rng(0)
    camera = place_camera(rng, column.lower, column.upper, SIZE, SIZE, azimuth=0.3)
    scene = Scene.of(column, build_backdrop(rng, "white", column, camera.azimuth), camera)
    surfaces = seen_surfaces(scene, *visible_faces(scene, SIZE, SIZE))
    on_side = surfaces.face_numbers < 12
    return scene, surfaces, surfaces.points[on_side] + camera.position, on_side


def test_visible_points_lie_on_the_faces_that_they_show():
    scene, surfaces, points, on_side = surfaces_of_a_column()
    numbers = surfaces.face_numbers[on_side]
    heights = ((points - scene.faces.origins[numbers]) * scene.faces.normals[numbers]).sum(1)
    assert len(points) > 500
    np.testing.assert_allclose(heights, 0, atol=1e-4)
    distance_from_axis = np.linalg.norm(points[:, :2], axis=1)
    assert RADIUS * 0.96 < distance_from_axis.min() <= distance_from_axis.max() < RADIUS * 1.001


def test_the_normals_of_a_round_part_are_nearer_to_those_of_a_true_cylinder_than_flat_ones():
    scene, surfaces, points, on_side = surfaces_of_a_column()
    true = points * (1, 1, 0) / np.linalg.norm(points[:, :2], axis=1, keepdims=True)
    rounded = surfaces.normals[on_side]
    flat = scene.faces.normals[surfaces.face_numbers[on_side]]
    assert np.linalg.norm(rounded - true, axis=1).mean() < 0.5 * np.linalg.norm(flat - true, axis=1).mean()
    np.testing.assert_allclose(np.linalg.norm(surfaces.normals, axis=1), 1, atol=1e-5)
