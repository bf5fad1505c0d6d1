"""The meshes that the builders make."""

import dataclasses

import numpy as np
import pytest

from etsy_assets.demo.furniture import KINDS, build_mesh, dimensions, sample_furniture
from etsy_assets.demo.furniture.building import assemble
from etsy_assets.demo.furniture.palette import STYLES

SAMPLES = [sample_furniture(seed) for seed in range(64)]

# The smallest and largest width, depth and height of each kind in metres, as furniture shops sell them.
PLAUSIBLE = {
    "chair": ((0.35, 0.38, 0.70), (0.75, 0.85, 1.15)),
    "stool": ((0.25, 0.25, 0.40), (0.60, 0.65, 1.15)),
    "table": ((0.35, 0.35, 0.37), (2.15, 1.65, 0.80)),
    "desk": ((0.95, 0.45, 0.70), (1.65, 0.80, 1.30)),
    "shelf": ((0.45, 0.24, 0.85), (1.35, 0.42, 2.05)),
    "cabinet": ((0.65, 0.36, 0.45), (2.00, 0.60, 2.05)),
    "sofa": ((0.55, 0.75, 0.70), (2.75, 1.75, 1.05)),
    "lamp": ((0.20, 0.20, 0.35), (1.40, 0.75, 1.95)),
    "bed": ((0.90, 1.90, 0.70), (2.00, 2.35, 1.30)),
    "bench": ((0.85, 0.30, 0.40), (1.70, 0.55, 1.00)),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("style", STYLES)
def test_every_kind_can_be_built_in_every_style_at_a_plausible_size(kind, style):
    smallest, largest = PLAUSIBLE[kind]
    for sample in SAMPLES[:8]:
        mesh = build_mesh(dataclasses.replace(sample, kind=kind, style=style))
        assert np.all(mesh.extent > smallest), mesh.extent
        assert np.all(mesh.extent < largest), mesh.extent


@pytest.mark.parametrize("kind", KINDS)
def test_every_piece_stands_on_the_floor(kind):
    for sample in SAMPLES[:20]:
        # Pedestals of a desk end 6 cm above the floor: their castors are not modelled.
        clearance = 0.07 if kind == "desk" else 0.01
        assert -0.03 < build_mesh(dataclasses.replace(sample, kind=kind)).lower[2] < clearance


def test_faces_are_flat_and_look_along_their_unit_normals():
    for sample in SAMPLES[:40]:
        for face in assemble(sample).mesh.faces:
            assert np.linalg.norm(face.normal) == pytest.approx(1)
            assert abs(face.u_axis @ face.normal) < 1e-9
            np.testing.assert_allclose(np.cross(face.normal, face.u_axis), face.v_axis, atol=1e-12)
            np.testing.assert_allclose((face.vertices - face.vertices[0]) @ face.normal, 0, atol=0.01)


def test_a_mesh_is_built_once_for_all_photos_of_a_listing():
    assert build_mesh(sample_furniture(3)) is build_mesh(sample_furniture(3))


def test_dimensions_are_those_of_the_mesh_in_centimetres():
    for sample in SAMPLES[:20]:
        mesh = build_mesh(sample)
        assert dimensions(sample) == (round(mesh.width * 100), round(mesh.depth * 100), round(mesh.height * 100))
        np.testing.assert_allclose([mesh.width, mesh.depth, mesh.height], mesh.upper - mesh.lower)


def test_fabric_that_is_used_is_on_the_mesh_and_fabric_that_is_not_used_is_not():
    for sample in SAMPLES:
        piece = assemble(sample)
        # A globe or metal dome hides the cloth of a lamp, whose listing still names it.
        if sample.kind != "lamp":
            assert piece.uses_fabric == any(face.material == piece.fabric for face in piece.mesh.faces)


def test_industrial_pieces_and_lamps_use_metal():
    for sample in SAMPLES:
        if sample.style == "industrial" or sample.kind == "lamp":
            assert build_mesh(sample).traits.uses_metal
