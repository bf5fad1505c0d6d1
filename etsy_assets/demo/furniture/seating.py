"""Builders of chairs, stools and benches."""

import numpy as np

from etsy_assets.demo.furniture import rotation
from etsy_assets.demo.furniture.legs import add_legs
from etsy_assets.demo.furniture.materials import Material
from etsy_assets.demo.furniture.workpiece import SIDES, Workpiece, lerp


def build_chair(piece: Workpiece) -> None:
    """A seat on legs with one of five backs, with arms in three cases of ten."""
    width, depth, height = piece.between(2, 0.40, 0.56), piece.between(3, 0.40, 0.54), piece.between(4, 0.42, 0.48)
    add_legs(piece, width, depth, height)
    upholstered = piece.gene(6) < 0.6
    if upholstered:
        piece.mesh.add_box((0, 0, height + 0.01), (width, depth, 0.025), piece.body)
        piece.mesh.add_cushion((0, 0, height + 0.05), (width * 0.97, depth * 0.97, 0.07), piece.fabric, 0.03)
        piece.uses_fabric = True
    else:
        piece.mesh.add_box((0, 0, height + 0.02), (width, depth, 0.035), piece.body)
    _add_chair_back(piece, width, depth, height, upholstered)
    if piece.gene(5) < 0.3:
        piece.shape = "arm"
        arm_height = height + piece.between(11, 0.18, 0.25)
        for side in SIDES:
            x = side * (width / 2 + 0.005)
            post = (x, -depth / 2 + 0.05, (arm_height + height) / 2)
            piece.mesh.add_box((x, 0, arm_height), (0.05, depth * 0.95, 0.03), piece.body)
            piece.mesh.add_box(post, (0.03, 0.03, arm_height - height), piece.body)


def _add_chair_back(piece: Workpiece, width: float, depth: float, height: float, upholstered: bool) -> None:
    """A solid board, spindles, a ladder, a full cushion or a cushioned head rest, leaning backwards."""
    back = piece.between(7, 0.30, 0.58)
    tilt = rotation.about_x(-piece.between(8, 0.08, 0.24))
    foot = np.array([0, depth / 2 - 0.03, height + 0.02])

    def add(x: float, up: float, size: tuple[float, float, float], material: Material, bevel: float = 0) -> None:
        """A part at x, `up` metres along the tilted back; a cushion if it has a bevel."""
        centre = foot + [x, 0, 0] + tilt @ np.array([0, 0, up])
        if bevel:
            piece.mesh.add_cushion(centre, size, material, bevel, tilt)
        else:
            piece.mesh.add_box(centre, size, material, tilt)

    def add_posts() -> None:
        for side in SIDES:
            add(side * (width / 2 - 0.02), back / 2, (0.035, 0.03, back), piece.body)

    make = piece.one_of(9, 5)
    if make == 0:
        add(0, back * 0.55, (width * 0.96, 0.03, back * 0.9), piece.body)
    elif make == 1:
        add_posts()
        spindles = 3 + piece.one_of(10, 5)
        for number in range(1, spindles + 1):
            x = lerp(-1, 1, number / (spindles + 1)) * (width / 2 - 0.02)
            add(x, back / 2, (0.022, 0.015, back * 0.95), piece.body)
        add(0, back, (width, 0.035, 0.06), piece.body)
    elif make == 2:
        add_posts()
        rungs = 2 + piece.one_of(10, 3)
        for number in range(1, rungs + 1):
            add(0, back * number / rungs - 0.04, (width - 0.04, 0.02, 0.06), piece.body)
    elif make == 3:
        add(0, back * 0.55, (width * 0.95, 0.08, back * 0.92), piece.fabric, 0.03)
        piece.uses_fabric = True
    else:
        for side in SIDES:
            add(side * (width / 2 - 0.03), back / 2, (0.03, 0.025, back), piece.body)
        add(0, back * 0.8, (width * 1.0, 0.05, back * 0.42), piece.fabric if upholstered else piece.body, 0.02)


