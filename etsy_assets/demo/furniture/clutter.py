"""Things that stand beside or behind the furniture: potted plants, boxes, and other furniture."""

import math

import numpy as np

from etsy_assets.demo.furniture import rotation
from etsy_assets.demo.furniture.building import FurnitureMesh, assemble
from etsy_assets.demo.furniture.materials import Material, as_rgb
from etsy_assets.demo.furniture.mesh import Mesh
from etsy_assets.demo.furniture.sampling import sample_furniture

# Far above the seeds of listings, so that what stands in the background is never for sale.
_FIRST_SEED = 10**9
_SEEDS = 10**8


def add_clutter(rng: np.random.Generator, mesh: Mesh, piece: FurnitureMesh, wall_y: float) -> None:
    """Add one to three things to the mesh of a room, to the left or right of a piece, up to the back wall at wall_y."""
    behind = -1 if wall_y < 0 else 1
    for _ in range(rng.integers(1, 4)):
        side = int(rng.choice([-1, 1]))
        x = side * (piece.extent[0] / 2 + rng.uniform(0.35, 0.9))
        y = rng.uniform(0, 1) * behind * abs(wall_y) * 0.8
        sort = rng.integers(3)
        if sort == 0:
            thing = _plant(rng)
        elif sort == 1:
            thing = _boxes(rng)
        else:
            thing = assemble(sample_furniture(int(rng.integers(_SEEDS)) + _FIRST_SEED)).mesh
            x += side * np.ptp(np.concatenate([face.vertices[:, 0] for face in thing.faces])) / 2
        yaw = rng.uniform(-0.5, 0.5) + (math.pi if behind < 0 else 0)
        mesh.add_mesh(thing, np.array([x, y, 0]), yaw)


def _plant(rng: np.random.Generator) -> Mesh:
    plant = Mesh()
    plant.add_frustum((0, 0, 0), (0, 0, 0.3), 0.12, 0.16, Material(as_rgb(rng.uniform(90, 230, 3)), "plain"), sides=12)
    green = (60 + rng.uniform(-10, 30), 110 + rng.uniform(-20, 30), 56)
    leaves = Material(green, "boucle", 2, 0.25)
    for _ in range(5):
        angle = rng.uniform(0, 6.28)
        tip = (0.25 * math.cos(angle), 0.25 * math.sin(angle), rng.uniform(0.7, 1.1))
        plant.add_frustum((0, 0, 0.3), tip, 0.03, 0.1, leaves, sides=5)
    return plant


def _boxes(rng: np.random.Generator) -> Mesh:
    stack = Mesh()
    for level in range(rng.integers(1, 4)):
        centre = (rng.uniform(-0.05, 0.05), 0, 0.12 + 0.24 * level)
        size = (rng.uniform(0.3, 0.45), rng.uniform(0.25, 0.4), 0.23)
        cardboard = Material(as_rgb(rng.uniform(60, 220, 3)), "plain", 1, 0.04)
        stack.add_box(centre, size, cardboard, rotation.about_z(rng.uniform(-0.4, 0.4)))
    return stack
