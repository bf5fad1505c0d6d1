"""Builder of floor and table lamps."""

import math

import numpy as np

from etsy_assets.demo.furniture.materials import Material, as_rgb
from etsy_assets.demo.furniture.workpiece import Workpiece

_DISC, _TRIPOD, _VASE = range(3)
_DRUM, _CONE, _GLOBE = range(3)
_ROUND_VASE = (0.6, 1.0, 1.2, 1.1, 0.8, 0.4, 0.3)
_WAISTED_VASE = (0.8, 0.5, 0.7, 1.1, 1.1, 0.6, 0.3)
_DOME_BANDS = 5
_ARC_STEPS = 7


def build_lamp(piece: Workpiece) -> None:
    """A foot, a pole (some floor lamps have an arc) and a shade: drum, cone, globe or dome. Half of them are lit."""
    floor = piece.gene(2) < 0.55
    height = piece.between(3, 1.3, 1.7) if floor else piece.between(3, 0.4, 0.65)
    radius = piece.between(4, 0.16, 0.26) if floor else piece.between(4, 0.12, 0.2)
    shade_height = piece.between(5, 0.2, 0.34) * (1 if floor else 0.8)
    piece.shape = "floor" if floor else "table"
    piece.uses_metal = piece.uses_fabric = True
    pole = piece.metal if piece.gene(6) < 0.6 else piece.body
    foot = piece.one_of(7, 4)
    if foot == _DISC:
        piece.mesh.add_frustum((0, 0, 0), (0, 0, 0.025), radius * 0.75, radius * 0.7, pole, sides=20)
    elif foot == _TRIPOD and floor:
        for leg in range(3):
            angle = leg * 2.094 + 0.5
            toe = (0.32 * math.cos(angle), 0.32 * math.sin(angle), 0)
            piece.mesh.add_frustum(toe, (0, 0, height * 0.62), 0.014, 0.014, piece.body, sides=6)
    elif foot == _VASE and not floor:
        _add_vase(piece, radius, height)
    else:
        piece.mesh.add_box((0, 0, 0.015), (radius * 1.3, radius * 1.3, 0.03), pole)
    if floor and piece.gene(9) < 0.25:
        piece.shape = "arc floor"
        tip_x, tip_z = _add_arc(piece, height, pole)
        _add_shade(piece, tip_x, tip_z - shade_height * 0.8, radius, shade_height)
    else:
        start = height * 0.58 if foot == _TRIPOD and floor else 0.02
        thickness = 0.011 if floor else 0.013
        piece.mesh.add_frustum((0, 0, start), (0, 0, height - 0.02), thickness, thickness, pole, sides=8)
        _add_shade(piece, 0, height - shade_height, radius, shade_height)


def _add_vase(piece: Workpiece, radius: float, height: float) -> None:
    """A ceramic foot, its colour between those of the body and of the fabric."""
    levels = np.linspace(0, 0.6, 7)
    profile = _ROUND_VASE if piece.gene(8) < 0.5 else _WAISTED_VASE
    rgb = as_rgb(np.array(piece.furniture.fabric_rgb) * 0.3 + np.array(piece.furniture.body_rgb) * 0.7)
    ceramic = Material(rgb, "plain", 1, 0.03, 0.5)
    for lower in range(6):
        piece.mesh.add_frustum(
            (0, 0, height * levels[lower]),
            (0, 0, height * levels[lower + 1]),
            radius * 0.55 * profile[lower],
            radius * 0.55 * profile[lower + 1],
            ceramic,
            sides=14,
            caps=False,
        )


def _add_arc(piece: Workpiece, height: float, pole: Material) -> tuple[float, float]:
    """A straight pole that bends over to the right. Returns x and z of its tip."""
    reach = piece.between(10, 0.35, 0.5)
    spring = height - 0.1
    piece.mesh.add_frustum((0, 0, 0), (0, 0, spring), 0.011, 0.011, pole, sides=6)
    x, z = 0.0, spring
    for turn in np.linspace(0.15, 1, _ARC_STEPS):
        next_x, next_z = reach * (1 - math.cos(turn * 2.4)), spring + 0.32 * math.sin(turn * 2.4)
        piece.mesh.add_frustum((x, 0, z), (next_x, 0, next_z), 0.011, 0.011, pole, sides=6)
        x, z = next_x, next_z
    return x, z


def _add_shade(piece: Workpiece, x: float, bottom: float, radius: float, height: float) -> None:
    lit = piece.gene(12) < 0.5
    furniture = piece.furniture
    weave = "linen" if furniture.pattern == "plain" else piece.fabric.texture
    cloth = Material(furniture.fabric_rgb, weave, 2.0, 0.06, 0, furniture.texture_offset, 0.35 if lit else 0.0)
    make = piece.one_of(11, 4)
    if make == _DRUM:
        piece.mesh.add_frustum((x, 0, bottom), (x, 0, bottom + height), radius, radius * 0.95, cloth, sides=22)
    elif make == _CONE:
        piece.mesh.add_frustum((x, 0, bottom), (x, 0, bottom + height), radius, radius * 0.5, cloth, sides=22)
    elif make == _GLOBE:
        glass = Material((244, 240, 230), "plain", 1, 0.01, 0.2, glow=0.3 if lit else 0.1)
        piece.mesh.add_sphere((x, 0, bottom + height * 0.5), radius * 0.8, glass, sides=16)
    else:
        dome = piece.metal if piece.gene(13) < 0.5 else cloth
        for band in range(_DOME_BANDS):
            lower, upper = band / _DOME_BANDS * 1.45, (band + 1) / _DOME_BANDS * 1.45
            piece.mesh.add_frustum(
                (x, 0, bottom + height * 0.7 * math.sin(lower)),
                (x, 0, bottom + height * 0.7 * math.sin(upper)),
                radius * math.cos(lower),
                radius * math.cos(upper),
                dome,
                sides=20,
                caps=band == 0,
            )