def build_stool(piece: Workpiece) -> None:
    """A round or square seat on legs with rungs, or on one metal column; the tall ones are bar stools."""
    height, radius = piece.between(2, 0.42, 0.78), piece.between(3, 0.15, 0.21)
    piece.shape = "bar" if height > 0.62 else ""
    piece.uses_fabric = piece.gene(6) < 0.5
    seat = piece.fabric if piece.uses_fabric else piece.body
    thickness = 0.07 if piece.uses_fabric else 0.035
    if piece.gene(5) < 0.2:
        piece.mesh.add_frustum((0, 0, 0), (0, 0, 0.025), radius * 1.1, radius * 1.0, piece.metal, sides=18)
        piece.mesh.add_frustum((0, 0, 0.02), (0, 0, height), 0.022, 0.022, piece.metal, sides=8)
        piece.uses_metal = True
    else:
        add_legs(piece, 2 * radius * 0.95, 2 * radius * 0.95, height, inset=0.04)
        _add_stool_rungs(piece, height * piece.between(7, 0.25, 0.45), radius * 0.95 - 0.04)
    if piece.gene(4) < 0.55:
        piece.mesh.add_frustum((0, 0, height), (0, 0, height + thickness), radius, radius, seat, sides=20)
    elif piece.uses_fabric:
        piece.mesh.add_cushion((0, 0, height + thickness / 2), (2 * radius, 2 * radius, thickness), seat, 0.025)
    else:
        depth = 2 * radius * piece.between(9, 0.7, 1)
        piece.mesh.add_box((0, 0, height + thickness / 2), (2 * radius, depth, thickness), seat)
    if piece.gene(10) < 0.25:
        back = radius - 0.01
        piece.mesh.add_cushion((0, back, height + 0.22), (2 * radius, 0.04, 0.16), seat, 0.02)
        for x in (-0.08, 0.08):
            piece.mesh.add_box((x, back, height + 0.1), (0.025, 0.02, 0.2), piece.body)


def _add_stool_rungs(piece: Workpiece, height: float, reach: float) -> None:
    in_metal = piece.furniture.style == "industrial" or piece.gene(8) < 0.3
    material = piece.metal if in_metal else piece.body
    for side in SIDES:
        offset = side * reach
        piece.mesh.add_frustum((-reach, offset, height), (reach, offset, height), 0.009, 0.009, material, sides=6)
        piece.mesh.add_frustum((offset, -reach, height), (offset, reach, height), 0.009, 0.009, material, sides=6)


def build_bench(piece: Workpiece) -> None:
    """A plain, slatted or cushioned seat on legs, with a back rest or a lower shelf in some."""
    width, depth, height = piece.between(2, 0.9, 1.6), piece.between(3, 0.32, 0.44), piece.between(4, 0.42, 0.48)
    add_legs(piece, width, depth, height, inset=0.05)
    seat = piece.one_of(5, 3)
    if seat == 0:
        piece.mesh.add_box((0, 0, height), (width, depth, 0.04), piece.body)
    elif seat == 1:
        piece.shape = "slatted"
        slats = 4 + piece.one_of(6, 3)
        for number in range(slats):
            y = lerp(-depth / 2, depth / 2, (number + 0.5) / slats)
            piece.mesh.add_box((0, y, height), (width, depth / slats * 0.8, 0.03), piece.body)
    else:
        piece.mesh.add_box((0, 0, height - 0.01), (width, depth, 0.03), piece.body)
        piece.mesh.add_cushion((0, 0, height + 0.05), (width * 0.98, depth * 0.98, 0.1), piece.fabric, 0.035)
        piece.uses_fabric = True
    if piece.gene(7) < 0.35:
        piece.extra = "backrest"
        back = piece.between(8, 0.3, 0.45)
        for x in (-width / 2 + 0.05, width / 2 - 0.05):
            piece.mesh.add_box((x, depth / 2 - 0.02, height + back / 2), (0.045, 0.035, back), piece.body)
        for number in range(2 + piece.one_of(9, 3)):
            rail = (0, depth / 2 - 0.03, height + back - 0.04 - number * 0.1)
            piece.mesh.add_box(rail, (width - 0.06, 0.02, 0.06), piece.body)
    elif piece.gene(10) < 0.35:
        piece.extra = "lower shelf"
        piece.mesh.add_box((0, 0, height * 0.35), (width * 0.9, depth * 0.85, 0.02), piece.body)
